//! Why the log did not do what was asked.

use federation_protocol::transparency::MissingNode;

use crate::database::DatabaseError;

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A hash of the tree is missing: somebody was at the tables.
    #[error("the audit tree is damaged: {0}; next: musubi-node audit verify")]
    Tree(MissingNode),
    /// Another program puts lines into the tree at the same time.
    #[error("another program is sealing this log")]
    Busy,
    /// A stored checkpoint, or a witness's line, cannot be read.
    #[error("a stored checkpoint cannot be read; next: musubi-node audit verify")]
    Checkpoint,
    /// There is no such line, or it is not in the tree yet.
    #[error("no line {0} is in the tree; lines are sealed once a minute")]
    NoLine(i64),
    /// The settings want everything kept, or kept longer.
    #[error("the settings (audit.retention) want these lines kept")]
    Retention,
}

impl AuditError {
    /// Whether another program that seals was first.
    pub(super) fn is_race(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Database(error) => error.is_unique_violation(),
            _ => false,
        }
    }
}

impl From<MissingNode> for AuditError {
    fn from(missing: MissingNode) -> Self {
        Self::Tree(missing)
    }
}
