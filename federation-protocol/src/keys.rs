//! Keys, their thumbprints, and the text forms in which secret keys rest.
//!
//! Ed25519 for everything that signs, X25519 for what only one member may read. Secret keys are
//! wiped when dropped and have no Debug, Clone, or Serialize.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::base64url;

mod secret;

pub use secret::{KeyFileError, SealSecretKey, SecretKey, Sign};

/// The name of a key: the RFC 7638 thumbprint of its JWK, 43 base64url characters.
///
/// Cloning is cheap; `&KeyId` reads as `&str`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The thumbprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(curve: &str, x: &[u8; 32]) -> Self {
        let jwk = format!(
            r#"{{"crv":"{curve}","kty":"OKP","x":"{}"}}"#,
            base64url::encode(x)
        );
        Self(base64url::encode(Sha256::digest(jwk)).into())
    }
}

/// A text about keys is not what it should be.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A thumbprint is 32 bytes in canonical base64url.
    #[error("not a key thumbprint")]
    Thumbprint,
    /// A public key is 32 bytes in canonical base64url.
    #[error("not a public key of 32 bytes in base64url")]
    PublicKey,
    /// The bytes are not a point that Ed25519 may use (not on the curve, or of low order).
    #[error("not a usable Ed25519 point")]
    Point,
    /// A certificate fingerprint is 32 bytes in canonical base64url.
    #[error("not a certificate fingerprint")]
    Fingerprint,
    /// The use is none of sign, consent, log, recovery, seal.
    #[error("not a key use")]
    Use,
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match base64url::decode_array::<32>(text) {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(KeyError::Thumbprint),
        }
    }
}

impl Deref for KeyId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What a key is for. A key has exactly one use.
///
/// Source: PROTOCOL section 1.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Requests, answers, link assertions.
    Sign,
    /// Consent tokens and status lists.
    Consent,
    /// Checkpoints of the audit log.
    Log,
    /// Offline; may only revoke and replace.
    Recovery,
    /// X25519: what only this member may read.
    Seal,
}

impl KeyUse {
    /// Every use, in the order of the directory.
    pub const ALL: [Self; 5] = [
        Self::Sign,
        Self::Consent,
        Self::Log,
        Self::Recovery,
        Self::Seal,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Consent => "consent",
            Self::Log => "log",
            Self::Recovery => "recovery",
            Self::Seal => "seal",
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyUse {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::ALL
            .into_iter()
            .find(|key_use| key_use.as_str() == text)
            .ok_or(KeyError::Use)
    }
}

/// The signature does not fit key and message.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

/// An Ed25519 public key: on the curve, canonically written, not of low order.
///
/// On the wire (serde) its `x`: 32 bytes in base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of a JWK's `x`: 32 bytes in canonical base64url.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`] for the text, [`KeyError::Point`] for the bytes.
    pub fn from_x(x: &str) -> Result<Self, KeyError> {
        match base64url::decode_array(x) {
            Ok(bytes) => Self::from_bytes(&bytes),
            Err(_) => Err(KeyError::PublicKey),
        }
    }

    /// The key of its 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Point`]: not on the curve, not canonical, or of low order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        match VerifyingKey::from_bytes(bytes) {
            Ok(key) if !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes => {
                Ok(Self(key))
            }
            _ => Err(KeyError::Point),
        }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// `x` of the JWK.
    #[must_use]
    pub fn x(&self) -> String {
        base64url::encode(self.bytes())
    }

    /// The thumbprint.
    ///
    /// Source: RFC 7638 section 3; RFC 8037 section 2.
    #[must_use]
    pub fn kid(&self) -> KeyId {
        KeyId::of("Ed25519", self.bytes())
    }

    /// Checks a signature strictly: canonical `S` and `R`, no point of low order.
    ///
    /// # Errors
    /// [`BadSignature`]; it does not say why.
    ///
    /// Source: RFC 8032 section 5.1.7; `verify_strict` of ed25519-dalek.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        match self
            .0
            .verify_strict(message, &Signature::from_bytes(signature))
        {
            Ok(()) => Ok(()),
            Err(_) => Err(BadSignature),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.x())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.x())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_x(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An X25519 public key: what is sealed to it, only its owner reads.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct SealPublicKey([u8; 32]);

impl SealPublicKey {
    /// The key of a JWK's `x`: 32 bytes in canonical base64url.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`].
    pub fn from_x(x: &str) -> Result<Self, KeyError> {
        match base64url::decode_array(x) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(KeyError::PublicKey),
        }
    }

    /// The key of its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `x` of the JWK.
    #[must_use]
    pub fn x(&self) -> String {
        base64url::encode(self.0)
    }

    /// The thumbprint.
    #[must_use]
    pub fn kid(&self) -> KeyId {
        KeyId::of("X25519", &self.0)
    }
}

impl fmt::Debug for SealPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.x())
    }
}

/// The SHA-256 of a DER certificate; as text and on the wire, base64url.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a DER certificate.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// A fingerprint computed elsewhere.
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

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Fingerprint {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match base64url::decode_array(text) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(KeyError::Fingerprint),
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
