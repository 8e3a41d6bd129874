//! What crosses the wire when a visit code becomes a grant: `POST /federation/v1/grants`.
//!
//! A code that the person decided beforehand is answered with a [`GrantReply`]; an open one with a
//! [`PendingReply`] until the person has answered on their phone; a paper one, handed in with a
//! [`Witness`], like the first.
//!
//! Source: CONSENT section 4; `docs/WIRE.md` section 3.

mod answer;
mod request;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::base64url;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;

pub use answer::{GrantAnswer, PendingReply};
pub use request::{GrantError, GrantRequest, LONGEST_NAME, Witness, is_pending_id};

/// Characters of the code that people read aloud and type.
pub const SHORT_CODE_LENGTH: usize = 10;
/// Characters of the code behind `#` in a QR code: 128 bits in base64url.
pub const LONG_CODE_LENGTH: usize = 22;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LONGEST_READ: usize = 64;

/// A visit code in the clear, in its one spelling. Wiped when dropped; no Debug of its text.
///
/// Two forms: 10 characters of Crockford base32 for people, or 22 of base64url for a QR code.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainCode(Zeroizing<String>);

impl PlainCode {
    /// Reads a code as somebody typed or scanned it: the QR form exactly; otherwise upper or lower
    /// case, with hyphens and spaces, `O` for zero, `I` or `L` for one. What has neither shape
    /// stays a code that nobody was given: a wrong try must count, whatever its shape.
    #[must_use]
    pub fn read(text: &str) -> Self {
        if base64url::decode_array::<16>(text).is_ok() {
            return Self(Zeroizing::new(text.to_owned()));
        }
        let letters = text
            .chars()
            .filter(|letter| !matches!(letter, ' ' | '-' | '\u{3000}'));
        let spelt = letters
            .take(LONGEST_READ)
            .map(|letter| match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            });
        Self(Zeroizing::new(spelt.collect()))
    }

    /// The short form of ten fresh random bytes: five bits of each.
    #[must_use]
    pub fn short(random: [u8; SHORT_CODE_LENGTH]) -> Self {
        // 256 is a multiple of 32: every letter is equally likely.
        let letters = random
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
        Self(Zeroizing::new(
            letters.map(|letter| char::from(*letter)).collect(),
        ))
    }

    /// The QR form of sixteen fresh random bytes.
    #[must_use]
    pub fn long(random: [u8; 16]) -> Self {
        Self(Zeroizing::new(base64url::encode(random)))
    }

    /// The one spelling: what digests are made of, and what crosses the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For people: the short form in two groups of five, `7K2QX-9D4HM`; any other as it is.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        match self.0.split_at_checked(SHORT_CODE_LENGTH / 2) {
            Some((first, second)) if self.0.len() == SHORT_CODE_LENGTH => {
                Zeroizing::new(format!("{first}-{second}"))
            }
            _ => self.0.clone(),
        }
    }
}

/// A new code, shown once: the same right in the form for people and in that for a QR code. No
/// `Debug`.
pub struct ShownCode {
    short: PlainCode,
    long: PlainCode,
}

impl ShownCode {
    /// Both forms, of fresh random bytes.
    #[must_use]
    pub fn new(short: [u8; SHORT_CODE_LENGTH], long: [u8; 16]) -> Self {
        Self {
            short: PlainCode::short(short),
            long: PlainCode::long(long),
        }
    }

    /// Ten letters to be read aloud or typed, in two groups: `7K2QX-9D4HM`.
    #[must_use]
    pub fn spoken(&self) -> String {
        self.short.grouped().to_string()
    }

    /// 128 bits, to stand behind the `#` of a QR code's address.
    #[must_use]
    pub fn scanned(&self) -> &str {
        self.long.as_str()
    }

    /// The form for people, then that for a QR code.
    #[must_use]
    pub const fn forms(&self) -> [&PlainCode; 2] {
        [&self.short, &self.long]
    }
}

impl fmt::Debug for PlainCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainCode(..)")
    }
}

impl Serialize for PlainCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PlainCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(&Zeroizing::new(String::deserialize(
            deserializer,
        )?)))
    }
}

/// One responder's token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedToken {
    /// The responder that the token is for.
    pub responder: MemberId,
    /// The token, compact JWS.
    pub token: String,
}

impl fmt::Debug for GrantedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantedToken")
            .field("responder", &self.responder)
            .finish_non_exhaustive()
    }
}

/// The answer: what the grant is called, and a token for each hospital that the person ticked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantReply {
    /// The grant's name at the home node, for `grant_id`.
    pub grant: String,
    /// The home node.
    pub home: MemberId,
    /// The purpose granted.
    pub purpose: Purpose,
    /// When the tokens expire, in seconds since 1970.
    pub expires: Timestamp,
    /// The tokens; none twice for one responder.
    pub tokens: Vec<GrantedToken>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for typed in [
            "01ABC-DEFGH",
            "o1abc defgh",
            " OLabcDEFGH",
            "0-I-A-B-C-D-E-F-G-H",
        ] {
            assert_eq!(PlainCode::read(typed).as_str(), "01ABCDEFGH", "{typed}");
        }
    }

    #[test]
    fn a_scanned_code_keeps_its_case_and_hyphens() {
        let code = PlainCode::long([0xfb; 16]);
        assert_eq!(code.as_str().len(), LONG_CODE_LENGTH);
        assert_eq!(PlainCode::read(code.as_str()), code);
    }

    #[test]
    fn a_short_code_is_ten_letters_that_nobody_confuses() {
        let code = PlainCode::short([31, 32, 63, 255, 0, 1, 2, 3, 4, 5]);
        assert_eq!(code.as_str(), "Z0ZZ012345");
        assert_eq!(code.grouped().as_str(), "Z0ZZ0-12345");
        assert_eq!(PlainCode::read(&code.grouped()), code);
        assert_eq!(format!("{code:?}"), "PlainCode(..)");
    }

    proptest::proptest! {
        #[test]
        fn reading_a_code_never_panics_and_is_stable(text in ".{0,80}") {
            let code = PlainCode::read(&text);
            proptest::prop_assert_eq!(PlainCode::read(code.as_str()), code);
        }
    }
}
