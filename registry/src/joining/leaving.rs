//! A member's last word.

use federation_protocol::directory::KeyChain;
use federation_protocol::joining::{Leave, StatementError};
use federation_protocol::keys::{KeyId, KeyUse, PublicKey};
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use crate::database::{Connection, DatabaseError};
use crate::members::{self, KeysError, MemberError, MemberRow};

/// Why nobody leaves.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaveError {
    /// Nobody has this id, or the entry cannot be read.
    #[error("no such member")]
    Unknown,
    /// The leave is not this member's own word to this registry.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The leave is of another member, or for another registry.
    #[error("the leave is of another member or registry")]
    Other,
    /// The member was revoked: nothing is left to leave.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Withdraws the member whose word `text` is, inside the caller's transaction. Said twice, it is
/// heard once.
///
/// A member that has a recovery key leaves by that one alone: whoever steals the key of the running
/// node must not be able to end a membership for ever.
///
/// # Errors
/// [`LeaveError`]; then nothing was changed.
pub(super) fn leave(
    db: &mut Connection,
    id: &MemberId,
    text: &str,
    registry: &str,
    now: Timestamp,
) -> Result<MemberRow, LeaveError> {
    let row = members::find(db, id)?.ok_or(LeaveError::Unknown)?;
    let chain = members::keys::chain(db, &row).map_err(|error| match error {
        KeysError::Database(error) => LeaveError::Database(error),
        _ => LeaveError::Unknown,
    })?;
    let said = Leave::verify(text, |kid| key_to_leave(&chain, kid, now), now)?;
    if said.member != *id || said.iss != registry {
        return Err(LeaveError::Other);
    }
    if row.state == MemberState::Withdrawn {
        return Ok(row);
    }
    let to = MemberState::Withdrawn;
    Ok(members::change_state(db, id, to, "by its own word", now)?)
}

fn key_to_leave(chain: &KeyChain, kid: &KeyId, now: Timestamp) -> Option<PublicKey> {
    let has_recovery = chain.counting(KeyUse::Recovery, now).next().is_some();
    let wanted = match has_recovery {
        true => KeyUse::Recovery,
        false => KeyUse::Sign,
    };
    let key = chain.counting(wanted, now).find(|key| key.kid == *kid)?;
    key.public_key()
}
