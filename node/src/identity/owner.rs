//! Whom sessions and passkeys belong to.

use std::fmt;

use super::caller::is_staff_id;
use super::{Caller, PersonId};

/// Whom a session or a passkey belongs to: a member of staff by staff id, or an enrolled person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A member of staff.
    Staff(String),
    /// An enrolled person.
    Person(PersonId),
}

impl Owner {
    /// Whom this caller is; nobody signs in as a system, or without an id.
    #[must_use]
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::System { .. } => None,
            Caller::Person { id, .. } => Some(Self::Person(id.clone())),
            staff => staff.id().map(|id| Self::Staff(id.to_owned())),
        }
    }

    /// The owner that a row names.
    pub(super) fn of_row(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("staff", id) if is_staff_id(id) => Some(Self::Staff(id.to_owned())),
            ("person", id) => Some(Self::Person(id.parse().ok()?)),
            _ => None,
        }
    }

    /// The staff or person id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Staff(id) => id,
            Self::Person(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Staff(id) => write!(f, "staff:{id}"),
            Self::Person(id) => write!(f, "person:{id}"),
        }
    }
}
