//! Who is at the door.

use std::fmt;
use std::str::FromStr;

use crate::database::Rid;

use super::IdentityError;

/// The id of an enrolled person: a random UUID of their home node, known to nobody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(String);

/// The text is not a person id.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a person id (a UUID)")]
pub struct PersonIdError;

impl PersonId {
    /// A fresh random id.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The lower-case, hyphenated UUID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PersonId {
    type Err = PersonIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = uuid::Uuid::try_parse(text)
            .map_err(|_not| PersonIdError)?
            .to_string();
        if id == text {
            Ok(Self(id))
        } else {
            Err(PersonIdError)
        }
    }
}

/// What someone at the door may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads charts here and asks peers.
    Physician,
    /// Enrols people and makes links.
    Registrar,
    /// A system of the hospital: reads, writes, asks peers for the practitioners it names.
    System,
    /// Reads the audit.
    Auditor,
    /// Runs the node: staff accounts, access tokens.
    Admin,
    /// Looks after keys and certificates, and reviews emergency accesses.
    Security,
    /// Sees how the node fares, and changes nothing.
    Observer,
    /// An enrolled person: reads their own chart.
    Person,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 8] = [
        Role::Physician,
        Role::Registrar,
        Role::System,
        Role::Auditor,
        Role::Admin,
        Role::Security,
        Role::Observer,
        Role::Person,
    ];

    /// The word in commands, tables and audit lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Physician => "physician",
            Role::Registrar => "registrar",
            Role::System => "system",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
            Role::Security => "security",
            Role::Observer => "observer",
            Role::Person => "person",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: physician, registrar, system, auditor, admin, security, observer, person")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(RoleError)
    }
}

/// Who is at the door, as their token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A physician, by staff id.
    Physician {
        /// The staff id: signed into questions to peers.
        id: String,
    },
    /// Someone at the registration desk.
    Registrar {
        /// The staff id, if one was given.
        id: Option<String>,
    },
    /// A system of the hospital.
    System {
        /// The system's id.
        id: String,
    },
    /// Someone who reads the audit.
    Auditor {
        /// The staff id, if one was given.
        id: Option<String>,
    },
    /// Someone who runs the node.
    Admin {
        /// The staff id, if one was given.
        id: Option<String>,
    },
    /// Someone who looks after keys and certificates.
    Security {
        /// The staff id, if one was given.
        id: Option<String>,
    },
    /// Someone who watches the node, and changes nothing.
    Observer {
        /// The staff id, if one was given.
        id: Option<String>,
    },
    /// An enrolled person.
    Person {
        /// The person.
        id: PersonId,
        /// Their own chart here.
        patient: Rid,
    },
}

impl Caller {
    /// The caller of a staff role.
    ///
    /// # Errors
    /// `Subject` if the role needs an id that is missing, an id is unusable, or the role is
    /// `person`.
    pub fn staff(role: Role, id: Option<String>) -> Result<Caller, IdentityError> {
        if id.as_deref().is_some_and(|id| !is_staff_id(id)) {
            return Err(IdentityError::Subject(
                role,
                "takes an id of 1-64 visible ASCII letters",
            ));
        }
        match (role, id) {
            (Role::Physician, Some(id)) => Ok(Caller::Physician { id }),
            (Role::System, Some(id)) => Ok(Caller::System { id }),
            (Role::Physician | Role::System, None) => {
                Err(IdentityError::Subject(role, "needs an id"))
            }
            (Role::Registrar, id) => Ok(Caller::Registrar { id }),
            (Role::Auditor, id) => Ok(Caller::Auditor { id }),
            (Role::Admin, id) => Ok(Caller::Admin { id }),
            (Role::Security, id) => Ok(Caller::Security { id }),
            (Role::Observer, id) => Ok(Caller::Observer { id }),
            (Role::Person, _) => Err(IdentityError::Subject(role, "needs an enrolled person")),
        }
    }

    /// What they are.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Caller::Physician { .. } => Role::Physician,
            Caller::Registrar { .. } => Role::Registrar,
            Caller::System { .. } => Role::System,
            Caller::Auditor { .. } => Role::Auditor,
            Caller::Admin { .. } => Role::Admin,
            Caller::Security { .. } => Role::Security,
            Caller::Observer { .. } => Role::Observer,
            Caller::Person { .. } => Role::Person,
        }
    }

    /// The staff, system or person id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Caller::Physician { id } | Caller::System { id } => Some(id),
            Caller::Registrar { id }
            | Caller::Auditor { id }
            | Caller::Admin { id }
            | Caller::Security { id }
            | Caller::Observer { id } => id.as_deref(),
            Caller::Person { id, .. } => Some(id.as_str()),
        }
    }
}

/// An id that can stand in a signed header: visible ASCII without quotes.
pub(super) fn is_staff_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}
