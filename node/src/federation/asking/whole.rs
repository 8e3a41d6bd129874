//! A physician opens a person's chart at every hospital of a grant: each is asked for everything in
//! one question, so one exchange, one audit line and one row on the screen are the same thing.
//!
//! What came may be kept by who asked for the length of a visit; whether the consent behind it still
//! stands is asked of its home's status list, as every answering hospital does.
//!
//! Source: docs/WIRE.md section 4.3.

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;
use federation_protocol::token::ParsedToken;
use federation_service::clock::Stopwatch;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;

use super::{AskError, Asking, Planned, hospital};
use crate::access::Act;
use crate::database::DatabaseError;
use crate::federation::exchange::Ask;
use crate::federation::held::{HeldGrant, HeldToken};
use crate::federation::inbound::FHIR_PATH;
use crate::federation::merge::{read_batch, read_own};
use crate::federation::outbound::{Asked, judged_by, silent};
use crate::federation::outcome::{Answer, Hospital, Part, PeerOutcome, Silence};
use crate::federation::query::{MOST_ENTRIES, Question, batch_body};
use crate::federation::standing::Standings;
use crate::federation::written;
use crate::identity::Caller;
use crate::records::{Address, LogicalId, RecordsError, ResourceType, SearchQuery};

/// What is asked of other hospitals.
const OF_OTHERS: [&str; 7] = [
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Procedure",
];

/// What is read of the own chart: what never leaves a hospital by a question, too.
const OF_ONESELF: [&str; 12] = [
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Procedure",
    "Encounter",
    "DocumentReference",
    "Composition",
    "MedicationAdministration",
    "ImagingStudy",
];

/// The question for a whole chart, planned.
pub struct Whole {
    planned: Planned,
    questions: Vec<Question>,
    only: Option<MemberId>,
}

/// The parts of it as they come. Not tied to a thread: polled where it was made.
pub type WholeParts = FuturesUnordered<LocalBoxFuture<'static, Part>>;

/// Whether the consent under a grant stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// As far as the home's list says, which is at most its `ttl` old.
    Yes,
    /// The person took it back, or it ended. What was shown under it must go.
    No,
    /// The home cannot be asked; what is there may be shown until it ends by itself.
    Unknown,
}

impl Whole {
    /// Every hospital that will have a part, the own chart first; the flag marks it.
    #[must_use]
    pub fn hospitals(&self) -> Vec<(Hospital, bool)> {
        let hospitals = self.planned.hospitals();
        hospitals
            .map(|(hospital, own)| (hospital.clone(), own))
            .filter(|(hospital, _)| self.wants(&hospital.member))
            .collect()
    }

    /// The grant that it is asked under.
    #[must_use]
    pub fn grant(&self) -> &HeldGrant {
        &self.planned.grant
    }

    /// When it was asked.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.planned.at
    }

    /// The same question to one hospital alone, such as one that did not answer.
    #[must_use]
    pub fn only(self, member: MemberId) -> Self {
        Self {
            only: Some(member),
            ..self
        }
    }

    fn wants(&self, member: &MemberId) -> bool {
        self.only.as_ref().is_none_or(|only| only == member)
    }

    fn query(&self) -> String {
        let each = self.questions.iter();
        let each = each.map(|one| format!("{}?{}", one.resource_type, one.to_form()));
        each.collect::<Vec<_>>().join(" ")
    }
}

impl Asking {
    /// The member that asks.
    #[must_use]
    pub fn me(&self) -> &MemberId {
        &self.parts.me
    }

    /// The grant `id` of `caller`, with the hospitals that it names.
    ///
    /// # Errors
    /// `NoSuchGrant` for one that is unknown, another's or forgotten; `Database`.
    pub async fn grant(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(HeldGrant, Vec<Hospital>), AskError> {
        let (grant, tokens) = self.held_by(caller, id).await?;
        let membership = self.parts.directory.membership();
        let responders = tokens.iter().map(|token| &token.responder);
        let hospitals = responders.map(|member| hospital(membership.as_deref(), member));
        Ok((grant, hospitals.collect()))
    }

    async fn held_by(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(HeldGrant, Vec<HeldToken>), AskError> {
        let practitioner = caller.id().unwrap_or_default();
        let found = self
            .held
            .of(id, practitioner, self.parts.clock.now())
            .await?;
        found.ok_or(AskError::NoSuchGrant)
    }

    /// The grants that `caller` holds and that are not forgotten, the newest first.
    ///
    /// # Errors
    /// `Database`.
    pub async fn grants(&self, caller: &Caller) -> Result<Vec<HeldGrant>, AskError> {
        let listed = self.list(caller).await?;
        Ok(listed.into_iter().map(|(grant, _)| grant).collect())
    }

    /// Whether and whom to ask for a whole chart.
    ///
    /// # Errors
    /// Nothing was asked.
    pub async fn plan_whole(&self, caller: &Caller, grant: &str) -> Result<Whole, AskError> {
        let questions = OF_OTHERS.map(|resource_type| Question {
            resource_type,
            filters: Vec::new(),
            count: MOST_ENTRIES,
            cursor: None,
        });
        let [first, ..] = questions.clone();
        Ok(Whole {
            planned: self.plan(caller, grant, first).await?,
            questions: questions.into(),
            only: None,
        })
    }

    /// Sends it out; the parts come in the order in which they end.
    pub fn send_whole(self: &Arc<Self>, whole: &Whole) -> WholeParts {
        let parts = WholeParts::new();
        let others = whole.planned.hospitals.iter();
        for asked in others.filter(|asked| whole.wants(&asked.hospital.member)) {
            parts.push(self.ask_whole(whole, asked.clone()));
        }
        if let Some((hospital, patient, _)) = whole.planned.own.clone()
            && whole.wants(&hospital.member)
        {
            let (asking, actor) = (Arc::clone(self), whole.planned.actor.id.clone());
            let part = async move {
                let watch = Stopwatch::start();
                let mut part = silent(hospital, Silence::OwnChartUnavailable);
                part.own = true;
                part.outcome = asking.own_whole(actor.unwrap_or_default(), &patient).await;
                part.duration_ms = watch.elapsed_ms();
                part
            };
            parts.push(part.boxed_local());
        }
        parts
    }

    fn ask_whole(&self, whole: &Whole, asked: Asked) -> LocalBoxFuture<'static, Part> {
        let deadline = self.parts.query_timeout.min(self.parts.peer_timeout);
        let (exchanges, questions) = (self.parts.exchanges.clone(), whole.questions.clone());
        let (purpose, actor) = (whole.planned.grant.purpose, whole.planned.actor.clone());
        let part = async move {
            let Some(token) = asked.token else {
                return silent(asked.hospital, Silence::TokenExpired);
            };
            let ask = Ask {
                path: FHIR_PATH.to_owned(),
                content_type: federation_service::problem::FHIR_JSON,
                purpose,
                actor,
                consent: Some(token.token),
                body: batch_body(&questions).into_bytes(),
            };
            let member = asked.hospital.member.clone();
            let exchanged = exchanges.ask(&member, &ask, deadline).await;
            judged_by(asked.hospital, exchanged, |body| {
                read_batch(body, &questions, &member).ok()
            })
        };
        part.boxed_local()
    }

    /// The own chart, under this node's own access rules: one permit and audit line for all of it.
    async fn own_whole(&self, physician: String, patient: &str) -> PeerOutcome {
        match self.read_own_whole(physician, patient).await {
            Some(answer) => PeerOutcome::Answered(answer),
            None => PeerOutcome::Silent(Silence::OwnChartUnavailable),
        }
    }

    async fn read_own_whole(&self, physician: String, patient: &str) -> Option<Answer> {
        let address = Address {
            kind: ResourceType::named("Patient")?,
            id: LogicalId::parse(patient)?,
        };
        let failed = |error: RecordsError| tracing::error!("the own chart cannot be read: {error}");
        let chart = self
            .parts
            .records
            .chart_of(&address)
            .await
            .map_err(failed)
            .ok()?;
        let caller = Caller::Physician { id: physician };
        let of = address.to_string();
        let act = Act::Everything {
            of: &of,
            patient: chart,
        };
        let permit = self.parts.access.permit(&caller, act).await.ok()?;
        let mut whole = Answer::default();
        let count = MOST_ENTRIES.to_string();
        for name in OF_ONESELF {
            let kind = ResourceType::named(name)?;
            let query = SearchQuery::parse(kind, &[("_count", count.as_str())]).ok()?;
            let query = query.in_chart_of(LogicalId::parse(patient)?);
            let page = self
                .parts
                .records
                .search(&permit, query)
                .await
                .map_err(failed)
                .ok()?;
            let entries = page.entries.iter();
            let entries = entries.map(|entry| read_own(&entry.raw, &self.parts.me));
            whole.entries.extend(entries.collect::<Option<Vec<_>>>()?);
            whole.next = whole.next.or(page.next);
        }
        Some(whole)
    }

    /// Writes one exchange down: before its answer is shown.
    ///
    /// # Errors
    /// Not written: the answer must not be shown.
    pub async fn record_whole(&self, whole: &Whole, part: &Part) -> Result<(), DatabaseError> {
        let types = match part.own {
            true => OF_ONESELF.join(" "),
            false => OF_OTHERS.join(" "),
        };
        let line = self.line(&whole.planned, part).detail("type", types);
        written::keep(&self.parts.database, line, part).await
    }

    /// Signs the manifest of the whole question and keeps it: whom was asked, and how each ended.
    ///
    /// # Errors
    /// Not kept.
    pub async fn close_whole(
        &self,
        whole: &Whole,
        came: Vec<Part>,
    ) -> Result<String, DatabaseError> {
        let parts = whole.planned.in_order(came);
        self.sign_and_keep(&whole.planned, &whole.query(), &parts)
            .await
    }

    /// Whether the consent under `grant` still stands, by the status list of its home.
    ///
    /// # Errors
    /// `NoSuchGrant`; `Database`.
    pub(in crate::federation) async fn stands(
        &self,
        caller: &Caller,
        grant: &str,
        standings: &Standings,
    ) -> Result<Stands, AskError> {
        let (_, tokens) = self.held_by(caller, grant).await?;
        let now = self.parts.clock.now();
        let Some(membership) = self.parts.directory.membership() else {
            return Ok(Stands::Unknown);
        };
        let mut stands = Stands::Yes;
        for token in tokens.iter().filter(|token| token.expires_at > now) {
            let signed = ParsedToken::parse(&token.token)
                .and_then(|parsed| parsed.check_signature(&*membership, now));
            let Ok(signed) = signed else {
                return Ok(Stands::No);
            };
            let claims = signed.claims();
            if standings.is_revoked(&claims.iss, &claims.jti) {
                return Ok(Stands::No);
            }
            let list = &claims.status.status_list;
            match standings
                .check(&claims.iss, &list.uri, list.idx, &membership)
                .await
            {
                Ok(()) => {}
                Err(Refusal::TokenRevoked) => return Ok(Stands::No),
                Err(_) => stands = Stands::Unknown,
            }
        }
        Ok(stands)
    }
}
