//! Secret keys: in memory wiped on drop, at rest PKCS#8 PEM, which OpenSSL reads too.

use ed25519_dalek::Signer as _;
use ed25519_dalek::ed25519::pkcs8::KeypairBytes;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use hpke::kem::{Kem as _, X25519HkdfSha256};
use hpke::{Deserializable as _, Serializable as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyId, PublicKey, SealPublicKey, SigningKey};

/// Who can sign: a key file, or later a security module that never shows its key.
pub trait Sign: Send + Sync {
    /// The thumbprint of the key that signs.
    fn kid(&self) -> &KeyId;

    /// The Ed25519 signature over `message`.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A text is not a secret key of the expected kind.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// Not PKCS#8 PEM of an Ed25519 key.
    #[error("not an Ed25519 private key in PKCS#8 PEM")]
    Ed25519,
    /// Not PKCS#8 PEM of an X25519 key.
    #[error("not an X25519 private key in PKCS#8 PEM")]
    X25519,
    /// The key could not be written as PKCS#8.
    #[error("the key cannot be written as PKCS#8")]
    Write,
}

/// An Ed25519 secret key.
pub struct SecretKey {
    key: SigningKey,
    kid: KeyId,
}

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5). The caller provides the randomness and
    /// wipes its own copy.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = SigningKey::from_bytes(&seed);
        let kid = KeyId::of("Ed25519", key.verifying_key().as_bytes());
        Self { key, kid }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    /// The thumbprint.
    #[must_use]
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// The Ed25519 signature over `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// PKCS#8 version 1 PEM, `-----BEGIN PRIVATE KEY-----` (RFC 8410 section 7), wiped on drop.
    ///
    /// # Errors
    /// [`KeyFileError::Write`]: cannot happen for a key that exists; the encoder can only say so.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyFileError> {
        let bytes = KeypairBytes {
            secret_key: self.key.to_bytes(),
            public_key: None,
        };
        match bytes.to_pkcs8_pem(LineEnding::LF) {
            Ok(pem) => Ok(pem),
            Err(_) => Err(KeyFileError::Write),
        }
    }

    /// Reads what [`Self::to_pkcs8_pem`] or `openssl genpkey -algorithm ed25519` wrote.
    ///
    /// # Errors
    /// [`KeyFileError::Ed25519`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyFileError> {
        match SigningKey::from_pkcs8_pem(pem) {
            Ok(key) => {
                let kid = KeyId::of("Ed25519", key.verifying_key().as_bytes());
                Ok(Self { key, kid })
            }
            Err(_) => Err(KeyFileError::Ed25519),
        }
    }
}

impl Sign for SecretKey {
    fn kid(&self) -> &KeyId {
        &self.kid
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        SecretKey::sign(self, message)
    }
}

/// An X25519 secret key: opens what was sealed to its public half.
pub struct SealSecretKey {
    bytes: Zeroizing<[u8; 32]>,
    public: SealPublicKey,
    kid: KeyId,
}

impl SealSecretKey {
    /// The key of 32 random bytes, clamped when used (RFC 7748 section 5).
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let public = public_half(&bytes);
        Self {
            bytes,
            public,
            kid: public.kid(),
        }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &SealPublicKey {
        &self.public
    }

    /// The thumbprint.
    #[must_use]
    pub const fn kid(&self) -> &KeyId {
        &self.kid
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// PKCS#8 version 1 PEM, as [`SecretKey::to_pkcs8_pem`] but with the algorithm X25519.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new([0_u8; 48]);
        let (head, tail) = der.split_at_mut(PKCS8_X25519.len());
        head.copy_from_slice(&PKCS8_X25519);
        tail.copy_from_slice(self.bytes.as_slice());
        let mut body = standard_base64(der.as_slice());
        let pem = Zeroizing::new(format!("{PEM_BEGIN}\n{body}\n{PEM_END}\n"));
        body.zeroize();
        pem
    }

    /// Reads what [`Self::to_pkcs8_pem`] or `openssl genpkey -algorithm x25519` wrote.
    ///
    /// # Errors
    /// [`KeyFileError::X25519`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyFileError> {
        seed_of(pem)
            .map(Self::from_bytes)
            .ok_or(KeyFileError::X25519)
    }
}

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// The DER of a PKCS#8 X25519 key up to its 32 bytes (RFC 8410 section 7, OID 1.3.101.110).
const PKCS8_X25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];

fn standard_base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn seed_of(pem: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    let body = pem
        .trim()
        .strip_prefix(PEM_BEGIN)?
        .strip_suffix(PEM_END)?
        .trim();
    let mut der = Zeroizing::new([0_u8; 48]);
    let length = base64::engine::general_purpose::STANDARD
        .decode_slice(body, der.as_mut_slice())
        .ok()?;
    let seed = der.get(..length)?.strip_prefix(&PKCS8_X25519)?;
    seed.try_into().ok()
}

/// X25519 of the base point. hpke accepts every 32 bytes as a secret key, so the fallback of zeros
/// (which nothing can be sealed to) is never taken.
fn public_half(bytes: &[u8; 32]) -> SealPublicKey {
    let mut public = [0_u8; 32];
    if let Ok(secret) = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(bytes) {
        public.copy_from_slice(&X25519HkdfSha256::sk_to_pk(&secret).to_bytes());
    }
    SealPublicKey::from_bytes(public)
}
