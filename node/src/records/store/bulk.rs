//! Rows of numbers into the index tables, many at a time.
//!
//! A server takes them by `COPY`, which is a quarter cheaper there than `INSERT`; SQLite takes a few
//! prepared shapes of rows.

use std::io::Write;

use diesel::pg::CopyTarget;
use diesel::{ExecuteCopyFromDsl, PgConnection, QueryResult};

use super::statement::insert_all;
use crate::database::{DatabaseError, HospitalConnection};

/// The tables of numbers, as `COPY` names them: their columns in the order of the rows.
pub(super) mod tables {
    diesel::table! {
        ix_token (slot, value, patient, date, rid) {
            slot -> SmallInt,
            value -> BigInt,
            patient -> BigInt,
            date -> BigInt,
            rid -> BigInt,
            category -> SmallInt,
        }
    }
    diesel::table! {
        ix_date (slot, patient, date, rid, lo, hi) {
            slot -> SmallInt,
            lo -> BigInt,
            hi -> BigInt,
            patient -> BigInt,
            date -> BigInt,
            rid -> BigInt,
        }
    }
    diesel::table! {
        ix_reference (slot, target, patient, date, rid) {
            slot -> SmallInt,
            target -> BigInt,
            patient -> BigInt,
            date -> BigInt,
            rid -> BigInt,
        }
    }
    diesel::table! {
        ix_quantity (slot, patient, date, rid, lo, hi) {
            slot -> SmallInt,
            lo -> BigInt,
            hi -> BigInt,
            coded -> BigInt,
            code -> BigInt,
            unit -> BigInt,
            patient -> BigInt,
            date -> BigInt,
            rid -> BigInt,
        }
    }
    diesel::table! {
        ix_patient (patient, kind, date, rid) {
            patient -> BigInt,
            #[sql_name = "type"]
            kind -> SmallInt,
            date -> BigInt,
            rid -> BigInt,
            date_end -> BigInt,
            category -> SmallInt,
        }
    }
}

/// A table that takes rows by `COPY`.
pub(super) trait Bulk: CopyTarget<Table = Self> + diesel::Table + Copy {}

impl<T> Bulk for T where T: CopyTarget<Table = T> + diesel::Table + Copy {}

/// Fewer than these are not worth a `COPY`.
const FEW: usize = 8;

/// Puts rows into a table. `into` is the statement from the table's name to `VALUES`, with the
/// columns of `table` in their order.
pub(super) fn insert<T, const N: usize>(
    connection: &mut HospitalConnection,
    table: T,
    into: &'static str,
    rows: &[[i64; N]],
) -> Result<(), DatabaseError>
where
    T: Bulk,
{
    match connection {
        HospitalConnection::Postgres(postgres) if rows.len() > FEW => {
            Ok(copy(postgres, table, rows)?)
        }
        _ => Ok(insert_all(connection, into, rows, |statement, row| {
            statement.ints(row);
        })?),
    }
}

fn copy<T, const N: usize>(
    postgres: &mut PgConnection,
    table: T,
    rows: &[[i64; N]],
) -> QueryResult<()>
where
    T: Bulk,
{
    let text = lines(rows);
    diesel::copy_from(table)
        .from_raw_data(table, |copy: &mut dyn Write| {
            copy.write_all(text.as_bytes())
                .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
        })
        .execute(postgres)?;
    Ok(())
}

/// Rows as `COPY`'s text: numbers, tabs, ends of lines, and nothing that would need an escape.
fn lines<const N: usize>(rows: &[[i64; N]]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows.len() * N * 16);
    for row in rows {
        for (place, number) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            // A String takes all that is written.
            let _ = write!(text, "{number}");
        }
        text.push('\n');
    }
    text
}
