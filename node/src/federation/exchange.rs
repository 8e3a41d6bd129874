//! One exchange with one peer: sign, send, verify, once more if the connection failed.
//!
//! An answer is read only after its signature was verified over the raw bytes. What is not signed
//! is a hint for people: it never changes what this node believes of a peer's records, and its code
//! is never acted upon.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use federation_protocol::Verified;
use federation_protocol::directory::{Member, Membership};
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{
    Actor, Answer, AnswerRefusal, ExchangeId, RequestDraft, SignedRequest, verify_answer,
};
use federation_protocol::time::Timestamp;
use federation_protocol::token::ParsedToken;
use federation_service::clock::{SharedClock, Stopwatch};
use federation_service::peer_client::{PeerClient, PeerFailure, RawReply};

use super::directory::MemberDirectory;
use super::evidence::Evidence;
use super::metrics::FederationMetrics;
use super::outcome::Silence;
use super::peers::Peers;
use crate::keys::Keys;

/// What is asked of a peer, before it is addressed.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The path, `/federation/v1/…`.
    pub path: String,
    /// The body's media type.
    pub content_type: &'static str,
    /// What for.
    pub purpose: Purpose,
    /// On whose behalf.
    pub actor: Actor,
    /// The consent token, on FHIR paths.
    pub consent: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// How an exchange ended.
pub struct Exchanged {
    /// Its id: fresh for this peer. `None` when nothing could be sent.
    pub exchange: Option<ExchangeId>,
    /// From the first attempt to the end, milliseconds.
    pub duration_ms: u64,
    /// What is to be kept of the last attempt; `None` when nothing could be sent.
    pub evidence: Option<Box<Evidence>>,
    /// The verified answer, or why there is none.
    pub result: Result<Verified<Answer>, NoAnswer>,
}

/// Why there is no verified answer.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum NoAnswer {
    /// Nothing usable came.
    Silent(Silence),
    /// Something came that does not verify.
    Unverified,
}

/// Asks peers, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct Exchanges {
    parts: Arc<Parts>,
}

struct Parts {
    me: MemberId,
    clock: SharedClock,
    keys: Arc<Keys>,
    directory: MemberDirectory,
    peers: Arc<Peers>,
    metrics: FederationMetrics,
}

impl Exchanges {
    /// Asks as `me`, with `keys`, whom `directory` names, through `peers`.
    #[must_use]
    pub fn new(
        me: MemberId,
        clock: SharedClock,
        keys: Arc<Keys>,
        directory: MemberDirectory,
        peers: Arc<Peers>,
        metrics: FederationMetrics,
    ) -> Self {
        Self {
            parts: Arc::new(Parts {
                me,
                clock,
                keys,
                directory,
                peers,
                metrics,
            }),
        }
    }

    /// Asks `to` and waits at most `deadline` for the whole, the second attempt included.
    pub async fn ask(&self, to: &MemberId, ask: &Ask, deadline: Duration) -> Exchanged {
        self.ask_even(to, ask, deadline, Resting::Spared).await
    }

    /// [`Exchanges::ask`], also of a peer that rests after failures: nobody waits for the answer,
    /// and what it is to be told cannot wait.
    pub async fn insist(&self, to: &MemberId, ask: &Ask, deadline: Duration) -> Exchanged {
        self.ask_even(to, ask, deadline, Resting::Asked).await
    }

    async fn ask_even(
        &self,
        to: &MemberId,
        ask: &Ask,
        deadline: Duration,
        resting: Resting,
    ) -> Exchanged {
        let watch = Stopwatch::start();
        let exchange = random()
            .ok()
            .map(|random| ExchangeId::new(self.parts.clock.now(), random));
        let sent = Mutex::new(None);
        let result = match exchange {
            Some(exchange) => {
                let tries = self.try_twice(to, ask, exchange, deadline, &sent, resting);
                tokio::time::timeout(deadline, tries)
                    .await
                    .unwrap_or_else(|_elapsed| {
                        self.parts.peers.failed(to, self.parts.clock.now());
                        Err(NoAnswer::Silent(Silence::Timeout))
                    })
            }
            None => Err(NoAnswer::Silent(Silence::Unusable)),
        };
        let word = match &result {
            Ok(answer) if answer.status == 200 => "answered",
            Ok(_) => "refused",
            Err(NoAnswer::Silent(_)) => "silent",
            Err(NoAnswer::Unverified) => "unverified",
        };
        let elapsed = watch.elapsed();
        self.parts
            .metrics
            .asked(to.as_str(), word, elapsed.as_secs_f64());
        let exchange_id = exchange
            .map(|exchange| exchange.to_string())
            .unwrap_or_default();
        tracing::info!(exchange.id = exchange_id, peer.id = %to, outcome = word,
            duration_ms = watch.elapsed_ms(), "asked {to}");
        Exchanged {
            exchange,
            duration_ms: watch.elapsed_ms(),
            evidence: evidence(sent, &result),
            result,
        }
    }

    async fn try_twice(
        &self,
        to: &MemberId,
        ask: &Ask,
        exchange: ExchangeId,
        deadline: Duration,
        sent: &Sent,
        resting: Resting,
    ) -> Result<Verified<Answer>, NoAnswer> {
        let now = self.parts.clock.now();
        let membership = self.membership(ask.purpose)?;
        let member = askable(&membership, to, now).ok_or(NoAnswer::Silent(Silence::NotAMember))?;
        let client = self.parts.peers.client(member).map_err(|error| {
            tracing::warn!(peer.id = %to, "no client for {to}: {error}");
            NoAnswer::Silent(Silence::NotAMember)
        })?;
        if !self.parts.peers.admit(to, now) && resting == Resting::Spared {
            return Err(NoAnswer::Silent(Silence::Resting));
        }
        let attempt = || self.attempt(&client, to, ask, exchange, deadline, sent);
        let first = attempt().await;
        let result = match first {
            Err(error) if error.once_more => attempt().await,
            // A signed "not now" may have passed; where it has not, it is the answer.
            Ok(answer) if matches!(answer.status, 502..=504) => {
                let before = peek(sent);
                let again = attempt().await;
                if again.is_err() {
                    put(sent, before);
                }
                again.or(Ok(answer))
            }
            other => other,
        };
        match &result {
            Ok(_) => self.parts.peers.succeeded(to),
            Err(error) if error.counts => self.parts.peers.failed(to, self.parts.clock.now()),
            Err(_) => {}
        }
        result.map_err(|error| error.why)
    }

    fn membership(&self, purpose: Purpose) -> Result<Arc<Membership>, NoAnswer> {
        let expired = NoAnswer::Silent(Silence::DirectoryExpired);
        let membership = self.parts.directory.membership().ok_or(expired)?;
        let fresh = membership.freshness(self.parts.clock.now()).allows(purpose);
        if fresh { Ok(membership) } else { Err(expired) }
    }

    async fn attempt(
        &self,
        client: &PeerClient,
        to: &MemberId,
        ask: &Ask,
        exchange: ExchangeId,
        deadline: Duration,
        sent: &Sent,
    ) -> Result<Verified<Answer>, Failed> {
        let request = self.sign(to, ask, exchange, deadline)?;
        let directory = self.parts.directory.position().seq;
        let kept = Evidence::asked(&request, directory, self.parts.clock.now());
        put(sent, Some(Box::new(kept)));
        let reply = client.ask(&request, deadline).await.map_err(|failure| {
            tracing::debug!(exchange.id = %exchange, peer.id = %to, "{failure}");
            Failed::connection(&failure)
        })?;
        let now = self.parts.clock.now();
        let membership = self.membership(ask.purpose).map_err(Failed::here)?;
        let verified =
            reply.as_answer(|raw| verify_answer(raw, &request.binding, &membership, now));
        match verified {
            Ok(answer) => {
                self.parts.directory.peer_is_at(&answer.directory);
                Ok(answer)
            }
            Err(AnswerRefusal::Unsigned) if reply.status >= 400 => Err(Failed::unsigned(&reply)),
            Err(refusal) => {
                tracing::warn!(exchange.id = %exchange, peer.id = %to,
                    "discarded what {to} answered: {refusal}");
                Err(Failed {
                    why: NoAnswer::Unverified,
                    once_more: false,
                    counts: true,
                })
            }
        }
    }

    fn sign(
        &self,
        to: &MemberId,
        ask: &Ask,
        exchange: ExchangeId,
        deadline: Duration,
    ) -> Result<SignedRequest, Failed> {
        let nowhere = |_no_randomness| Failed::here(NoAnswer::Silent(Silence::Unusable));
        let (nonce, trace) = (random().map_err(nowhere)?, random().map_err(nowhere)?);
        let draft = RequestDraft {
            path: ask.path.clone(),
            content_type: ask.content_type.to_owned(),
            from: self.parts.me.clone(),
            to: to.clone(),
            exchange,
            purpose: ask.purpose,
            actor: ask.actor.clone(),
            consent: ask.consent.clone(),
            timeout_ms: u32::try_from(deadline.as_millis())
                .unwrap_or(u32::MAX)
                .max(1),
            traceparent: traceparent(&trace),
            body: ask.body.clone(),
        };
        // A token is bound to the key that was newest when it was minted: until that ends, what is
        // asked with the token is signed with that key.
        let bound = ask.consent.as_deref().and_then(key_bound_by);
        let bound = bound.and_then(|kid| self.parts.keys.sign_as(&kid));
        let key = bound.unwrap_or_else(|| self.parts.keys.sign());
        draft
            .sign(&*key, self.parts.clock.now(), nonce)
            .map_err(|error| {
                tracing::error!(peer.id = %to, "the question cannot be signed: {error}");
                Failed::here(NoAnswer::Silent(Silence::Unusable))
            })
    }
}

/// The key to which a consent token is bound.
pub(super) fn key_bound_by(token: &str) -> Option<KeyId> {
    Some(ParsedToken::parse(token).ok()?.holder().clone())
}

/// The evidence of the attempt that was sent last: a deadline that ends the attempt leaves it.
type Sent = Mutex<Option<Box<Evidence>>>;

fn put(sent: &Sent, evidence: Option<Box<Evidence>>) {
    *sent.lock().unwrap_or_else(PoisonError::into_inner) = evidence;
}

fn peek(sent: &Sent) -> Option<Box<Evidence>> {
    sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What is kept: the attempt that was sent last, with its answer.
fn evidence(sent: Sent, result: &Result<Verified<Answer>, NoAnswer>) -> Option<Box<Evidence>> {
    let kept = sent.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    match result {
        Ok(answer) => Some(Box::new(kept.with(answer))),
        Err(_) => Some(kept),
    }
}

/// What becomes of a peer that rests after failures.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Resting {
    /// It is not asked.
    Spared,
    /// It is asked all the same.
    Asked,
}

/// An attempt without answer.
struct Failed {
    why: NoAnswer,
    /// Whether one more attempt, newly signed, makes sense.
    once_more: bool,
    /// Whether it speaks against the peer.
    counts: bool,
}

impl Failed {
    const fn here(why: NoAnswer) -> Self {
        Self {
            why,
            once_more: false,
            counts: false,
        }
    }

    fn connection(failure: &PeerFailure) -> Self {
        let why = match failure {
            PeerFailure::Timeout => Silence::Timeout,
            PeerFailure::Tls(_) => Silence::TlsFailed,
            PeerFailure::TooLarge { .. } => Silence::Unusable,
            _ => Silence::Unreachable,
        };
        Self {
            why: NoAnswer::Silent(why),
            once_more: failure.is_retryable(),
            counts: true,
        }
    }

    fn unsigned(reply: &RawReply) -> Self {
        let hint = Refusal::of_body(&reply.body);
        let why = Silence::UnsignedError {
            status: reply.status,
            hint,
        };
        Self {
            why: NoAnswer::Silent(why),
            once_more: reply.is_retryable(),
            counts: reply.status >= 500,
        }
    }
}

/// The member `to`, if it may be asked now.
fn askable<'m>(membership: &'m Membership, to: &MemberId, now: Timestamp) -> Option<&'m Member> {
    membership
        .state(to, now)
        .filter(|state| state.takes_part())?;
    membership.member(to)
}

/// The trace of random bytes, fresh for one peer: `00-<32 hex>-<16 hex>-01`.
fn traceparent(random: &[u8; 24]) -> String {
    let hex = random
        .iter()
        .fold(String::with_capacity(48), |mut hex, byte| {
            // All zeros is no id: the lowest bits are set rather than hoped for.
            let _ = write!(hex, "{:02x}", byte | 1);
            hex
        });
    let (trace, span) = hex.split_at(32);
    format!("00-{trace}-{span}-01")
}

/// Random bytes of the operating system.
///
/// # Errors
/// It gives none; then nothing can be signed.
pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
