//! The link assertion: a responder's signed word that a handle stands for one of its patients.
//!
//! Made with the person present; the home node takes it in. It names no patient: the handle means
//! something only at the responder.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;
use crate::directory::Membership;
use crate::json;
use crate::jws::{Compact, JwsError, sign_compact};
use crate::keys::{KeyUse, PublicKey, Sign};
use crate::member::MemberId;
use crate::time::Timestamp;
use crate::verified::Verified;

/// `typ` of a link assertion.
pub const LINK_TYP: &str = "musubi-link+jwt";

/// How long an assertion may wait to be taken in, in seconds.
pub const LONGEST_LIFE_SECONDS: i64 = 30 * 86_400;

const LONGEST: usize = 2_048;
const SKEW_SECONDS: i64 = 60;

/// The patient handle of the protocol: `pp:` and 16 random bytes in base64url. It means a patient
/// at one responder, and nothing elsewhere. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientHandle(Arc<str>);

impl PatientHandle {
    /// The handle of 16 random bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("pp:{}", base64url::encode(bytes)).into())
    }

    /// `pp:` and 22 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a patient handle.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a patient handle: expected pp: and 22 base64url characters")]
pub struct PatientHandleError;

impl FromStr for PatientHandle {
    type Err = PatientHandleError;

    fn from_str(text: &str) -> Result<Self, PatientHandleError> {
        let random = text.strip_prefix("pp:").ok_or(PatientHandleError)?;
        match base64url::decode_array::<16>(random) {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(PatientHandleError),
        }
    }
}

impl fmt::Display for PatientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PatientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PatientHandle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PatientHandle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A responder's word: this handle is a patient of mine, whose home is that member, and whose
/// device holds this key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkAssertion {
    /// 1.
    pub ver: u32,
    /// The handle.
    pub pp: PatientHandle,
    /// Who asserts it.
    pub responder: MemberId,
    /// Who may take it in.
    pub home: MemberId,
    /// The Ed25519 key of the person's device for this link: `x`.
    pub device_key: PublicKey,
    /// When it was made.
    pub iat: Timestamp,
    /// Until when it may be taken in; at most 30 days later.
    pub exp: Timestamp,
}

/// Why an assertion is not taken in; in the order of the checks.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not the signed document that it should be.
    #[error("not a link assertion: {0}")]
    Form(#[from] JwsError),
    /// The payload does not fit its schema.
    #[error("the link assertion does not fit its schema")]
    Schema,
    /// It is for another home.
    #[error("the link assertion is for another home")]
    OtherHome,
    /// Its times are out of order, ahead, or over.
    #[error("the link assertion is not valid now")]
    Time,
    /// The key is not a `sign` key of the responder, or the responder does not take part.
    #[error("the link assertion's key is not the responder's")]
    KeyUnknown,
    /// The signature does not fit.
    #[error("the link assertion's signature does not fit")]
    Signature,
}

impl LinkAssertion {
    /// Signs with the responder's `sign` key.
    #[must_use]
    pub fn sign(&self, key: &dyn Sign) -> String {
        sign_compact(LINK_TYP, &serde_json::to_vec(self).unwrap_or_default(), key)
    }

    /// Opens an assertion made for `home`.
    ///
    /// # Errors
    /// [`LinkError`], the first in the order of its variants.
    pub fn verify(
        text: &str,
        home: &MemberId,
        membership: &Membership,
        now: Timestamp,
    ) -> Result<Verified<Self>, LinkError> {
        let jws = Compact::parse(text.trim(), LINK_TYP, LONGEST)?;
        let link: Self = json::parse_as(&jws.payload).or(Err(LinkError::Schema))?;
        if link.ver != 1 {
            return Err(LinkError::Schema);
        }
        if link.home != *home {
            return Err(LinkError::OtherHome);
        }
        let in_time = link.iat <= now.plus_seconds(SKEW_SECONDS)
            && now <= link.exp.plus_seconds(SKEW_SECONDS)
            && (1..=LONGEST_LIFE_SECONDS).contains(&link.exp.seconds_since(link.iat));
        if !in_time {
            return Err(LinkError::Time);
        }
        let key = membership.key(&jws.kid).ok_or(LinkError::KeyUnknown)?;
        let takes_part = membership
            .state(&link.responder, now)
            .is_some_and(|state| state.takes_part());
        if !key.may(KeyUse::Sign, link.iat) || *key.member != link.responder || !takes_part {
            return Err(LinkError::KeyUnknown);
        }
        jws.verify(key.public).or(Err(LinkError::Signature))?;
        Ok(Verified::new(link))
    }
}

#[cfg(test)]
mod tests;
