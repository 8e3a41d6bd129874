//! Taking a token apart, and its signature.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::base64url;
use crate::consent::Residual;
use crate::digest::sha256;
use crate::issuers::Issuers;
use crate::json;
use crate::keys::{KeyId, PublicKey};
use crate::purpose::Purpose;
use crate::refusal::Refusal;
use crate::time::Timestamp;

use super::STATUS_LIST_PATH;
use super::claims::{LONGEST_TOKEN, TOKEN_TYP, TokenClaims};

const LONGEST_NAME: usize = 128;
const LARGEST_IDX: u64 = 1 << 32;

/// A token whose form is right. Nothing in it is believed yet.
#[derive(Clone, Debug)]
pub struct ParsedToken {
    claims: TokenClaims,
    kid: String,
    signing_input: String,
    signature: [u8; 64],
    hash: [u8; 32],
}

impl ParsedToken {
    /// Takes a token apart: size, segments, strict base64url, no name twice, the closed schema;
    /// then the header.
    ///
    /// # Errors
    /// `token_malformed`, then `token_header_invalid`.
    pub fn parse(token: &str) -> Result<Self, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::TokenMalformed);
        }
        let mut segments = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) = (
            segments.next(),
            segments.next(),
            segments.next(),
            segments.next(),
        ) else {
            return Err(Refusal::TokenMalformed);
        };
        let header_json = decode(header)?;
        let claims = read_claims(&decode(payload)?)?;
        let signature = decode(signature)?;
        let kid = read_header(&header_json)?;
        // After the header, so that an unsigned token is told what is wrong with it.
        let Ok(signature) = signature.try_into() else {
            return Err(Refusal::TokenMalformed);
        };
        Ok(Self {
            claims,
            kid,
            signing_input: format!("{header}.{payload}"),
            signature,
            hash: sha256(token.as_bytes()),
        })
    }

    /// The key to which it is bound, as it says: who holds the token signs with that one.
    #[must_use]
    pub const fn holder(&self) -> &KeyId {
        &self.claims.cnf.jkt
    }

    /// The SHA-256 of the whole token: what a cache of checked signatures may be keyed by.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Checks that a member that may issue signed it, with a `consent` key that counted at `iat`.
    ///
    /// # Errors
    /// `token_issuer_unknown`; `token_malformed` when the status list is not at the issuer's
    /// endpoint; `token_signature_invalid`.
    pub fn check_signature(
        self,
        issuers: &dyn Issuers,
        now: Timestamp,
    ) -> Result<SignedToken, Refusal> {
        let key = issuer_key(&self.claims, &self.kid, issuers, now)?.clone();
        match key.verify(self.signing_input.as_bytes(), &self.signature) {
            Ok(()) => Ok(SignedToken {
                claims: self.claims,
                key,
                kid: self.kid,
                hash: self.hash,
                residual: OnceLock::new(),
            }),
            Err(_) => Err(Refusal::TokenSignatureInvalid),
        }
    }
}

/// A token whose signature fits a key. Whether that key still counts, and whether the token is for
/// this request, [`SignedToken::accept`] asks each time.
#[derive(Clone, Debug)]
pub struct SignedToken {
    pub(super) claims: TokenClaims,
    key: PublicKey,
    kid: String,
    hash: [u8; 32],
    /// Opened once: it costs more than every other check of a token together.
    pub(super) residual: OnceLock<Residual>,
}

impl SignedToken {
    /// The SHA-256 of the whole token.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The claims, signed but not yet judged.
    #[must_use]
    pub const fn claims(&self) -> &TokenClaims {
        &self.claims
    }

    /// The issuer and its key, again: both may have been revoked since the signature was checked.
    pub(super) fn check_issuer(
        &self,
        issuers: &dyn Issuers,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let key = issuer_key(&self.claims, &self.kid, issuers, now)?;
        if *key == self.key {
            Ok(())
        } else {
            Err(Refusal::TokenIssuerUnknown)
        }
    }
}

fn issuer_key<'i>(
    claims: &TokenClaims,
    kid: &str,
    issuers: &'i dyn Issuers,
    now: Timestamp,
) -> Result<&'i PublicKey, Refusal> {
    let endpoint = issuers
        .endpoint(&claims.iss, now)
        .ok_or(Refusal::TokenIssuerUnknown)?;
    let key = issuers
        .consent_key(&claims.iss, kid, claims.iat)
        .ok_or(Refusal::TokenIssuerUnknown)?;
    let uri = &claims.status.status_list.uri;
    let number = uri
        .strip_prefix(endpoint)
        .and_then(|path| path.strip_prefix(STATUS_LIST_PATH));
    if number.is_some_and(is_number) {
        Ok(key)
    } else {
        Err(Refusal::TokenMalformed)
    }
}

fn is_number(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn decode(segment: &str) -> Result<Vec<u8>, Refusal> {
    base64url::decode(segment).or(Err(Refusal::TokenMalformed))
}

fn read_claims(payload: &[u8]) -> Result<TokenClaims, Refusal> {
    let Ok(claims) = json::parse_as::<TokenClaims>(payload) else {
        return Err(Refusal::TokenMalformed);
    };
    let fits = claims.ver == 1
        && claims.pou != Purpose::Btg
        && base64url::decode_array::<16>(&claims.jti).is_ok()
        && is_uuid_urn(&claims.doc)
        && claims.status.status_list.idx < LARGEST_IDX
        && claims
            .prac
            .as_ref()
            .is_none_or(|prac| is_name(&prac.id) && is_name(&prac.role))
        && [claims.iat, claims.nbf, claims.exp]
            .iter()
            .all(|at| at.unix_seconds() >= 0);
    if fits {
        Ok(claims)
    } else {
        Err(Refusal::TokenMalformed)
    }
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
}

fn is_uuid_urn(text: &str) -> bool {
    text.strip_prefix("urn:uuid:").is_some_and(|uuid| {
        uuid.parse::<uuid::Uuid>()
            .is_ok_and(|parsed| parsed.hyphenated().to_string() == uuid)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The key named by a header of exactly `alg`, `typ` and `kid`. It need not look like a thumbprint:
/// whether there is such a key is the next question.
fn read_header(header: &[u8]) -> Result<String, Refusal> {
    let Ok(value) = json::parse(header) else {
        return Err(Refusal::TokenMalformed);
    };
    match serde_json::from_value::<Header>(value) {
        Ok(Header { alg, typ, kid })
            if typ == TOKEN_TYP && matches!(alg.as_str(), "EdDSA" | "Ed25519") =>
        {
            Ok(kid)
        }
        _ => Err(Refusal::TokenHeaderInvalid),
    }
}
