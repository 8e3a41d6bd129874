//! Asking in an emergency: who may, of whom, and what came.
//!
//! The physician's second factor, their open reviews and how often they asked today are judged here,
//! before anything is sent; the answering hospitals judge again what they can see.
//!
//! Source: CONSENT section 5.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::Membership;
use federation_protocol::emergency::{
    EMERGENCY_CAPABILITY, EMERGENCY_ROLE, EmergencyPatient, EmergencyQuestion, Reason,
};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::{Actor, EMERGENCY_PATH, ExchangeId};
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use futures_util::{FutureExt as _, StreamExt as _};

use super::asking::{Parts, hospital};
use super::directory::MemberDirectory;
use super::exchange::{Ask, Exchanges, random};
use super::manifest;
use super::merge::{self, Page, read_batch};
use super::outbound::{in_order, judged_by, silent};
use super::outcome::{Hospital, Part, PeerOutcome, Silence};
use super::query::{self, QueryError, Question};
use super::written;
use crate::access::{Access as Door, AccessRefusal, Act};
use crate::audit::{Kind, Line};
use crate::database::{Database, DatabaseError};
use crate::emergency::{Access, AskRefusal, Emergency, FactorError, Side};
use crate::identity::Caller;
use crate::keys::Keys;
use crate::records::{ResourceType, SearchQuery};

/// What stands in the manifest and its row where a grant would stand.
const WITHOUT_GRANT: &str = "emergency";

/// What asking in an emergency stands on.
pub(super) struct UrgentParts {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) keys: Arc<Keys>,
    pub(super) directory: MemberDirectory,
    pub(super) database: Database,
    pub(super) access: Door,
    pub(super) emergency: Emergency,
    pub(super) exchanges: Exchanges,
    pub(super) deadline: Duration,
}

/// Asks peers in emergencies, for this node's physicians.
pub struct AskingInEmergency {
    parts: UrgentParts,
}

/// What a physician asks in an emergency.
#[derive(Clone, Debug)]
pub struct Urgent {
    /// About whom.
    pub patient: EmergencyPatient,
    /// Why.
    pub reason: Option<Reason>,
    /// Of whom; empty is every active member.
    pub hospitals: Vec<MemberId>,
    /// `Type?parameters` each.
    pub queries: Vec<String>,
    /// The code that the physician's authenticator shows, where none was taken in the last 15 min.
    pub code: Option<String>,
    /// When they showed their passkey in this session, if they signed in by one.
    pub passkey: Option<Timestamp>,
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrgentError {
    /// The person is not described as it must be, or nothing is asked.
    #[error("say who it is: insured with its branch number, or kana, birthDate and gender")]
    Patient,
    /// No reason, or one that says nothing.
    #[error("a reason is needed: a code, and a text of 10 characters")]
    Reason,
    /// Not a question between members.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The type has no such parameter, or it is none for peers.
    #[error(transparent)]
    Parameter(#[from] crate::records::QueryError),
    /// This hospital's entry in the directory does not hold the capability.
    #[error("this hospital may not ask in an emergency: its entry does not hold `emergency`")]
    Capability,
    /// One that was named is no member that can be asked now, or there is none.
    #[error("no such hospital can be asked now")]
    Hospital,
    /// Who belongs is not known, or too long ago.
    #[error("the directory here is too old to ask anyone")]
    DirectoryExpired,
    /// This caller may not ask.
    #[error(transparent)]
    Access(#[from] AccessRefusal),
    /// The code was not taken.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// The physician may not ask now.
    #[error(transparent)]
    Refused(#[from] AskRefusal),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

/// A question that was let out.
pub(crate) struct Planned {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    practitioner: String,
    actor: Actor,
    reason: Reason,
    body: Vec<u8>,
    questions: Vec<Question>,
    pub(crate) hospitals: Vec<Hospital>,
}

impl AskingInEmergency {
    pub(super) fn new(parts: UrgentParts) -> Self {
        Self { parts }
    }

    /// Asks everyone named and waits for all: one merged searchset, with the signed manifest.
    ///
    /// # Errors
    /// Nothing was asked, or what came could not be written down.
    pub async fn ask(
        self: &Arc<Self>,
        caller: &Caller,
        urgent: Urgent,
    ) -> Result<String, UrgentError> {
        let planned = Arc::new(self.plan(caller, urgent).await?);
        let mut coming = self.send(&planned);
        let mut parts = Vec::new();
        while let Some(part) = coming.next().await {
            self.record(&planned, &part).await?;
            parts.push(part);
        }
        let (parts, manifest) = self.close(&planned, parts).await?;
        let is_all = !parts.iter().any(|part| match &part.outcome {
            PeerOutcome::Answered(answer) => answer.next.is_some(),
            _ => false,
        });
        let page = Page {
            self_url: "/api/v1/emergency",
            next_url: None,
            // The total is said only where nothing was left out.
            first: is_all,
            manifest: &manifest,
        };
        Ok(merge::bundle(&page, &parts))
    }

    /// Whether it may be asked, and of whom. Counted, and its review opened, when this returns.
    ///
    /// # Errors
    /// Nothing was asked.
    pub(crate) async fn plan(
        &self,
        caller: &Caller,
        urgent: Urgent,
    ) -> Result<Planned, UrgentError> {
        let practitioner = caller.id().unwrap_or_default().to_owned();
        let act = Act::AskInEmergency {
            practitioner: &practitioner,
        };
        let _permit = self.parts.access.permit(caller, act).await?;
        let reason = urgent.reason.filter(Reason::is_told);
        let reason = reason.ok_or(UrgentError::Reason)?;
        let question = EmergencyQuestion {
            patient: urgent.patient,
            reason: Some(reason.clone()),
            queries: urgent.queries,
        };
        let body = question.to_json();
        EmergencyQuestion::from_json(&body).or(Err(UrgentError::Patient))?;
        let questions = searches(&question.queries)?;
        let hospitals = self.hospitals(&urgent.hospitals, self.parts.clock.now())?;
        if let Some(code) = &urgent.code {
            self.parts.emergency.show(&practitioner, code).await?;
        }
        // Not earlier: a second factor that was shown after the question does not count for it.
        let at = self.parts.clock.now();
        let random = random().map_err(|_none| UrgentError::Entropy)?;
        let access = Access {
            id: ExchangeId::new(at, random).to_string(),
            side: Side::Asked,
            at,
            asker: self.parts.me.clone(),
            practitioner: practitioner.clone(),
            reason: reason.clone(),
            patient: None,
            shown: 0,
            closing: None,
        };
        let id = access.id.clone();
        let line = Line::new(Kind::Emergency, at, EMERGENCY_ROLE)
            .actor_id(&practitioner)
            .purpose(Purpose::Btg)
            .detail("act", "ask_in_emergency")
            .detail("access", id.as_str())
            .detail("reason", reason.code.as_str());
        let shown = self.parts.emergency.begin(access, line, urgent.passkey);
        let shown = shown.await?;
        let actor = Actor {
            id: Some(practitioner.clone()),
            role: EMERGENCY_ROLE.to_owned(),
            dept: None,
            acr: Some(shown.acr.to_owned()),
            at: Some(shown.at),
        };
        Ok(Planned {
            id,
            at,
            practitioner,
            actor,
            reason,
            body,
            questions,
            hospitals,
        })
    }

    /// The members to ask: those named, or every one that takes part.
    fn hospitals(&self, named: &[MemberId], at: Timestamp) -> Result<Vec<Hospital>, UrgentError> {
        let membership = self.parts.directory.membership();
        let membership = membership.ok_or(UrgentError::DirectoryExpired)?;
        if !membership.freshness(at).allows(Purpose::Btg) {
            return Err(UrgentError::DirectoryExpired);
        }
        let me = membership.member(&self.parts.me);
        let may_ask = me.is_some_and(|me| {
            let mut capabilities = me.capabilities.iter();
            capabilities.any(|capability| capability == EMERGENCY_CAPABILITY)
        });
        if !may_ask {
            return Err(UrgentError::Capability);
        }
        let others = askable(&membership, &self.parts.me, at);
        let asked: Vec<Hospital> = others
            .iter()
            .filter(|other| named.is_empty() || named.contains(other))
            .map(|other| hospital(Some(&membership), other))
            .collect();
        let each_is_there = named.iter().all(|one| others.contains(one));
        match each_is_there && !asked.is_empty() {
            true => Ok(asked),
            false => Err(UrgentError::Hospital),
        }
    }

    /// Sends the question out; the parts come in the order in which they end.
    pub(crate) fn send(self: &Arc<Self>, planned: &Arc<Planned>) -> Parts {
        let parts = Parts::new();
        for hospital in planned.hospitals.clone() {
            let (asking, planned) = (Arc::clone(self), Arc::clone(planned));
            let part = async move { asking.ask_one(&planned, &hospital).await };
            parts.push(part.boxed_local());
        }
        parts
    }

    async fn ask_one(&self, planned: &Planned, hospital: &Hospital) -> Part {
        let ask = Ask {
            path: EMERGENCY_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Btg,
            actor: planned.actor.clone(),
            consent: None,
            body: planned.body.clone(),
        };
        let to = &hospital.member;
        let exchanged = self.parts.exchanges.insist(to, &ask, self.parts.deadline);
        let exchanged = exchanged.await;
        if exchanged.exchange.is_none() {
            return silent(hospital.clone(), Silence::Unusable);
        }
        judged_by(hospital.clone(), exchanged, |body| {
            read_batch(body, &planned.questions, to).ok()
        })
    }

    /// Writes one exchange down: before its answer is shown.
    ///
    /// # Errors
    /// Not written: the answer must not be shown.
    pub(crate) async fn record(&self, planned: &Planned, part: &Part) -> Result<(), DatabaseError> {
        let line = Line::new(Kind::Query, self.parts.clock.now(), EMERGENCY_ROLE)
            .actor_id(&planned.practitioner)
            .purpose(Purpose::Btg)
            .detail("access", planned.id.as_str())
            .detail("manifest", planned.id.as_str());
        let line = written::told(line, part, self.parts.directory.is_stale());
        written::keep(&self.parts.database, line, part).await
    }

    /// The parts in the order in which the hospitals were asked, and the manifest, signed and kept.
    /// It names nobody whom the question was about. The review knows then how much came.
    ///
    /// # Errors
    /// Not kept.
    pub(crate) async fn close(
        &self,
        planned: &Planned,
        came: Vec<Part>,
    ) -> Result<(Vec<Part>, String), DatabaseError> {
        let hospitals = planned.hospitals.iter();
        let order: Vec<MemberId> = hospitals.map(|one| one.member.clone()).collect();
        let parts = in_order(came, &order);
        let shown = parts.iter().map(|part| match &part.outcome {
            PeerOutcome::Answered(answer) => answer.shown(),
            _ => 0,
        });
        self.parts.emergency.ended(&planned.id, shown.sum()).await?;
        let jws = self.manifest(planned, &parts).await?;
        Ok((parts, jws))
    }

    async fn manifest(&self, planned: &Planned, parts: &[Part]) -> Result<String, DatabaseError> {
        let types: Vec<&str> = planned
            .questions
            .iter()
            .map(|question| question.resource_type)
            .collect();
        let mut claims = manifest::claims(
            &manifest::Question {
                id: &planned.id,
                asker: self.parts.me.as_str(),
                grant: WITHOUT_GRANT,
                purpose: Purpose::Btg.as_str(),
                practitioner: &planned.practitioner,
                role: EMERGENCY_ROLE,
                query: &types.join(" "),
                at: planned.at,
            },
            parts,
        );
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("reason".into(), planned.reason.code.as_str().into());
        }
        let place = written::Place {
            id: &planned.id,
            grant: WITHOUT_GRANT,
            at: planned.at,
        };
        written::sign(&self.parts.database, &self.parts.keys, &place, &claims).await
    }
}

/// The asker refuses what every answerer would.
fn searches(queries: &[String]) -> Result<Vec<Question>, UrgentError> {
    let questions = query::searches(queries)?;
    for question in &questions {
        let kind = ResourceType::named(question.resource_type).ok_or(QueryError::Type)?;
        SearchQuery::of_question(kind, &question.filters)?;
    }
    Ok(questions)
}

/// Every other member that takes part now, in the order of their ids.
fn askable(membership: &Membership, me: &MemberId, at: Timestamp) -> BTreeSet<MemberId> {
    let takes_part = |id: &MemberId| {
        let state = membership.state(id, at);
        state.is_some_and(federation_protocol::member::MemberState::takes_part)
    };
    let members = membership.members().map(|member| &member.id);
    members
        .filter(|id| *id != me && takes_part(id))
        .cloned()
        .collect()
}
