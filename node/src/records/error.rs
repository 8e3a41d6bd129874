//! What can go wrong with a read, a search or a write, and what an outsider may know of it.

use crate::database::DatabaseError;

use super::draft::DraftError;
use super::{CursorError, ParametersError, QueryError, ResourceType};

/// Why records were not read or written. Holds no patient data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// There is none, or the permit does not reach it: which of them is not told.
    #[error("not found")]
    NotFound,
    /// There was one; it was deleted.
    #[error("deleted")]
    Deleted,
    /// The permit does not allow writing.
    #[error("not allowed to write")]
    ReadOnly,
    /// The body is not a resource that can be stored.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The search is not understood.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The cursor opens no page.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// `If-Match` names another version than the newest.
    #[error("the resource has changed: If-Match names another version")]
    VersionConflict,
    /// A condition (`If-None-Exist`, a conditional reference) matches several resources.
    #[error("a condition on {0} matches more than one resource")]
    Ambiguous(ResourceType),
    /// A conditional reference matches nothing.
    #[error("a conditional reference to {0} matches nothing")]
    Unresolved(ResourceType),
    /// The Bundle is none that can be done.
    #[error("entry {entry} of the Bundle: {reason}")]
    Bundle {
        /// From 0.
        entry: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An entry of a Bundle is not a resource that can be stored.
    #[error("entry {entry} of the Bundle: {error}")]
    Entry {
        /// From 0.
        entry: usize,
        /// What is wrong with it.
        error: DraftError,
    },
    /// What is asked for is FHIR, and not done here.
    #[error("not supported here: {0}")]
    Unsupported(&'static str),
    /// The Parameters of an operation are not understood.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// Too many resources would have to be looked at.
    #[error("too much to look at: add a patient, a code or a date to the search")]
    TooCostly,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What is told to an outsider, as an OperationOutcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// The `issue.code` of FHIR R4's issue-type.
    pub code: &'static str,
    /// For people who make clients.
    pub diagnostics: String,
    /// The element at fault.
    pub expression: Option<String>,
}

impl RecordsError {
    /// The one place where an error of this room becomes words for outsiders.
    #[must_use]
    pub fn told(&self) -> Told {
        let (status, code) = self.status();
        let expression = match self {
            Self::Draft(error) => error.expression().map(str::to_owned),
            Self::Bundle { entry, .. } | Self::Entry { entry, .. } => {
                Some(format!("Bundle.entry[{entry}]"))
            }
            Self::Parameters(error) => Some(error.expression.clone()),
            _ => None,
        };
        let diagnostics = match self {
            Self::Database(error) if error.is_passing() => "try again in a moment".to_owned(),
            Self::Database(_) => "the node could not do it; its operator can read why".to_owned(),
            said => said.to_string(),
        };
        Told {
            status,
            code,
            diagnostics,
            expression,
        }
    }

    fn status(&self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (404, "not-found"),
            Self::Deleted => (410, "deleted"),
            Self::ReadOnly => (403, "forbidden"),
            Self::Draft(error) => draft_status(error),
            Self::Entry { error, .. } => draft_status(error),
            Self::Parameters(_) => (400, "invalid"),
            Self::Query(QueryError::TooEarly { .. }) => (503, "transient"),
            Self::Query(_) => (400, "invalid"),
            Self::Cursor(CursorError::Expired) => (410, "expired"),
            Self::Cursor(CursorError::Foreign) => (400, "invalid"),
            Self::VersionConflict => (412, "conflict"),
            Self::Ambiguous(_) => (412, "multiple-matches"),
            Self::Unresolved(_) => (412, "not-found"),
            Self::Bundle { .. } => (400, "invalid"),
            Self::Unsupported(_) => (400, "not-supported"),
            Self::TooCostly => (400, "too-costly"),
            Self::Database(error) if error.is_passing() => (503, "transient"),
            Self::Database(_) => (500, "exception"),
        }
    }
}

fn draft_status(error: &DraftError) -> (u16, &'static str) {
    match error {
        DraftError::Json(_) => (400, "structure"),
        DraftError::Definition(_) => (422, "invalid"),
        _ => (400, "invalid"),
    }
}
