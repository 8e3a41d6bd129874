//! What a member says about itself and approvers sign: identity, address, keys, certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::keys::{Fingerprint, KeyId, KeyUse, PublicKey, SealPublicKey};
use crate::member::MemberId;
use crate::time::Timestamp;

const MOST_KEYS: usize = 32;
const MOST_CERTIFICATES: usize = 8;
const LONGEST_CERTIFICATE: usize = 8_192;
const LONGEST_TEXT: usize = 256;
const LONGEST_ENDPOINT: usize = 256;
const LONGEST_PHONE: usize = 32;

/// A member's identity, address, keys, certificates and capabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Who.
    pub id: MemberId,
    /// What people call it.
    pub names: Names,
    /// Where: the prefecture's two-digit JIS X 0401 code, or a word.
    pub region: String,
    /// The telephone number that people may call, for when its node does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Who runs its node: an opaque word. Members with the same operator must show the person's
    /// own signature when one asks with a token of the other.
    pub operator: String,
    /// Where it is reached.
    pub endpoints: Endpoints,
    /// Its keys; several of one use may overlap.
    pub keys: Vec<KeyStatement>,
    /// The TLS certificates that its node presents, as server and as client.
    pub certificates: Vec<Certificate>,
    /// The protocol versions that it speaks.
    pub protocol: ProtocolRange,
    /// What it is allowed beyond asking and answering; `emergency` is one.
    pub capabilities: Vec<String>,
}

/// A member's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// In Japanese.
    pub ja: String,
    /// In kana.
    pub kana: String,
    /// In English.
    pub en: String,
}

/// A member's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// `https://host` or `https://host:port`: scheme and authority, nothing behind.
    pub federation: String,
}

/// One key of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStatement {
    /// What for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// The thumbprint of `x`.
    pub kid: KeyId,
    /// The public key: Ed25519, for `seal` X25519.
    pub x: String,
    /// From when it counts.
    pub not_before: Timestamp,
    /// Until when it counts, itself included.
    pub not_after: Timestamp,
}

impl KeyStatement {
    /// The statement of an Ed25519 key.
    #[must_use]
    pub fn of(
        key_use: KeyUse,
        key: &PublicKey,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Self {
        Self {
            key_use,
            kid: key.kid(),
            x: key.x(),
            not_before,
            not_after,
        }
    }

    /// The statement of a seal key.
    #[must_use]
    pub fn of_seal(key: &SealPublicKey, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self {
            key_use: KeyUse::Seal,
            kid: key.kid(),
            x: key.x(),
            not_before,
            not_after,
        }
    }

    /// The Ed25519 key; `None` for a seal key.
    #[must_use]
    pub fn public_key(&self) -> Option<PublicKey> {
        match self.key_use {
            KeyUse::Seal => None,
            _ => PublicKey::from_x(&self.x).ok(),
        }
    }

    /// The X25519 key; `None` for the others.
    #[must_use]
    pub fn seal_key(&self) -> Option<SealPublicKey> {
        match self.key_use {
            KeyUse::Seal => SealPublicKey::from_x(&self.x).ok(),
            _ => None,
        }
    }

    /// Whether it counts at this moment.
    #[must_use]
    pub fn holds_at(&self, time: Timestamp) -> bool {
        self.not_before <= time && time <= self.not_after
    }

    pub(super) fn is_sound(&self) -> bool {
        let kid = match self.key_use {
            KeyUse::Seal => self.seal_key().map(|key| key.kid()),
            _ => self.public_key().map(|key| key.kid()),
        };
        kid.as_ref() == Some(&self.kid) && self.not_before < self.not_after
    }
}

/// A DER certificate; on the wire base64 (RFC 4648 section 4, as `x5c` of RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Vec<u8>);

impl Certificate {
    /// A certificate of its DER bytes.
    #[must_use]
    pub const fn from_der(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// The DER bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// Its SHA-256.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_certificate(&self.0)
    }
}

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// The protocol versions that a member speaks, both ends included.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolRange {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

/// What is wrong with a profile.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A name, the region, the operator or a capability is empty, too long, or has control
    /// characters.
    #[error("a text is empty, too long, or has control characters")]
    Text,
    /// The telephone number is none.
    #[error("the telephone number is not 3 to 15 digits with +, -, ( ), and spaces between")]
    Phone,
    /// The address is not scheme `https`, host and port only.
    #[error("the endpoint is not https://host or https://host:port")]
    Endpoint,
    /// A key is malformed, its `kid` is another's, it ends before it begins, it stands twice, there
    /// are too many, or none signs.
    #[error("a key is not sound, or none is for signing")]
    Keys,
    /// There is no certificate, too many, or one is empty or too long.
    #[error("a certificate is not sound, or there is none")]
    Certificates,
    /// The range of versions is empty or begins at 0.
    #[error("the range of protocol versions is empty")]
    Protocol,
    /// The id is the registry's own.
    #[error("the id is kept for the registry's own probe")]
    Reserved,
}

impl Profile {
    /// Checks what the schema cannot say.
    ///
    /// # Errors
    /// [`ProfileError`], the first in the order of its variants.
    pub fn check(&self) -> Result<(), ProfileError> {
        let Names { ja, kana, en } = &self.names;
        let texts = [ja, kana, en, &self.region, &self.operator];
        if !texts
            .into_iter()
            .chain(&self.capabilities)
            .all(|text| is_text(text))
        {
            return Err(ProfileError::Text);
        }
        if !self.phone.as_deref().is_none_or(is_phone) {
            return Err(ProfileError::Phone);
        }
        if !is_origin(&self.endpoints.federation) {
            return Err(ProfileError::Endpoint);
        }
        let signs = self.keys.iter().any(|key| key.key_use == KeyUse::Sign);
        let twice = self.keys.iter().enumerate().any(|(at, key)| {
            self.keys
                .iter()
                .take(at)
                .any(|earlier| earlier.kid == key.kid)
        });
        let sound = self.keys.iter().all(KeyStatement::is_sound);
        if !signs || twice || !sound || self.keys.len() > MOST_KEYS {
            return Err(ProfileError::Keys);
        }
        let fits = |certificate: &Certificate| {
            (1..=LONGEST_CERTIFICATE).contains(&certificate.der().len())
        };
        if !(1..=MOST_CERTIFICATES).contains(&self.certificates.len())
            || !self.certificates.iter().all(fits)
        {
            return Err(ProfileError::Certificates);
        }
        if self.protocol.min == 0 || self.protocol.min > self.protocol.max {
            return Err(ProfileError::Protocol);
        }
        if self.id.is_registry() {
            return Err(ProfileError::Reserved);
        }
        Ok(())
    }

    /// The keys of one use that count at this moment, as listed.
    pub fn keys_for(&self, key_use: KeyUse, at: Timestamp) -> impl Iterator<Item = &KeyStatement> {
        self.keys
            .iter()
            .filter(move |key| key.key_use == key_use && key.holds_at(at))
    }
}

fn is_text(text: &str) -> bool {
    (1..=LONGEST_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether it is a telephone number: 3 to 15 digits, as ITU-T E.164 counts them, with `+`, `-`, `(`, `)`
/// and spaces between, as people write them; at most 32 bytes.
#[must_use]
pub fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = |byte: u8| byte.is_ascii_digit() || b"+-() ".contains(&byte);
    text.len() <= LONGEST_PHONE && (3..=15).contains(&digits) && text.bytes().all(plain)
}

/// `https://` and an authority without user, path, query or fragment.
fn is_origin(text: &str) -> bool {
    let Some(authority) = text.strip_prefix("https://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        // The colon inside an IPv6 literal is none of a port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port_fits = port.is_none_or(|port| {
        port.parse::<u16>()
            .is_ok_and(|number| number > 0 && number.to_string() == port)
    });
    let name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<core::net::Ipv6Addr>().is_ok());
    !host.is_empty() && text.len() <= LONGEST_ENDPOINT && (name || literal) && port_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_is_digits_as_people_write_them() {
        for text in ["011-000-0000", "+81 11 000 0000", "(0134)00-0000", "119"] {
            assert!(is_phone(text), "{text}");
        }
        for text in [
            "",
            "-",
            "11",
            "011-000-0000;ext=1",
            "０１１",
            "1234567890123456",
            "tel:119",
        ] {
            assert!(!is_phone(text), "{text}");
        }
        assert!(!is_phone(&format!("{}119", " ".repeat(32))));
    }

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for text in [
            "https://a.example",
            "https://a.example:8443",
            "https://127.0.0.1:1",
            "https://[::1]:8443",
            "https://[::1]",
        ] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "",
            "http://a.example",
            "https://",
            "https://a.example/",
            "https://a@b",
            "https://a:0",
            "https://a:70000",
            "https://a:08",
            "https://a?b",
            "https://a#b",
            "https://[::1",
            "https://::1",
            "https://a b",
            "https://:8443",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
