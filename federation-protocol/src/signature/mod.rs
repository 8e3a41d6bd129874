//! Signed requests and signed answers: RFC 9421 with one fixed shape.
//!
//! A request says who asks whom, for what, on whose behalf; its signature covers all of it and the
//! body's digest. An answer's signature covers the request's signature too, so it cannot be moved
//! to another question. Everything here works on raw bytes: nothing parses a body.
//!
//! Source: RFC 9421, RFC 9530, RFC 9651; PROTOCOL section 4.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::member::MemberId;
use crate::time::Timestamp;

mod actor;
pub mod components;
mod fields;
pub mod kept;
mod opening;
mod request;
mod response;

pub use actor::{Actor, ActorError};
pub use opening::{Request, verify_request};
pub use request::{DraftError, RequestDraft, SignedRequest};
pub use response::{
    Answer, AnswerDraft, AnswerRefusal, RawAnswer, SignedAnswer, verify_answer,
    verify_applicants_answer,
};

/// The protocol version spoken here, `Fed-Version`.
pub const VERSION: &str = "1";

/// Paths below this one carry a consent token; so does the path itself.
pub const FHIR_PATH: &str = "/federation/v1/fhir";

/// The path of break-glass, the only one with the purpose BTG.
pub const EMERGENCY_PATH: &str = "/federation/v1/emergency/fhir";

/// The path of the echo: the only one that the registry's probe is heard at.
pub const ECHO_PATH: &str = "/federation/v1/echo";

/// The longest life of a request's signature, in seconds.
pub const LONGEST_WINDOW_SECONDS: i64 = 60;

/// How far two members' clocks may differ, in seconds.
pub const SKEW_SECONDS: i64 = 60;

/// Whether requests to this path carry `Fed-Consent`, covered by the signature.
#[must_use]
pub fn carries_consent(path: &str) -> bool {
    path.strip_prefix(FHIR_PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A request as it came, before anything is known about it.
#[derive(Copy, Clone, Debug)]
pub struct RawRequest<'a> {
    /// The method, `POST`.
    pub method: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The query as sent, without `?`; `None` or empty in version 1.
    pub query: Option<&'a str>,
    /// Every header line, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body's bytes as sent.
    pub body: &'a [u8],
}

/// The id of one exchange between two members: a UUIDv7, fresh for each peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(Uuid);

impl ExchangeId {
    /// A fresh id of a moment and ten random bytes.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.unix_millis()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The moment in it: when its exchange was begun, by the requester's clock.
    #[must_use]
    pub fn begun_at(self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        let millis = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Timestamp::from_micros(millis.saturating_mul(1_000))
    }

    /// Its sixteen bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// The text is not a UUIDv7 in lower case with hyphens.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUIDv7 in lower case with hyphens")]
pub struct ExchangeIdError;

impl FromStr for ExchangeId {
    type Err = ExchangeIdError;

    fn from_str(text: &str) -> Result<Self, ExchangeIdError> {
        let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match Uuid::try_parse_ascii(text.as_bytes()) {
            Ok(uuid) if canonical && uuid.get_version_num() == 7 => Ok(Self(uuid)),
            _ => Err(ExchangeIdError),
        }
    }
}

/// What an answer was judged under: `Fed-Directory: <directory seq>;status=<status seq>`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct FedDirectory {
    /// `seq` of the accepted directory.
    pub seq: u64,
    /// `seq` of the accepted status document.
    pub status: u64,
}

impl fmt::Display for FedDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};status={}", self.seq, self.status)
    }
}

/// What an answer must be bound to: the proof and the parties of one request. Both sides keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBinding {
    /// The request's signature.
    pub signature: [u8; 64],
    /// The request's `Content-Digest`.
    pub content_digest: String,
    /// Who asked.
    pub from: MemberId,
    /// Who was asked.
    pub to: MemberId,
    /// The exchange.
    pub exchange: ExchangeId,
    /// The request's `traceparent`, repeated in the answer (not covered).
    pub traceparent: String,
}
