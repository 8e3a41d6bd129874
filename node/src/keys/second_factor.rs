//! The secret of a practitioner's second factor, made again each time and stored nowhere.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Keys;

impl Keys {
    /// The TOTP secret of a practitioner and a stored salt: HMAC-SHA-256 with a secret of this node, so
    /// that a copy of the database alone shows nobody's codes. 160 bits, as RFC 4226 section 4 wants.
    #[must_use]
    pub fn second_factor_secret(&self, practitioner: &str, salt: &[u8]) -> Zeroizing<[u8; 20]> {
        let mut secret = Zeroizing::new([0; 20]);
        // HMAC takes a key of any length; this one has 32 bytes, so the fallback is never taken.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.code.as_slice()) else {
            return secret;
        };
        let whole = mac
            .chain_update(b"musubi second factor v1\0")
            .chain_update(practitioner.as_bytes())
            .chain_update(b"\0")
            .chain_update(salt)
            .finalize()
            .into_bytes();
        for (place, byte) in secret.iter_mut().zip(whole) {
            *place = byte;
        }
        secret
    }
}
