//! What a person sees of themselves, here and at every linked hospital: they ask, signed in at their
//! home, with purpose PATRQT. Nobody of this node's staff asks in their place: the grant is held by
//! the person, and only a caller who is that person uses it.
//!
//! Home is the requester here, so no token is worth anything without the signature of the person's
//! own device (CONSENT section 4, point 4); where none fits, the hospital is not asked, and the part
//! that stands for it says so.

mod asking;

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::category::Scope;
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_service::clock::SharedClock;

use super::asking::{AskError, Asking};
use super::directory::MemberDirectory;
use super::exchange::Exchanges;
use super::held::HeldGrant;
use super::redeeming::Redeeming;
use super::store;
use crate::access::Access;
use crate::consent::{ConsentError, Consents, OwnView as State, SignedOwnView};
use crate::database::Database;
use crate::identity::{Caller, PersonId};
use crate::keys::Keys;
use crate::linkage::{self, Linkage, LinkageError, Person};
use crate::records::Records;

pub use asking::{OwnAnswer, OwnAsked, OwnParts};

/// The role in the manifest and in the row of the grant that a person holds.
pub(super) const OWN_ROLE: &str = "person";

/// What the own view stands on.
pub(super) struct OwnViewParts {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) keys: Arc<Keys>,
    pub(super) directory: MemberDirectory,
    pub(super) database: Database,
    pub(super) access: Access,
    pub(super) records: Records,
    pub(super) exchanges: Exchanges,
    pub(super) redeeming: Redeeming,
    pub(super) consents: Consents,
    pub(super) linkage: Linkage,
    pub(super) asking: Arc<Asking>,
    pub(super) deadline: Duration,
}

/// Asks for people about themselves.
pub struct OwnView {
    parts: OwnViewParts,
}

/// Why an own view was not shown, opened or closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnViewError {
    /// The caller is no enrolled person.
    #[error("only an enrolled person has an own view")]
    NotAPerson,
    /// Who belongs is not known yet.
    #[error("the directory here is too old to ask anyone")]
    DirectoryExpired,
    /// The signatures, or the person's directives, do not allow it.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// It could not be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The links could not be read.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
}

impl From<crate::database::DatabaseError> for OwnViewError {
    fn from(error: crate::database::DatabaseError) -> Self {
        Self::Ask(AskError::Database(error))
    }
}

impl OwnView {
    pub(super) fn new(parts: OwnViewParts) -> Self {
        Self { parts }
    }

    /// Which linked hospitals the caller's own view covers, until when, and what their phone signs
    /// for the rest.
    ///
    /// # Errors
    /// `NotAPerson`; `DirectoryExpired`; `Consent` if nothing may be seen; the database.
    pub async fn state(&self, caller: &Caller) -> Result<State, OwnViewError> {
        let person = self.person(caller).await?;
        let membership = self.membership()?;
        let links = self.parts.linkage.own_links(&person.id).await?;
        let patient = reference(&person);
        let state = self
            .parts
            .consents
            .own_view(&person.id, &patient, &links, &membership);
        Ok(state.await?)
    }

    /// Opens the caller's own view, or adds hospitals to it, with their phone's signatures: the
    /// Consent, the grant and what this node holds of it in one transaction.
    ///
    /// # Errors
    /// As [`OwnView::state`]; `Consent` if a signature does not fit.
    pub async fn open(
        &self,
        caller: &Caller,
        signed: SignedOwnView,
    ) -> Result<State, OwnViewError> {
        let person = self.person(caller).await?;
        let membership = self.membership()?;
        let consents = self.parts.consents.clone();
        let (me, now) = (self.parts.me.clone(), self.parts.clock.now());
        self.parts
            .database
            .transact(move |connection| {
                let links = linkage::links_of(connection, &person.id)?;
                let patient = reference(&person);
                let of = (&person.id, patient.as_str());
                let opened =
                    consents.open_own_view_in(connection, of, &signed, &links, &membership)?;
                // Tokens that were minted before know nothing of what was signed now.
                match opened.is_new {
                    true => store::drop_own_grants(connection, person.id.as_str())?,
                    false => store::drop_own_tokens(connection, person.id.as_str())?,
                }
                if opened.is_new {
                    store::keep_grant(connection, &held(&person, me.clone(), opened.id, now))?;
                }
                Ok::<_, OwnViewError>(())
            })
            .await?;
        self.parts.consents.changed();
        self.state(caller).await
    }

    /// Closes the caller's own view: the Consent is withdrawn, the tokens end, hospitals are told.
    /// `false` if it was not open.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn close(&self, caller: &Caller) -> Result<bool, OwnViewError> {
        let person = self.person(caller).await?.id;
        let consents = self.parts.consents.clone();
        let was_open = self
            .parts
            .database
            .transact(move |connection| {
                store::drop_own_grants(connection, person.as_str())?;
                consents.close_own_view_in(connection, &person)
            })
            .await?;
        self.parts.consents.changed();
        Ok(was_open)
    }

    async fn person(&self, caller: &Caller) -> Result<Person, OwnViewError> {
        Ok(self.parts.linkage.person(own_id(caller)?).await?)
    }

    fn membership(&self) -> Result<Arc<Membership>, OwnViewError> {
        let known = self.parts.directory.membership();
        known.ok_or(OwnViewError::DirectoryExpired)
    }
}

fn own_id(caller: &Caller) -> Result<&PersonId, OwnViewError> {
    match caller {
        Caller::Person { id, .. } => Ok(id),
        _staff => Err(OwnViewError::NotAPerson),
    }
}

/// What the Consent calls them.
fn reference(person: &Person) -> String {
    format!("Patient/{}", person.patient_id)
}

fn held(
    person: &Person,
    me: MemberId,
    home_grant: String,
    now: federation_protocol::time::Timestamp,
) -> HeldGrant {
    HeldGrant {
        id: uuid::Uuid::new_v4().to_string(),
        home: me,
        home_grant,
        purpose: Purpose::Patrqt,
        practitioner: person.id.to_string(),
        role: OWN_ROLE.to_owned(),
        categories: Scope::ALL.iter().collect(),
        patient: Some(person.patient_id.clone()),
        created_at: now,
        expires_at: now,
    }
}
