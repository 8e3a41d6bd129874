//! The members' rows. The only SQL of this room.

use diesel::prelude::*;
use federation_protocol::keys::KeyId;
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use super::{Change, MemberRow};
use crate::database::DatabaseError;

pub(super) mod keys;
mod replacement;

pub(crate) use replacement::{
    claim_key, forget_replacement, keep_replacement, replacement_of, replacements,
};

diesel::table! {
    member (id) {
        id -> Text,
        entry -> Text,
        state -> Text,
        added_at -> BigInt,
        changed_at -> BigInt,
    }
}

diesel::table! {
    member_key (kid) {
        kid -> Text,
        member_id -> Text,
    }
}

diesel::table! {
    member_change (id) {
        id -> Integer,
        member_id -> Text,
        from_state -> Nullable<Text>,
        to_state -> Text,
        reason -> Text,
        at -> BigInt,
    }
}

type Columns = (String, String, String, i64, i64);

fn row((id, entry, state, added_at, changed_at): Columns) -> Result<MemberRow, DatabaseError> {
    Ok(MemberRow {
        id: member_id(id)?,
        entry,
        state: member_state(state)?,
        added_at: Timestamp::from_micros(added_at),
        changed_at: Timestamp::from_micros(changed_at),
    })
}

fn member_id(value: String) -> Result<MemberId, DatabaseError> {
    value.parse().or(Err(DatabaseError::Corrupt {
        what: "member id",
        value,
    }))
}

fn member_state(value: String) -> Result<MemberState, DatabaseError> {
    value.parse().or(Err(DatabaseError::Corrupt {
        what: "member state",
        value,
    }))
}

/// Every member, by id.
pub(crate) fn all(db: &mut SqliteConnection) -> Result<Vec<MemberRow>, DatabaseError> {
    member::table
        .order(member::id)
        .load::<Columns>(db)?
        .into_iter()
        .map(row)
        .collect()
}

/// One member, if there is such.
pub(crate) fn find(
    db: &mut SqliteConnection,
    id: &MemberId,
) -> Result<Option<MemberRow>, DatabaseError> {
    member::table
        .find(id.to_string())
        .first::<Columns>(db)
        .optional()?
        .map(row)
        .transpose()
}

/// Whose key this is or ever was.
pub(crate) fn owner_of_key(
    db: &mut SqliteConnection,
    kid: &KeyId,
) -> Result<Option<MemberId>, DatabaseError> {
    member_key::table
        .find(kid.to_string())
        .select(member_key::member_id)
        .first::<String>(db)
        .optional()?
        .map(member_id)
        .transpose()
}

/// Writes a new member with its keys and the first line of its history.
pub(crate) fn insert(
    db: &mut SqliteConnection,
    new: &MemberRow,
    kids: &[KeyId],
    reason: &str,
) -> Result<(), DatabaseError> {
    diesel::insert_into(member::table)
        .values((
            member::id.eq(new.id.to_string()),
            member::entry.eq(&new.entry),
            member::state.eq(new.state.to_string()),
            member::added_at.eq(new.added_at.micros()),
            member::changed_at.eq(new.changed_at.micros()),
        ))
        .execute(db)?;
    for kid in kids {
        diesel::insert_into(member_key::table)
            .values((
                member_key::kid.eq(kid.to_string()),
                member_key::member_id.eq(new.id.to_string()),
            ))
            .execute(db)?;
    }
    append_change(db, &new.id, None, new.state, reason, new.added_at)
}

/// Moves a member from one state to another and writes it into the history.
pub(crate) fn set_state(
    db: &mut SqliteConnection,
    id: &MemberId,
    from: MemberState,
    to: MemberState,
    reason: &str,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(member::table.find(id.to_string()))
        .set((
            member::state.eq(to.to_string()),
            member::changed_at.eq(at.micros()),
        ))
        .execute(db)?;
    append_change(db, id, Some(from), to, reason, at)
}

/// Puts an entry in the place of the one before.
pub(crate) fn set_entry(
    db: &mut SqliteConnection,
    id: &MemberId,
    entry: &str,
) -> Result<(), DatabaseError> {
    diesel::update(member::table.find(id.to_string()))
        .set(member::entry.eq(entry))
        .execute(db)?;
    Ok(())
}

/// Writes into the history what was done to a member whose state stays as it is.
pub(crate) fn note(
    db: &mut SqliteConnection,
    id: &MemberId,
    state: MemberState,
    reason: &str,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    append_change(db, id, Some(state), state, reason, at)
}

fn append_change(
    db: &mut SqliteConnection,
    id: &MemberId,
    from: Option<MemberState>,
    to: MemberState,
    reason: &str,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(member_change::table)
        .values((
            member_change::member_id.eq(id.to_string()),
            member_change::from_state.eq(from.map(|state| state.to_string())),
            member_change::to_state.eq(to.to_string()),
            member_change::reason.eq(reason),
            member_change::at.eq(at.micros()),
        ))
        .execute(db)?;
    Ok(())
}

/// What was done to a member, oldest first.
pub(crate) fn history(
    db: &mut SqliteConnection,
    id: &MemberId,
) -> Result<Vec<Change>, DatabaseError> {
    member_change::table
        .filter(member_change::member_id.eq(id.to_string()))
        .order(member_change::id)
        .select((
            member_change::from_state,
            member_change::to_state,
            member_change::reason,
            member_change::at,
        ))
        .load::<(Option<String>, String, String, i64)>(db)?
        .into_iter()
        .map(|(from, to, reason, at)| {
            Ok(Change {
                from: from.map(member_state).transpose()?,
                to: member_state(to)?,
                reason,
                at: Timestamp::from_micros(at),
            })
        })
        .collect()
}
