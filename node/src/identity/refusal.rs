//! Why somebody did not get in.

use super::IdentityError;
use crate::database::DatabaseError;

/// Why somebody did not get in, or what they wanted at the door was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Whatever was shown is not taken; the audit names why, strangers are told no more than this.
    #[error("what was shown is not taken")]
    Refused,
    /// A passkey must be shown once more first.
    #[error("no passkey was shown in the last 15 minutes")]
    NoFreshFactor,
    /// They have no passkey to show.
    #[error("there is no passkey to show")]
    NoPasskey,
    /// It is their last passkey.
    #[error("the last passkey stays: add another one first")]
    LastPasskey,
    /// Enough passkeys.
    #[error("enough passkeys: remove one first")]
    TooMany,
    /// Too many people are at the door.
    #[error("too many people are at the door")]
    Busy,
    /// Browsers do not reach this listener under any address that is known.
    #[error("no address is known under which browsers reach this listener")]
    Site,
    /// The hospital's own sign-in did not answer, or not as it must.
    #[error("the hospital's sign-in did not answer as it must: {0}")]
    Hospital(&'static str),
    /// The account, or the system's random bytes.
    #[error(transparent)]
    Identity(IdentityError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<IdentityError> for EntryError {
    /// An account that does not stand is refused like anything else.
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::NoAccount => Self::Refused,
            IdentityError::Database(error) => Self::Database(error),
            other => Self::Identity(other),
        }
    }
}
