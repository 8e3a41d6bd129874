//! What this node signed of its tree, and what witnesses signed under it.

use diesel::prelude::*;

use super::tree::{signed, unsigned};
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    audit_checkpoint (size) {
        size -> BigInt,
        made_at -> BigInt,
        note -> Text,
    }
}

diesel::table! {
    audit_cosignature (size, witness) {
        size -> BigInt,
        witness -> Text,
        line -> Text,
    }
}

/// A checkpoint as it stands in the table, with the lines of its witnesses.
#[derive(Clone, Debug)]
pub(in crate::audit) struct Kept {
    pub(in crate::audit) size: u64,
    pub(in crate::audit) made_at: i64,
    pub(in crate::audit) note: String,
    pub(in crate::audit) cosignatures: Vec<String>,
}

pub(in crate::audit) fn insert(
    connection: &mut HospitalConnection,
    size: u64,
    made_at: i64,
    note: &str,
) -> Result<(), DatabaseError> {
    diesel::insert_into(audit_checkpoint::table)
        .values((
            audit_checkpoint::size.eq(signed(size)),
            audit_checkpoint::made_at.eq(made_at),
            audit_checkpoint::note.eq(note),
        ))
        .execute(connection)?;
    Ok(())
}

/// The newest checkpoint.
pub(in crate::audit) fn newest(
    connection: &mut HospitalConnection,
) -> Result<Option<Kept>, DatabaseError> {
    let row: Option<(i64, i64, String)> = audit_checkpoint::table
        .order(audit_checkpoint::size.desc())
        .first(connection)
        .optional()?;
    row.map(|row| with_cosignatures(connection, row))
        .transpose()
}

/// The smallest checkpoint above `size`.
pub(in crate::audit) fn after(
    connection: &mut HospitalConnection,
    size: i64,
) -> Result<Option<Kept>, DatabaseError> {
    let row: Option<(i64, i64, String)> = audit_checkpoint::table
        .filter(audit_checkpoint::size.gt(size))
        .order(audit_checkpoint::size.asc())
        .first(connection)
        .optional()?;
    row.map(|row| with_cosignatures(connection, row))
        .transpose()
}

fn with_cosignatures(
    connection: &mut HospitalConnection,
    (size, made_at, note): (i64, i64, String),
) -> Result<Kept, DatabaseError> {
    let cosignatures = audit_cosignature::table
        .filter(audit_cosignature::size.eq(size))
        .order(audit_cosignature::witness.asc())
        .select(audit_cosignature::line)
        .load(connection)?;
    Ok(Kept {
        size: unsigned(size),
        made_at,
        note,
        cosignatures,
    })
}

/// Keeps a witness's line under the checkpoint of this size; a later one takes its place.
pub(in crate::audit) fn keep_cosignature(
    connection: &mut HospitalConnection,
    size: u64,
    witness: &str,
    line: &str,
) -> Result<(), DatabaseError> {
    let size = signed(size);
    let renewed = diesel::update(audit_cosignature::table.find((size, witness)))
        .set(audit_cosignature::line.eq(line))
        .execute(connection)?;
    if renewed == 0 {
        diesel::insert_into(audit_cosignature::table)
            .values((
                audit_cosignature::size.eq(size),
                audit_cosignature::witness.eq(witness),
                audit_cosignature::line.eq(line),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// The size of the newest checkpoint that this witness cosigned.
pub(in crate::audit) fn cosigned_by(
    connection: &mut HospitalConnection,
    witness: &str,
) -> Result<Option<u64>, DatabaseError> {
    let size: Option<i64> = audit_cosignature::table
        .filter(audit_cosignature::witness.eq(witness))
        .select(diesel::dsl::max(audit_cosignature::size))
        .first(connection)?;
    Ok(size.map(unsigned))
}
