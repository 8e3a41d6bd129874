//! Signed tokens of others (JWS, compact): the signature is checked before a word of the claims is read.
//!
//! Source: RFC 7515, RFC 7518 section 3, RFC 8037, RFC 8725.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// How a token is signed: a closed list, and never as the token alone says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 bits and more.
    Rs256,
}

impl Algorithm {
    /// The word in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256, Self::Rs256]
            .into_iter()
            .find(|one| one.as_str() == word)
    }

    /// What this key signs with; nothing for keys of other kinds.
    pub(super) fn of_key(key: &PKey<Public>) -> Option<Self> {
        match key.id() {
            Id::ED25519 => Some(Self::EdDsa),
            Id::EC => {
                let curve = key.ec_key().ok()?.group().curve_name();
                (curve == Some(Nid::X9_62_PRIME256V1)).then_some(Self::Es256)
            }
            Id::RSA => (key.bits() >= 2048).then_some(Self::Rs256),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// A token whose signature nobody has checked: it tells which key it names, and nothing else.
pub(super) struct Unverified<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads the form of a token of `longest` bytes at most. What names critical extensions is refused:
    /// none is known here.
    pub(super) fn read(token: &'a str, longest: usize) -> Option<Self> {
        if token.len() > longest {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.crit.is_some() || payload.contains('.') {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::of(&header.alg)?,
            kid: header.kid,
            signed,
            payload,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// The claims, if `key` signed them in its one way.
    pub(super) fn verified<T: for<'d> Deserialize<'d>>(&self, key: &PKey<Public>) -> Option<T> {
        if Algorithm::of_key(key)? != self.algorithm || !self.is_signed_by(key)? {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(self.payload).ok()?;
        serde_json::from_slice(&claims).ok()
    }

    fn is_signed_by(&self, key: &PKey<Public>) -> Option<bool> {
        let signed = self.signed.as_bytes();
        match self.algorithm {
            Algorithm::EdDsa => {
                let mut verifier = Verifier::new_without_digest(key).ok()?;
                verifier.verify_oneshot(&self.signature, signed).ok()
            }
            Algorithm::Rs256 => {
                let mut verifier = Verifier::new(MessageDigest::sha256(), key).ok()?;
                verifier.verify_oneshot(&self.signature, signed).ok()
            }
            Algorithm::Es256 => {
                let (r, s) = self.signature.split_at_checked(32)?;
                if s.len() != 32 {
                    return None;
                }
                let (r, s) = (BigNum::from_slice(r).ok()?, BigNum::from_slice(s).ok()?);
                let signature = EcdsaSig::from_private_components(r, s).ok()?;
                let key = key.ec_key().ok()?;
                signature.verify(&Sha256::digest(signed), &key).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use proptest::prelude::*;

    use super::*;

    /// RFC 8037 appendix A.4: the example token and its key.
    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn key() -> PKey<Public> {
        let raw = URL_SAFE_NO_PAD.decode(KEY).unwrap();
        PKey::public_key_from_raw_bytes(&raw, Id::ED25519).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_is_verified() {
        let read = Unverified::read(TOKEN, 4096).unwrap();
        assert_eq!(read.is_signed_by(&key()), Some(true));
        let other = TOKEN.replace("RXhh", "RXhi");
        let read = Unverified::read(&other, 4096).unwrap();
        assert_eq!(read.is_signed_by(&key()), Some(false));
    }

    #[test]
    fn what_is_not_signed_in_a_known_way_is_not_read() {
        let of = |header: &str| {
            let header = URL_SAFE_NO_PAD.encode(header);
            format!("{header}.e30.AAAA")
        };
        assert!(Unverified::read(&of(r#"{"alg":"EdDSA"}"#), 4096).is_some());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"eddsa"}"#,
            r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
            r#"{"alg":"EdDSA","alg":"none"}"#,
            "{}",
            "",
        ] {
            assert!(Unverified::read(&of(header), 4096).is_none(), "{header}");
        }
        assert!(Unverified::read(&format!("{}.x", of(r#"{"alg":"EdDSA"}"#)), 4096).is_none());
        assert!(Unverified::read(TOKEN, TOKEN.len() - 1).is_none());
        // A key signs in its own way only: no token chooses another.
        let other = of(r#"{"alg":"ES256"}"#);
        let read = Unverified::read(&other, 4096);
        assert!(
            read.unwrap()
                .verified::<serde_json::Value>(&key())
                .is_none()
        );
    }

    proptest! {
        #[test]
        fn reading_never_panics(token in "[A-Za-z0-9_.-]{0,200}", any in any::<String>()) {
            for text in [token, any] {
                if let Some(read) = Unverified::read(&text, 4096) {
                    let _ = read.verified::<serde_json::Value>(&key());
                }
            }
        }
    }
}
