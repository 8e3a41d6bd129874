//! The mark that a restore leaves: rooms that must not trust what they do not remember ask for it.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::{DatabaseError, HospitalConnection};

diesel::table! {
    restored (one) {
        one -> SmallInt,
        at -> BigInt,
        backup -> Text,
        finished -> Bool,
    }
}

/// The table of the mark. It says where this database has been, so no backup holds it.
pub(super) const TABLE: &str = "restored";

/// Makes the table where an older backup, or none yet, did not: the text of the migration.
const MAKE: &str = include_str!("../../migrations/sqlite/0010_restored/up.sql");

/// When this database was last restored from a backup; `None` if it never was.
///
/// # Errors
/// The database cannot be read.
pub fn last_restore(
    connection: &mut HospitalConnection,
) -> Result<Option<Timestamp>, DatabaseError> {
    let at: Option<i64> = restored::table
        .select(restored::at)
        .first(connection)
        .optional()?;
    Ok(at.map(Timestamp::from_micros))
}

/// Writes the mark, over the one before. `backup` is the SHA-256 of the backup, hexadecimal.
pub(super) fn mark(
    connection: &mut HospitalConnection,
    at: Timestamp,
    backup: &str,
    finished: bool,
) -> Result<(), DatabaseError> {
    use diesel::connection::SimpleConnection as _;
    connection.batch_execute(MAKE)?;
    diesel::delete(restored::table).execute(connection)?;
    diesel::insert_into(restored::table)
        .values((
            restored::one.eq(1_i16),
            restored::at.eq(at.micros()),
            restored::backup.eq(backup),
            restored::finished.eq(finished),
        ))
        .execute(connection)?;
    Ok(())
}

/// Says that the restore is whole.
pub(super) fn finish(connection: &mut HospitalConnection) -> Result<(), DatabaseError> {
    diesel::update(restored::table)
        .set(restored::finished.eq(true))
        .execute(connection)?;
    Ok(())
}

/// Refuses a database whose restore broke off. Call it before anything changes the tables.
pub(super) fn refuse_half_restored(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    #[derive(QueryableByName)]
    struct There {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        there: bool,
    }
    let There { there } = diesel::sql_query("SELECT to_regclass('restored') IS NOT NULL AS there")
        .get_result(connection)?;
    if !there {
        return Ok(());
    }
    let broken_off = restored::table.filter(restored::finished.eq(false));
    let broken_off: i64 = broken_off.count().get_result(connection)?;
    if broken_off == 0 {
        Ok(())
    } else {
        Err(DatabaseError::HalfRestored)
    }
}
