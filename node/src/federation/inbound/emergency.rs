//! `POST /federation/v1/emergency/fhir`: a question without a consent token.
//!
//! What keeps it from being a way round consent: who may ask is the directory's word, each question
//! counts whether or not it meets anybody, only one certain chart is opened, no further than its
//! person allows for emergencies, and the person and both houses' officers learn of it.
//!
//! Nobody, several and denied are one answer, at one pace: what is written down of it is written
//! before the wait.
//!
//! Source: CONSENT section 5; PROTOCOL section 4.

use federation_protocol::Verified;
use federation_protocol::emergency::{EMERGENCY_CAPABILITY, EmergencyQuestion, Reason, Standing};
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Request, SignedAnswer};
use federation_service::clock::Stopwatch;
use federation_service::problem::FHIR_JSON;

use super::{Inbound, pace};
use crate::audit::{self, Kind, Line};
use crate::database::DatabaseError;
use crate::emergency::{Access, Emergency, Side};
use crate::federation::answer::batch_response;
use crate::federation::exchange::random;
use crate::federation::opening::Opened;
use crate::federation::query::{self, Question};
use crate::federation::replay::SeenNonce;
use crate::federation::store;
use federation_protocol::signature::ExchangeId;

/// The outcome in the audit of a question that met no one certain chart.
const NO_MATCH: &str = "no_match";

/// A question that may be answered.
struct Admitted {
    question: EmergencyQuestion,
    questions: Vec<Question>,
    reason: Reason,
}

impl Inbound {
    /// Checks 11 to 14 of an emergency question, and its answer.
    pub(super) async fn answer_emergency(
        &self,
        request: &Verified<Request>,
        pair: SeenNonce,
        watch: &Stopwatch,
    ) -> Result<SignedAnswer, Refusal> {
        let admitted = match self.admit_emergency(request) {
            Ok(admitted) => admitted,
            Err(refusal) => return Err(self.written(request, refusal, Some(pair)).await),
        };
        let (from, now) = (request.from.clone(), self.now());
        // Counted before anything is looked for, with the nonce: a miss counts, a crash too.
        let count = move |connection: &mut _| Emergency::is_one_too_many(connection, &from, now);
        if self.once(request, pair, count).await? {
            return Err(self.written(request, Refusal::BtgRateLimited, None).await);
        }
        let patient = &admitted.question.patient;
        let opening = &self.parts.opening;
        let opened = opening
            .open_in_emergency(request, patient, &admitted.questions)
            .await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(refusal) => return Err(self.written(request, refusal, None).await),
        };
        let shows_nothing = opened.shown == 0;
        let answer = self.close_emergency(request, admitted, opened).await?;
        if shows_nothing {
            pace::until_the_next_step(watch, self.parts.empty_answer_step).await;
        }
        Ok(answer)
    }

    fn admit_emergency(&self, request: &Request) -> Result<Admitted, Refusal> {
        let membership = self.parts.directory.membership();
        let membership = membership.ok_or(Refusal::DirectoryExpired)?;
        let asker = membership.member(&request.from);
        let standing = Standing {
            is_answered_here: self.parts.answers_emergencies,
            may_ask: asker.is_some_and(|asker| {
                let mut capabilities = asker.capabilities.iter();
                capabilities.any(|capability| capability == EMERGENCY_CAPABILITY)
            }),
        };
        let (question, reason) =
            EmergencyQuestion::admit(&request.body, standing, &request.actor, self.now())?;
        let questions = query::searches(&question.queries).or(Err(Refusal::QueryNotAllowed))?;
        Ok(Admitted {
            question,
            questions,
            reason,
        })
    }

    /// Signs the answer and gives it out once its audit line, its evidence, its review and what is
    /// owed to the person are durable, in one transaction.
    async fn close_emergency(
        &self,
        request: &Verified<Request>,
        admitted: Admitted,
        opened: Opened,
    ) -> Result<SignedAnswer, Refusal> {
        let types: Vec<&str> = admitted
            .questions
            .iter()
            .map(|question| question.resource_type)
            .collect();
        let body = batch_response(&opened.searchsets).into_bytes();
        let signed = self.sign(&request.binding, 200, FHIR_JSON, body);
        let Ok(answer) = signed else {
            return Err(self.written(request, Refusal::AuditUnavailable, None).await);
        };
        let line = self
            .line(request, Kind::Disclosure)
            .detail("types", types.join(" "))
            .detail("reason", admitted.reason.code.as_str())
            .detail("answer_digest", digest_of(&answer));
        let line = told(line, &opened);
        let access = self.access(request, admitted.reason, &opened)?;
        let evidence = self.evidence(request, &answer);
        let emergency = self.parts.emergency.clone();
        let written = self.parts.database.transact(move |connection| {
            audit::append(connection, &line)?;
            store::evidence::keep(connection, &evidence)?;
            match &access {
                Some(access) => emergency.note_answer(connection, access),
                None => Ok::<(), DatabaseError>(()),
            }
        });
        if let Err(error) = written.await {
            tracing::error!(exchange.id = %request.exchange, "nothing is answered: {error}");
            return Err(Refusal::AuditUnavailable);
        }
        let outcome = match opened.patient {
            Some(_) => "matched",
            None => "unmatched",
        };
        let metrics = self.parts.emergency.metrics();
        metrics.question(Side::Answered, outcome);
        Ok(answer)
    }

    /// What is kept of a question that met a chart: its review, and its notices' text.
    fn access(
        &self,
        request: &Request,
        reason: Reason,
        opened: &Opened,
    ) -> Result<Option<Access>, Refusal> {
        let Some(patient) = opened.patient else {
            return Ok(None);
        };
        let random = random().or(Err(Refusal::AuditUnavailable))?;
        Ok(Some(Access {
            id: ExchangeId::new(self.now(), random).to_string(),
            side: Side::Answered,
            at: self.now(),
            asker: request.from.clone(),
            practitioner: request.actor.id.clone().unwrap_or_default(),
            reason,
            patient: Some(patient),
            shown: i64::try_from(opened.shown).unwrap_or(i64::MAX),
            closing: None,
        }))
    }
}

fn told(line: Line, opened: &Opened) -> Line {
    let line = line.shown(opened.shown).withheld(opened.withheld);
    match opened.patient {
        Some(patient) => line.patient(patient),
        None => line.outcome(NO_MATCH),
    }
}

fn digest_of(answer: &SignedAnswer) -> String {
    let mut headers = answer.headers.iter();
    let digest = headers.find(|(name, _)| *name == "content-digest");
    digest.map(|(_, value)| value.clone()).unwrap_or_default()
}
