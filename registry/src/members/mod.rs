//! Who belongs: admitting a member, and stopping and resuming one.
//!
//! Owns the members' entries, states and history. Never signs: an entry comes signed by the
//! approvers, and what follows from a change is signed by the directory room.

use federation_protocol::directory::{ENTRY_TYP, Entry, Profile};
use federation_protocol::jws::General;
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use crate::database::{Connection, DatabaseError};

mod admission;
mod certificate;
pub(crate) mod keys;
mod replacement;
mod store;

pub(crate) use admission::admit;
pub use admission::{Admission, AdmissionError};
pub use certificate::CertificateError;
pub use keys::KeysError;
pub(crate) use replacement::{
    Asked, Replacement, begin, cancel, prepare, put_due_in_force, replace,
};
pub use replacement::{ReplaceError, Replaced, ReplacementRow};

/// A member as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub id: MemberId,
    /// The approvers' statement, exactly as they signed it.
    pub entry: String,
    /// Where the member stands.
    pub state: MemberState,
    /// When it was admitted, UTC.
    pub added_at: Timestamp,
    /// When its state last changed, UTC.
    pub changed_at: Timestamp,
}

impl MemberRow {
    /// What the entry says, for showing: the approvers' signatures are judged elsewhere. None
    /// when the entry cannot be read.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        profile_of(&serde_json::from_str(&self.entry).ok()?)
    }
}

/// What an entry says, for showing: nothing is verified here. None when it cannot be read.
pub(crate) fn profile_of(entry: &General) -> Option<Profile> {
    let entry: Entry = serde_json::from_slice(&entry.open(ENTRY_TYP).ok()?.payload).ok()?;
    Some(entry.member)
}

/// A line of a member's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state before; none when the member was admitted.
    pub from: Option<MemberState>,
    /// The state after.
    pub to: MemberState,
    /// Why, in the operator's words.
    pub reason: String,
    /// When, UTC.
    pub at: Timestamp,
}

/// Why a member's state stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemberError {
    /// Nobody has this id.
    #[error("{0} is not a member")]
    Unknown(MemberId),
    /// The life of a member does not know this step.
    #[error("{id} is {from}: it cannot become {to}")]
    NoSuchArrow {
        /// Who.
        id: MemberId,
        /// The state it is in.
        from: MemberState,
        /// The state that was asked for.
        to: MemberState,
    },
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Every member, by id.
///
/// # Errors
/// From the database.
pub(crate) fn all(db: &mut Connection) -> Result<Vec<MemberRow>, DatabaseError> {
    store::all(db)
}

/// One member with its history, oldest first.
///
/// # Errors
/// `Unknown`, `Database`.
pub(crate) fn show(
    db: &mut Connection,
    id: &MemberId,
) -> Result<(MemberRow, Vec<Change>), MemberError> {
    let member = store::find(db, id)?.ok_or_else(|| MemberError::Unknown(id.clone()))?;
    Ok((member, store::history(db, id)?))
}

/// One member, if there is such.
///
/// # Errors
/// From the database.
pub(crate) fn find(db: &mut Connection, id: &MemberId) -> Result<Option<MemberRow>, DatabaseError> {
    store::find(db, id)
}

/// Every replacement in the making or on hold, by member.
///
/// # Errors
/// From the database.
pub(crate) fn replacements(db: &mut Connection) -> Result<Vec<ReplacementRow>, DatabaseError> {
    store::replacements(db)
}

/// Puts a replacement with more signatures in the place of the same statement with fewer.
///
/// # Errors
/// From the database.
pub(crate) fn keep_replacement(
    db: &mut Connection,
    row: &ReplacementRow,
) -> Result<(), DatabaseError> {
    store::keep_replacement(db, row)
}

/// Puts an entry with more signatures in the place of the same statement with fewer.
///
/// # Errors
/// From the database.
pub(crate) fn countersign(
    db: &mut Connection,
    id: &MemberId,
    entry: &General,
) -> Result<(), DatabaseError> {
    store::set_entry(db, id, &entry.to_json())
}

/// Moves a member along one arrow of its life, inside the caller's transaction.
///
/// # Errors
/// `Unknown`, `NoSuchArrow`, `Database`.
///
/// Source: PROTOCOL section 2, "Member states".
pub(crate) fn change_state(
    db: &mut Connection,
    id: &MemberId,
    to: MemberState,
    reason: &str,
    now: Timestamp,
) -> Result<MemberRow, MemberError> {
    let member = store::find(db, id)?.ok_or_else(|| MemberError::Unknown(id.clone()))?;
    if !member.state.may_become(to) {
        return Err(MemberError::NoSuchArrow {
            id: id.clone(),
            from: member.state,
            to,
        });
    }
    store::set_state(db, id, member.state, to, reason, now)?;
    Ok(MemberRow {
        state: to,
        changed_at: now,
        ..member
    })
}

#[cfg(test)]
mod tests;
