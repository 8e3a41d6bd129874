//! What can go wrong with what people bring in, and the word that pages and apps are told.

use std::io;

use apple_health::{ExportError, ExporterError, ReadingError};

use crate::access::AccessRefusal;
use crate::database::DatabaseError;
use crate::linkage::LinkageError;
use crate::records::RecordsError;

/// Why something was not taken in. Holds nothing of what a person measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealthError {
    /// The person has another upload under way.
    #[error("another upload of this person is under way")]
    Busy,
    /// The upload is larger than it may be.
    #[error("the upload is larger than allowed")]
    TooLarge,
    /// All uploads together take as much room as they may, or the disk is full.
    #[error("no room for uploads now")]
    Full,
    /// There is none of this id, or it is another person's: which of them is not told.
    #[error("there is none of this id")]
    NotFound,
    /// It is not in a state in which that is done.
    #[error("that is not done in this state")]
    State,
    /// The upload broke off, or holds no file.
    #[error("the upload is incomplete")]
    Incomplete,
    /// What was entered is not understood.
    #[error("what was entered is not understood: {0}")]
    Entered(Entered),
    /// More upload tokens than a person may have.
    #[error("too many upload tokens")]
    TooManyTokens,
    /// The token is none, or is revoked: which of them is not told.
    #[error("not a living upload token")]
    Token,
    /// The token is used too often.
    #[error("too many uploads with this token: again in {0} s")]
    TooOften(
        /// Seconds until it may be used again.
        i64,
    ),
    /// The file cannot be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// What an app sent cannot be read.
    #[error(transparent)]
    Exporter(#[from] ExporterError),
    /// Not theirs to do, or it cannot be recorded.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// Not an enrolled person any more.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The records did not take it.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
    /// A file could not be written or read.
    #[error("a file of an upload: {0}")]
    File(io::Error),
}

/// What is wrong with what a hand entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Entered {
    /// No such kind.
    #[error("kind")]
    Kind,
    /// Not a number.
    #[error("number")]
    Number,
    /// Not a day or a time.
    #[error("time")]
    Time,
    /// A time that has not come yet.
    #[error("future")]
    Future,
    /// No living body shows it.
    #[error("impossible")]
    Impossible,
    /// Nothing was chosen.
    #[error("choice")]
    Choice,
}

impl From<Entered> for HealthError {
    fn from(entered: Entered) -> Self {
        Self::Entered(entered)
    }
}

impl From<ReadingError> for Entered {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Period => Self::Time,
            _ => Self::Impossible,
        }
    }
}

impl From<io::Error> for HealthError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::File(error),
        }
    }
}

impl HealthError {
    /// Whether the same may succeed a little later, unchanged.
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

    /// The word in the table of uploads, in the keys of words and in answers to apps.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::TooLarge | Self::Exporter(ExporterError::TooLarge) => "too-large",
            Self::Full => "full",
            Self::NotFound | Self::Records(RecordsError::NotFound) => "not-found",
            Self::State => "state",
            Self::Incomplete => "incomplete",
            Self::Entered(entered) => match entered {
                Entered::Kind => "kind",
                Entered::Number => "number",
                Entered::Time => "time",
                Entered::Future => "future",
                Entered::Impossible => "impossible",
                Entered::Choice => "choice",
            },
            Self::TooManyTokens => "too-many-tokens",
            Self::TooOften(_) => "too-often",
            Self::Export(error) => match error {
                ExportError::Encrypted => "encrypted",
                ExportError::NoExport => "no-export",
                ExportError::Format => "format",
                ExportError::Bomb | ExportError::TooMany => "too-much",
                _ => "broken",
            },
            Self::Exporter(_) => "format",
            Self::Access(AccessRefusal::Role { .. }) | Self::Token => "forbidden",
            Self::Linkage(LinkageError::NoPerson) => "forbidden",
            error if error.is_passing() => "later",
            _ => "internal",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.code() {
            "busy" | "state" => 409,
            "too-large" => 413,
            "full" => 507,
            "not-found" => 404,
            "too-often" => 429,
            "forbidden" => 403,
            "later" => 503,
            "internal" => 500,
            _ => 400,
        }
    }
}
