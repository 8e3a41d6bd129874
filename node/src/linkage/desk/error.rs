//! Why the desk gave no code.

use crate::access::AccessRefusal;
use crate::database::DatabaseError;
use crate::linkage::LinkageError;
use crate::records::RecordsError;

/// Why no code was given, or an offer not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// There is no such Patient here.
    #[error("no such Patient here")]
    NoChart,
    /// Another chart has taken its place.
    #[error("another chart has taken the place of this one")]
    Replaced,
    /// The chart does not say birth year and sex, which the home's chart is compared by.
    #[error("the chart says no birth year, or not which sex: complete it first")]
    Incomplete,
    /// What was shown does not suffice.
    #[error(
        "not enough: two things of different kinds, one of them one person's own (insurance with \
         branch number, patient card, birth date with name)"
    )]
    NotEnough,
    /// Something that was shown is not the chart's. Which one is not told.
    #[error("what was shown is not what this chart says")]
    Differs,
    /// Too many wrong tries with this chart.
    #[error("too many wrong tries with this chart: wait ten minutes")]
    Locked,
    /// There is no such offer, or it has ended.
    #[error("no such code, or it has become a link or ended already")]
    NoOffer,
    /// The role does not do this, or it cannot be recorded.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The link could not be made.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The chart could not be read.
    #[error("the chart cannot be read: {0}")]
    Records(RecordsError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl DeskError {
    /// The word for programs and audit lines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoChart => "chart_unknown",
            Self::Replaced => "chart_replaced",
            Self::Incomplete => "chart_incomplete",
            Self::NotEnough => "identifiers_insufficient",
            Self::Differs => "identifiers_differ",
            Self::Locked => "identifiers_locked",
            Self::NoOffer => "offer_unknown",
            Self::Access(AccessRefusal::Role { .. }) => "forbidden",
            _ => "unavailable",
        }
    }

    pub(super) fn of_records(error: RecordsError) -> Self {
        match error {
            RecordsError::NotFound | RecordsError::Deleted => Self::NoChart,
            other => Self::Records(other),
        }
    }
}
