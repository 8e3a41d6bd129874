//! The token itself: seen once by its holder, known here only by its digest.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::IdentityError;

/// Marks a token of this software, so that secret scanners can find leaked ones.
const PREFIX: &str = "mbt_";

/// A token in the clear: `mbt_` and 43 base64url characters (256 random bits). No `Debug`, no
/// `Display`: it is shown where someone asks for [`PlainToken::reveal`], once.
pub struct PlainToken(Zeroizing<String>);

impl PlainToken {
    pub(super) fn random() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_none| IdentityError::Entropy)?;
        Ok(Self(Zeroizing::new(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(bytes.as_slice())
        ))))
    }

    /// The token, to be shown to its holder.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// What is kept of a token: the SHA-256 of its text. Looking it up by index leaks nothing useful:
/// nobody can choose the digest of what they send.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenDigest(pub(super) [u8; 32]);

impl TokenDigest {
    /// The digest of a bearer token, if it has a token's shape.
    pub(super) fn of(bearer: &str) -> Option<Self> {
        let random = bearer.strip_prefix(PREFIX)?;
        let shaped = random.len() == 43
            && random
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        shaped.then(|| Self(Sha256::digest(bearer.as_bytes()).into()))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}
