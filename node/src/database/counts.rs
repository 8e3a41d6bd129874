//! How many rows each table has: what a backup promises and a restore must find again.

use std::collections::BTreeMap;

use diesel::RunQueryDsl as _;
use diesel::sql_types::{BigInt, Text};

use super::{DatabaseError, HospitalConnection, restored};

/// Rows by table.
pub type Counts = BTreeMap<String, i64>;

/// Rows that a new database has already; they are nobody's.
const SEEDED: [&str; 2] = ["__diesel_schema_migrations", "records_counter"];

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The node's tables, by name; not the one that says where the database has been.
pub(super) fn tables(connection: &mut HospitalConnection) -> Result<Vec<String>, DatabaseError> {
    let list = match connection {
        HospitalConnection::Sqlite(_) => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' \
             AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
        }
        HospitalConnection::Postgres(_) => {
            "SELECT tablename::text AS name FROM pg_catalog.pg_tables \
             WHERE schemaname = current_schema() ORDER BY tablename"
        }
    };
    let names: Vec<Name> = diesel::sql_query(list).load(connection)?;
    let names = names.into_iter().map(|row| row.name);
    Ok(names.filter(|name| name != restored::TABLE).collect())
}

/// Counts every row.
pub(super) fn count(connection: &mut HospitalConnection) -> Result<Counts, DatabaseError> {
    count_by(connection, "*")
}

/// Counts every row by reading all of it, so that a damaged page is met.
pub(super) fn count_reading(connection: &mut HospitalConnection) -> Result<Counts, DatabaseError> {
    count_by(connection, "t::text")
}

fn count_by(
    connection: &mut HospitalConnection,
    what: &'static str,
) -> Result<Counts, DatabaseError> {
    let mut counts = Counts::new();
    for table in tables(connection)? {
        let quoted = table.replace('"', "\"\"");
        let sql = format!("SELECT COUNT({what}) AS count FROM \"{quoted}\" t");
        let Count { count } = diesel::sql_query(sql).get_result(connection)?;
        counts.insert(table, count);
    }
    Ok(counts)
}

/// Whether nobody has stored anything yet.
pub(super) fn is_empty(counts: &Counts) -> bool {
    counts
        .iter()
        .all(|(table, count)| *count == 0 || SEEDED.contains(&table.as_str()))
}
