//! What can stand between a person and their links.

use federation_protocol::link::LinkError;
use federation_protocol::member::MemberId;

use super::phone::PhoneError;
use crate::consent::ConsentError;
use crate::database::DatabaseError;
use crate::identity::PersonId;

/// Why a person was not enrolled, or a link not made, taken in or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkageError {
    /// This chart's person is enrolled already.
    #[error("enrolled already as {0}")]
    Enrolled(PersonId),
    /// Nobody with this id is enrolled here.
    #[error("no enrolled person with this id")]
    NoPerson,
    /// It is the same chart already.
    #[error("it is the same chart already")]
    SameChart,
    /// There is no such living link.
    #[error("no such link")]
    NoLink,
    /// The phone names another home than was said, or than this node.
    #[error("this phone's home is {0}")]
    OtherHome(MemberId),
    /// The assertion is not what it should be.
    #[error(transparent)]
    Assertion(#[from] LinkError),
    /// The assertion is of another hospital, or over another device key, than the phone says.
    #[error("the assertion is not over this phone's key for {0}")]
    OtherKey(MemberId),
    /// This handle belongs to another person, or its link has ended.
    #[error("this link was taken in before, and has ended or is another person's")]
    Spent,
    /// The phone cannot be used.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
    /// The person's tokens could not be ended with their link.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
