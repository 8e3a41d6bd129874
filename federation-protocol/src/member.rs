//! Who belongs: member ids and the states a member goes through.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PREFIX: &str = "urn:musubi:member:";
const REGISTRY: &str = "urn:musubi:member:x-registry";
const LONGEST_LABEL: usize = 32;

/// The id of a member: `urn:musubi:member:0110000001`, or `urn:musubi:member:x-<label>` for an
/// organisation without a medical institution number.
///
/// It is text, never a number: Hokkaido's institution numbers start with 0. A label is 1–32
/// lower-case letters, digits and inner hyphens. Cloning is cheap.
///
/// Source: PROTOCOL section 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// The whole id, `urn:musubi:member:…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands after `urn:musubi:member:`: the institution number, or `x-<label>`.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.strip_prefix(PREFIX).unwrap_or_default()
    }

    /// The id under which the registry itself asks for an echo: reserved, no member's.
    ///
    /// Source: PROTOCOL section 3, step 3; `docs/WIRE.md` section 6.
    #[must_use]
    pub fn registry() -> Self {
        Self(REGISTRY.into())
    }

    /// Whether this is the registry's own id, [`MemberId::registry`].
    #[must_use]
    pub fn is_registry(&self) -> bool {
        *self.0 == *REGISTRY
    }

    /// The id for a bare code: ten digits, or `x-<label>`.
    ///
    /// # Errors
    /// [`MemberIdError`] when it is neither.
    pub fn from_code(code: &str) -> Result<Self, MemberIdError> {
        if is_code(code) {
            Ok(Self(format!("{PREFIX}{code}").into()))
        } else {
            Err(MemberIdError)
        }
    }
}

fn is_code(code: &str) -> bool {
    let number = code.len() == 10 && code.bytes().all(|byte| byte.is_ascii_digit());
    number || code.strip_prefix("x-").is_some_and(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The text is not a member id.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a member id: expected urn:musubi:member: and ten digits, or x- and a label")]
pub struct MemberIdError;

impl FromStr for MemberId {
    type Err = MemberIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(PREFIX) {
            Some(code) if is_code(code) => Ok(Self(text.into())),
            _ => Err(MemberIdError),
        }
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for MemberId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for MemberId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for MemberId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MemberId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Where a member stands.
///
/// Source: PROTOCOL section 2, "Member states".
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// Has asked to join; nothing is trusted yet.
    Applied,
    /// Approved, listed, not yet asked or answered.
    Probation,
    /// Asks and answers.
    Active,
    /// Asks and answers, but announced that it may be away.
    Maintenance,
    /// Stopped for now: nothing it signs is taken.
    Suspended,
    /// Stopped for ever by the operators.
    Revoked,
    /// Left.
    Withdrawn,
}

impl MemberState {
    /// Whether a member in this state may ask, answer and issue: active or in maintenance.
    #[must_use]
    pub const fn takes_part(self) -> bool {
        matches!(self, Self::Active | Self::Maintenance)
    }

    /// Whether the life of a member knows this arrow; staying put is none.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use MemberState::{Active, Applied, Maintenance, Probation, Revoked, Suspended, Withdrawn};
        matches!(
            (self, next),
            (Applied, Probation)
                | (Probation, Active)
                | (Active, Maintenance | Suspended)
                | (Maintenance | Suspended, Active)
                | (
                    Applied | Probation | Active | Maintenance | Suspended,
                    Revoked | Withdrawn
                )
        )
    }

    /// The word on the wire, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Probation => "probation",
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MemberState {
    type Err = MemberStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Applied,
            Self::Probation,
            Self::Active,
            Self::Maintenance,
            Self::Suspended,
            Self::Revoked,
            Self::Withdrawn,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or(MemberStateError)
    }
}

/// The text names no member state.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a member state")]
pub struct MemberStateError;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn an_institution_number_keeps_its_leading_zero() {
        let id: MemberId = "urn:musubi:member:0110000001".parse().unwrap();
        assert_eq!(id.code(), "0110000001");
        assert_eq!(id.to_string(), "urn:musubi:member:0110000001");
        assert_eq!(
            MemberId::from_code("x-phr-store").unwrap().code(),
            "x-phr-store"
        );
    }

    #[test]
    fn what_is_no_member_id_is_refused() {
        for text in [
            "",
            "0110000001",
            "urn:musubi:member:",
            "urn:musubi:member:110000001",
            "urn:musubi:member:01100000011",
            "urn:musubi:member:x-",
            "urn:musubi:member:x--a",
            "urn:musubi:member:x-a-",
            "urn:musubi:member:x-A",
            "urn:musubi:member:011000000１",
            "URN:musubi:member:0110000001",
            "urn:musubi:member:0110000001 ",
            "urn:musubi:member:x-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert_eq!(text.parse::<MemberId>(), Err(MemberIdError), "{text}");
        }
    }

    #[test]
    fn a_revoked_member_never_comes_back() {
        use MemberState::*;
        for next in [
            Applied,
            Probation,
            Active,
            Maintenance,
            Suspended,
            Withdrawn,
        ] {
            assert!(!Revoked.may_become(next));
            assert!(!Withdrawn.may_become(next));
        }
        assert!(Suspended.may_become(Active) && Active.may_become(Suspended));
        assert!(!Suspended.may_become(Maintenance));
    }

    proptest::proptest! {
        #[test]
        fn reading_a_member_id_never_panics(text in ".{0,60}") {
            let _ = text.parse::<MemberId>();
        }
    }
}
