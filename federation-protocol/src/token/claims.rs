//! The claims of a token: a closed set, and how it is made.

use serde::{Deserialize, Serialize};

use crate::category::Scope;
use crate::consent::{Practitioner, SealedResidual};
use crate::evidence::PatientEvidence;
use crate::jws;
use crate::keys::{KeyId, Sign};
use crate::link::PatientHandle;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// `typ` of a consent token.
pub const TOKEN_TYP: &str = "musubi-consent+jwt";
/// The most bytes of a token: it travels in a header.
pub const LONGEST_TOKEN: usize = 2_048;
/// `exp` − `iat` at most.
pub const LONGEST_LIFE_SECONDS: i64 = 43_200;

/// How the person proved themself when they decided.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Acr {
    /// By the certificate on their My Number card.
    #[serde(rename = "urn:musubi:acr:jpki")]
    Jpki,
    /// In person, at a hospital's counter.
    #[serde(rename = "urn:musubi:acr:counter")]
    Counter,
    /// By a passkey.
    #[serde(rename = "urn:musubi:acr:passkey")]
    Passkey,
}

/// `cnf`: the requester's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Thumbprint of the requester's `sign` key at minting.
    pub jkt: KeyId,
}

/// `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusClaim {
    /// The one mechanism.
    pub status_list: StatusListClaim,
}

/// `status.status_list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusListClaim {
    /// The bit.
    pub idx: u64,
    /// The list, below the issuer's federation endpoint.
    pub uri: String,
}

/// Every claim of a token, in the order in which we write them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenClaims {
    /// 1.
    pub ver: u32,
    /// The patient's home node.
    pub iss: MemberId,
    /// The patient, meaningful only at `aud`.
    pub sub: PatientHandle,
    /// The responder.
    pub aud: MemberId,
    /// The requester.
    pub client_id: MemberId,
    /// The requester's key.
    pub cnf: Confirmation,
    /// 16 random bytes, base64url.
    pub jti: String,
    /// When it was made.
    pub iat: Timestamp,
    /// From when it holds.
    pub nbf: Timestamp,
    /// Until when; at most 12 h after `iat`.
    pub exp: Timestamp,
    /// The purpose; never BTG.
    pub pou: Purpose,
    /// The categories.
    pub scope: Scope,
    /// The rules, sealed to `aud`.
    pub residual: SealedResidual,
    /// The only practitioner.
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stated"
    )]
    pub prac: Option<Practitioner>,
    /// How the person proved themself.
    pub acr: Acr,
    /// `urn:uuid:…`, fresh for each token.
    pub doc: String,
    /// Where its standing is published.
    pub status: StatusClaim,
    /// The person's own signature.
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stated"
    )]
    pub pev: Option<PatientEvidence>,
}

/// A claim is there or absent; `null` is neither.
fn stated<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl TokenClaims {
    /// Signs the token with the issuer's `consent` key.
    ///
    /// # Errors
    /// `consent_too_complex` when it would be longer than [`LONGEST_TOKEN`].
    pub fn sign(&self, key: &dyn Sign) -> Result<String, Refusal> {
        let Ok(payload) = serde_json::to_vec(self) else {
            return Err(Refusal::ConsentTooComplex);
        };
        let token = jws::sign_compact(TOKEN_TYP, &payload, key);
        if token.len() > LONGEST_TOKEN {
            Err(Refusal::ConsentTooComplex)
        } else {
            Ok(token)
        }
    }
}
