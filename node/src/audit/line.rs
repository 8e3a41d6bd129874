//! One line of the audit: built by the room that acts, read back by the auditor.

use std::fmt;

use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use serde_json::{Map, Value};

use crate::database::Rid;

/// The outcome of what was done as asked.
const OUTCOME_OK: &str = "ok";

/// The kind that is left of a line that was erased at the end of retention. No act has it.
pub(super) const ERASED: &str = "erased";

/// What kind of act a line witnesses.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A question that this node's staff asked of peers.
    Query,
    /// A read or search of this node's own charts.
    Read,
    /// A write to this node's own charts.
    Write,
    /// An answer to a peer: what was shown and what was withheld.
    Disclosure,
    /// Charts exported to files: begun, ended, a file fetched, cancelled.
    Export,
    /// Something refused, to a peer or to a caller of this node.
    Refusal,
    /// Somebody showed who they are, or failed to.
    Login,
    /// A consent token was minted.
    TokenMinted,
    /// A directive was given or changed.
    Directive,
    /// A directive was withdrawn, or tokens ended.
    Revocation,
    /// An access token was made or revoked.
    AccessToken,
    /// A visit code was made or redeemed.
    Grant,
    /// A person was enrolled, or a link made, accepted or ended.
    Link,
    /// The registry's documents: an older one was offered, another truth, or a held replacement.
    Directory,
    /// A peer, or the registry's probe, asked whether this node answers.
    Echo,
    /// The node began with these settings, or a setting that is kept in it was changed.
    Configuration,
    /// This log was read, exported or verified.
    AuditRead,
    /// A witness refused a checkpoint of this log, or this node one of a peer's.
    Witness,
    /// The exchanges of a day were compared with a peer's.
    Reconciliation,
    /// Lines were erased at the end of retention.
    Erasure,
    /// A person was told of an emergency access, or the review of one was closed.
    Emergency,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 21] = [
        Kind::Query,
        Kind::Read,
        Kind::Write,
        Kind::Disclosure,
        Kind::Export,
        Kind::Refusal,
        Kind::Login,
        Kind::TokenMinted,
        Kind::Directive,
        Kind::Revocation,
        Kind::AccessToken,
        Kind::Grant,
        Kind::Link,
        Kind::Directory,
        Kind::Echo,
        Kind::Configuration,
        Kind::AuditRead,
        Kind::Witness,
        Kind::Reconciliation,
        Kind::Erasure,
        Kind::Emergency,
    ];

    /// The word in the table and on the screen.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Query => "query",
            Kind::Read => "read",
            Kind::Write => "write",
            Kind::Disclosure => "disclosure",
            Kind::Export => "export",
            Kind::Refusal => "refusal",
            Kind::Login => "login",
            Kind::TokenMinted => "token_minted",
            Kind::Directive => "directive",
            Kind::Revocation => "revocation",
            Kind::AccessToken => "access_token",
            Kind::Grant => "grant",
            Kind::Link => "link",
            Kind::Directory => "directory",
            Kind::Echo => "echo",
            Kind::Configuration => "configuration",
            Kind::AuditRead => "audit_read",
            Kind::Witness => "witness",
            Kind::Reconciliation => "reconciliation",
            Kind::Erasure => "erasure",
            Kind::Emergency => "emergency",
        }
    }

    /// The kind that `word` names.
    #[must_use]
    pub fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A line not yet appended. Say what is known; the rest stays empty.
#[derive(Clone, Debug)]
pub struct Line {
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    pub(super) exchange: Option<String>,
    pub(super) peer: Option<String>,
    pub(super) actor_role: String,
    pub(super) actor_id: Option<String>,
    pub(super) purpose: Option<&'static str>,
    pub(super) patient: Option<Rid>,
    pub(super) person: Option<String>,
    pub(super) outcome: &'static str,
    pub(super) shown: Option<i64>,
    pub(super) withheld: Option<i64>,
    pub(super) detail: Map<String, Value>,
}

impl Line {
    /// A line about an act of `kind` at `at` by someone in `actor_role` (`physician`, `system`,
    /// `person`, …), with outcome `ok` until another is said.
    #[must_use]
    pub fn new(kind: Kind, at: Timestamp, actor_role: &str) -> Self {
        Self {
            at,
            kind,
            exchange: None,
            peer: None,
            actor_role: actor_role.to_owned(),
            actor_id: None,
            purpose: None,
            patient: None,
            person: None,
            outcome: OUTCOME_OK,
            shown: None,
            withheld: None,
            detail: Map::new(),
        }
    }

    /// The exchange this belongs to: the same id stands in the other member's audit.
    #[must_use]
    pub fn exchange(mut self, exchange: &impl fmt::Display) -> Self {
        self.exchange = Some(exchange.to_string());
        self
    }

    /// The member at the other end.
    #[must_use]
    pub fn peer(mut self, peer: &MemberId) -> Self {
        self.peer = Some(peer.to_string());
        self
    }

    /// The staff or system id of the actor.
    #[must_use]
    pub fn actor_id(mut self, id: &str) -> Self {
        self.actor_id = Some(id.to_owned());
        self
    }

    /// What it was for.
    #[must_use]
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose.as_str());
        self
    }

    /// The chart here that it touched.
    #[must_use]
    pub fn patient(mut self, patient: Rid) -> Self {
        self.patient = Some(patient);
        self
    }

    /// The enrolled person it was about.
    #[must_use]
    pub fn person(mut self, person: &str) -> Self {
        self.person = Some(person.to_owned());
        self
    }

    /// How it ended: a refusal code, or another word from a closed list.
    #[must_use]
    pub fn outcome(mut self, outcome: &'static str) -> Self {
        self.outcome = outcome;
        self
    }

    /// How many resources were shown.
    #[must_use]
    pub fn shown(mut self, count: usize) -> Self {
        self.shown = Some(i64::try_from(count).unwrap_or(i64::MAX));
        self
    }

    /// How many matching resources were held back. Stands in the responder's own audit only.
    #[must_use]
    pub fn withheld(mut self, count: usize) -> Self {
        self.withheld = Some(i64::try_from(count).unwrap_or(i64::MAX));
        self
    }

    /// One more identifier or number: a directive id, a `jti`, a digest, a resource type.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

/// A line as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its number: rises with each line.
    pub seq: i64,
    /// When, by this node's clock.
    pub at: Timestamp,
    /// The kind's word, see [`Kind`].
    pub kind: String,
    /// The exchange id.
    pub exchange: Option<String>,
    /// The member at the other end.
    pub peer: Option<String>,
    /// The actor's role.
    pub actor_role: String,
    /// The actor's staff or system id.
    pub actor_id: Option<String>,
    /// The v3-ActReason code.
    pub purpose: Option<String>,
    /// The chart here.
    pub patient: Option<Rid>,
    /// The enrolled person.
    pub person: Option<String>,
    /// `ok`, a refusal code, or another word from a closed list.
    pub outcome: String,
    /// Resources shown.
    pub shown: Option<i64>,
    /// Matching resources held back.
    pub withheld: Option<i64>,
    /// Further identifiers.
    pub detail: Value,
}

/// Which lines to list; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only of this exchange.
    pub exchange: Option<String>,
    /// Only about this chart.
    pub patient: Option<Rid>,
    /// Only about this person.
    pub person: Option<String>,
    /// Only of this actor.
    pub actor_id: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Only lines after this number: the next page.
    pub after_seq: Option<i64>,
    /// Only lines before this number: the next page, the newest first.
    pub before_seq: Option<i64>,
    /// At most so many; all when `None`.
    pub limit: Option<u32>,
    /// The newest line first.
    pub newest_first: bool,
}
