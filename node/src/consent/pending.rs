//! Open codes: they name nobody. Who hands one in asks; the person answers on their phone, and the
//! answer makes the directive, not the code.
//!
//! Source: CONSENT section 4, point 2; docs/WIRE.md section 3.5.

use std::sync::Arc;

use federation_protocol::base64url;
use federation_protocol::category::Scope;
use federation_protocol::consent::{LabelTerms, Practitioner};
use federation_protocol::directory::Membership;
use federation_protocol::grants::{GrantAnswer, PendingReply, ShownCode};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;

use super::change::first_version;
use super::grant::CodeDigest;
use super::mint::random;
use super::own_view::LONGEST_OWN_VIEW_SECONDS;
use super::redeem::{Asker, MISS_WINDOW_SECONDS, MOST_MISSES};
use super::visit::check_evidence;
use super::{
    Answer, CODE_LIFE_SECONDS, ConsentError, Consents, Decision, EvidenceNeeded, HomeLink, LinksOf,
    Redemption, Subject, TickedResponder, store,
};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

/// Seconds in which the person can answer.
pub const ANSWER_SECONDS: i64 = 300;
/// Seconds after that in which the requester can still fetch what was allowed.
const FETCH_SECONDS: i64 = 300;

/// A code that was just made: shown once.
pub struct NewCode {
    /// Its id: withdraws it.
    pub id: String,
    /// Both forms.
    pub code: ShownCode,
    /// Until when it can be handed in.
    pub expires_at: Timestamp,
}

/// An open code that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenCode {
    pub(super) id: String,
    pub(super) person: PersonId,
    pub(super) patient: String,
}

/// Somebody asks to see a person's records, and waits for the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingRequest {
    /// Its id: 16 random bytes in base64url.
    pub id: String,
    /// Who is asked.
    pub person: PersonId,
    /// What a Consent calls them: `Patient/<id>`.
    pub patient: String,
    /// Which hospital asks.
    pub requester: MemberId,
    /// Which of its practitioners.
    pub practitioner: Practitioner,
    /// What people call them, by that hospital's word.
    pub name: Option<String>,
    /// What for.
    pub purpose: Purpose,
    /// Which kinds of data are asked for.
    pub categories: Scope,
    /// Since when.
    pub asked_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// What was answered, if anything was.
    pub answered: Option<Answered>,
}

/// What a person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// No.
    Declined,
    /// Yes: the grant that came of it.
    Allowed(String),
}

/// What a person answers to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// No.
    Decline,
    /// Yes, so far.
    Allow(Allowance),
}

/// How far a person says yes.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowance {
    /// From which hospitals, with the phone's signature where one is needed.
    pub responders: Vec<TickedResponder>,
    /// Which kinds of data; what was not asked for is not given.
    pub categories: Scope,
    /// How sensitive.
    pub labels: LabelTerms,
    /// Until when.
    pub ends_at: Timestamp,
}

impl PendingRequest {
    /// Whether the person can still answer at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.answered.is_none() && now < self.expires_at
    }

    fn decision(&self, allowance: &Allowance) -> Decision {
        Decision {
            person: self.person.clone(),
            patient: self.patient.clone(),
            requester: self.requester.clone(),
            practitioner: Some(self.practitioner.clone()),
            purpose: self.purpose,
            categories: allowance.categories.and(self.categories),
            labels: allowance.labels,
            ends_at: allowance.ends_at,
            responders: allowance.responders.clone(),
        }
    }
}

impl Consents {
    /// Makes an open code of `person`, whose chart here is `Patient/<id>`: 5 minutes, one use. An
    /// unused one before it is over.
    ///
    /// # Errors
    /// `Entropy`, `Database`.
    pub async fn open_code(
        &self,
        person: &PersonId,
        patient: &str,
    ) -> Result<NewCode, ConsentError> {
        let now = self.clock.now();
        let code = ShownCode::new(random()?, random()?);
        let digests = CodeDigest::both(&code, &self.keys);
        let expires_at = now.plus_seconds(CODE_LIFE_SECONDS);
        let open = OpenCode {
            id: uuid::Uuid::new_v4().to_string(),
            person: person.clone(),
            patient: patient.to_owned(),
        };
        let id = open.id.clone();
        self.database
            .transact(move |connection| {
                store::pending::end_open_codes(connection, &open.person, now)?;
                store::pending::insert_open_code(connection, &open, &digests, now, expires_at)?;
                let line = Line::new(Kind::Grant, now, "person")
                    .person(open.person.as_str())
                    .outcome("open_code_created")
                    .detail("code", open.id.as_str());
                audit::append(connection, &line)?;
                Ok::<_, ConsentError>(())
            })
            .await?;
        Ok(NewCode {
            id,
            code,
            expires_at,
        })
    }

    /// Takes back a code of `person` that nobody has used; `false` if there is none.
    ///
    /// # Errors
    /// `Database`.
    pub async fn withdraw_code(&self, person: &PersonId, id: &str) -> Result<bool, ConsentError> {
        let now = self.clock.now();
        let (person, id) = (person.clone(), id.to_owned());
        self.database
            .transact(move |connection| {
                let ended = store::codes::end_code(connection, &person, &id, now)?
                    || store::pending::end_open_code(connection, &person, &id, now)?;
                if ended {
                    let line = Line::new(Kind::Grant, now, "person")
                        .person(person.as_str())
                        .outcome("code_withdrawn")
                        .detail("code", id.as_str());
                    audit::append(connection, &line)?;
                }
                Ok(ended)
            })
            .await
    }

    /// The requests of the last day that `person` was asked, newest first, answered ones too.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn requests(&self, person: &PersonId) -> Result<Vec<PendingRequest>, DatabaseError> {
        let (person, since) = (person.clone(), self.clock.now().plus_seconds(-86_400));
        self.database
            .read(move |connection| store::pending::of_person(connection, &person, since))
            .await
    }

    /// What the person's phone signs before this allowance counts: nothing, unless the requester
    /// could otherwise mint for itself.
    ///
    /// # Errors
    /// `Unknown` for what is no open request of this person; `NoLink`, `Ended`, `Refused`.
    pub async fn allowance_needs(
        &self,
        person: &PersonId,
        id: &str,
        allowance: &Allowance,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Vec<EvidenceNeeded>, ConsentError> {
        let (person, id) = (person.clone(), id.to_owned());
        let (allowance, links) = (allowance.clone(), links.to_vec());
        let (consents, membership) = (self.clone(), membership.clone());
        self.database
            .read(move |connection| {
                let asked = consents.open_request(connection, &person, &id)?;
                let decision = asked.decision(&allowance);
                let scope = consents.allowed(connection, &decision, &links, &membership)?;
                consents.evidence_for(&decision, scope, &links, &membership)
            })
            .await
    }

    /// Answers a request as `person`: a yes writes the Consent and the grant, once.
    ///
    /// # Errors
    /// `Unknown` for what is no open request of this person, answered before or too late;
    /// `NoLink`, `Ended`, `Refused` if the yes would show nothing; `Evidence` if the phone's
    /// signature is missing or does not fit.
    pub async fn answer_request(
        &self,
        person: &PersonId,
        id: &str,
        reply: Reply,
        links: Vec<HomeLink>,
        membership: Arc<Membership>,
    ) -> Result<(), ConsentError> {
        let (person, id) = (person.clone(), id.to_owned());
        let consents = self.clone();
        self.database
            .transact(move |connection| {
                let asked = consents.open_request(connection, &person, &id)?;
                match &reply {
                    Reply::Decline => consents.decline(connection, &asked),
                    Reply::Allow(allowance) => {
                        let decision = asked.decision(allowance);
                        consents.allow(connection, &asked, &decision, &links, &membership)
                    }
                }
            })
            .await?;
        self.changed();
        Ok(())
    }

    fn open_request(
        &self,
        connection: &mut HospitalConnection,
        person: &PersonId,
        id: &str,
    ) -> Result<PendingRequest, ConsentError> {
        let now = self.clock.now();
        let found = store::pending::find(connection, id)?;
        found
            .filter(|asked| asked.person == *person && asked.is_open(now))
            .ok_or(ConsentError::Unknown)
    }

    fn decline(
        &self,
        connection: &mut HospitalConnection,
        asked: &PendingRequest,
    ) -> Result<(), ConsentError> {
        let now = self.clock.now();
        if !store::pending::answer(connection, &asked.id, &Answered::Declined, now)? {
            return Err(ConsentError::Unknown);
        }
        audit::append(connection, &line(asked, "request_declined", now))?;
        Ok(())
    }

    fn allow(
        &self,
        connection: &mut HospitalConnection,
        asked: &PendingRequest,
        decision: &Decision,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<(), ConsentError> {
        let now = self.clock.now();
        let scope = self.allowed(connection, decision, links, membership)?;
        for needed in self.evidence_for(decision, scope, links, membership)? {
            check_evidence(decision, &needed)?;
        }
        let practitioner = Some(&asked.practitioner);
        let draft = self.draft_of(decision, practitioner, membership, now)?;
        let stored = first_version(&Subject::Person(asked.person.clone()), &draft, now)?;
        store::directives::write(connection, &stored)?;
        let grant = self.keep_decided(connection, decision, practitioner, &stored.id, now)?;
        let answered = Answered::Allowed(grant.id.clone());
        if !store::pending::answer(connection, &asked.id, &answered, now)? {
            return Err(ConsentError::Unknown);
        }
        let line = line(asked, "request_allowed", now)
            .detail("grant", grant.id.as_str())
            .detail("directive", grant.directive.as_str());
        audit::append(connection, &line)?;
        Ok(())
    }

    /// What a yes lets out today, of what was asked for.
    fn allowed(
        &self,
        connection: &mut HospitalConnection,
        decision: &Decision,
        links: &[HomeLink],
        membership: &Membership,
    ) -> Result<Scope, ConsentError> {
        let longest = self.clock.now().plus_seconds(LONGEST_OWN_VIEW_SECONDS);
        if decision.ends_at > longest {
            return Err(ConsentError::Ended);
        }
        if decision.responders.is_empty() {
            return Err(ConsentError::Refused(Refusal::ConsentNotGranted));
        }
        if decision.categories.is_empty() {
            return Err(ConsentError::Refused(Refusal::ScopeNotGranted));
        }
        self.scope_of(connection, decision, links, membership)
    }

    /// An open code in right hands: the person is asked.
    pub(super) fn ask_person(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        open: &OpenCode,
        now: Timestamp,
    ) -> Result<Answer, ConsentError> {
        let (asker, request) = (Asker(redemption), &redemption.request);
        let of = Some(&open.person);
        if !matches!(request.purpose, Purpose::Treat | Purpose::Etreat) {
            return asker.refuse(connection, Refusal::ConsentNotGranted, of, now);
        }
        let Some(practitioner) = request.practitioner.clone() else {
            return asker.refuse(connection, Refusal::PractitionerMismatch, of, now);
        };
        if !store::pending::use_open_code(connection, &open.id, now)? {
            return asker.refuse(connection, Refusal::CodeUnknown, None, now);
        }
        let whole = Timestamp::from_unix_seconds(now.unix_seconds());
        let asked = PendingRequest {
            id: base64url::encode(random::<16>()?),
            person: open.person.clone(),
            patient: open.patient.clone(),
            requester: redemption.requester.clone(),
            practitioner,
            name: request.name.clone(),
            purpose: request.purpose,
            categories: request.categories.iter().copied().collect(),
            asked_at: now,
            expires_at: whole.plus_seconds(ANSWER_SECONDS),
            answered: None,
        };
        store::pending::insert(connection, &asked, &open.id)?;
        let line = asker
            .about(Kind::Grant, "request_pending", now)
            .person(asked.person.as_str())
            .detail("request", asked.id.as_str())
            .detail("code", open.id.as_str());
        audit::append(connection, &line)?;
        Ok(Ok(self.waits(&asked)))
    }

    /// A requester comes back: has the person answered? While they have not, nothing is written:
    /// nothing is told either that it did not know.
    pub(super) fn look_again(
        &self,
        connection: &mut HospitalConnection,
        redemption: &Redemption,
        id: &str,
        links_of: LinksOf,
        membership: &Membership,
    ) -> Result<Answer, ConsentError> {
        let now = self.clock.now();
        let asker = Asker(redemption);
        let since = now.plus_seconds(-MISS_WINDOW_SECONDS);
        if store::codes::misses(connection, &redemption.requester, since)? >= MOST_MISSES {
            return asker.refuse(connection, Refusal::CodeLocked, None, now);
        }
        let found = store::pending::find(connection, id)?;
        let Some(asked) = found.filter(|asked| is_theirs(asked, redemption)) else {
            store::codes::add_miss(connection, &redemption.requester, now, since)?;
            return asker.refuse(connection, Refusal::CodeUnknown, None, now);
        };
        match &asked.answered {
            None if now < asked.expires_at => Ok(Ok(self.waits(&asked))),
            Some(Answered::Allowed(grant))
                if now < asked.expires_at.plus_seconds(FETCH_SECONDS) =>
            {
                self.renew_grant(connection, redemption, grant, links_of, membership)
            }
            _declined_or_late => {
                asker.refuse(connection, Refusal::CodeUnknown, Some(&asked.person), now)
            }
        }
    }

    fn waits(&self, asked: &PendingRequest) -> GrantAnswer {
        GrantAnswer::Pending(PendingReply {
            pending: asked.id.clone(),
            home: self.me.clone(),
            purpose: asked.purpose,
            expires: asked.expires_at,
        })
    }
}

/// Whether who comes back is who asked, for the same.
fn is_theirs(asked: &PendingRequest, redemption: &Redemption) -> bool {
    let request = &redemption.request;
    asked.requester == redemption.requester
        && request.practitioner.as_ref() == Some(&asked.practitioner)
        && request.purpose == asked.purpose
        && request.categories.iter().copied().collect::<Scope>() == asked.categories
}

fn line(asked: &PendingRequest, outcome: &'static str, now: Timestamp) -> Line {
    Line::new(Kind::Grant, now, "person")
        .person(asked.person.as_str())
        .peer(&asked.requester)
        .purpose(asked.purpose)
        .outcome(outcome)
        .detail("request", asked.id.as_str())
        .detail("practitioner", asked.practitioner.id.as_str())
}
