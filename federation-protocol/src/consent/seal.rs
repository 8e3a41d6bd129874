//! Sealing the residual to the responder: HPKE base mode. The requester carries it unread.

use std::convert::Infallible;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base64url;
use crate::keys::{KeyId, SealPublicKey, SealSecretKey};
use crate::member::MemberId;

use super::{Residual, ResidualError};

const ENCAPSULATED: usize = 32;

/// The claim `residual`: rules that only the responder can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedResidual {
    /// The responder's `seal` key.
    pub kid: KeyId,
    /// base64url(encapsulated key ‖ ciphertext).
    #[serde(rename = "box")]
    pub sealed: String,
}

/// What the box is bound to besides the key: neither another token nor another responder can use
/// it.
fn info(jti: &str, audience: &MemberId) -> Vec<u8> {
    [
        b"musubi residual v1".as_slice(),
        jti.as_bytes(),
        audience.as_str().as_bytes(),
    ]
    .join(&0)
}

impl Residual {
    /// Seals the rules to the responder's `seal` key.
    ///
    /// `entropy` is 32 fresh random bytes, for this box alone.
    ///
    /// # Errors
    /// [`ResidualError::Sealed`] when the key is no usable X25519 point.
    ///
    /// Source: RFC 9180 section 6.1 (base mode, single shot; aad empty): DHKEM(X25519,
    /// HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
    pub fn seal(
        &self,
        to: &SealPublicKey,
        jti: &str,
        audience: &MemberId,
        entropy: [u8; 32],
    ) -> Result<SealedResidual, ResidualError> {
        let sealed = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to.bytes()).and_then(|key| {
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &key,
                &info(jti, audience),
                self.to_json().as_bytes(),
                b"",
                &mut HandedIn(Zeroizing::new(entropy)),
            )
        });
        match sealed {
            Ok((encapsulated, ciphertext)) => {
                let sealed = [encapsulated.to_bytes().as_slice(), &ciphertext].concat();
                Ok(SealedResidual {
                    kid: to.kid(),
                    sealed: base64url::encode(sealed),
                })
            }
            Err(_) => Err(ResidualError::Sealed),
        }
    }
}

impl SealedResidual {
    /// Opens the box that came with the token `jti` for `audience`.
    ///
    /// # Errors
    /// [`ResidualError::Sealed`] when key, token or audience is another or a bit was changed;
    /// [`ResidualError::Form`] when what is inside is no residual.
    pub fn open(
        &self,
        key: &SealSecretKey,
        jti: &str,
        audience: &MemberId,
    ) -> Result<Residual, ResidualError> {
        let json = self
            .open_box(key, &info(jti, audience))
            .ok_or(ResidualError::Sealed)?;
        Residual::from_json(&json)
    }

    fn open_box(&self, key: &SealSecretKey, info: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if *key.kid() != self.kid {
            return None;
        }
        let sealed = base64url::decode(&self.sealed).ok()?;
        let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(key.bytes()).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &key,
            &encapsulated,
            info,
            ciphertext,
            b"",
        )
        .ok()
        .map(Zeroizing::new)
    }
}

/// Randomness that was handed in, as the one draw of 32 bytes that HPKE makes: the material of
/// its ephemeral key. Nothing here draws twice; if it did, hashing moves the bytes on.
struct HandedIn(Zeroizing<[u8; 32]>);

impl TryRng for HandedIn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        use sha2::{Digest, Sha256};
        for chunk in into.chunks_mut(self.0.len()) {
            chunk
                .iter_mut()
                .zip(self.0.iter())
                .for_each(|(to, from)| *to = *from);
            *self.0 = Sha256::digest(*self.0).into();
        }
        Ok(())
    }
}

impl TryCryptoRng for HandedIn {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn residual() -> Residual {
        Residual::from_json(br#"[[{"type":"permit","securityLabel":["N"]}]]"#).unwrap()
    }

    #[test]
    fn only_the_right_key_token_and_audience_open_a_box() {
        let key = SealSecretKey::from_bytes([7; 32]);
        let other = SealSecretKey::from_bytes([8; 32]);
        let audience = MemberId::from_code("0110000002").unwrap();
        let elsewhere = MemberId::from_code("0110000003").unwrap();
        let sealed = residual()
            .seal(key.public(), "jti", &audience, [9; 32])
            .unwrap();
        assert_eq!(sealed.open(&key, "jti", &audience), Ok(residual()));
        for opened in [
            sealed.open(&other, "jti", &audience),
            sealed.open(&key, "jtj", &audience),
            sealed.open(&key, "jti", &elsewhere),
        ] {
            assert_eq!(opened, Err(ResidualError::Sealed));
        }
        let renamed = SealedResidual {
            kid: other.kid().clone(),
            ..sealed
        };
        assert_eq!(
            renamed.open(&other, "jti", &audience),
            Err(ResidualError::Sealed)
        );
    }

    #[test]
    fn other_randomness_makes_another_box() {
        let key = SealSecretKey::from_bytes([7; 32]);
        let audience = MemberId::from_code("0110000002").unwrap();
        let boxed = |entropy| {
            residual()
                .seal(key.public(), "jti", &audience, entropy)
                .unwrap()
        };
        assert_eq!(boxed([1; 32]), boxed([1; 32]));
        assert_ne!(boxed([1; 32]), boxed([2; 32]));
    }
}
