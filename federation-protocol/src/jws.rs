//! JSON Web Signatures as the protocol uses them: Ed25519 only, a closed header, one spelling.
//!
//! Compact (one signature) and general JSON (n of m). Everything is bounded before it is decoded,
//! and nothing of a payload is parsed here.
//!
//! Source: RFC 7515, RFC 8037, RFC 9864, BCP 225.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;
use crate::digest::sha256;
use crate::json;
use crate::keys::{BadSignature, KeyId, PublicKey, Sign};

/// The longest protected header, in base64url characters.
const LONGEST_HEADER: usize = 512;

/// The most signatures of a general JWS.
const MOST_SIGNATURES: usize = 32;

/// What is wrong with the form of a JWS.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than this kind of document may be.
    #[error("too long")]
    TooLong,
    /// Not three segments, or not the closed JSON of a general JWS.
    #[error("not a JWS")]
    Form,
    /// A segment is not canonical base64url, or the signature is not 64 bytes.
    #[error("not canonical base64url")]
    Base64,
    /// The header is not a JSON object, or names something twice.
    #[error("the header is not strict JSON")]
    HeaderJson,
    /// The header is not exactly `alg` (`EdDSA` or `Ed25519`), `typ` as expected, and `kid`.
    #[error("the header is not exactly alg, typ and kid as expected")]
    Header,
}

/// The SHA-256 of a payload's bytes, before base64url; as text and on the wire, base64url.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    /// The hash of a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(sha256(payload))
    }

    /// A hash kept elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for PayloadHash {
    type Err = base64url::Base64UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        base64url::decode_array(text).map(Self)
    }
}

impl Serialize for PayloadHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PayloadHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The protected header in its one order.
fn header(typ: &str, kid: &KeyId) -> String {
    base64url::encode(format!(
        r#"{{"alg":"Ed25519","typ":"{typ}","kid":"{kid}"}}"#
    ))
}

fn read_header(segment: &str, typ: &str) -> Result<KeyId, JwsError> {
    if segment.len() > LONGEST_HEADER {
        return Err(JwsError::TooLong);
    }
    let Ok(bytes) = base64url::decode(segment) else {
        return Err(JwsError::Base64);
    };
    let Ok(value) = json::parse(&bytes) else {
        return Err(JwsError::HeaderJson);
    };
    if !value.is_object() {
        return Err(JwsError::HeaderJson);
    }
    match serde_json::from_value::<Header>(value) {
        Ok(header) if header.typ == typ && matches!(header.alg.as_str(), "EdDSA" | "Ed25519") => {
            header.kid.parse().or(Err(JwsError::Header))
        }
        _ => Err(JwsError::Header),
    }
}

fn read_signature(segment: &str) -> Result<[u8; 64], JwsError> {
    base64url::decode_array(segment).or(Err(JwsError::Base64))
}

/// Signs a payload: compact JWS with header `alg` `Ed25519`, `typ`, `kid`.
///
/// `typ` is one of ours: a constant without characters that JSON escapes.
#[must_use]
pub fn sign_compact(typ: &str, payload: &[u8], key: &dyn Sign) -> String {
    let mut text = header(typ, key.kid());
    text.push('.');
    text.push_str(&base64url::encode(payload));
    let signature = key.sign(text.as_bytes());
    text.push('.');
    text.push_str(&base64url::encode(signature));
    text
}

/// A compact JWS taken apart; its signature is not checked yet.
#[derive(Debug)]
pub struct Compact<'a> {
    /// The key that is said to have signed.
    pub kid: KeyId,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    signing_input: &'a str,
    signature: [u8; 64],
}

impl<'a> Compact<'a> {
    /// Takes a compact JWS of this `typ` apart, at most `longest` bytes long.
    ///
    /// # Errors
    /// [`JwsError`]: every form error before [`JwsError::Header`].
    pub fn parse(text: &'a str, typ: &str, longest: usize) -> Result<Self, JwsError> {
        if text.len() > longest {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwsError::Form)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Form)?;
        if payload.contains('.') {
            return Err(JwsError::Form);
        }
        let payload = base64url::decode(payload).or(Err(JwsError::Base64))?;
        let signature = read_signature(signature)?;
        Ok(Self {
            kid: read_header(header, typ)?,
            payload,
            signing_input,
            signature,
        })
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify(self.signing_input.as_bytes(), &self.signature)
    }
}

/// A general JSON JWS: one payload, several signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct General {
    payload: String,
    signatures: Vec<GeneralSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GeneralSignature {
    protected: String,
    signature: String,
}

impl General {
    /// A payload that nobody has signed yet.
    #[must_use]
    pub fn new(payload: &[u8]) -> Self {
        Self {
            payload: base64url::encode(payload),
            signatures: Vec::new(),
        }
    }

    /// Adds a signature.
    #[must_use]
    pub fn signed(mut self, typ: &str, key: &dyn Sign) -> Self {
        let protected = header(typ, key.kid());
        let signature = key.sign(format!("{protected}.{}", self.payload).as_bytes());
        self.signatures.push(GeneralSignature {
            protected,
            signature: base64url::encode(signature),
        });
        self
    }

    /// How many signatures it carries, of whatever keys, fitting or not.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// Whether it carries a signature in the name of this key, fitting or not.
    #[must_use]
    pub fn is_signed_by(&self, typ: &str, kid: &KeyId) -> bool {
        let named = |one: &GeneralSignature| read_header(&one.protected, typ).as_ref() == Ok(kid);
        self.signatures.iter().any(named)
    }

    /// Reads the JSON form, at most `longest` bytes long.
    ///
    /// # Errors
    /// [`JwsError::TooLong`], [`JwsError::Form`].
    pub fn parse(bytes: &[u8], longest: usize) -> Result<Self, JwsError> {
        if bytes.len() > longest {
            return Err(JwsError::TooLong);
        }
        json::parse_as(bytes).or(Err(JwsError::Form))
    }

    /// The hash of the payload; `None` when it is not base64url.
    #[must_use]
    pub fn payload_hash(&self) -> Option<PayloadHash> {
        base64url::decode(&self.payload)
            .ok()
            .map(|payload| PayloadHash::of(&payload))
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        let signatures: Vec<_> = self
            .signatures
            .iter()
            .map(|one| {
                format!(
                    r#"{{"protected":"{}","signature":"{}"}}"#,
                    one.protected, one.signature
                )
            })
            .collect();
        format!(
            r#"{{"payload":"{}","signatures":[{}]}}"#,
            self.payload,
            signatures.join(",")
        )
    }

    /// Takes it apart: payload and signatures of this `typ`, each key once.
    ///
    /// # Errors
    /// [`JwsError`]; [`JwsError::Form`] also for a key that stands twice.
    pub fn open(&self, typ: &str) -> Result<OpenGeneral<'_>, JwsError> {
        if self.signatures.len() > MOST_SIGNATURES {
            return Err(JwsError::TooLong);
        }
        let payload = base64url::decode(&self.payload).or(Err(JwsError::Base64))?;
        let mut signatures: Vec<OpenSignature<'_>> = Vec::with_capacity(self.signatures.len());
        for one in &self.signatures {
            let kid = read_header(&one.protected, typ)?;
            let signature = read_signature(&one.signature)?;
            if signatures.iter().any(|earlier| earlier.kid == kid) {
                return Err(JwsError::Form);
            }
            signatures.push(OpenSignature {
                kid,
                protected: &one.protected,
                signature,
            });
        }
        Ok(OpenGeneral {
            payload,
            encoded: &self.payload,
            signatures,
        })
    }
}

/// A general JWS taken apart; its signatures are not checked yet.
#[derive(Debug)]
pub struct OpenGeneral<'a> {
    /// The payload's bytes.
    pub payload: Vec<u8>,
    encoded: &'a str,
    signatures: Vec<OpenSignature<'a>>,
}

#[derive(Debug)]
struct OpenSignature<'a> {
    kid: KeyId,
    protected: &'a str,
    signature: [u8; 64],
}

impl OpenGeneral<'_> {
    /// How many of these keys rightly signed. Signatures of other keys do not count and do not
    /// harm.
    ///
    /// # Errors
    /// [`BadSignature`] when a signature in the name of one of these keys does not fit.
    pub fn count<'k>(
        &self,
        keys: impl IntoIterator<Item = (&'k KeyId, &'k PublicKey)>,
    ) -> Result<usize, BadSignature> {
        let mut fitting = 0;
        for (kid, key) in keys {
            for one in self.signatures.iter().filter(|one| one.kid == *kid) {
                let input = format!("{}.{}", one.protected, self.encoded);
                key.verify(input.as_bytes(), &one.signature)?;
                fitting += 1;
            }
        }
        Ok(fitting)
    }
}

#[cfg(test)]
mod tests;
