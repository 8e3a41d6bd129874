//! Replacements in the making and on hold.

use diesel::prelude::*;
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{member_id, member_key};
use crate::database::DatabaseError;
use crate::members::replacement::ReplacementRow;

diesel::table! {
    member_replacement (member_id) {
        member_id -> Text,
        entry -> Text,
        asked_at -> BigInt,
        in_force_at -> Nullable<BigInt>,
    }
}

type Columns = (String, String, i64, Option<i64>);

fn row((member, entry, asked_at, in_force_at): Columns) -> Result<ReplacementRow, DatabaseError> {
    Ok(ReplacementRow {
        member: member_id(member)?,
        entry,
        asked_at: Timestamp::from_micros(asked_at),
        in_force_at: in_force_at.map(Timestamp::from_micros),
    })
}

/// Every replacement, by member.
pub(crate) fn replacements(
    db: &mut SqliteConnection,
) -> Result<Vec<ReplacementRow>, DatabaseError> {
    member_replacement::table
        .order(member_replacement::member_id)
        .load::<Columns>(db)?
        .into_iter()
        .map(row)
        .collect()
}

/// The replacement of one member, if there is one.
pub(crate) fn replacement_of(
    db: &mut SqliteConnection,
    id: &MemberId,
) -> Result<Option<ReplacementRow>, DatabaseError> {
    member_replacement::table
        .find(id.to_string())
        .first::<Columns>(db)
        .optional()?
        .map(row)
        .transpose()
}

/// Keeps a replacement in the place of any before it.
pub(crate) fn keep_replacement(
    db: &mut SqliteConnection,
    new: &ReplacementRow,
) -> Result<(), DatabaseError> {
    forget_replacement(db, &new.member)?;
    diesel::insert_into(member_replacement::table)
        .values((
            member_replacement::member_id.eq(new.member.to_string()),
            member_replacement::entry.eq(&new.entry),
            member_replacement::asked_at.eq(new.asked_at.micros()),
            member_replacement::in_force_at.eq(new.in_force_at.map(|at| at.micros())),
        ))
        .execute(db)?;
    Ok(())
}

/// Takes a replacement away: it counts, or was taken back.
pub(crate) fn forget_replacement(
    db: &mut SqliteConnection,
    id: &MemberId,
) -> Result<(), DatabaseError> {
    diesel::delete(member_replacement::table.find(id.to_string())).execute(db)?;
    Ok(())
}

/// Notes that a key is a member's from here on, and for ever.
pub(crate) fn claim_key(
    db: &mut SqliteConnection,
    kid: &KeyId,
    id: &MemberId,
) -> Result<(), DatabaseError> {
    diesel::insert_or_ignore_into(member_key::table)
        .values((
            member_key::kid.eq(kid.to_string()),
            member_key::member_id.eq(id.to_string()),
        ))
        .execute(db)?;
    Ok(())
}
