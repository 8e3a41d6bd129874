//! The person's decisions: directives kept as FHIR Consent, visit codes, minted tokens, and whether
//! a token still stands.
//!
//! Owns the tables of the migrations `0003_consent` and `0015_revocations`. A directive is never
//! deleted: withdrawn is a new, inactive version, and the tokens that no longer follow from what is
//! left end in the same transaction, which also writes down which hospitals are to be told. Links are handed in: this room knows no charts and no handles of its own.

mod arrivals;
mod change;
mod grant;
mod mint;
mod outbox;
mod own_view;
mod paper;
mod pending;
mod published;
mod redeem;
mod revoked;
mod standing;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod visit;
pub mod wording;

use std::sync::Arc;

use federation_protocol::consent::{Directive, Practitioner};
use federation_protocol::keys::PublicKey;
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use crate::database::{Database, DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;
use crate::keys::Keys;

pub use arrivals::{Arrival, ArrivalState};
pub use change::{Changed, Explained, Question};
pub use grant::{Decision, Evidence, EvidenceNeeded, TickedResponder};
pub use outbox::{Acknowledged, Due, Message};
pub use own_view::{
    LONGEST_OWN_VIEW_SECONDS, OwnView, OwnViewGrant, OwnViewHospital, SignedOwnView,
};
pub use paper::{CODES_ON_A_SHEET, NewSheet, PaperUse, Sheet};
pub use pending::{ANSWER_SECONDS, Allowance, Answered, NewCode, PendingRequest, Reply};
pub use redeem::{Answer, Redemption};
pub use revoked::{MOST_HELD, RevokedTokens};
pub use standing::{Standing, StatusLists};
pub use visit::CODE_LIFE_SECONDS;

/// Why this node's own staff, or the person, could not change or ask something here. What peers are
/// told is a `Refusal` of the protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// The directive is not of the shape that decides.
    #[error("not a consent this node can keep: {0}")]
    Directive(#[from] federation_protocol::consent::ConsentError),
    /// No directive has this id.
    #[error("no consent with this id")]
    Unknown,
    /// It was withdrawn already.
    #[error("this consent was withdrawn already")]
    Withdrawn,
    /// A permit that names nobody would open a chart to everyone.
    #[error("a permission must name whom it is for")]
    Everyone,
    /// The person has no link with a hospital that was ticked.
    #[error("no link with {0}")]
    NoLink(MemberId),
    /// A code of this decision could never be redeemed.
    #[error("the decision leaves nothing to show: {0}")]
    Refused(federation_protocol::refusal::Refusal),
    /// The end does not lie in the future.
    #[error("the decision would have ended already")]
    Ended,
    /// This node's own staff asks: the person's device key must sign, over a named practitioner.
    #[error("the requester is this node's own organisation or of the same operator: {0}")]
    Evidence(&'static str),
    /// A stored Consent is not readable: something else than this room wrote it.
    #[error("a stored consent cannot be read")]
    Stored,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
    /// A token or list could not be put together.
    #[error("cannot be signed: {0}")]
    Signing(&'static str),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Whose directive it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person whose home this node is.
    Person(PersonId),
    /// A patient with a chart here: a local directive, which can only take away (留保).
    Patient(Rid),
}

/// The id of a directive: the logical id of its Consent resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectiveId(String);

impl DirectiveId {
    /// The directive with this id, if there is one.
    #[must_use]
    pub fn known(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for DirectiveId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One version of a directive as it is kept: a FHIR R4 Consent.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDirective {
    /// Its id.
    pub id: DirectiveId,
    /// From 1.
    pub version: i64,
    /// Whose it is.
    pub subject: Subject,
    /// `Consent.status`.
    pub status: String,
    /// When this version was written.
    pub written_at: Timestamp,
    /// The Consent resource, JSON.
    pub raw: String,
}

impl StoredDirective {
    /// What of it decides.
    ///
    /// # Errors
    /// It was stored by something else than this room.
    pub fn directive(&self) -> Result<Directive, ConsentError> {
        let value: serde_json::Value =
            serde_json::from_str(&self.raw).map_err(|_broken| ConsentError::Stored)?;
        Ok(Directive::from_fhir(&value)?)
    }
}

/// Where a person is known, as the linkage room hands it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeLink {
    /// The hospital.
    pub responder: MemberId,
    /// What that hospital knows the person by.
    pub handle: PatientHandle,
    /// The public half of the phone's key for this link.
    pub device_key: PublicKey,
}

/// Reads the living links of a person: handed in by whoever knows the linkage room.
pub type LinksOf = fn(&mut HospitalConnection, &PersonId) -> Result<Vec<HomeLink>, DatabaseError>;

/// The consent room. Cheap to clone.
#[derive(Clone)]
pub struct Consents {
    database: Database,
    clock: SharedClock,
    keys: Arc<Keys>,
    me: MemberId,
    /// The federation endpoint, without a slash at the end: status lists are published below it.
    endpoint: Arc<str>,
    published: Arc<published::Published>,
    to_tell: Arc<tokio::sync::Notify>,
}

impl Consents {
    /// The consents that member `me`, reachable by peers at `endpoint` (`https://host[:port]`),
    /// keeps in `database`.
    #[must_use]
    pub fn new(
        database: Database,
        clock: SharedClock,
        keys: Arc<Keys>,
        me: MemberId,
        endpoint: &str,
    ) -> Self {
        Self {
            database,
            clock,
            keys,
            me,
            endpoint: endpoint.trim_end_matches('/').into(),
            published: Arc::default(),
            to_tell: Arc::default(),
        }
    }

    /// One directive, newest version.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn read(&self, id: &DirectiveId) -> Result<Option<StoredDirective>, DatabaseError> {
        let id = id.clone();
        self.database
            .read(move |connection| store::directives::find(connection, id.as_str()))
            .await
    }

    /// Every version of a directive, newest first.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn history(&self, id: &DirectiveId) -> Result<Vec<StoredDirective>, DatabaseError> {
        let id = id.clone();
        self.database
            .read(move |connection| store::directives::history(connection, id.as_str()))
            .await
    }

    /// The newest version of every directive of a person, or of a patient here; withdrawn ones too.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn list(&self, subject: Subject) -> Result<Vec<StoredDirective>, DatabaseError> {
        self.database
            .read(move |connection| store::directives::of_subject(connection, &subject))
            .await
    }
}

/// The local directives about a chart here, in force or not: the decision looks at their periods.
///
/// # Errors
/// They could not be read, or one of them is not readable as a directive: nothing may leave.
pub fn local_directives(
    connection: &mut HospitalConnection,
    patient: Rid,
) -> Result<Vec<Directive>, DatabaseError> {
    let stored = store::directives::of_subject(connection, &Subject::Patient(patient))?;
    let read = stored.iter().map(|one| {
        one.directive()
            .map_err(|_broken| store::unreadable("directive", one.id.as_str()))
    });
    read.collect()
}

/// A practitioner from two columns.
fn practitioner(id: Option<String>, role: Option<String>) -> Option<Practitioner> {
    Some(Practitioner {
        id: id?,
        role: role?,
    })
}

#[cfg(test)]
mod tests;
