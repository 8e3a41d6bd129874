//! What can go wrong between a room and its tables.

/// Why the database did not do what was asked. Holds no values of rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The configured URL is of neither kind, or is incomplete. The URL itself may hold a password
    /// and is not repeated.
    #[error("database URL: {0}")]
    Url(&'static str),
    /// The file could not be opened, or the server not reached.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// A newer program has changed the tables already.
    #[error(
        "the database was changed by a newer musubi-node (schema {found}; this one knows up to \
         {known}), and this one would misread it"
    )]
    Newer {
        /// The migration that is not known here.
        found: String,
        /// The newest one that is.
        known: String,
    },
    /// Another program has the database open, or works on it alone.
    #[error("another program has the database open")]
    InUse,
    /// A restore broke off in the middle; what stands there is not whole.
    #[error("a restore of this database broke off before its end")]
    HalfRestored,
    /// The tables were to be changed, and the backup before it could not be made.
    #[error("no backup before the change of the tables, so nothing was changed: {0}")]
    NoBackup(String),
    /// The tables could not be brought up to date.
    #[error("migration failed: {0}")]
    Migration(String),
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    /// The transaction was not committed; nothing of it is stored.
    #[error("not committed: {0}")]
    NotCommitted(String),
    /// The connection was lost during the commit: it may or may not be stored.
    #[error("the connection was lost during the commit; its outcome is unknown")]
    CommitUnknown,
    /// Too much work is waiting. Try again later.
    #[error("the database is overloaded")]
    Overloaded,
    /// The server cannot be reached at the moment.
    #[error("the database is not reachable at the moment: {0}")]
    Unreachable(String),
    /// The database was closed while the work was waiting, or the work panicked.
    #[error("the database is closed, or the work on it broke off")]
    Closed,
}

impl DatabaseError {
    /// Whether the same work may succeed a little later, unchanged.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Overloaded | Self::Unreachable(_) | Self::NotCommitted(_) | Self::InUse
        )
    }

    /// Whether a row with the same unique key is already there.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error};
        matches!(
            self,
            Self::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
        )
    }
}
