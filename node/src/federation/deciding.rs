//! What a person decides on their phone, at their home: codes, answers to requests, sheets of paper
//! codes. The routes and the pages both come through here; `consent` decides.

use std::sync::Arc;

use federation_protocol::category::Scope;
use federation_protocol::consent::{LabelTerms, Practitioner};
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use super::directory::MemberDirectory;
use crate::consent::{
    Allowance, ConsentError, Consents, Decision, Evidence, EvidenceNeeded, HomeLink, NewCode,
    NewSheet, PaperUse, PendingRequest, Reply, Sheet, TickedResponder,
};
use crate::database::DatabaseError;
use crate::identity::{Caller, PersonId};
use crate::linkage::{Linkage, LinkageError, Person};

/// A person's decisions. Cheap to clone.
#[derive(Clone)]
pub struct Deciding {
    pub(super) clock: SharedClock,
    pub(super) directory: MemberDirectory,
    pub(super) consents: Consents,
    pub(super) linkage: Linkage,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecidingError {
    /// The caller is no enrolled person.
    #[error("only an enrolled person decides")]
    NotAPerson,
    /// Who belongs is not known yet.
    #[error("the directory here is too old to ask anyone")]
    DirectoryExpired,
    /// The named hospital is no member.
    #[error("no such hospital")]
    NoSuchHospital,
    /// The phone has to sign first: these bytes.
    #[error("the person's phone has to sign")]
    Sign(Vec<EvidenceNeeded>),
    /// The consent room does not take it.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The links could not be read.
    #[error(transparent)]
    Linkage(#[from] LinkageError),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How far something is shown: what both a code and an answer say.
#[derive(Clone, Debug)]
pub struct Shown {
    /// From which linked hospitals; empty is all.
    pub hospitals: Vec<MemberId>,
    /// Which kinds of data; `None` is everything asked for.
    pub categories: Option<Scope>,
    /// Whether what is marked as sensitive is shown too.
    pub sensitive: bool,
    /// Until when.
    pub until: Timestamp,
    /// What the phone signed, where it had to.
    pub signatures: Vec<(MemberId, [u8; 64])>,
}

/// A code for one hospital.
#[derive(Clone, Debug)]
pub struct CodeFor {
    /// The hospital.
    pub requester: MemberId,
    /// The only practitioner there who may use it.
    pub practitioner: Option<Practitioner>,
    /// What for.
    pub purpose: Purpose,
    /// How far.
    pub shown: Shown,
}

/// What a person answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// No.
    Decline,
    /// Yes, so far.
    Allow(Shown),
}

impl Deciding {
    /// Decisions kept by `consents`, of people whom `linkage` knows: for commands beside a node.
    #[must_use]
    pub fn new(
        clock: SharedClock,
        directory: MemberDirectory,
        consents: Consents,
        linkage: Linkage,
    ) -> Self {
        Self {
            clock,
            directory,
            consents,
            linkage,
        }
    }

    /// What time it is, for forms that name an end.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes an open code of the caller.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn open_code(&self, caller: &Caller) -> Result<NewCode, DecidingError> {
        let person = self.person(caller).await?;
        let patient = reference(&person);
        Ok(self.consents.open_code(&person.id, &patient).await?)
    }

    /// Makes a code for one hospital, decided beforehand.
    ///
    /// # Errors
    /// `NoSuchHospital`; `Sign` with what the phone signs first; `Consent`.
    pub async fn code_for(&self, caller: &Caller, code: CodeFor) -> Result<NewCode, DecidingError> {
        let person = self.person(caller).await?;
        let membership = self.membership()?;
        if membership.member(&code.requester).is_none() {
            return Err(DecidingError::NoSuchHospital);
        }
        let links = self.linkage.home_links(&person.id).await?;
        let mut decision = Decision {
            patient: reference(&person),
            person: person.id,
            requester: code.requester,
            practitioner: code.practitioner,
            purpose: code.purpose,
            categories: code.shown.categories.unwrap_or(Scope::ALL),
            labels: labels(code.shown.sensitive),
            ends_at: whole(code.shown.until),
            responders: ticked(&code.shown.hospitals, &links),
        };
        let needed = self
            .consents
            .evidence_needed(&decision, &links, &membership)
            .await?;
        sign(&mut decision.responders, needed, &code.shown)?;
        Ok(self.consents.make_code(decision, links, membership).await?)
    }

    /// Takes back a code of the caller that nobody has used; `false` if there is none.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn withdraw_code(&self, caller: &Caller, id: &str) -> Result<bool, DecidingError> {
        Ok(self.consents.withdraw_code(own_id(caller)?, id).await?)
    }

    /// What the caller was asked in the last day, newest first.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn requests(&self, caller: &Caller) -> Result<Vec<PendingRequest>, DecidingError> {
        Ok(self.consents.requests(own_id(caller)?).await?)
    }

    /// Answers what the caller was asked.
    ///
    /// # Errors
    /// `Sign` with what the phone signs first; `Consent`, with `Unknown` for what is not theirs to
    /// answer, was answered or is over.
    pub async fn answer(
        &self,
        caller: &Caller,
        id: &str,
        answer: Answer,
    ) -> Result<(), DecidingError> {
        let person = own_id(caller)?;
        let membership = self.membership()?;
        let links = self.linkage.home_links(person).await?;
        let reply = match answer {
            Answer::Decline => Reply::Decline,
            Answer::Allow(shown) => {
                let mut allowance = Allowance {
                    responders: ticked(&shown.hospitals, &links),
                    categories: shown.categories.unwrap_or(Scope::ALL),
                    labels: labels(shown.sensitive),
                    ends_at: whole(shown.until),
                };
                let consents = &self.consents;
                let needed = consents
                    .allowance_needs(person, id, &allowance, &links, &membership)
                    .await?;
                sign(&mut allowance.responders, needed, &shown)?;
                Reply::Allow(allowance)
            }
        };
        let answered = self
            .consents
            .answer_request(person, id, reply, links, membership);
        Ok(answered.await?)
    }

    /// Makes a sheet of paper codes of the caller, good for `hospitals`; none is all linked ones.
    ///
    /// # Errors
    /// `Consent`, the database.
    pub async fn make_sheet(
        &self,
        caller: &Caller,
        hospitals: Vec<MemberId>,
    ) -> Result<NewSheet, DecidingError> {
        let person = self.person(caller).await?;
        let links = self.linkage.home_links(&person.id).await?;
        let of = (&person.id, reference(&person));
        let every = links.iter().map(|link| link.responder.clone());
        let hospitals = match hospitals.is_empty() {
            true => every.collect(),
            false => hospitals,
        };
        let made = self
            .consents
            .make_sheet((of.0, &of.1), hospitals, &links, ("person", None));
        Ok(made.await?)
    }

    /// The caller's sheets, and where their codes were used.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn paper(
        &self,
        caller: &Caller,
    ) -> Result<(Vec<Sheet>, Vec<PaperUse>), DecidingError> {
        let person = own_id(caller)?;
        let sheets = self.consents.sheets(person).await?;
        Ok((sheets, self.consents.paper_uses(person).await?))
    }

    /// Revokes a sheet of the caller; `false` if there is none.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn revoke_sheet(&self, caller: &Caller, id: &str) -> Result<bool, DecidingError> {
        Ok(self.consents.revoke_sheet(own_id(caller)?, id).await?)
    }

    /// Where the caller is known.
    ///
    /// # Errors
    /// `NotAPerson`, the database.
    pub async fn links(&self, caller: &Caller) -> Result<Vec<HomeLink>, DecidingError> {
        Ok(self.linkage.own_links(own_id(caller)?).await?)
    }

    async fn person(&self, caller: &Caller) -> Result<Person, DecidingError> {
        Ok(self.linkage.person(own_id(caller)?).await?)
    }

    fn membership(&self) -> Result<Arc<Membership>, DecidingError> {
        let known = self.directory.membership();
        known.ok_or(DecidingError::DirectoryExpired)
    }
}

fn own_id(caller: &Caller) -> Result<&PersonId, DecidingError> {
    match caller {
        Caller::Person { id, .. } => Ok(id),
        _staff => Err(DecidingError::NotAPerson),
    }
}

fn reference(person: &Person) -> String {
    format!("Patient/{}", person.patient_id)
}

/// What is signed says seconds.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_seconds(at.unix_seconds())
}

fn labels(sensitive: bool) -> LabelTerms {
    LabelTerms {
        normal: true,
        restricted: sensitive,
        ..LabelTerms::default()
    }
}

fn ticked(named: &[MemberId], links: &[HomeLink]) -> Vec<TickedResponder> {
    let every = links.iter().map(|link| link.responder.clone());
    let responders: Vec<MemberId> = match named.is_empty() {
        true => every.collect(),
        false => named.to_vec(),
    };
    responders
        .into_iter()
        .map(|responder| TickedResponder {
            responder,
            evidence: None,
        })
        .collect()
}

/// Puts the phone's signatures beside the hospitals; what is missing is to be signed first.
fn sign(
    responders: &mut [TickedResponder],
    needed: Vec<EvidenceNeeded>,
    shown: &Shown,
) -> Result<(), DecidingError> {
    for one in &needed {
        let mut signatures = shown.signatures.iter();
        let Some((_, signature)) = signatures.find(|(of, _)| *of == one.responder) else {
            return Err(DecidingError::Sign(needed));
        };
        let mut responders = responders.iter_mut();
        if let Some(ticked) = responders.find(|ticked| ticked.responder == one.responder) {
            ticked.evidence = Some(Evidence {
                scope: one.scope,
                until: one.until,
                signature: *signature,
            });
        }
    }
    Ok(())
}
