//! What this registry has signed. The only SQL of this room.
//!
//! The table itself refuses a `seq` that is not the next one, a change and a removal
//! (`migrations/0002_ledger`): what follows here cannot break the promise by a mistake.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::{Issue, Kind};
use crate::database::DatabaseError;

diesel::table! {
    issue (kind, seq) {
        kind -> Text,
        seq -> BigInt,
        payload_sha256 -> Text,
        document -> Text,
        issued_at -> BigInt,
        expires_at -> BigInt,
    }
}

type Columns = (String, i64, String, String, i64, i64);

fn to_issue(
    (kind, seq, hash, document, issued_at, expires_at): Columns,
) -> Result<Issue, DatabaseError> {
    let corrupt = |what, value| DatabaseError::Corrupt { what, value };
    Ok(Issue {
        kind: Kind::from_name(&kind).ok_or_else(|| corrupt("kind of document", kind))?,
        seq: u64::try_from(seq).or(Err(corrupt("seq", seq.to_string())))?,
        hash: hash.parse().or(Err(corrupt("hash", hash)))?,
        document,
        issued_at: Timestamp::from_micros(issued_at),
        expires_at: Timestamp::from_micros(expires_at),
    })
}

fn seq_column(seq: u64) -> Result<i64, DatabaseError> {
    i64::try_from(seq).or(Err(DatabaseError::Corrupt {
        what: "seq",
        value: seq.to_string(),
    }))
}

/// The newest of `kind`.
pub(crate) fn newest(
    db: &mut SqliteConnection,
    kind: Kind,
) -> Result<Option<Issue>, DatabaseError> {
    issue::table
        .filter(issue::kind.eq(kind.name()))
        .order(issue::seq.desc())
        .first::<Columns>(db)
        .optional()?
        .map(to_issue)
        .transpose()
}

/// The one of `kind` that took `seq`.
pub(crate) fn find(
    db: &mut SqliteConnection,
    kind: Kind,
    seq: u64,
) -> Result<Option<Issue>, DatabaseError> {
    let Ok(seq) = i64::try_from(seq) else {
        return Ok(None);
    };
    let row = issue::table
        .find((kind.name(), seq))
        .first::<Columns>(db)
        .optional()?;
    row.map(to_issue).transpose()
}

/// Takes the next `seq` for this document.
///
/// # Errors
/// `Statement` when the `seq` is not the next one of its kind.
pub(crate) fn insert(db: &mut SqliteConnection, new: &Issue) -> Result<(), DatabaseError> {
    diesel::insert_into(issue::table)
        .values((
            issue::kind.eq(new.kind.name()),
            issue::seq.eq(seq_column(new.seq)?),
            issue::payload_sha256.eq(new.hash.to_string()),
            issue::document.eq(&new.document),
            issue::issued_at.eq(new.issued_at.micros()),
            issue::expires_at.eq(new.expires_at.micros()),
        ))
        .execute(db)?;
    Ok(())
}

/// Forgets status documents below `seq` that were made before `made_before`.
///
/// # Errors
/// `Statement` when that would be the newest one too: the next `seq` is counted from it.
pub(crate) fn forget_statuses(
    db: &mut SqliteConnection,
    seq: u64,
    made_before: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::delete(
        issue::table
            .filter(issue::kind.eq(Kind::Status.name()))
            .filter(issue::seq.lt(seq_column(seq)?))
            .filter(issue::issued_at.lt(made_before.micros())),
    )
    .execute(db)?;
    Ok(())
}
