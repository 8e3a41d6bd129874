//! The registration desk: who stands here, their home, their links.
//!
//! Owns no table. Staff find a chart by two things that only one person has together, enrol its person
//! (this hospital becomes their home) or give a code that links the chart with their home elsewhere.
//! Codes are shown once, on a sheet to take along; nothing of them can be read again. Each look at a
//! chart and each act is a line of the audit.
//!
//! Source: PEOPLE C1 (two identifiers), 5.1 (the desk decides who joins), A6.

mod act;
mod find;
pub mod routes;
mod show;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use federation_protocol::member::MemberId;
use reqwest::Url;

use crate::access::{Access, AccessRefusal};
use crate::database::DatabaseError;
use crate::federation::Federation;
use crate::identity::{Identity, IdentityError};
use crate::linkage::desk::DeskError;
use crate::linkage::{Linkage, LinkageError};
use crate::records::{Records, RecordsError};

/// What the desk stands on.
pub struct ReceptionParts {
    /// This member.
    pub me: MemberId,
    /// Under which origin people reach their pages; `None`: the settings name none.
    pub people: Option<Url>,
    /// Who may sit here.
    pub access: Access,
    /// This node's charts.
    pub records: Records,
    /// Who is enrolled, and which charts are linked.
    pub linkage: Linkage,
    /// Makes the codes that people come in by.
    pub identity: Identity,
    /// Makes the codes that link charts; knows who belongs.
    pub federation: Arc<Federation>,
}

/// The registration desk. Cheap to clone.
#[derive(Clone)]
pub struct Reception {
    parts: Arc<ReceptionParts>,
}

impl Reception {
    /// A desk over `parts`.
    #[must_use]
    pub fn new(parts: ReceptionParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }
}

/// Why something was not done at the desk.
#[derive(Debug, thiserror::Error)]
enum ReceptionError {
    /// Fewer than two things that identify, or two of one kind.
    #[error("two different things are needed")]
    TooFew,
    /// More charts fit than are listed.
    #[error("too many charts fit")]
    TooMany,
    /// There is no such chart.
    #[error("no such chart")]
    NoChart,
    /// The chart says no whole birth date, which the person would have to say.
    #[error("the chart says no birth date")]
    NoBirthDate,
    /// There is no such link.
    #[error("no such link")]
    NoLink,
    /// The role does not do it, or it cannot be recorded.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The records cannot be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The links cannot be read or written.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// No link code was made.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// No code to come in by was made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ReceptionError {
    /// The word behind `desk-wrong-` in the texts; `None` where it is no mistake of who sits here.
    fn word(&self) -> Option<&'static str> {
        match self {
            Self::TooFew => Some("too-few"),
            Self::TooMany => Some("too-many"),
            Self::NoBirthDate => Some("no-birth-date"),
            Self::NoLink => Some("no-link"),
            Self::Linkage(LinkageError::Enrolled(_)) => Some("enrolled"),
            Self::Desk(DeskError::NotEnough) => Some("not-enough"),
            Self::Desk(DeskError::Differs) => Some("differs"),
            Self::Desk(DeskError::Locked) => Some("locked"),
            Self::Desk(DeskError::Replaced) => Some("replaced"),
            Self::Desk(DeskError::Incomplete) => Some("incomplete"),
            Self::Desk(DeskError::NoOffer) => Some("no-offer"),
            _ => None,
        }
    }
}
