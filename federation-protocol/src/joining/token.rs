//! The join token: all that an invited hospital needs, in one word that survives mail.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::base64url;
use crate::digest::sha256;
use crate::jws::PayloadHash;
use crate::member::MemberId;

use super::base32;

/// What a token of this version begins with.
const PREFIX: &str = "mjt1_";
/// Bytes at the end that tell a copying mistake from a token.
const CHECKSUM: usize = 4;
/// The longest text that is looked at: white space of mail included.
const LONGEST_TEXT: usize = 2_048;
/// The longest registry address.
const LONGEST_URL: usize = 255;

/// The invitation's one-time code: 128 bits. Wiped when dropped; no Debug of its text.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationCode(Zeroizing<[u8; 16]>);

impl InvitationCode {
    /// A code of sixteen fresh random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// What the registry keeps of it: SHA-256, base64url. 128 random bits need no slow hash.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut told = Zeroizing::new(b"musubi-invitation-1\0".to_vec());
        told.extend_from_slice(self.0.as_slice());
        base64url::encode(sha256(&told))
    }
}

impl fmt::Debug for InvitationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationCode(..)")
    }
}

impl Serialize for InvitationCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(base64url::encode(self.0.as_slice())))
    }
}

impl<'de> Deserialize<'de> for InvitationCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        base64url::decode_array(text.as_str())
            .map(Self::new)
            .map_err(serde::de::Error::custom)
    }
}

/// What `musubi-registry invite` prints and `musubi-node join` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinToken {
    /// The registry's address, `https://host[:port]`.
    pub registry: String,
    /// SHA-256 of the root payload at the time of the invitation: what the node pins.
    pub root: PayloadHash,
    /// Who is invited.
    pub member: MemberId,
    /// The one-time code.
    pub code: InvitationCode,
}

/// Why a text is no join token.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenTextError {
    /// It does not begin as a token does.
    #[error("this is no join token: one begins with {PREFIX}")]
    Other,
    /// It begins right, but letters were lost, added or changed on the way.
    #[error("the join token was damaged in copying: take it again, whole")]
    Damaged,
}

impl JoinToken {
    /// The token as one word: `mjt1_` and Crockford base32 of root (32 bytes), code (16), the
    /// member's code (its length, then itself), the registry's address, and the first 4 bytes of
    /// the SHA-256 of all that.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let member = self.member.code().as_bytes();
        let mut bytes = Zeroizing::new(self.root.bytes().to_vec());
        bytes.extend_from_slice(self.code.0.as_slice());
        bytes.push(u8::try_from(member.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(member);
        bytes.extend_from_slice(self.registry.as_bytes());
        let sum = sha256(&bytes);
        bytes.extend(sum.iter().take(CHECKSUM));
        Zeroizing::new(format!("{PREFIX}{}", base32::encode(&bytes)))
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (told, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
        if !sha256(told).starts_with(sum) {
            return None;
        }
        let (root, rest) = told.split_first_chunk::<32>()?;
        let (code, rest) = rest.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first()?;
        let (member, registry) = rest.split_at_checked(usize::from(*length))?;
        let registry = std::str::from_utf8(registry).ok()?;
        let fits = registry.starts_with("https://") && registry.len() <= LONGEST_URL;
        fits.then_some(())?;
        Some(Self {
            registry: registry.to_owned(),
            root: PayloadHash::from_bytes(*root),
            member: MemberId::from_code(std::str::from_utf8(member).ok()?).ok()?,
            code: InvitationCode::new(*code),
        })
    }
}

impl FromStr for JoinToken {
    type Err = TokenTextError;

    /// Takes the token as mail and messengers leave it: broken into lines, quoted with `>`, in
    /// capitals.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let skipped = |letter: char| {
            letter.is_whitespace() || matches!(letter, '>' | '\u{200B}' | '\u{FEFF}' | '\u{AD}')
        };
        let letters = text.chars().take(LONGEST_TEXT).filter(|one| !skipped(*one));
        let word: Zeroizing<String> = Zeroizing::new(letters.collect());
        let begins = word.get(..PREFIX.len());
        if !begins.is_some_and(|begins| begins.eq_ignore_ascii_case(PREFIX)) {
            return Err(TokenTextError::Other);
        }
        word.get(PREFIX.len()..)
            .and_then(base32::decode)
            .map(Zeroizing::new)
            .and_then(|bytes| Self::of_bytes(&bytes))
            .ok_or(TokenTextError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            registry: "https://registry.musubi.example:9000".into(),
            root: PayloadHash::of(b"root"),
            member: MemberId::from_code("0110000002").unwrap(),
            code: InvitationCode::new([7; 16]),
        }
    }

    #[test]
    fn a_token_survives_mail() {
        let text = token().to_text();
        let (first, second) = text.split_at(70);
        for mailed in [
            text.to_string(),
            text.to_uppercase(),
            format!("> {first}\r\n> {second}\r\n"),
            format!("  {first}\u{200B}{second}\u{3000}"),
        ] {
            assert_eq!(mailed.parse(), Ok(token()), "{mailed}");
        }
    }

    #[test]
    fn a_copying_mistake_is_told_from_another_thing() {
        let text = token().to_text();
        let mut shorter = text.to_string();
        shorter.pop();
        let swapped = text.replacen("0000", "0001", 1);
        for damaged in [shorter, format!("{}z", *text), format!("{}0", *text)] {
            assert_eq!(damaged.parse::<JoinToken>(), Err(TokenTextError::Damaged));
        }
        assert!(swapped == **text || swapped.parse::<JoinToken>().is_err());
        for other in ["", "mbt_AAAA", "mjt2_0000", "Bearer x"] {
            assert_eq!(other.parse::<JoinToken>(), Err(TokenTextError::Other));
        }
    }

    #[test]
    fn a_code_is_told_to_nobody_who_prints_it() {
        let shown = format!("{:?}", token());
        assert!(shown.contains("InvitationCode(..)"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_token_is_read_back(root: [u8; 32], code: [u8; 16], host in "[a-z]{1,60}") {
            let token = JoinToken {
                registry: format!("https://{host}"),
                root: PayloadHash::from_bytes(root),
                code: InvitationCode::new(code),
                ..token()
            };
            proptest::prop_assert_eq!(token.to_text().parse(), Ok(token));
        }

        #[test]
        fn one_changed_letter_is_noticed(at in 5_usize..140, letter in "[0-9a-hjkmnp-tv-z]") {
            let text = token().to_text().to_string();
            let mut changed = text.clone();
            if at < text.len() {
                changed.replace_range(at..=at, &letter);
            }
            proptest::prop_assume!(changed != text);
            proptest::prop_assert_eq!(changed.parse::<JoinToken>(), Err(TokenTextError::Damaged));
        }

        #[test]
        fn reading_never_panics(text in "(mjt1_)?.{0,300}") {
            let _ = text.parse::<JoinToken>();
        }
    }
}
