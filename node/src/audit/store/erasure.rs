//! The narrow door through which lines leave at the end of retention.

use diesel::prelude::*;

use super::super::line::ERASED;
use super::audit_line;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    audit_erasure (erased_before) {
        erased_before -> BigInt,
        at -> BigInt,
    }
}

/// How many sealed lines before this moment still say something.
pub(in crate::audit) fn count_erasable(
    connection: &mut HospitalConnection,
    before: i64,
) -> Result<i64, DatabaseError> {
    Ok(audit_line::table
        .filter(audit_line::at.lt(before))
        .filter(audit_line::kind.ne(ERASED))
        .filter(audit_line::commitment.is_not_null())
        .count()
        .get_result(connection)?)
}

/// Opens the door for lines before this moment.
pub(in crate::audit) fn allow(
    connection: &mut HospitalConnection,
    before: i64,
    at: i64,
) -> Result<(), DatabaseError> {
    diesel::insert_into(audit_erasure::table)
        .values((
            audit_erasure::erased_before.eq(before),
            audit_erasure::at.eq(at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Leaves of every sealed line before this moment its number, time and commitment; how many lines.
pub(in crate::audit) fn erase(
    connection: &mut HospitalConnection,
    before: i64,
) -> Result<usize, DatabaseError> {
    let lines = audit_line::table
        .filter(audit_line::at.lt(before))
        .filter(audit_line::kind.ne(ERASED))
        .filter(audit_line::commitment.is_not_null());
    Ok(diesel::update(lines)
        .set((
            audit_line::kind.eq(ERASED),
            audit_line::exchange.eq(None::<String>),
            audit_line::peer.eq(None::<String>),
            audit_line::actor_role.eq(""),
            audit_line::actor_id.eq(None::<String>),
            audit_line::purpose.eq(None::<String>),
            audit_line::patient.eq(None::<i64>),
            audit_line::person.eq(None::<String>),
            audit_line::outcome.eq(""),
            audit_line::shown.eq(None::<i64>),
            audit_line::withheld.eq(None::<i64>),
            audit_line::detail.eq("{}"),
            audit_line::salt.eq(None::<Vec<u8>>),
        ))
        .execute(connection)?)
}
