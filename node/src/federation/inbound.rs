//! Answering a peer: checks 10 to 14 behind the door, then the signed answer.
//!
//! Order is everything here. The replay window is asked before anything is read, the audit line and
//! the nonce are durable before anything is answered, and no answer says more than the permit.
//!
//! Source: PROTOCOL section 4.

use std::sync::Arc;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::Verified;
use federation_protocol::directory::Freshness;
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Actor, Request};
use federation_protocol::time::Timestamp;
use federation_service::clock::{SharedClock, Stopwatch};
use federation_service::problem::FHIR_JSON;
use federation_service::signed::{
    Answering, DEFAULT_BODY_TIMEOUT, Door, DoorSettings, Media, Memberships, Paths, RateLimit,
    Refused, refuse_unsigned, send,
};

use super::answer::batch_response;
use super::directory::MemberDirectory;
use super::echo::echo;
use super::metrics::FederationMetrics;
use super::opening::Opening;
use super::query::{self, Question};
use super::redeeming::Redeeming;
use super::replay::{ReplayWindow, SeenNonce};
use super::store;
use crate::audit::{self, Kind, Line};
use crate::consent::ConsentError;
use crate::database::{Database, DatabaseError};
use crate::keys::Keys;

/// The path of the echo.
pub const ECHO_PATH: &str = "/federation/v1/echo";
/// The path where visit codes are redeemed.
pub const GRANTS_PATH: &str = "/federation/v1/grants";
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
    /// Counts.
    pub metrics: FederationMetrics,
    /// Tokens, links, records.
    pub(super) opening: Opening,
    /// Visit codes.
    pub(super) redeeming: Redeeming,
}

/// Answers peers. One per process, shared by its workers.
pub struct Inbound {
    parts: InboundParts,
    door: Door,
    replay: ReplayWindow,
}

/// An answer that is ready but for the audit.
struct Ready {
    content_type: &'static str,
    body: String,
    line: Line,
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    #[error("the nonce stands in the database already")]
    Replayed,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Why a code was not decided about.
#[derive(Debug, thiserror::Error)]
enum RedeemingError {
    #[error("the nonce stands in the database already")]
    Replayed,
    #[error(transparent)]
    Consent(#[from] ConsentError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Inbound {
    /// Opens the door, with the replay window that the database kept.
    ///
    /// # Errors
    /// The window could not be read: nothing may be answered.
    pub async fn open(parts: InboundParts) -> Result<Self, DatabaseError> {
        let now = parts.clock.now();
        let stored = parts
            .database
            .read(move |connection| store::nonces(connection, now))
            .await?;
        let me = parts.me.clone();
        let door = Door::new(DoorSettings {
            clock: Arc::clone(&parts.clock),
            memberships: Arc::new(parts.directory.clone()),
            served: Arc::new(move |member| *member == me),
            paths: Paths::new()
                .with("/federation/v1/fhir/{}/_search", Media::Form)
                .with(FHIR_PATH, Media::Fhir)
                .with(ECHO_PATH, Media::Json)
                .with(GRANTS_PATH, Media::Json),
            rate: parts.rate,
            body_timeout: DEFAULT_BODY_TIMEOUT,
        });
        Ok(Self {
            parts,
            door,
            replay: ReplayWindow::load(stored),
        })
    }

    /// Answers one signed request.
    pub async fn handle(&self, http: &HttpRequest, payload: Payload) -> HttpResponse {
        let watch = Stopwatch::start();
        let response = match self.door.open(http, payload).await {
            Ok(request) => self.answer(&request).await,
            Err(refused) => self.refuse_at_door(&refused, http.path()).await,
        };
        self.parts.metrics.answered(watch.elapsed().as_secs_f64());
        response
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

    fn answering(&self) -> Answering<'_> {
        Answering {
            key: self.parts.keys.sign(),
            directory: self.parts.directory.position(),
            now: self.parts.clock.now(),
        }
    }

    /// Checks 1–8 are counted and sampled into the log; check 9 is written down and signed.
    async fn refuse_at_door(&self, refused: &Refused, path: &str) -> HttpResponse {
        let refusal = refused.refusal();
        let peer = refused.member().map(MemberId::as_str);
        let counted = self.parts.metrics.refused(refusal.code(), peer);
        if counted % SAMPLED == 1 {
            tracing::warn!(
                code = refusal.code(),
                peer.id = peer,
                counted,
                "refused at the door"
            );
        }
        let Some(claimed) = refused.claimed() else {
            return refuse_unsigned(refused, path, self.parts.clock.now());
        };
        let mut line = Line::new(Kind::Refusal, self.parts.clock.now(), "unknown")
            .outcome(refusal.code())
            .exchange(&claimed.exchange)
            .detail("path", path)
            .detail("request_digest", claimed.content_digest.as_str());
        // The signature does not fit: whose connection it was is known, who asked is not.
        if let Some(member) = refused.member() {
            line = line.peer(member);
        }
        match self.commit(None, line).await {
            Ok(()) => self.answering().refuse(refused, path),
            Err(error) => {
                tracing::error!("an audit line could not be written: {error}");
                self.answering()
                    .refuse_request(claimed, Refusal::AuditUnavailable, path)
            }
        }
    }

    /// Checks 10–14 of a verified request.
    async fn answer(&self, request: &Verified<Request>) -> HttpResponse {
        let now = self.parts.clock.now();
        let pair = SeenNonce::new(
            request.keyid.clone(),
            request.nonce.clone(),
            request.expires,
        );
        if self.replay.reserve(&pair, now).is_err() {
            return self.refuse(request, Refusal::ReplayDetected, None).await;
        }
        if request.path == GRANTS_PATH {
            return self.redeem(request, pair).await;
        }
        let Ready {
            content_type,
            body,
            line,
        } = match self.prepare(request).await {
            Ok(ready) => ready,
            Err(refusal) => return self.refuse(request, refusal, Some(pair)).await,
        };
        // Signed first, so that the line can name the digest; sent only once the line is durable.
        let answer = self
            .answering()
            .sign(&request.binding, 200, content_type, body.into_bytes());
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(exchange.id = %request.exchange, "not signed: {error}");
                return self
                    .refuse(request, Refusal::AuditUnavailable, Some(pair))
                    .await;
            }
        };
        let digest = answer
            .headers
            .iter()
            .find(|(name, _)| *name == "content-digest");
        let digest = digest.map(|(_, value)| value.clone()).unwrap_or_default();
        match self
            .commit(Some(pair), line.detail("answer_digest", digest))
            .await
        {
            Ok(()) => send(answer),
            Err(CommitError::Replayed) => self.refuse(request, Refusal::ReplayDetected, None).await,
            Err(CommitError::Database(error)) => {
                tracing::error!(exchange.id = %request.exchange, "nothing is answered: {error}");
                self.refuse_unwritten(request)
            }
        }
    }

    /// A visit code, or a return under a grant: the nonce, the decision and its audit lines are one
    /// transaction.
    async fn redeem(&self, request: &Verified<Request>, pair: SeenNonce) -> HttpResponse {
        let redeeming = self.parts.redeeming.clone();
        let attempt = match redeeming.attempt(request) {
            Ok(attempt) => attempt,
            Err(refusal) => return self.refuse(request, refusal, Some(pair)).await,
        };
        let Some(membership) = self.parts.directory.membership() else {
            return self
                .refuse(request, Refusal::DirectoryExpired, Some(pair))
                .await;
        };
        let decided = self
            .parts
            .database
            .transact(move |connection| {
                if !store::remember(connection, &pair)? {
                    return Err(RedeemingError::Replayed);
                }
                Ok(redeeming.decide_in(connection, &attempt, &membership)?)
            })
            .await;
        let answering = self.answering();
        match decided {
            Ok(Ok(reply)) => {
                let body = serde_json::to_vec(&reply).unwrap_or_default();
                answering
                    .reply(&request.binding, 200, "application/json", body)
                    .unwrap_or_else(|_never| HttpResponse::InternalServerError().finish())
            }
            // Its audit line was written by the consent room, in the same transaction.
            Ok(Err(refusal)) => {
                self.parts
                    .metrics
                    .refused(refusal.code(), Some(request.from.as_str()));
                answering.refuse_request(&request.binding, refusal, &request.path)
            }
            Err(RedeemingError::Replayed) => {
                self.refuse(request, Refusal::ReplayDetected, None).await
            }
            Err(error) => {
                tracing::error!(exchange.id = %request.exchange, "not redeemed: {error}");
                self.refuse_unwritten(request)
            }
        }
    }

    /// Checks 11–13, by path.
    async fn prepare(&self, request: &Verified<Request>) -> Result<Ready, Refusal> {
        let not_allowed = |_error: query::QueryError| Refusal::QueryNotAllowed;
        match request.path.as_str() {
            ECHO_PATH => Ok(Ready {
                content_type: "application/json",
                body: echo(&request.body, self.parts.clock.now()).map_err(not_allowed)?,
                line: self.line(request, Kind::Echo),
            }),
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
        })
    }

    /// The audit line of a verified request.
    fn line(&self, request: &Verified<Request>, kind: Kind) -> Line {
        let now = self.parts.clock.now();
        let Actor { role, id, .. } = &request.actor;
        let mut line = Line::new(kind, now, role)
            .peer(&request.from)
            .exchange(&request.exchange)
            .purpose(request.purpose)
            .detail("path", request.path.as_str())
            .detail("keyid", request.keyid.as_str())
            .detail("request_digest", request.binding.content_digest.as_str());
        if let Some(id) = id {
            line = line.actor_id(id);
        }
        let stale = self
            .parts
            .directory
            .current()
            .is_some_and(|membership| membership.freshness(now) != Freshness::Current);
        if stale {
            line.detail("stale", true)
        } else {
            line
        }
    }

    /// A signed refusal, once its audit line (and the nonce) is durable.
    async fn refuse(
        &self,
        request: &Verified<Request>,
        refusal: Refusal,
        pair: Option<SeenNonce>,
    ) -> HttpResponse {
        self.parts
            .metrics
            .refused(refusal.code(), Some(request.from.as_str()));
        let line = self.line(request, Kind::Refusal).outcome(refusal.code());
        match self.commit(pair, line).await {
            Ok(()) => self
                .answering()
                .refuse_request(&request.binding, refusal, &request.path),
            Err(CommitError::Replayed) => {
                let line = self.line(request, Kind::Refusal);
                let line = line.outcome(Refusal::ReplayDetected.code());
                match self.commit(None, line).await {
                    Ok(()) => self.answering().refuse_request(
                        &request.binding,
                        Refusal::ReplayDetected,
                        &request.path,
                    ),
                    Err(_) => self.refuse_unwritten(request),
                }
            }
            Err(CommitError::Database(error)) => {
                tracing::error!(exchange.id = %request.exchange, "not written down: {error}");
                self.refuse_unwritten(request)
            }
        }
    }

    fn refuse_unwritten(&self, request: &Verified<Request>) -> HttpResponse {
        self.parts.metrics.refused(
            Refusal::AuditUnavailable.code(),
            Some(request.from.as_str()),
        );
        let path = &request.path;
        self.answering()
            .refuse_request(&request.binding, Refusal::AuditUnavailable, path)
    }

    /// Check 14 and the durable half of check 10, in one transaction.
    async fn commit(&self, pair: Option<SeenNonce>, line: Line) -> Result<(), CommitError> {
        self.parts
            .database
            .transact(move |connection| {
                if let Some(pair) = &pair
                    && !store::remember(connection, pair)?
                {
                    return Err(CommitError::Replayed);
                }
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }
}
