//! What can go wrong with a read, a search or a write, and what an outsider may know of it.

use fhir_validation::Issue;

use crate::database::DatabaseError;

use super::draft::DraftError;
use super::patch::PatchError;
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
    /// `If-Match` names another version than the newest, or `If-None-Match: *` finds one.
    #[error("the version that is there is not the one that If-Match or If-None-Match asks for")]
    VersionConflict,
    /// An entity tag is none of ours.
    #[error("If-Match and ifMatch take W/\"version\" or *, If-None-Match takes * here")]
    EntityTag,
    /// A conditional update names an id that another resource has.
    #[error("there is a {0} of that id, and the condition does not match it")]
    IdTaken(ResourceType),
    /// A condition on a type asks for nothing.
    #[error("the condition on {0} asks for nothing")]
    Unselective(ResourceType),
    /// What a Bundle asks for is more than one answer holds.
    #[error("the answer to the Bundle would be larger than 64 MiB; ask in parts")]
    TooCostly,
    /// What a Bundle would write can be found by more values than one commit takes.
    #[error("the Bundle can be found by more than {0} values; send it in several")]
    TooManyRows(
        /// How many one commit takes.
        usize,
    ),
    /// No type of that name is served.
    #[error("this type is not served here")]
    NoSuchType,
    /// The address is one, and this is not done there.
    #[error("this is not done at that address, but: {0}")]
    Method(
        /// The methods that are, as `Allow` has them.
        &'static str,
    ),
    /// The patch cannot be made.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A patch makes it something that cannot be stored.
    #[error("the patched resource: {0}")]
    Patched(DraftError),
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
    /// An entry of a Bundle cannot be done.
    #[error("entry {entry} of the Bundle: {error}")]
    Entry {
        /// From 0.
        entry: usize,
        /// Why not. Never another `Entry`, a `Bundle` or a `Database`.
        error: Box<RecordsError>,
    },
    /// What is asked for is FHIR, and not done here.
    #[error("not supported here: {0}")]
    Unsupported(&'static str),
    /// The Parameters of an operation are not understood.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// Too many resources would have to be looked at.
    #[error("too much to look at: add a patient, a code or a date to the search")]
    TooWide,
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
    /// Everything that is wrong with a resource that does not conform; where it is empty, the one
    /// above is all.
    pub issues: Vec<Issue>,
}

impl Told {
    /// A refusal that no resource is at fault for.
    pub(crate) fn refusal(status: u16, code: &'static str, diagnostics: &str) -> Self {
        Self {
            status,
            code,
            diagnostics: diagnostics.to_owned(),
            expression: None,
            issues: Vec::new(),
        }
    }
}

impl RecordsError {
    /// Names the entry at fault; what is not an entry's fault stays as it is.
    pub(super) fn of_entry(self, entry: usize) -> Self {
        match self {
            Self::Entry { .. } | Self::Bundle { .. } | Self::Database(_) => self,
            error => Self::Entry {
                entry,
                error: Box::new(error),
            },
        }
    }

    /// What was at fault in the only entry.
    pub(super) fn alone(self) -> Self {
        match self {
            Self::Entry { error, .. } => *error,
            error => error,
        }
    }

    /// The one place where an error of this room becomes words for outsiders.
    #[must_use]
    pub fn told(&self) -> Told {
        let (status, code) = self.status();
        let expression = match self {
            Self::Draft(error) | Self::Patched(error) => error.expression().map(str::to_owned),
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
            issues: self.issues(),
        }
    }

    /// Everything that is wrong with a resource that does not conform; in a Bundle, each at its
    /// place in the entry.
    fn issues(&self) -> Vec<Issue> {
        match self {
            Self::Draft(DraftError::Invalid(issues))
            | Self::Patched(DraftError::Invalid(issues)) => issues.to_vec(),
            Self::Entry { entry, error } => {
                let issues = error.issues().into_iter();
                issues.map(|issue| within(*entry, issue)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn status(&self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (404, "not-found"),
            Self::Deleted => (410, "deleted"),
            Self::ReadOnly => (403, "forbidden"),
            Self::Draft(error) => draft_status(error),
            Self::Entry { error, .. } => error.status(),
            Self::Patched(_) => (422, "invalid"),
            Self::Patch(PatchError::Malformed(_)) => (400, "structure"),
            Self::Patch(PatchError::Operation { .. }) => (422, "processing"),
            Self::TooCostly | Self::TooManyRows(_) => (413, "too-costly"),
            Self::EntityTag => (400, "invalid"),
            Self::IdTaken(_) => (409, "conflict"),
            Self::Unselective(_) => (412, "required"),
            Self::NoSuchType => (404, "not-supported"),
            Self::Method(_) => (405, "not-supported"),
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
            Self::TooWide => (400, "too-costly"),
            Self::Database(error) if error.is_passing() => (503, "transient"),
            Self::Database(_) => (500, "exception"),
        }
    }
}

/// `Patient.name[0]` in the Bundle.
fn within(entry: usize, issue: Issue) -> Issue {
    let below = issue.expression.split_once('.');
    let below = below.map_or(String::new(), |(_, below)| format!(".{below}"));
    Issue {
        expression: format!("Bundle.entry[{entry}].resource{below}"),
        ..issue
    }
}

fn draft_status(error: &DraftError) -> (u16, &'static str) {
    match error {
        DraftError::Json(_) => (400, "structure"),
        DraftError::Definition(_) | DraftError::Invalid(_) => (422, "invalid"),
        DraftError::TooCostly => (422, "too-costly"),
        _ => (400, "invalid"),
    }
}
