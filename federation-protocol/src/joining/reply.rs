//! What the registry tells an applicant: how the application stands, and why something was refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;
use crate::member::MemberId;
use crate::time::Timestamp;

/// The id of an application: 16 random bytes, 22 base64url characters.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub struct ApplicationId([u8; 16]);

impl ApplicationId {
    /// The id of sixteen fresh random bytes.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ApplicationId {
    type Err = base64url::Base64UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        base64url::decode_array(text).map(Self)
    }
}

impl Serialize for ApplicationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApplicationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Where an application stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationState {
    /// The operators have it before them.
    Applied,
    /// Back with the applicant, with a reason: mend it and hand it in again.
    Returned,
    /// Refused for good.
    Rejected,
    /// The approvers signed: the member stands in the directory.
    Approved,
}

impl ApplicationState {
    /// Every state.
    pub const ALL: [Self; 4] = [
        Self::Applied,
        Self::Returned,
        Self::Rejected,
        Self::Approved,
    ];

    /// The word on the wire, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Returned => "returned",
            Self::Rejected => "rejected",
            Self::Approved => "approved",
        }
    }

    /// Whether an application knows this step. Handing in again what lies there already is one.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (
                Self::Applied,
                Self::Applied | Self::Returned | Self::Rejected | Self::Approved
            ) | (Self::Returned, Self::Applied | Self::Rejected)
        )
    }
}

impl fmt::Display for ApplicationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that the registry tried at the applicant's endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was tried: `echo`, `clock`, `replayed`, ….
    pub name: String,
    /// Whether the node did what a right node does.
    pub passed: bool,
    /// What it did.
    pub found: String,
}

/// What the registry's probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// When, by the registry's clock.
    pub at: Timestamp,
    /// Each try, in order.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether everything passed, and anything was tried.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
    }
}

/// How an application stands: the answer to its applicant, and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationReply {
    /// Which.
    pub id: ApplicationId,
    /// Who wants to join.
    pub member: MemberId,
    /// Where it stands.
    pub state: ApplicationState,
    /// Since when.
    pub since: Timestamp,
    /// Why it was returned or rejected, in the operator's words; empty otherwise.
    pub reason: String,
    /// What the last probe found; `null` before the first.
    pub probe: Option<Report>,
}

macro_rules! refusals {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:literal, $title:literal; )+) => {
        /// Why the registry does not take an application or a leave: problem details with `code`.
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum JoinRefusal {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl JoinRefusal {
            /// Every refusal.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )+ }
            }

            /// The HTTP status of the answer.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            /// One English sentence for an operator.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )+ }
            }
        }
    };
}

refusals! {
    /// Not an application at all.
    Malformed = "application_malformed", 400, "This is not an application.";
    /// No such code for this member; whoever guesses learns no more.
    InvitationUnknown = "invitation_unknown", 403, "The join token is not valid here.";
    /// The right code, too late.
    InvitationExpired = "invitation_expired", 403, "The join token has expired.";
    /// The right code, but another node came first, or its application was decided.
    InvitationUsed = "invitation_used", 403, "The join token was used.";
    /// The right code, but of another root than this registry's.
    InvitationForeign = "invitation_foreign", 403, "The join token is of another registry.";
    /// The right code, but what came with it is not in order; `detail` says what.
    NotInOrder = "application_not_in_order", 422, "The application is not in order.";
    /// This many applications are not taken from one address.
    RateLimited = "rate_limited", 429, "Too many requests: wait as Retry-After says.";
}

impl JoinRefusal {
    /// The refusal of this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_decided_application_stays_decided() {
        use ApplicationState::{Applied, Approved, Rejected, Returned};
        for next in ApplicationState::ALL {
            assert!(!Approved.may_become(next) && !Rejected.may_become(next));
        }
        assert!(
            !Returned.may_become(Approved),
            "it is handed in again first"
        );
        assert!(Returned.may_become(Applied) && Applied.may_become(Approved));
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = ApplicationId::new([0xFB; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("AAAAAAAAAAAAAAAAAAAAAB".parse::<ApplicationId>().is_err());
    }

    #[test]
    fn a_report_that_tried_nothing_has_not_passed() {
        let at = Timestamp::from_unix_seconds(1_782_864_000);
        let mut report = Report {
            at,
            checks: Vec::new(),
        };
        assert!(!report.passed());
        report.checks.push(Check {
            name: "echo".into(),
            passed: true,
            found: "answered".into(),
        });
        assert!(report.passed());
    }
}
