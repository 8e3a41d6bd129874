//! Why an import ends early.

use std::path::PathBuf;

use crate::database::DatabaseError;
use crate::records::{LoadError, RecordsError};

/// Why an import ended early. What was reported before is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file or folder could not be read.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not the one whose import was stopped.
    #[error("{} is not the file whose import was stopped", .0.display())]
    Changed(
        /// Which.
        PathBuf,
    ),
    /// Standard input begins anew each time.
    #[error("standard input cannot be resumed")]
    NotResumable,
    /// A later import of the same file or tree has begun.
    #[error("another import of the same source has begun")]
    Displaced,
    /// The records could not be written.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl From<DatabaseError> for ImportError {
    fn from(error: DatabaseError) -> Self {
        Self::Records(RecordsError::Database(error))
    }
}

impl From<LoadError> for ImportError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::File { file, error } => Self::File { file, error },
            LoadError::Records(error) => Self::Records(error),
        }
    }
}

/// Why a transaction was rolled back.
pub(super) enum Ended<T> {
    /// It was a rehearsal, and came to this.
    Rehearsed(T),
    /// It failed.
    Failed(ImportError),
}

impl<T> Ended<T> {
    /// The end of a transaction: committed unless it was a rehearsal.
    pub(super) fn unless(rehearsal: bool, result: T) -> Result<T, Self> {
        if rehearsal {
            Err(Self::Rehearsed(result))
        } else {
            Ok(result)
        }
    }

    /// What it came to, committed or rehearsed.
    pub(super) fn result(ended: Result<T, Self>) -> Result<T, ImportError> {
        match ended {
            Ok(result) | Err(Self::Rehearsed(result)) => Ok(result),
            Err(Self::Failed(error)) => Err(error),
        }
    }
}

impl<T> From<DatabaseError> for Ended<T> {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

impl<T> From<RecordsError> for Ended<T> {
    fn from(error: RecordsError) -> Self {
        Self::Failed(error.into())
    }
}
