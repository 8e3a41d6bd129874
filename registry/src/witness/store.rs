//! The heads of the members' logs. The only SQL of this room.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::TreeHash;

use crate::database::DatabaseError;

diesel::table! {
    witness_head (origin) {
        origin -> Text,
        size -> BigInt,
        root -> Text,
        note -> Text,
        cosigned_at -> BigInt,
    }
}

diesel::table! {
    witness_reset (id) {
        id -> Integer,
        origin -> Text,
        size -> BigInt,
        root -> Text,
        reason -> Text,
        at -> BigInt,
    }
}

/// Where a log was when it was cosigned last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose log: a member's id.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// Their root.
    pub root: TreeHash,
    /// The checkpoint, signed by the log and by this registry.
    pub note: String,
    /// When, UTC.
    pub cosigned_at: Timestamp,
}

/// A log that began anew by an operator's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Whose log.
    pub origin: String,
    /// Where it had been.
    pub size: u64,
    /// Why, in the operator's words.
    pub reason: String,
    /// When, UTC.
    pub at: Timestamp,
}

type Columns = (String, i64, String, String, i64);

fn head((origin, size, root, note, cosigned_at): Columns) -> Result<Head, DatabaseError> {
    let corrupt = |value: String| DatabaseError::Corrupt {
        what: "witnessed head",
        value,
    };
    Ok(Head {
        size: u64::try_from(size).or(Err(corrupt(size.to_string())))?,
        root: root.parse().or(Err(corrupt(root)))?,
        origin,
        note,
        cosigned_at: Timestamp::from_micros(cosigned_at),
    })
}

/// The head of a log.
pub(crate) fn find(db: &mut SqliteConnection, origin: &str) -> Result<Option<Head>, DatabaseError> {
    witness_head::table
        .find(origin)
        .first::<Columns>(db)
        .optional()?
        .map(head)
        .transpose()
}

/// Every head, by origin.
pub(crate) fn all(db: &mut SqliteConnection) -> Result<Vec<Head>, DatabaseError> {
    witness_head::table
        .order(witness_head::origin)
        .load::<Columns>(db)?
        .into_iter()
        .map(head)
        .collect()
}

/// Every reset, oldest first.
pub(crate) fn resets(db: &mut SqliteConnection) -> Result<Vec<Reset>, DatabaseError> {
    let rows: Vec<(String, i64, String, i64)> = witness_reset::table
        .order(witness_reset::id)
        .select((
            witness_reset::origin,
            witness_reset::size,
            witness_reset::reason,
            witness_reset::at,
        ))
        .load(db)?;
    Ok(rows
        .into_iter()
        .map(|(origin, size, reason, at)| Reset {
            origin,
            size: u64::try_from(size).unwrap_or_default(),
            reason,
            at: Timestamp::from_micros(at),
        })
        .collect())
}

/// Puts a head in the place of the one before.
pub(crate) fn keep(db: &mut SqliteConnection, head: &Head) -> Result<(), DatabaseError> {
    let size = i64::try_from(head.size).unwrap_or(i64::MAX);
    let new = (
        witness_head::size.eq(size),
        witness_head::root.eq(head.root.to_string()),
        witness_head::note.eq(&head.note),
        witness_head::cosigned_at.eq(head.cosigned_at.micros()),
    );
    let renewed = diesel::update(witness_head::table.find(&head.origin))
        .set(new)
        .execute(db)?;
    if renewed == 0 {
        diesel::insert_into(witness_head::table)
            .values((
                witness_head::origin.eq(&head.origin),
                witness_head::size.eq(size),
                witness_head::root.eq(head.root.to_string()),
                witness_head::note.eq(&head.note),
                witness_head::cosigned_at.eq(head.cosigned_at.micros()),
            ))
            .execute(db)?;
    }
    Ok(())
}

/// Writes a reset down, and forgets the head.
pub(crate) fn reset(
    db: &mut SqliteConnection,
    head: &Head,
    reason: &str,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(witness_reset::table)
        .values((
            witness_reset::origin.eq(&head.origin),
            witness_reset::size.eq(i64::try_from(head.size).unwrap_or(i64::MAX)),
            witness_reset::root.eq(head.root.to_string()),
            witness_reset::reason.eq(reason),
            witness_reset::at.eq(at.micros()),
        ))
        .execute(db)?;
    diesel::delete(witness_head::table.find(&head.origin)).execute(db)?;
    Ok(())
}
