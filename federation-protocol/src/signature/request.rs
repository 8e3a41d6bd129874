//! A signed question: made by one member, opened by another.

use crate::base64url;
use crate::digest::{content_digest, to_field};
use crate::keys::Sign;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

use super::components::{Component, Message, parameters_text, signature_base};
use super::{
    Actor, EMERGENCY_PATH, ExchangeId, LONGEST_WINDOW_SECONDS, RequestBinding, VERSION,
    carries_consent,
};

pub(super) const TAG: &str = "musubi-request-1";
pub(super) const ALGORITHM: &str = "ed25519";
pub(super) const LONGEST_TIMEOUT_MS: u32 = 600_000;

/// What a request on a FHIR path covers, in this order.
pub(super) static WITH_CONSENT: [Component<'static>; 14] = [
    Component::new("@method"),
    Component::new("@path"),
    Component::new("@query"),
    Component::new("content-type"),
    Component::new("content-digest"),
    Component::new("fed-version"),
    Component::new("fed-from"),
    Component::new("fed-to"),
    Component::new("fed-exchange"),
    Component::new("fed-purpose"),
    Component::new("fed-actor"),
    Component::new("fed-consent"),
    Component::new("fed-timeout"),
    Component::new("traceparent"),
];

/// What a request on another path covers.
static WITHOUT_CONSENT: [Component<'static>; 13] = [
    Component::new("@method"),
    Component::new("@path"),
    Component::new("@query"),
    Component::new("content-type"),
    Component::new("content-digest"),
    Component::new("fed-version"),
    Component::new("fed-from"),
    Component::new("fed-to"),
    Component::new("fed-exchange"),
    Component::new("fed-purpose"),
    Component::new("fed-actor"),
    Component::new("fed-timeout"),
    Component::new("traceparent"),
];

pub(super) fn components(path: &str) -> &'static [Component<'static>] {
    if carries_consent(path) {
        &WITH_CONSENT
    } else {
        &WITHOUT_CONSENT
    }
}

/// A question before it is signed.
#[derive(Clone, Debug)]
pub struct RequestDraft {
    /// The path, `/federation/v1/…`.
    pub path: String,
    /// The body's media type.
    pub content_type: String,
    /// Who asks.
    pub from: MemberId,
    /// Who is asked.
    pub to: MemberId,
    /// Fresh for this peer.
    pub exchange: ExchangeId,
    /// What for. BTG on the emergency path, and only there.
    pub purpose: Purpose,
    /// On whose behalf.
    pub actor: Actor,
    /// The consent token, on FHIR paths, and only there.
    pub consent: Option<String>,
    /// Milliseconds after which an answer is useless, 1–600 000.
    pub timeout_ms: u32,
    /// W3C trace context, fresh for this peer.
    pub traceparent: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The draft cannot be sent as it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// A token is missing on a FHIR path, or stands on another.
    #[error("a consent token belongs on FHIR paths, and only there")]
    Consent,
    /// BTG outside the emergency path, or another purpose on it.
    #[error("the purpose does not fit the path")]
    Purpose,
    /// The actor has no wire form.
    #[error("the actor cannot be written")]
    Actor,
    /// The timeout is 0 or above 600 000 ms.
    #[error("the timeout is outside 1 to 600000 ms")]
    Timeout,
    /// `traceparent` is not version 00 of W3C trace context.
    #[error("traceparent is malformed")]
    Trace,
    /// A header value has characters that no header carries, or the path has a query.
    #[error("a header or the path has characters that cannot be sent")]
    Characters,
}

/// A signed question, ready to send with `POST` and no query.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// The path.
    pub path: String,
    /// Every header that the protocol wants, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the answer must be bound to.
    pub binding: RequestBinding,
    /// The bytes that were signed: evidence to keep.
    pub signature_base: String,
}

impl RequestDraft {
    /// Signs the question: valid from `now` for 60 s, once. A retry is signed anew with a new
    /// `nonce` (16 random bytes).
    ///
    /// # Errors
    /// [`DraftError`] when the draft has no wire form.
    ///
    /// Source: PROTOCOL section 4.
    pub fn sign(
        self,
        key: &dyn Sign,
        now: Timestamp,
        nonce: [u8; 16],
    ) -> Result<SignedRequest, DraftError> {
        let digest = content_digest(&self.body);
        let mut headers = self.headers(&digest)?;
        let created = now.unix_seconds();
        let nonce = base64url::encode(nonce);
        let parameters = [
            ("created", created.into()),
            (
                "expires",
                created.saturating_add(LONGEST_WINDOW_SECONDS).into(),
            ),
            ("nonce", nonce.as_str().into()),
            ("keyid", key.kid().as_str().into()),
            ("alg", ALGORITHM.into()),
            ("tag", TAG.into()),
        ];
        let covered = components(&self.path);
        let parameters = parameters_text(covered, &parameters);
        let base = {
            let lines: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
                .collect();
            let message = Message {
                method: "POST",
                path: &self.path,
                headers: &lines,
                ..Message::default()
            };
            match signature_base(covered, &message, &parameters) {
                Ok(base) => base,
                Err(_) => return Err(DraftError::Characters),
            }
        };
        let signature = key.sign(base.as_bytes());
        headers.push(("signature-input", format!("fed={parameters}")));
        headers.push(("signature", to_field("fed", &signature)));
        let binding = RequestBinding {
            signature,
            content_digest: digest,
            from: self.from,
            to: self.to,
            exchange: self.exchange,
            traceparent: self.traceparent,
        };
        Ok(SignedRequest {
            path: self.path,
            headers,
            body: self.body,
            binding,
            signature_base: base,
        })
    }

    fn headers(&self, digest: &str) -> Result<Vec<(&'static str, String)>, DraftError> {
        if carries_consent(&self.path) != self.consent.is_some() {
            return Err(DraftError::Consent);
        }
        if (self.purpose == Purpose::Btg) != (self.path == EMERGENCY_PATH) {
            return Err(DraftError::Purpose);
        }
        if !(1..=LONGEST_TIMEOUT_MS).contains(&self.timeout_ms) {
            return Err(DraftError::Timeout);
        }
        if !is_traceparent(&self.traceparent) {
            return Err(DraftError::Trace);
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(is_path_byte) {
            return Err(DraftError::Characters);
        }
        let Ok(actor) = self.actor.to_field() else {
            return Err(DraftError::Actor);
        };
        let mut headers = Vec::with_capacity(14);
        headers.extend([
            ("content-type", self.content_type.clone()),
            ("content-digest", digest.to_owned()),
            ("fed-version", VERSION.to_owned()),
            ("fed-from", self.from.to_string()),
            ("fed-to", self.to.to_string()),
            ("fed-exchange", self.exchange.to_string()),
            ("fed-purpose", self.purpose.to_string()),
            ("fed-actor", actor),
        ]);
        headers.extend(self.consent.clone().map(|token| ("fed-consent", token)));
        headers.push(("fed-timeout", self.timeout_ms.to_string()));
        headers.push(("traceparent", self.traceparent.clone()));
        Ok(headers)
    }
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~$".contains(&byte)
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero.
pub(super) fn is_traceparent(text: &str) -> bool {
    let hex = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| {
            part.len() == length
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && (length == 2 || part.bytes().any(|byte| byte != b'0'))
        })
    };
    let mut parts = text.split('-');
    parts.next() == Some("00")
        && hex(parts.next(), 32)
        && hex(parts.next(), 16)
        && hex(parts.next(), 2)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests;
