//! One signed echo, as a running node would ask it: what came of it.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::directory::{Certificate, Member, Membership};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{
    Actor, AnswerRefusal, ExchangeId, RequestDraft, SignedRequest, verify_answer,
};
use federation_protocol::time::Timestamp;
use federation_service::checkup::Said;
use federation_service::clock::SharedClock;
use federation_service::outbound::OutboundRules;
use federation_service::peer_client::{PeerClient, RawReply};
use federation_service::tls::TlsIdentity;
use serde_json::Value;

use super::Case;
use super::codes::*;
use crate::federation::inbound::ECHO_PATH;
use crate::keys::Keys;

/// How long the whole question may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(8);
/// An echo is some hundred bytes.
const LONGEST: usize = 64 * 1024;

/// What a question is asked with.
#[derive(Clone)]
pub(super) struct Asker {
    me: MemberId,
    keys: Arc<Keys>,
    identity: Arc<TlsIdentity>,
    membership: Arc<Membership>,
    rules: OutboundRules,
    clock: SharedClock,
}

/// How a question ended.
pub(super) enum Echo {
    /// With a signed answer: the peer's time, and what to say of it.
    Answered(Timestamp, Said),
    /// The peer wants fewer questions.
    Limited,
    /// The peer refuses our time, and says its own.
    OtherTime(Timestamp),
    /// In no such way.
    Failed(Said),
}

impl Asker {
    /// Everything that a question needs, if it could be read; `rules` say where to.
    pub(super) fn of(case: &Case, rules: OutboundRules) -> Option<Self> {
        let membership = case.stored.as_ref()?.membership.as_ref()?;
        Some(Self {
            me: case.me.clone(),
            keys: Arc::clone(case.keys.as_ref()?),
            identity: Arc::clone(case.identity.as_ref()?),
            membership: Arc::clone(membership),
            rules,
            clock: Arc::clone(&case.clock),
        })
    }

    /// Asks `member`, which shows one of `certificates`, for an echo.
    pub(super) async fn ask(&self, member: &Member, certificates: &[Certificate]) -> Echo {
        let unusable = |reason: &dyn std::fmt::Display| {
            Echo::Failed(Said::code(ECHO_UNUSABLE).with("reason", reason))
        };
        let client = PeerClient::new(
            member.federation_endpoint(),
            certificates,
            &self.identity,
            &self.rules,
            LONGEST,
        );
        let client = match client {
            Ok(client) => client,
            Err(error) => return unusable(&error),
        };
        let request = match self.sign(&member.id) {
            Ok(request) => request,
            Err(error) => return unusable(&error),
        };
        match client.ask(&request, DEADLINE).await {
            Ok(reply) => self.judge(&request, &reply),
            Err(failure) => Echo::Failed(Said::code(ECHO_SILENT).with("reason", failure)),
        }
    }

    fn sign(&self, to: &MemberId) -> Result<SignedRequest, String> {
        let mut random = [0; 50];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        let (nonce, rest) = random.split_first_chunk::<16>().ok_or("no nonce")?;
        let (exchange, trace) = rest.split_first_chunk::<10>().ok_or("no exchange")?;
        // All zeros is no id: the lowest bits are set.
        let hex: String = trace
            .iter()
            .map(|byte| format!("{:02x}", byte | 1))
            .collect();
        let (trace, span) = hex.split_at_checked(32).ok_or("no trace")?;
        let now = self.clock.now();
        let draft = RequestDraft {
            path: ECHO_PATH.to_owned(),
            content_type: "application/json".to_owned(),
            from: self.me.clone(),
            to: to.clone(),
            exchange: ExchangeId::new(now, *exchange),
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            timeout_ms: 8_000,
            traceparent: format!("00-{trace}-{}-01", span.get(..16).unwrap_or_default()),
            body: br#"{"echo":"doctor"}"#.to_vec(),
        };
        let signed = draft.sign(&*self.keys.sign(), now, *nonce);
        signed.map_err(|error| error.to_string())
    }

    fn judge(&self, request: &SignedRequest, reply: &RawReply) -> Echo {
        let now = self.clock.now();
        let verified =
            reply.as_answer(|raw| verify_answer(raw, &request.binding, &self.membership, now));
        match verified {
            Ok(answer) if answer.status == 200 => answered(&answer.body),
            Ok(_) | Err(AnswerRefusal::Unsigned) if reply.status >= 400 => refused(reply),
            Ok(answer) => refused_with("-", answer.status),
            Err(AnswerRefusal::Time) => match time_of(&reply.body) {
                Some(theirs) => Echo::OtherTime(theirs),
                None => Echo::Failed(ECHO_TIME_REFUSED.into()),
            },
            Err(error) => Echo::Failed(Said::code(ECHO_UNVERIFIED).with("reason", error)),
        }
    }
}

fn time_of(body: &[u8]) -> Option<Timestamp> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let time = body.get("time").and_then(Value::as_str)?;
    Timestamp::parse_rfc3339(time).ok()
}

fn answered(body: &[u8]) -> Echo {
    let version = serde_json::from_slice::<Value>(body).ok();
    let version = version.and_then(|body| body.get("version").and_then(Value::as_u64));
    match (time_of(body), version) {
        (Some(theirs), Some(version)) => {
            Echo::Answered(theirs, Said::well(format!("version {version}")))
        }
        _ => Echo::Failed(Said::code(ECHO_UNVERIFIED).with("reason", "not an echo")),
    }
}

/// What is not signed is a hint, and enough for a person who looks for the cause.
fn refused(reply: &RawReply) -> Echo {
    match Refusal::of_body(&reply.body) {
        Some(Refusal::RateLimited) => Echo::Limited,
        Some(Refusal::SignatureTimeInvalid) => match time_of(&reply.body) {
            Some(theirs) => Echo::OtherTime(theirs),
            None => Echo::Failed(ECHO_TIME_REFUSED.into()),
        },
        Some(refusal) => refused_with(refusal.code(), reply.status),
        None => refused_with("-", reply.status),
    }
}

fn refused_with(refusal: &str, status: u16) -> Echo {
    Echo::Failed(
        Said::code(ECHO_REFUSED)
            .with("refusal", refusal)
            .with("status", status),
    )
}
