//! Questions about the tables themselves.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::database::{DatabaseError, HospitalConnection};

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Gap {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    missing: i64,
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// The triggers on the audit's tables that are in force.
pub(in crate::audit) fn triggers(
    connection: &mut HospitalConnection,
) -> Result<Vec<String>, DatabaseError> {
    let list = match connection {
        HospitalConnection::Sqlite(_) => {
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'audit%'"
        }
        // A trigger can be there and switched off: 'O' fires in ordinary sessions.
        HospitalConnection::Postgres(_) => {
            "SELECT t.tgname::text AS name FROM pg_catalog.pg_trigger t \
             JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND NOT t.tgisinternal \
             AND t.tgenabled IN ('O', 'A') AND t.tgname LIKE 'audit%'"
        }
    };
    let names: Vec<Name> = diesel::sql_query(list).load(connection)?;
    Ok(names.into_iter().map(|row| row.name).collect())
}

/// Numbers after which some are missing, and how many; the first hundred.
pub(in crate::audit) fn gaps(
    connection: &mut HospitalConnection,
) -> Result<Vec<(i64, i64)>, DatabaseError> {
    let list = "SELECT seq, missing FROM (SELECT seq, \
                lead(seq) OVER (ORDER BY seq) - seq - 1 AS missing FROM audit_line) AS step \
                WHERE missing > 0 ORDER BY seq LIMIT 100";
    let gaps: Vec<Gap> = diesel::sql_query(list).load(connection)?;
    Ok(gaps.into_iter().map(|gap| (gap.seq, gap.missing)).collect())
}

/// Numbers of lines that stand in the tree behind a line with a higher number; the first hundred.
pub(in crate::audit) fn out_of_order(
    connection: &mut HospitalConnection,
) -> Result<Vec<i64>, DatabaseError> {
    let list = "SELECT seq FROM (SELECT seq, place, \
                lag(seq) OVER (ORDER BY place) AS before FROM audit_leaf) AS step \
                WHERE before > seq ORDER BY place LIMIT 100";
    let found: Vec<Pair> = diesel::sql_query(list).load(connection)?;
    Ok(found.into_iter().map(|row| row.seq).collect())
}
