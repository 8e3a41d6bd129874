//! One export: who asked for what, as of when, and how far it is.

use std::fmt;

use federation_protocol::time::Timestamp;

use crate::identity::{Caller, Role};
use crate::records::{Address, LogicalId, Mark, ResourceType};

use super::Asked;

/// The id of an export: random, known to whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(String);

impl JobId {
    pub(super) fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The id, if the text is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text).ok()?.to_string();
        (id == text).then_some(Self(id))
    }

    /// The lower-case, hyphenated UUID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asked: the files are theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) role: Role,
    pub(super) id: String,
}

impl Owner {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            role: caller.role(),
            id: caller.id().unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn is(&self, caller: &Caller) -> bool {
        *self == Self::of(caller)
    }

    /// The caller, to be judged again when the work goes on.
    pub(super) fn caller(&self) -> Option<Caller> {
        Caller::staff(self.role, Some(self.id.clone())).ok()
    }
}

/// Whose charts are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    Everyone,
    /// The members' of a Group.
    Group(LogicalId),
}

impl Scope {
    /// The Group.
    pub(super) fn group(&self) -> Option<Address> {
        let Self::Group(id) = self else { return None };
        let kind = ResourceType::named("Group")?;
        let id = id.clone();
        Some(Address { kind, id })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("Patient"),
            Self::Group(id) => write!(f, "Group/{id}"),
        }
    }
}

/// The same with the version of the Group, so that the members stay who they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Charted {
    pub(super) scope: Scope,
    /// 0 where there is no Group.
    pub(super) version: i32,
}

impl Charted {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "Patient" {
            let scope = Scope::Everyone;
            return Some(Self { scope, version: 0 });
        }
        let (group, version) = text.split_once("/_history/")?;
        let id = LogicalId::parse(group.strip_prefix("Group/")?)?;
        Some(Self {
            scope: Scope::Group(id),
            version: version.parse().ok()?,
        })
    }
}

impl fmt::Display for Charted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Everyone => write!(f, "{}", self.scope),
            Scope::Group(_) => write!(f, "{}/_history/{}", self.scope, self.version),
        }
    }
}

/// Where the work stands: everything before it is in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the resources of a type in the charts, behind an id.
    Charts {
        kind: ResourceType,
        behind: Option<LogicalId>,
    },
    /// Among what the charts refer to.
    BesideCharts,
    /// At the end: what is to be told of the whole.
    Notes,
}

/// What [`Place::kind_word`] says where no type is meant.
const BESIDE: &str = "beside";
const NOTES: &str = "notes";

impl Place {
    pub(super) fn kind_word(&self) -> &'static str {
        match self {
            Self::Charts { kind, .. } => kind.name(),
            Self::BesideCharts => BESIDE,
            Self::Notes => NOTES,
        }
    }

    pub(super) fn behind_word(&self) -> &str {
        match self {
            Self::Charts { behind, .. } => behind.as_ref().map_or("", LogicalId::as_str),
            _ => "",
        }
    }

    pub(super) fn of_words(kind: &str, behind: &str) -> Option<Self> {
        match kind {
            BESIDE => Some(Self::BesideCharts),
            NOTES => Some(Self::Notes),
            name => Some(Self::Charts {
                kind: ResourceType::named(name)?,
                behind: LogicalId::parse(behind),
            }),
        }
    }

    /// Where the work on `walked` begins, or goes on behind the type `kind`.
    pub(super) fn behind_type(walked: &[ResourceType], kind: Option<ResourceType>) -> Self {
        let mut rest = walked
            .iter()
            .skip_while(|one| kind.is_some_and(|kind| kind != **one));
        if kind.is_some() {
            rest.next();
        }
        match rest.next() {
            Some(next) => Self::Charts {
                kind: *next,
                behind: None,
            },
            None => Self::BesideCharts,
        }
    }
}

/// How an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Complete,
    /// It ended without files: there was no room.
    Full,
    /// It ended without files: its operator can read why.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Complete, Self::Full, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// One export.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) owner: Owner,
    pub(super) charted: Charted,
    pub(super) asked: Asked,
    /// The URL that it was asked for under.
    pub(super) request: String,
    pub(super) mark: Mark,
    pub(super) transaction_time: Timestamp,
    pub(super) started_at: Timestamp,
    pub(super) state: State,
    pub(super) place: Place,
    /// From when on it is no more; `None` while it runs.
    pub(super) expires_at: Option<Timestamp>,
}
