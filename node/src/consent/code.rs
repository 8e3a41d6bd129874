//! Visit codes: what the person shows the physician.
//!
//! One code has two forms: 10 characters of Crockford base32 (50 bits) to be read aloud or typed,
//! and 22 characters of base64url (128 bits) in a QR code. Stored are their keyed digests
//! (HMAC-SHA-256 with a secret in the key directory): 50 bits could be searched through in a copied
//! database if the digest had no key; with it, and five tries, they cannot.
//!
//! Source: CONSENT section 4.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::ConsentError;
use crate::keys::Keys;

/// Seconds that a code may be redeemed.
pub const CODE_LIFE_SECONDS: i64 = 300;

/// Crockford's alphabet: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SHORT_LETTERS: usize = 10;
const LONG_LETTERS: usize = 22;

/// A new code in the clear, shown once. No `Debug`.
pub struct VisitCode {
    short: Zeroizing<String>,
    long: Zeroizing<String>,
}

impl VisitCode {
    pub(super) fn random() -> Result<Self, ConsentError> {
        let mut bytes = Zeroizing::new([0_u8; 16 + SHORT_LETTERS]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_none| ConsentError::Entropy)?;
        let (for_short, for_long) = bytes.split_at(SHORT_LETTERS);
        // 256 is a multiple of 32: every letter is equally likely.
        let short: String = for_short
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
            .map(|letter| char::from(*letter))
            .collect();
        Ok(Self {
            short: Zeroizing::new(short),
            long: Zeroizing::new(URL_SAFE_NO_PAD.encode(for_long)),
        })
    }

    /// The form for people: two groups of five, `7K2QX-9D4HM`.
    #[must_use]
    pub fn spoken(&self) -> String {
        match self.short.split_at_checked(SHORT_LETTERS / 2) {
            Some((first, second)) => format!("{first}-{second}"),
            None => self.short.to_string(),
        }
    }

    /// The form for a QR code, to stand behind `https://<home>/v#`.
    #[must_use]
    pub fn scanned(&self) -> &str {
        &self.long
    }

    pub(super) fn digests(&self, keys: &Keys) -> [CodeDigest; 2] {
        [&self.short, &self.long].map(|code| CodeDigest(keys.code_digest(code)))
    }
}

/// A code as someone sent it, in its one spelling.
#[derive(Clone)]
pub struct PresentedCode(Zeroizing<String>);

impl PresentedCode {
    /// Reads a code as people type it: upper or lower case, with hyphens and spaces, `O` for zero,
    /// `I` or `L` for one; or the QR form, exactly. What has neither shape is kept as a wrong code.
    #[must_use]
    pub fn read(text: &str) -> Self {
        if text.len() == LONG_LETTERS && !text.contains(' ') {
            return Self(Zeroizing::new(text.to_owned()));
        }
        let letters = text
            .chars()
            .filter(|letter| !matches!(letter, ' ' | '-'))
            .take(64);
        let spelt = letters.map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
        Self(Zeroizing::new(spelt.collect()))
    }

    pub(super) fn digest(&self, keys: &Keys) -> CodeDigest {
        CodeDigest(keys.code_digest(&self.0))
    }
}

/// What is kept of a code.
#[derive(Copy, Clone)]
pub(super) struct CodeDigest(pub(super) [u8; 32]);

impl fmt::Debug for CodeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_code_is_ten_letters_that_nobody_confuses() {
        let code = VisitCode::random().unwrap();
        let spoken = code.spoken();
        assert_eq!(spoken.len(), 11);
        assert!(
            spoken
                .bytes()
                .all(|letter| letter == b'-' || ALPHABET.contains(&letter))
        );
        assert_eq!(code.scanned().len(), LONG_LETTERS);
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for typed in [
            "01ABC-DEFGH",
            "o1abc defgh",
            " OLabcDEFGH",
            "0-1-A-B-C-D-E-F-G-H",
        ] {
            assert_eq!(
                PresentedCode::read(typed).0.as_str(),
                "01ABCDEFGH",
                "{typed}"
            );
        }
    }

    #[test]
    fn the_scanned_form_keeps_its_case() {
        let code = "AbCdEfGhIjKlMnOpQrStUv";
        assert_eq!(PresentedCode::read(code).0.as_str(), code);
    }

    proptest::proptest! {
        #[test]
        fn reading_a_code_never_panics(text in ".{0,200}") {
            let _ = PresentedCode::read(&text);
        }
    }
}
