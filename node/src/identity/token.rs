//! The token itself: seen once by its holder, known here only by its digest.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::IdentityError;

/// How each kind of secret of this software begins, so that secret scanners can find leaked ones and
/// none opens the door of another.
const BEARER: &str = "mbt_";
const SESSION: &str = "mbs_";
const SETUP: &str = "mbl_";
const CEREMONY: &str = "mbc_";

/// A token in the clear: `mbt_` and 43 base64url characters (256 random bits). No `Debug`, no
/// `Display`: it is shown where someone asks for [`PlainToken::reveal`], once.
pub struct PlainToken(Zeroizing<String>);

/// What a signed-in browser's cookie holds: `mbs_` and 256 random bits. As [`PlainToken`], no `Debug`.
pub struct PlainSession(Zeroizing<String>);

/// What a one-time setup link holds behind its `#`: `mbl_` and 256 random bits.
pub struct PlainSetup(Zeroizing<String>);

/// What names a ceremony that a browser began: `mbc_` and 256 random bits.
pub struct PlainCeremony(Zeroizing<String>);

/// One kind of secret: made, revealed and digested alike.
macro_rules! secret {
    ($($kind:ident $prefix:expr;)*) => {$(
        impl $kind {
            pub(super) fn random() -> Result<Self, IdentityError> {
                Ok(Self(random($prefix)?))
            }

            /// The secret, to be handed to its holder.
            #[must_use]
            pub fn reveal(&self) -> &str {
                &self.0
            }

            pub(super) fn digest(&self) -> TokenDigest {
                TokenDigest(Sha256::digest(self.0.as_bytes()).into())
            }

            /// The digest of what somebody shows, if it has the shape of this kind of secret.
            pub(super) fn digest_of(shown: &str) -> Option<TokenDigest> {
                TokenDigest::shaped($prefix, shown)
            }
        }
    )*};
}

secret! {
    PlainToken BEARER;
    PlainSession SESSION;
    PlainSetup SETUP;
    PlainCeremony CEREMONY;
}

fn random(prefix: &str) -> Result<Zeroizing<String>, IdentityError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_none| IdentityError::Entropy)?;
    let random = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    Ok(Zeroizing::new(format!("{prefix}{}", random.as_str())))
}

/// What is kept of a token: the SHA-256 of its text. Looking it up by index leaks nothing useful:
/// nobody can choose the digest of what they send.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenDigest(pub(super) [u8; 32]);

impl TokenDigest {
    fn shaped(prefix: &str, shown: &str) -> Option<Self> {
        let random = shown.strip_prefix(prefix)?;
        let shaped = random.len() == 43
            && random
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        shaped.then(|| Self(Sha256::digest(shown.as_bytes()).into()))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}
