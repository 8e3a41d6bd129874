//! Answering a peer: checks 10 to 14 behind the door, then the signed answer.
//!
//! Order is everything here. The replay window is asked before anything is read, the audit line and
//! the nonce are durable before anything is answered, and no answer says more than the permit.
//!
//! Source: PROTOCOL section 4.

mod closing;
mod cosigning;
mod emergency;
mod granting;
mod linking;
mod looking;
mod noticing;
mod pace;
mod revoking;

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::Verified;
use federation_protocol::accesses::ACCESSES_PATH;
use federation_protocol::emergency::NOTICES_PATH;
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
pub use federation_protocol::signature::ECHO_PATH;
use federation_protocol::signature::{
    DraftError, EMERGENCY_PATH, Request, RequestBinding, SignedAnswer,
};
use federation_protocol::time::Timestamp;
use federation_service::clock::{SharedClock, Stopwatch};
use federation_service::problem::FHIR_JSON;
use federation_service::signed::{
    DEFAULT_BODY_TIMEOUT, Door, DoorSettings, Media, Paths, RateLimit, Refused,
};

use super::answer::batch_response;
use super::cosigning::CHECKPOINTS_PATH;
use super::directory::MemberDirectory;
use super::echo::echo;
use super::metrics::FederationMetrics;
use super::opening::Opening;
use super::query::{self, Question};
use super::receipts::Receipts;
use super::redeeming::Redeeming;
use super::replay::{Amnesia, ReplayWindow, SeenNonce};
use super::revocations::{REVOCATIONS_PATH, Revocations};
use super::store;
use super::unlinking::LINKS_PATH;
use crate::audit::{Kind, Line};
use crate::database::{Database, DatabaseError, last_restore};
use crate::emergency::Emergency;
use crate::keys::Keys;
use crate::linkage::desk::Desk;

/// The path where visit codes are redeemed.
pub const GRANTS_PATH: &str = "/federation/v1/grants";
/// The path where members compare the exchanges of a day.
pub const RECEIPTS_PATH: &str = "/federation/v1/receipts";
/// The path of a batch; searches stand below it.
pub const FHIR_PATH: &str = "/federation/v1/fhir";
/// How many refusals of strangers are counted for one that is logged.
const SAMPLED: u64 = 100;

/// What answering stands on.
pub struct InboundParts {
    /// The member that answers.
    pub me: MemberId,
    /// What time it is.
    pub clock: SharedClock,
    /// Signs answers.
    pub keys: Arc<Keys>,
    /// Who belongs.
    pub directory: MemberDirectory,
    /// Where nonces and audit lines are written.
    pub database: Database,
    /// Requests per member; `None` is unlimited.
    pub rate: Option<RateLimit>,
    /// An answer that shows nothing leaves at a multiple of this after its question was let in.
    pub empty_answer_step: Duration,
    /// Whether it cosigns the logs of members that ask.
    pub cosigns: bool,
    /// Counts.
    pub metrics: FederationMetrics,
    /// Tokens, links, records.
    pub(super) opening: Opening,
    /// Visit codes.
    pub(super) redeeming: Redeeming,
    /// Link codes.
    pub(super) desk: Desk,
    /// Ended tokens of others.
    pub(super) revocations: Revocations,
    /// What happened on a day.
    pub(super) receipts: Receipts,
    /// What is kept of emergencies.
    pub(super) emergency: Emergency,
    /// Whether this house answers emergency questions.
    pub(super) answers_emergencies: bool,
}

/// Answers peers. One per process, shared by its workers.
pub struct Inbound {
    parts: InboundParts,
    door: Door,
    replay: ReplayWindow,
    amnesia: Option<Amnesia>,
}

/// An answer that is ready but for the audit.
struct Ready {
    content_type: &'static str,
    body: String,
    line: Line,
    /// Of a chart, and nothing of it is in the answer.
    shows_nothing: bool,
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error("the nonce stands in the database already")]
    Replayed,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Inbound {
    /// Opens the door, with the replay window that the database kept. After a restore from a
    /// backup nothing is answered until every request that may have been seen before is outdated.
    ///
    /// # Errors
    /// The window could not be read: nothing may be answered.
    pub async fn open(parts: InboundParts) -> Result<Self, DatabaseError> {
        let now = parts.clock.now();
        let (stored, restored_at) = parts
            .database
            .read(move |connection| {
                let stored = store::nonces(connection, now)?;
                Ok::<_, DatabaseError>((stored, last_restore(connection)?))
            })
            .await?;
        let amnesia = restored_at.map(Amnesia::since);
        if let Some(amnesia) = amnesia.filter(|amnesia| amnesia.lasts_at(now)) {
            tracing::warn!(
                "restored from a backup: peers are refused until {}",
                amnesia.end()
            );
        }
        let me = parts.me.clone();
        let door = Door::new(DoorSettings {
            clock: Arc::clone(&parts.clock),
            memberships: Arc::new(parts.directory.clone()),
            served: Arc::new(move |member| *member == me),
            paths: Paths::new()
                .with("/federation/v1/fhir/{}/_search", Media::Form)
                .with(FHIR_PATH, Media::Fhir)
                .with(ECHO_PATH, Media::Json)
                .with(GRANTS_PATH, Media::Json)
                .with(REVOCATIONS_PATH, Media::Json)
                .with(LINKS_PATH, Media::Json)
                .with(RECEIPTS_PATH, Media::Json)
                .with(CHECKPOINTS_PATH, Media::Json)
                .with(EMERGENCY_PATH, Media::Json)
                .with(NOTICES_PATH, Media::Json)
                .with(ACCESSES_PATH, Media::Json),
            rate: parts.rate,
            body_timeout: DEFAULT_BODY_TIMEOUT,
        });
        Ok(Self {
            parts,
            door,
            replay: ReplayWindow::load(stored),
            amnesia,
        })
    }

    /// Checks 1–9.
    #[must_use]
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// Removes what the replay window need not keep any longer; how many rows.
    ///
    /// # Errors
    /// The database did not do it; nothing is lost by that.
    pub async fn prune(&self) -> Result<usize, DatabaseError> {
        let now = self.parts.clock.now();
        self.parts
            .database
            .transact(move |connection| store::prune_nonces(connection, now))
            .await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Counts what was refused at the door, and samples it into the log: checks 1–8 are failed by
    /// strangers, who must not be able to fill the audit.
    pub fn count(&self, refused: &Refused) {
        let (code, peer) = (
            refused.refusal().code(),
            refused.member().map(MemberId::as_str),
        );
        let counted = self.parts.metrics.refused(code, peer);
        if counted % SAMPLED == 1 {
            tracing::warn!(code, peer.id = peer, counted, "refused at the door");
        }
    }

    /// Check 9 failed: written down and answered signed, bound to what the request claims to be.
    ///
    /// # Errors
    /// The refusal cannot be signed.
    pub async fn refuse_claimed(
        &self,
        refused: &Refused,
        claimed: &RequestBinding,
        path: &str,
    ) -> Result<SignedAnswer, DraftError> {
        self.count(refused);
        let mut line = Line::new(Kind::Refusal, self.now(), "unknown")
            .outcome(refused.refusal().code())
            .exchange(&claimed.exchange)
            .detail("path", path)
            .detail("request_digest", claimed.content_digest.as_str());
        // The signature does not fit: whose connection it was is known, who asked is not.
        if let Some(member) = refused.member() {
            line = line.peer(member);
        }
        let refusal = match self.commit(None, line, None).await {
            Ok(()) => refused.refusal(),
            Err(error) => {
                tracing::error!("an audit line could not be written: {error}");
                Refusal::AuditUnavailable
            }
        };
        self.sign_refusal(claimed, refusal, path)
    }

    /// Checks 10–14 of a verified request, and its answer.
    ///
    /// # Errors
    /// Not even a refusal could be signed.
    pub async fn answer(&self, request: &Verified<Request>) -> Result<SignedAnswer, DraftError> {
        let watch = Stopwatch::start();
        let answer = match self.answer_or_refuse(request, &watch).await {
            Ok(answer) => Ok(answer),
            Err(refusal) => self.refuse(request, refusal).await,
        };
        self.parts.metrics.answered(watch.elapsed().as_secs_f64());
        answer
    }

    /// The refusal that comes back is written down already.
    async fn answer_or_refuse(
        &self,
        request: &Verified<Request>,
        watch: &Stopwatch,
    ) -> Result<SignedAnswer, Refusal> {
        let pair = SeenNonce::new(
            request.keyid.clone(),
            request.nonce.clone(),
            request.expires,
        );
        if self.replay.reserve(&pair, self.now()).is_err() {
            return Err(self.written(request, Refusal::ReplayDetected, None).await);
        }
        if self
            .amnesia
            .is_some_and(|amnesia| amnesia.lasts_at(self.now()))
        {
            return Err(self
                .written(request, Refusal::ReplayDetected, Some(pair))
                .await);
        }
        // What changes something here writes it in the transaction of its nonce and audit line.
        match request.path.as_str() {
            GRANTS_PATH => return self.redeem(request, pair).await,
            REVOCATIONS_PATH => return self.revoke(request, pair).await,
            LINKS_PATH => return self.link(request, pair).await,
            CHECKPOINTS_PATH => return self.cosign(request, pair).await,
            NOTICES_PATH => return self.take_notice(request, pair).await,
            ACCESSES_PATH => return self.tell_who_looked(request, pair).await,
            EMERGENCY_PATH => return self.answer_emergency(request, pair, watch).await,
            _ => {}
        }
        let ready = match self.prepare(request).await {
            Ok(ready) => ready,
            Err(refusal) => {
                let chart = self.parts.opening.chart_of(request).await;
                return Err(self
                    .written_about(request, refusal, Some(pair), chart)
                    .await);
            }
        };
        if ready.shows_nothing {
            pace::until_the_next_step(watch, self.parts.empty_answer_step).await;
        }
        self.closed(request, pair, ready).await
    }

    /// Checks 11–13, by path.
    async fn prepare(&self, request: &Verified<Request>) -> Result<Ready, Refusal> {
        let not_allowed = |_error: query::QueryError| Refusal::QueryNotAllowed;
        match request.path.as_str() {
            ECHO_PATH => Ok(Ready {
                content_type: "application/json",
                body: echo(&request.body, self.parts.clock.now()).map_err(not_allowed)?,
                line: self.line(request, Kind::Echo),
                shows_nothing: false,
            }),
            RECEIPTS_PATH => self.receipts(request).await,
            FHIR_PATH => {
                let questions = query::batch(&request.body).map_err(not_allowed)?;
                self.disclose(request, questions, true).await
            }
            path => {
                let resource_type = path
                    .strip_prefix(FHIR_PATH)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .and_then(|rest| rest.strip_suffix("/_search"))
                    .ok_or(Refusal::NotFound)?;
                let question =
                    Question::from_form(resource_type, &request.body).map_err(not_allowed)?;
                self.disclose(request, vec![question], false).await
            }
        }
    }

    /// What this node holds of its exchanges with who asks.
    async fn receipts(&self, request: &Verified<Request>) -> Result<Ready, Refusal> {
        let receipts = &self.parts.receipts;
        let (question, reply) = receipts.reply(&request.from, &request.body).await?;
        let line = self.line(request, Kind::Reconciliation);
        Ok(Ready {
            shows_nothing: false,
            content_type: "application/json",
            body: serde_json::to_string(&reply).or(Err(Refusal::AuditUnavailable))?,
            line: line
                .detail("day", question.day.to_string())
                .detail("prefix", question.prefix.to_string())
                .detail("here", reply.count),
        })
    }

    async fn disclose(
        &self,
        request: &Verified<Request>,
        questions: Vec<Question>,
        is_batch: bool,
    ) -> Result<Ready, Refusal> {
        let line = self.line(request, Kind::Disclosure);
        let types: Vec<&str> = questions
            .iter()
            .map(|question| question.resource_type)
            .collect();
        let line = line.detail("types", types.join(" "));
        let disclosed = self.parts.opening.disclose(request, questions).await?;
        let body = if is_batch {
            batch_response(&disclosed.searchsets)
        } else {
            disclosed
                .searchsets
                .into_iter()
                .next()
                .ok_or(Refusal::QueryNotAllowed)?
        };
        let line = line
            .patient(disclosed.patient)
            .shown(disclosed.shown)
            .withheld(disclosed.withheld)
            .detail("jti", disclosed.jti)
            .detail("home", disclosed.home.to_string());
        Ok(Ready {
            content_type: FHIR_JSON,
            body,
            line,
            shows_nothing: disclosed.shown == 0,
        })
    }
}
