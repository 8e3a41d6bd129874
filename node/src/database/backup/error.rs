//! What can go wrong with a backup, in words for the person who needs it.

use std::path::{Path, PathBuf};

use super::super::{DatabaseError, Kind};

/// Why a backup was not made, checked or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    File {
        /// What it was about.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file of this name is there; none is ever written over.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The disk would be full before the end.
    #[error(
        "{} has {} MiB free, about {} MiB are needed",
        folder.display(), free >> 20, (needed >> 20) + 1
    )]
    NoSpace {
        /// The folder that was to be written to.
        folder: PathBuf,
        /// Bytes needed, about.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The database could not be read or written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// One of PostgreSQL's own programs is not on this machine.
    #[error(
        "{0} is neither in /usr/lib/postgresql/*/bin nor on the PATH (Debian package \
         postgresql-client)"
    )]
    NoTool(&'static str),
    /// One of PostgreSQL's own programs failed.
    #[error("{tool} failed: {said}")]
    ToolFailed {
        /// Which.
        tool: &'static str,
        /// The last lines that it said. They hold no password.
        said: String,
    },
    /// The manifest is not there, or cannot be read.
    #[error("{}: no manifest of a backup: {reason}", path.display())]
    Manifest {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },
    /// The backup is not what its manifest says.
    #[error("the backup is damaged: {}", .0.join("; "))]
    Unsound(Vec<String>),
    /// The backup is of another kind of database than the settings name.
    #[error("the backup is of {}, the settings name {}", backup.as_str(), database.as_str())]
    OtherKind {
        /// The backup's kind.
        backup: Kind,
        /// The settings' kind.
        database: Kind,
    },
    /// The backup is another member's.
    #[error("the backup is of {backup}, this node is {node}")]
    OtherMember {
        /// Whose it is.
        backup: String,
        /// Whom the settings name.
        node: String,
    },
    /// A restore failed, and the former tables could not be put back.
    #[error("{why}; and the former tables, now in the schema {aside}, were not put back: {error}")]
    NotPutBack {
        /// Why the restore failed.
        why: String,
        /// Why the tables were not put back.
        error: String,
        /// The schema that they are in.
        aside: String,
    },
    /// Something is stored where the backup would go.
    #[error("the database is not empty")]
    NotEmpty,
}

impl BackupError {
    pub(super) fn file(path: &Path, error: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }
}

impl From<diesel::result::Error> for BackupError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}
