//! Checks 4 to 9 of a question that came: who signed it, when, for whom, over what.

use crate::base64url;
use crate::digest::{check_content_digest, from_field};
use crate::directory::Membership;
use crate::keys::{Fingerprint, KeyId, KeyUse, PublicKey};
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::verified::Verified;

use super::components::{
    BaseError, Component, Message, ParameterValue, field, parameters_text, signature_base,
};
use super::fields::signature_input;
use super::request::{ALGORITHM, LONGEST_TIMEOUT_MS, TAG, components, is_traceparent};
use super::{
    Actor, ECHO_PATH, EMERGENCY_PATH, ExchangeId, LONGEST_WINDOW_SECONDS, RawRequest,
    RequestBinding, SKEW_SECONDS, VERSION, carries_consent,
};

/// A question whose checks 4 to 9 passed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path as signed.
    pub path: String,
    /// The body's media type as signed.
    pub content_type: String,
    /// Who asks.
    pub from: MemberId,
    /// Who of those served here is asked.
    pub to: MemberId,
    /// The exchange.
    pub exchange: ExchangeId,
    /// What for.
    pub purpose: Purpose,
    /// On whose behalf, as the requester says.
    pub actor: Actor,
    /// The consent token, unread.
    pub consent: Option<String>,
    /// Milliseconds from arrival after which an answer is useless.
    pub timeout_ms: u32,
    /// The requester's trace.
    pub traceparent: String,
    /// The body as signed.
    pub body: Vec<u8>,
    /// The key that signed.
    pub keyid: KeyId,
    /// 22 base64url characters; with `keyid` it makes the request unique (check 10).
    pub nonce: String,
    /// When it was signed, by the requester's clock.
    pub created: Timestamp,
    /// Until when it counts.
    pub expires: Timestamp,
    /// What the answer is bound to.
    pub binding: RequestBinding,
    /// The bytes that were signed: evidence to keep.
    pub signature_base: String,
}

/// Checks 4 to 9: opens a request that some member signed for one of the members served here.
///
/// `certificate` is the TLS client certificate's fingerprint, judged now, not at the handshake.
/// `served` says which members answer here. `now` is UTC.
///
/// # Errors
/// The first that fails: [`Refusal::SignatureParamsInvalid`], [`Refusal::SignatureTimeInvalid`],
/// [`Refusal::DirectoryExpired`], [`Refusal::KeyUnknown`], [`Refusal::MemberSuspended`],
/// [`Refusal::WrongMember`], [`Refusal::DigestMismatch`], [`Refusal::SignatureInvalid`];
/// [`Refusal::VersionUnsupported`] should check 1 not have been made.
///
/// Source: RFC 9421 section 3.2; PROTOCOL section 4.
pub fn verify_request(
    raw: &RawRequest<'_>,
    certificate: Option<&Fingerprint>,
    membership: &Membership,
    served: &dyn Fn(&MemberId) -> bool,
    now: Timestamp,
) -> Result<Verified<Request>, Refusal> {
    let opened = Opened::read(raw)?;
    opened.check_time(now)?;
    let key = opened.sender_key(raw.path, certificate, membership, now)?;
    if !served(&opened.to) {
        return Err(Refusal::WrongMember);
    }
    if check_content_digest(opened.content_digest.as_bytes(), raw.body).is_err() {
        return Err(Refusal::DigestMismatch);
    }
    let base = opened.signature_base(raw)?;
    if key.verify(base.as_bytes(), &opened.signature).is_err() {
        return Err(Refusal::SignatureInvalid);
    }
    opened.into_request(raw, base).map(Verified::new)
}

impl RequestBinding {
    /// What an answer to this request must be bound to, read without any check: for the signed
    /// refusal of a request whose signature does not fit. `None` when the headers do not say.
    #[must_use]
    pub fn of(raw: &RawRequest<'_>) -> Option<Self> {
        Opened::read(raw).ok().map(|opened| opened.binding())
    }
}

/// The covered headers and the signature's parameters, each once and well formed.
pub(super) struct Opened<'a> {
    content_type: &'a str,
    content_digest: &'a str,
    pub(super) from: MemberId,
    pub(super) to: MemberId,
    pub(super) exchange: ExchangeId,
    pub(super) purpose: Purpose,
    actor: Actor,
    consent: Option<&'a str>,
    timeout_ms: u32,
    traceparent: &'a str,
    pub(super) created: i64,
    expires: i64,
    nonce: String,
    pub(super) keyid: String,
    parameters: String,
    pub(super) signature: [u8; 64],
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, Refusal> {
    match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => Err(Refusal::SignatureParamsInvalid),
    }
}

impl<'a> Opened<'a> {
    /// Check 4.
    pub(super) fn read(raw: &RawRequest<'a>) -> Result<Self, Refusal> {
        let once = |name: &str| match field(raw.headers, name) {
            Ok(value) => Ok(value),
            Err(_) => Err(Refusal::SignatureParamsInvalid),
        };
        if once("fed-version")? != VERSION {
            return Err(Refusal::VersionUnsupported);
        }
        let consent = match field(raw.headers, "fed-consent") {
            Ok(token) if carries_consent(raw.path) => Some(token),
            Err(BaseError::Missing) if !carries_consent(raw.path) => None,
            _ => return Err(Refusal::SignatureParamsInvalid),
        };
        let Parameters {
            created,
            expires,
            nonce,
            keyid,
            text,
        } = Parameters::read(once("signature-input")?, components(raw.path))?;
        let Ok(actor) = Actor::from_field(once("fed-actor")?.as_bytes()) else {
            return Err(Refusal::SignatureParamsInvalid);
        };
        let opened = Self {
            content_type: once("content-type")?,
            content_digest: once("content-digest")?,
            from: parsed(once("fed-from")?)?,
            to: parsed(once("fed-to")?)?,
            exchange: parsed(once("fed-exchange")?)?,
            purpose: parsed(once("fed-purpose")?)?,
            actor,
            consent,
            timeout_ms: timeout(once("fed-timeout")?)?,
            traceparent: once("traceparent")?,
            created,
            expires,
            nonce,
            keyid,
            parameters: text,
            signature: from_field("fed", once("signature")?.as_bytes())
                .ok_or(Refusal::SignatureParamsInvalid)?,
        };
        let purpose_fits = (opened.purpose == Purpose::Btg) == (raw.path == EMERGENCY_PATH);
        let no_query = raw.query.is_none_or(str::is_empty);
        if purpose_fits && no_query && is_traceparent(opened.traceparent) {
            Ok(opened)
        } else {
            Err(Refusal::SignatureParamsInvalid)
        }
    }

    /// Check 5.
    fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let now = now.unix_seconds();
        let fresh = self.created <= now.saturating_add(SKEW_SECONDS)
            && now <= self.expires.saturating_add(SKEW_SECONDS)
            && (0..=LONGEST_WINDOW_SECONDS).contains(&self.expires.saturating_sub(self.created));
        if fresh {
            Ok(())
        } else {
            Err(Refusal::SignatureTimeInvalid)
        }
    }

    /// Check 6.
    fn sender_key<'m>(
        &self,
        path: &str,
        certificate: Option<&Fingerprint>,
        membership: &'m Membership,
        now: Timestamp,
    ) -> Result<&'m PublicKey, Refusal> {
        if !membership.freshness(now).allows(self.purpose) {
            return Err(Refusal::DirectoryExpired);
        }
        if self.from.is_registry() {
            return self.probe_key(path, certificate, membership);
        }
        let key = membership.key(&self.keyid).ok_or(Refusal::KeyUnknown)?;
        let over_own_tls = certificate
            .is_some_and(|print| membership.certificate_members(print).contains(&self.from));
        if !key.may(KeyUse::Sign, now) || *key.member != self.from || !over_own_tls {
            return Err(Refusal::KeyUnknown);
        }
        match membership.state(&self.from, now) {
            Some(state) if state.takes_part() => Ok(key.public),
            _ => Err(Refusal::MemberSuspended),
        }
    }

    /// Check 6 of the registry's probe: by root's word, over the registry's own TLS, an echo only.
    fn probe_key<'m>(
        &self,
        path: &str,
        certificate: Option<&Fingerprint>,
        membership: &'m Membership,
    ) -> Result<&'m PublicKey, Refusal> {
        let over_own_tls =
            certificate.is_some_and(|print| membership.is_registry_certificate(print));
        membership
            .probe_key(&self.keyid)
            .filter(|_| over_own_tls && path == ECHO_PATH)
            .ok_or(Refusal::KeyUnknown)
    }

    pub(super) fn signature_base(&self, raw: &RawRequest<'_>) -> Result<String, Refusal> {
        let message = Message {
            method: raw.method,
            path: raw.path,
            headers: raw.headers,
            ..Message::default()
        };
        match signature_base(components(raw.path), &message, &self.parameters) {
            Ok(base) => Ok(base),
            Err(_) => Err(Refusal::SignatureParamsInvalid),
        }
    }

    pub(super) fn binding(&self) -> RequestBinding {
        RequestBinding {
            signature: self.signature,
            content_digest: self.content_digest.to_owned(),
            from: self.from.clone(),
            to: self.to.clone(),
            exchange: self.exchange,
            traceparent: self.traceparent.to_owned(),
        }
    }

    fn into_request(self, raw: &RawRequest<'_>, base: String) -> Result<Request, Refusal> {
        let binding = self.binding();
        Ok(Request {
            path: raw.path.to_owned(),
            content_type: self.content_type.to_owned(),
            from: self.from,
            to: self.to,
            exchange: self.exchange,
            purpose: self.purpose,
            actor: self.actor,
            consent: self.consent.map(str::to_owned),
            timeout_ms: self.timeout_ms,
            traceparent: self.traceparent.to_owned(),
            body: raw.body.to_vec(),
            keyid: parsed(&self.keyid)?,
            nonce: self.nonce,
            created: Timestamp::from_unix_seconds(self.created),
            expires: Timestamp::from_unix_seconds(self.expires),
            binding,
            signature_base: base,
        })
    }
}

/// `Fed-Timeout`: digits without leading zero, 1–600 000.
fn timeout(text: &str) -> Result<u32, Refusal> {
    match text.parse::<u32>() {
        Ok(ms) if (1..=LONGEST_TIMEOUT_MS).contains(&ms) && ms.to_string() == text => Ok(ms),
        _ => Err(Refusal::SignatureParamsInvalid),
    }
}

/// The parameters of a request's signature, in their fixed order.
struct Parameters {
    created: i64,
    expires: i64,
    nonce: String,
    keyid: String,
    text: String,
}

impl Parameters {
    fn read(field: &str, covered: &[Component<'_>]) -> Result<Self, Refusal> {
        use ParameterValue::{Integer, Text};
        let Ok(input) = signature_input(field, "fed") else {
            return Err(Refusal::SignatureParamsInvalid);
        };
        let [
            ("created", Integer(created)),
            ("expires", Integer(expires)),
            ("nonce", Text(nonce)),
            ("keyid", Text(keyid)),
            ("alg", Text(algorithm)),
            ("tag", Text(tag)),
        ] = input.parameters.as_slice()
        else {
            return Err(Refusal::SignatureParamsInvalid);
        };
        let fits = input.components == covered
            && base64url::decode_array::<16>(nonce.as_bytes()).is_ok()
            && algorithm == ALGORITHM
            && tag == TAG;
        if !fits {
            return Err(Refusal::SignatureParamsInvalid);
        }
        Ok(Self {
            created: *created,
            expires: *expires,
            nonce: nonce.to_string(),
            keyid: keyid.to_string(),
            text: parameters_text(&input.components, &input.parameters),
        })
    }
}

#[cfg(test)]
mod tests;
