//! What the layout costs in bytes: each table with its indexes, as the database itself tells it.

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, PgConnection, RunQueryDsl as _, SqliteConnection};

/// One table, its indexes with it.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) bytes: i64,
    pub(crate) rows: i64,
}

const OF_SQLITE: &str = "SELECT coalesce(m.tbl_name, 'sqlite_schema'), sum(s.pgsize) \
    FROM dbstat s LEFT JOIN sqlite_schema m ON m.name = s.name GROUP BY 1 ORDER BY 2 DESC";
const OF_POSTGRES: &str = "SELECT relname::text, pg_total_relation_size(oid) FROM pg_class \
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC";

/// Every table of the database, the largest first.
pub(crate) fn of(url: &str) -> Vec<Table> {
    let sizes = sql::<(Text, BigInt)>;
    let counts = |name: &str| sql::<BigInt>(&format!("SELECT count(*) FROM \"{name}\""));
    match url.strip_prefix("sqlite:") {
        Some(path) => {
            let mut connection = SqliteConnection::establish(path).unwrap();
            let found: Vec<(String, i64)> = sizes(OF_SQLITE).load(&mut connection).unwrap();
            tables(found, |name| {
                counts(name).get_result(&mut connection).unwrap()
            })
        }
        None => {
            let mut connection = PgConnection::establish(url).unwrap();
            let found: Vec<(String, i64)> = sizes(OF_POSTGRES).load(&mut connection).unwrap();
            tables(found, |name| {
                counts(name).get_result(&mut connection).unwrap()
            })
        }
    }
}

fn tables(found: Vec<(String, i64)>, mut rows: impl FnMut(&str) -> i64) -> Vec<Table> {
    let sized = found.into_iter().map(|(name, bytes)| Table {
        rows: rows(&name),
        name,
        bytes,
    });
    sized.collect()
}
