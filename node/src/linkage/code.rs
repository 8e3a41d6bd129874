//! Link codes, and the wrong tries that lock whoever makes them.

use federation_protocol::grants::{PlainCode, SHORT_CODE_LENGTH};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::LinkageError;
use crate::database::Rid;
use crate::identity::PersonId;
use crate::keys::Keys;

/// So many wrong tries within the window lock whoever made them.
pub(super) const MOST_MISSES: i64 = 5;
/// A person's tries at home end before they lock their home node out at the hospital.
pub(super) const MOST_MISSES_OF_A_PERSON: i64 = 3;
const MISS_WINDOW_SECONDS: i64 = 600;

/// Since when wrong tries count.
pub(super) fn window(now: Timestamp) -> Timestamp {
    now.plus_seconds(-MISS_WINDOW_SECONDS)
}

/// A new link code, shown once: the same code in the form for people and in that for a QR code. No
/// `Debug`.
pub struct LinkCode {
    short: PlainCode,
    long: PlainCode,
}

impl LinkCode {
    pub(super) fn random() -> Result<Self, LinkageError> {
        Ok(Self {
            short: PlainCode::short(random::<SHORT_CODE_LENGTH>()?),
            long: PlainCode::long(random()?),
        })
    }

    /// Ten letters to be read aloud or typed, in two groups: `7K2QX-9D4HM`.
    #[must_use]
    pub fn spoken(&self) -> String {
        self.short.grouped().to_string()
    }

    /// 128 bits, to stand behind `https://<hospital>/l#`.
    #[must_use]
    pub fn scanned(&self) -> &str {
        self.long.as_str()
    }

    pub(super) fn digests(&self, keys: &Keys) -> [CodeDigest; 2] {
        [
            CodeDigest::of(&self.short, keys),
            CodeDigest::of(&self.long, keys),
        ]
    }
}

/// What is kept of a code: its keyed digest.
#[derive(Copy, Clone)]
pub(super) struct CodeDigest(pub(super) [u8; 32]);

impl CodeDigest {
    pub(super) fn of(code: &PlainCode, keys: &Keys) -> Self {
        // Never the digest of a visit code: those are looked up in another table, and begin otherwise.
        Self(keys.code_digest(&format!("link\0{}", code.as_str())))
    }
}

/// Whose wrong tries are counted together.
pub(super) enum Trier<'a> {
    Member(&'a MemberId),
    Person(&'a PersonId),
    /// Whoever holds things against this chart: a clerk must not find out by trying what it says.
    Chart(Rid),
}

impl Trier<'_> {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Member(member) => member.to_string(),
            Self::Person(person) => format!("person:{person}"),
            Self::Chart(Rid(chart)) => format!("chart:{chart}"),
        }
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], LinkageError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_none| LinkageError::Entropy)?;
    Ok(bytes)
}
