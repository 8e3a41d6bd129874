//! Upload tokens: whoever has one may add measurements to one chart, and read nothing.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::time::Timestamp;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::HealthError;

/// Marks a token of this sort, so that secret scanners can find leaked ones.
const PREFIX: &str = "mbv_";

/// A token in the clear. No `Debug`, no `Display`: it is shown once, where someone asks for
/// [`PlainUploadToken::reveal`].
pub struct PlainUploadToken(Zeroizing<String>);

impl PlainUploadToken {
    pub(super) fn random() -> Result<Self, HealthError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_none| HealthError::Entropy)?;
        let random = URL_SAFE_NO_PAD.encode(bytes.as_slice());
        Ok(Self(Zeroizing::new(format!("{PREFIX}{random}"))))
    }

    /// The token, to be shown to its holder.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What is kept of a token: the SHA-256 of its text, if it has a token's shape.
pub(super) fn digest_of(token: &str) -> Option<[u8; 32]> {
    let random = token.strip_prefix(PREFIX)?;
    let shaped = random.len() == 43
        && random
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    shaped.then(|| Sha256::digest(token.as_bytes()).into())
}

/// A token as it stands in the list: everything but itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadToken {
    /// Its id: revokes it.
    pub id: String,
    /// What its holder called it.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
}

/// How often each token was used in its hour.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<String, (i64, u32)>>);

/// A phone that sends at every chance sends a few times an hour.
const MOST_AN_HOUR: u32 = 60;
const HOUR_SECONDS: i64 = 3_600;

impl Pace {
    /// Counts a use.
    ///
    /// # Errors
    /// `TooOften`.
    pub(super) fn count(&self, id: &str, now: Timestamp) -> Result<(), HealthError> {
        let now = now.unix_seconds();
        let mut uses = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        uses.retain(|_, (began, _)| now.saturating_sub(*began) < HOUR_SECONDS);
        let (began, count) = uses.entry(id.to_owned()).or_insert((now, 0));
        if *count >= MOST_AN_HOUR {
            let ends = began.saturating_add(HOUR_SECONDS);
            return Err(HealthError::TooOften(ends.saturating_sub(now).max(1)));
        }
        *count = count.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn only_what_has_a_token_s_shape_is_looked_up() {
        let token = PlainUploadToken::random().unwrap();
        assert!(digest_of(token.reveal()).is_some());
        for other in [
            "",
            "mbv_",
            "mbt_0123456789012345678901234567890123456789012",
            "x",
        ] {
            assert!(digest_of(other).is_none(), "{other}");
        }
        let hostile = format!("mbv_{}", "'".repeat(43));
        assert!(digest_of(&hostile).is_none());
    }

    #[test]
    fn a_token_is_used_sixty_times_an_hour_and_another_is_not_slowed_by_it() {
        let pace = Pace::default();
        let at = Timestamp::from_unix_seconds;
        for second in 0..60 {
            pace.count("a", at(second)).unwrap();
        }
        assert!(matches!(
            pace.count("a", at(60)),
            Err(HealthError::TooOften(3_540))
        ));
        pace.count("b", at(60)).unwrap();
        pace.count("a", at(3_600)).unwrap();
    }
}
