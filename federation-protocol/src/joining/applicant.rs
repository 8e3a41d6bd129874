//! Short statements that somebody signs to be believed once: an applicant who asks how it stands, a
//! member that leaves.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::jws::{Compact, JwsError, sign_compact};
use crate::keys::{KeyId, PublicKey, Sign};
use crate::member::MemberId;
use crate::time::Timestamp;
use crate::verified::Verified;

use super::reply::ApplicationId;
use super::{STATEMENT_SECONDS, VERSION};

/// `typ` of an applicant's question, in `Authorization: Musubi-Applicant …`.
pub const APPLICANT_TYP: &str = "musubi-applicant+jwt";

/// `typ` of a member's leave.
pub const LEAVE_TYP: &str = "musubi-leave+jwt";

const LONGEST: usize = 4_096;

/// Why a statement is not believed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not the signed statement that it should be.
    #[error("not the expected statement: {0}")]
    Form(#[from] JwsError),
    /// None of the keys that may make this statement.
    #[error("the key may not make this statement")]
    Key,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// The payload does not fit its schema.
    #[error("the statement does not fit its schema")]
    Schema,
    /// Signed too long ago, or in the future.
    #[error("the statement was signed more than {STATEMENT_SECONDS} s from now")]
    Time,
}

/// An applicant's question how its application stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicantRequest {
    /// 1.
    pub ver: u32,
    /// Which application.
    pub application: ApplicationId,
    /// When it was signed.
    pub iat: Timestamp,
}

impl ApplicantRequest {
    /// A question to be signed.
    #[must_use]
    pub const fn new(application: ApplicationId, now: Timestamp) -> Self {
        Self {
            ver: VERSION,
            application,
            iat: now,
        }
    }

    /// Signs with the `sign` key of the application's description.
    #[must_use]
    pub fn sign(&self, sign: &dyn Sign) -> String {
        sign_statement(APPLICANT_TYP, self, sign)
    }

    /// Opens a question that `key` signed.
    ///
    /// # Errors
    /// [`StatementError`], the first in the order of its variants.
    pub fn verify(
        text: &str,
        key: &PublicKey,
        now: Timestamp,
    ) -> Result<Verified<Self>, StatementError> {
        let keys = |kid: &KeyId| (key.kid() == *kid).then(|| key.clone());
        let request: Self = open(text, APPLICANT_TYP, keys)?;
        check(request.ver, request.iat, now)?;
        Ok(Verified::new(request))
    }
}

/// A member's last word: it leaves. Nothing it signs after that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// 1.
    pub ver: u32,
    /// The registry's id: a leave is worth nothing in another.
    pub iss: String,
    /// Who leaves.
    pub member: MemberId,
    /// When it was signed.
    pub iat: Timestamp,
}

impl Leave {
    /// A leave to be signed.
    #[must_use]
    pub fn new(registry: &str, member: MemberId, now: Timestamp) -> Self {
        Self {
            ver: VERSION,
            iss: registry.to_owned(),
            member,
            iat: now,
        }
    }

    /// Signs with the member's `sign` or `recovery` key.
    #[must_use]
    pub fn sign(&self, key: &dyn Sign) -> String {
        sign_statement(LEAVE_TYP, self, key)
    }

    /// Opens a leave; `keys` knows the member's `sign` and `recovery` keys that count now.
    ///
    /// # Errors
    /// [`StatementError`], the first in the order of its variants.
    pub fn verify(
        text: &str,
        keys: impl FnOnce(&KeyId) -> Option<PublicKey>,
        now: Timestamp,
    ) -> Result<Verified<Self>, StatementError> {
        let leave: Self = open(text, LEAVE_TYP, keys)?;
        check(leave.ver, leave.iat, now)?;
        Ok(Verified::new(leave))
    }
}

/// Whether something signed at `iat` was signed just now.
pub(super) fn is_fresh(iat: Timestamp, now: Timestamp) -> bool {
    (-STATEMENT_SECONDS..=STATEMENT_SECONDS).contains(&now.seconds_since(iat))
}

fn check(ver: u32, iat: Timestamp, now: Timestamp) -> Result<(), StatementError> {
    if ver != VERSION {
        return Err(StatementError::Schema);
    }
    is_fresh(iat, now).then_some(()).ok_or(StatementError::Time)
}

fn sign_statement<T: Serialize>(typ: &str, statement: &T, key: &dyn Sign) -> String {
    // Our own structures always serialise.
    let payload = serde_json::to_vec(statement).unwrap_or_default();
    sign_compact(typ, &payload, key)
}

/// The signature is checked before the payload is parsed.
fn open<T: DeserializeOwned>(
    text: &str,
    typ: &str,
    keys: impl FnOnce(&KeyId) -> Option<PublicKey>,
) -> Result<T, StatementError> {
    let jws = Compact::parse(text.trim(), typ, LONGEST)?;
    let key = keys(&jws.kid).ok_or(StatementError::Key)?;
    jws.verify(&key).or(Err(StatementError::Signature))?;
    json::parse_as(&jws.payload).or(Err(StatementError::Schema))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;
    use crate::keys::SecretKey;
    use crate::sample::{NOW, REGISTRY, SampleMember};

    fn minato() -> SampleMember {
        SampleMember::new("0110000001", 10)
    }

    #[test]
    fn only_the_applicant_asks_how_it_stands_and_only_now() {
        let key = minato().sign;
        let asked = ApplicantRequest::new(ApplicationId::new([1; 16]), NOW).sign(&key);
        let public = key.public();
        assert!(ApplicantRequest::verify(&asked, &public, NOW).is_ok());
        let later = NOW.plus_seconds(STATEMENT_SECONDS + 1);
        assert_eq!(
            ApplicantRequest::verify(&asked, &public, later).unwrap_err(),
            StatementError::Time
        );
        let other = SecretKey::from_seed([9; 32]).public();
        assert_eq!(
            ApplicantRequest::verify(&asked, &other, NOW).unwrap_err(),
            StatementError::Key
        );
    }

    #[test]
    fn a_leave_is_no_question_and_a_question_no_leave() {
        let minato = minato();
        let leave = Leave::new(REGISTRY, minato.id.clone(), NOW).sign(&minato.sign);
        let public = minato.sign.public();
        let keys = |kid: &KeyId| (public.kid() == *kid).then(|| public.clone());
        assert_eq!(Leave::verify(&leave, keys, NOW).unwrap().member, minato.id);
        assert!(matches!(
            ApplicantRequest::verify(&leave, &public, NOW),
            Err(StatementError::Form(_))
        ));
        assert_eq!(
            Leave::verify(&leave, |_| None, NOW).unwrap_err(),
            StatementError::Key
        );
    }
}
