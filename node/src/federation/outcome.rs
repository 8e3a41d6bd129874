//! How a question to one hospital ended: words for the manifest, the screen and the counters.

use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;

use super::evidence::Evidence;

/// A hospital that was asked, or would have been.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hospital {
    /// Its member id.
    pub member: MemberId,
    /// Its name in the directory, for people; the member id when it has none.
    pub name: String,
    /// Its federation endpoint, `https://host:port`.
    pub endpoint: String,
    /// The telephone number that people may call, where the directory has one.
    pub phone: Option<String>,
}

/// What came of asking one hospital.
#[derive(Clone, Debug)]
pub struct Part {
    /// What is to be kept of the exchange.
    pub evidence: Option<Box<Evidence>>,
    /// Whom.
    pub hospital: Hospital,
    /// The exchange id, when a question went out.
    pub exchange: Option<String>,
    /// How it ended.
    pub outcome: PeerOutcome,
    /// From the first attempt to the end, milliseconds.
    pub duration_ms: u64,
    /// The `Content-Digest` of the answer that verified.
    pub digest: Option<String>,
    /// The directory and status under which the peer judged: its `Fed-Directory`.
    pub directory: Option<String>,
    /// Whether this is the asker's own chart.
    pub own: bool,
}

/// How a question to one hospital ended.
#[derive(Clone, Debug)]
pub enum PeerOutcome {
    /// It answered, and the answer verified.
    Answered(Answer),
    /// It refused, signed.
    Refused(Refusal),
    /// Nothing usable came.
    Silent(Silence),
    /// Something came whose signature does not verify: discarded unread.
    Unverified,
}

/// What a hospital answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The matches in its order, newest first unless the question says another; `meta.source` set,
    /// every other byte as it came.
    pub entries: Vec<Entry>,
    /// What stands beside them, likewise.
    pub included: Vec<Entry>,
    /// Where its next page begins.
    pub next: Option<String>,
}

/// One resource of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its type.
    pub resource_type: &'static str,
    /// Its logical id at that hospital.
    pub id: String,
    /// The JSON text.
    pub raw: String,
}

/// Why nothing usable came.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Silence {
    /// No connection within the time for it.
    Unreachable,
    /// Connected, but no whole answer in time.
    Timeout,
    /// The peer's certificate is not the one in the directory, or it refused ours.
    TlsFailed,
    /// It failed repeatedly and is left alone for a while.
    Resting,
    /// An unsigned error. Its code is a hint for people and changes nothing.
    UnsignedError {
        /// The HTTP status.
        status: u16,
        /// The code in the body, when it is one of ours.
        hint: Option<Refusal>,
    },
    /// It verified, but is no answer to what was asked.
    Unusable,
    /// The directory does not know it as one that can be asked now.
    NotAMember,
    /// The directory here is too old to ask anyone.
    DirectoryExpired,
    /// Its token is over and the home node gave no new one.
    TokenExpired,
    /// The person's device has not signed for it: their own view does not cover it.
    NotSigned,
    /// This node could not read its own chart.
    OwnChartUnavailable,
}

impl Silence {
    /// The word in the manifest and on the screen.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::TlsFailed => "tls_failed",
            Self::Resting => "resting",
            Self::UnsignedError { .. } => "unsigned_error",
            Self::Unusable => "unusable_answer",
            Self::NotAMember => "not_a_member",
            Self::DirectoryExpired => "directory_expired",
            Self::TokenExpired => "token_expired",
            Self::NotSigned => "signature_needed",
            Self::OwnChartUnavailable => "own_chart_unavailable",
        }
    }
}

impl Answer {
    /// How many resources it holds.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.entries.len().saturating_add(self.included.len())
    }
}

impl PeerOutcome {
    /// `answered`, `refused`, `silent` or `unverified`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Refused(_) => "refused",
            Self::Silent(_) => "silent",
            Self::Unverified => "unverified",
        }
    }

    /// The code behind the word; `None` for an answer.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Answered(_) => None,
            Self::Refused(refusal) => Some(refusal.code()),
            Self::Silent(silence) => Some(silence.code()),
            Self::Unverified => Some("answer_unverified"),
        }
    }

    /// Whether the hospital answered.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(self, Self::Answered(_))
    }

    /// FHIR severity and issue type of the entry that stands for a hospital without answer.
    #[must_use]
    pub const fn issue(&self) -> (&'static str, &'static str) {
        match self {
            Self::Answered(_) => ("information", "informational"),
            Self::Refused(refusal) => refused_issue(*refusal),
            Self::Silent(silence) => match silence {
                Silence::Unreachable | Silence::Timeout => ("error", "timeout"),
                Silence::TlsFailed => ("error", "security"),
                Silence::TokenExpired => ("error", "expired"),
                Silence::NotAMember => ("error", "forbidden"),
                Silence::NotSigned => ("information", "suppressed"),
                Silence::Resting
                | Silence::UnsignedError { .. }
                | Silence::Unusable
                | Silence::DirectoryExpired
                | Silence::OwnChartUnavailable => ("error", "transient"),
            },
            Self::Unverified => ("error", "security"),
        }
    }

    /// One sentence for people; `name` is the hospital's.
    #[must_use]
    pub fn sentence(&self, name: &str) -> String {
        match self {
            Self::Answered(answer) => format!("{name}: {} entries", answer.entries.len()),
            Self::Refused(refusal) => format!("{name} refused: {}", refusal.title()),
            Self::Silent(Silence::UnsignedError {
                status,
                hint: Some(hint),
            }) => {
                format!("{name}: unsigned error {status} ({hint}); nothing is known of its records")
            }
            Self::Silent(silence) => {
                format!(
                    "{name} gave no answer ({}); nothing is known of its records",
                    silence.code()
                )
            }
            Self::Unverified => {
                format!("{name}: the answer's signature does not verify; it was discarded")
            }
        }
    }
}

const fn refused_issue(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::ConsentNotGranted
        | Refusal::ConsentTooComplex
        | Refusal::ScopeNotGranted
        | Refusal::PurposeNotGranted => ("information", "suppressed"),
        Refusal::TokenExpired | Refusal::TokenRevoked => ("error", "expired"),
        Refusal::VersionUnsupported => ("warning", "not-supported"),
        Refusal::QueryTooWide => ("error", "too-costly"),
        Refusal::SignatureInvalid | Refusal::ReplayDetected => ("error", "security"),
        _ if matches!(refusal.http_status(), 429 | 503) => ("error", "transient"),
        _ => ("error", "forbidden"),
    }
}
