//! Link codes, and the wrong tries that lock whoever makes them.

use federation_protocol::grants::{PlainCode, ShownCode};
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

/// What is kept of a code: its keyed digest.
#[derive(Copy, Clone)]
pub(super) struct CodeDigest(pub(super) [u8; 32]);

impl CodeDigest {
    pub(super) fn of(code: &PlainCode, keys: &Keys) -> Self {
        // Never the digest of a visit code: those are looked up in another table, and begin otherwise.
        Self(keys.code_digest(&format!("link\0{}", code.as_str())))
    }

    /// Of each form of a new code.
    pub(super) fn both(code: &ShownCode, keys: &Keys) -> [Self; 2] {
        code.forms().map(|form| Self::of(form, keys))
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
