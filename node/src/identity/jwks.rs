//! The public keys that an issuer publishes.
//!
//! Source: RFC 7517; RFC 7518 section 6; RFC 8037 section 2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Rsa;
use serde::Deserialize;

use super::jwt::Algorithm;

/// More keys than this are not read.
const MOST_KEYS: usize = 64;

/// Keys by their names.
pub(super) struct Jwks(Vec<(Option<String>, PKey<Public>)>);

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(rename = "use", default)]
    purpose: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl Jwks {
    /// Reads what is published; keys of other kinds or for other uses are passed over.
    pub(super) fn read(published: &[u8]) -> Option<Self> {
        let published: Published = serde_json::from_slice(published).ok()?;
        let keys = published.keys.into_iter().take(MOST_KEYS);
        let keys = keys.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let signing = keys.filter(|key| key.purpose.as_deref().is_none_or(|one| one == "sig"));
        let keys = signing.filter_map(|key| {
            let public = key.public()?;
            Algorithm::of_key(&public)?;
            Some((key.kid, public))
        });
        Some(Self(keys.collect()))
    }

    /// Whether a key has this name.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|(name, _)| name.as_deref() == Some(kid))
    }

    /// The key of this name; for a token that names none, the only one there is.
    pub(super) fn of<'a>(
        &'a self,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a PKey<Public>> + 'a {
        let only = self.0.len() == 1;
        self.0
            .iter()
            .filter(move |(name, _)| match kid {
                Some(kid) => name.as_deref() == Some(kid),
                None => only,
            })
            .map(|(_, key)| key)
    }
}

impl Jwk {
    fn public(&self) -> Option<PKey<Public>> {
        let number = |text: &Option<String>| {
            let bytes = URL_SAFE_NO_PAD.decode(text.as_deref()?).ok()?;
            BigNum::from_slice(&bytes).ok()
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let key = Rsa::from_public_components(number(&self.n)?, number(&self.e)?).ok()?;
                PKey::from_rsa(key).ok()
            }
            ("EC", Some("P-256")) => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).ok()?;
                let (x, y) = (number(&self.x)?, number(&self.y)?);
                let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y).ok()?;
                PKey::from_ec_key(key).ok()
            }
            ("OKP", Some("Ed25519")) => {
                let raw = URL_SAFE_NO_PAD.decode(self.x.as_deref()?).ok()?;
                PKey::public_key_from_raw_bytes(&raw, Id::ED25519).ok()
            }
            _ => None,
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

    #[test]
    fn keys_of_known_kinds_are_read_and_the_rest_is_passed_over() {
        let published = br#"{"keys":[
            {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"oct","kid":"b","k":"AAAA"},
            {"kty":"OKP","crv":"Ed25519","kid":"c","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"EC","crv":"P-256","kid":"d","x":"AA","y":"AA"},
            {"kty":"RSA","kid":"e","n":"AQAB","e":"AQAB"},
            {"kid":"f"}, 7
        ]}"#;
        let keys = Jwks::read(published).unwrap();
        assert!(keys.has("a"));
        for other in ["b", "c", "d", "e", "f"] {
            assert!(!keys.has(other), "{other}");
        }
        assert_eq!(keys.of(Some("a")).count(), 1);
        assert_eq!(keys.of(None).count(), 1);
        assert_eq!(keys.of(Some("z")).count(), 0);
        assert!(Jwks::read(b"{}").is_none());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>(), x in "[A-Za-z0-9_-]{0,90}") {
            let _ = Jwks::read(text.as_bytes());
            for kind in ["RSA", "EC", "OKP"] {
                let key = format!(
                    r#"{{"keys":[{{"kty":"{kind}","crv":"P-256","x":"{x}","y":"{x}","n":"{x}","e":"AQAB"}}]}}"#
                );
                let _ = Jwks::read(key.as_bytes());
            }
        }
    }
}
