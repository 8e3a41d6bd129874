//! What can go wrong with an export, and what an outsider may know of it.

use std::io;

use crate::access::AccessRefusal;
use crate::database::DatabaseError;
use crate::records::{RecordsError, Told};

use super::AskedError;

/// Why there is no export, or no file of one. Holds no patient data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It cannot be asked for like this.
    #[error(transparent)]
    Asked(#[from] AskedError),
    /// `Prefer: respond-async` is missing: no export is answered at once.
    #[error("an export is made in the background: send `Prefer: respond-async`")]
    AtOnce,
    /// As many exports are being made as may be.
    #[error("other exports are being made: try again when one has ended")]
    Busy,
    /// The files of all exports take as much room as they may, or the disk is full.
    #[error("no room for more files of exports: cancel one, or wait until one expires")]
    Full,
    /// There is none of this id, or it is another caller's: which of them is not told.
    #[error("there is no such export")]
    NotFound,
    /// The role does not do this, or it cannot be recorded.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The records could not be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A file could not be written or read.
    #[error("a file of an export: {0}")]
    File(io::Error),
}

impl From<io::Error> for ExportError {
    /// A full disk is no other fault than a full budget.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::File(error),
        }
    }
}

impl ExportError {
    /// Whether the same work may succeed a little later, unchanged.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Database(error)
            | Self::Records(RecordsError::Database(error))
            | Self::Access(AccessRefusal::Audit(error)) => {
                error.is_passing() || matches!(error, DatabaseError::CommitUnknown)
            }
            _ => false,
        }
    }

    /// The one place where an error of this room becomes words for outsiders.
    #[must_use]
    pub fn told(&self) -> Told {
        let (status, code) = match self {
            Self::Records(error) => return error.told(),
            Self::Asked(_) | Self::AtOnce => (400, "invalid"),
            Self::Busy => (429, "throttled"),
            Self::Full => (507, "no-store"),
            Self::NotFound => (404, "not-found"),
            Self::Access(AccessRefusal::Role { .. }) => (403, "forbidden"),
            Self::Access(AccessRefusal::Audit(_)) => (503, "transient"),
            Self::Database(error) if error.is_passing() => (503, "transient"),
            Self::Database(_) | Self::File(_) => (500, "exception"),
        };
        let diagnostics = match status {
            403 => "your role does not allow this".to_owned(),
            500 => "the node could not do it; its operator can read why".to_owned(),
            503 => "try again in a moment".to_owned(),
            _ => self.to_string(),
        };
        Told::refusal(status, code, &diagnostics)
    }
}
