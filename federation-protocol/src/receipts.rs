//! How two members find out which exchanges of a day one of them lacks:
//! `POST /federation/v1/receipts`.
//!
//! Only ids of exchanges and digests of requests cross the wire. An exchange is *settled* at an end
//! that holds its answer; one that was never answered may stand at one end alone, and is told apart.
//!
//! Source: `docs/WIRE.md` section 5.1.

mod narrowing;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::digest::sha256;
use crate::json;
use crate::signature::ExchangeId;
use crate::time::Timestamp;

pub use narrowing::{Differences, MOST_NAMED, MOST_QUESTIONS, Narrowing};
pub use set::{MOST_RECEIPTS, ReceiptSet};

/// The longest question that is read, bytes.
pub const LONGEST_QUESTION: usize = 256;
/// The longest reply that is read, bytes.
pub const LONGEST_REPLY: usize = 64 * 1_024;
/// So many receipts stand in one reply; where there are more, it holds buckets.
pub const MOST_ITEMS: usize = 256;
/// Buckets of a reply: one for each value of the next byte.
pub const BUCKETS: usize = 256;
/// Bytes of the longest prefix. Below it a reply holds the first receipts, however many there are.
pub const DEEPEST: usize = 3;

const DAY_SECONDS: i64 = 86_400;

/// The bytes, or what they say, are none of this path's.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a question about receipts, or not its reply")]
pub struct ReceiptsError;

/// A day in UTC. On the wire `2026-06-30`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i64);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        Self(moment.unix_seconds().div_euclid(DAY_SECONDS))
    }

    /// Its first moment.
    #[must_use]
    pub const fn begins(self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.saturating_mul(DAY_SECONDS))
    }

    /// The first moment after it.
    #[must_use]
    pub const fn ends(self) -> Timestamp {
        self.begins().plus_seconds(DAY_SECONDS)
    }

    /// The day before.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Whether an exchange was begun on it, as its id says: both ends read the same.
    #[must_use]
    pub fn has(self, exchange: ExchangeId) -> bool {
        Self::of(exchange.begun_at()) == self
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.begins().to_string();
        f.write_str(text.split('T').next().unwrap_or_default())
    }
}

impl FromStr for Day {
    type Err = ReceiptsError;

    fn from_str(text: &str) -> Result<Self, ReceiptsError> {
        match Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).map(Self::of) {
            Ok(day) if day.to_string() == text => Ok(day),
            _ => Err(ReceiptsError),
        }
    }
}

impl TryFrom<String> for Day {
    type Error = ReceiptsError;

    fn try_from(text: String) -> Result<Self, ReceiptsError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// The first bytes of SHA-256 over an exchange's id, at most [`DEEPEST`]. On the wire lower-case
/// hexadecimal; empty means every exchange of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(Vec<u8>);

impl Prefix {
    /// Whether it cannot be made longer.
    #[must_use]
    pub fn is_deepest(&self) -> bool {
        self.0.len() >= DEEPEST
    }

    /// One byte longer; `None` below the deepest.
    #[must_use]
    pub fn longer(&self, byte: u8) -> Option<Self> {
        let bytes = self.0.iter().copied().chain([byte]).collect();
        (!self.is_deepest()).then_some(Self(bytes))
    }

    /// Whether an exchange stands below it.
    #[must_use]
    pub fn covers(&self, exchange: ExchangeId) -> bool {
        place(exchange).starts_with(&self.0)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where an exchange stands: the first bytes of SHA-256 over the sixteen of its id.
fn place(exchange: ExchangeId) -> [u8; DEEPEST] {
    let [first, second, third, ..] = sha256(&exchange.to_bytes());
    [first, second, third]
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for Prefix {
    type Error = ReceiptsError;

    fn try_from(text: String) -> Result<Self, ReceiptsError> {
        if text.len() > 2 * DEEPEST {
            return Err(ReceiptsError);
        }
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes = pairs
            .iter()
            .map(|[high, low]| Some(digit(high)? * 16 + digit(low)?))
            .collect::<Option<_>>();
        match (bytes, rest) {
            (Some(bytes), []) => Ok(Self(bytes)),
            _ => Err(ReceiptsError),
        }
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.to_string()
    }
}

/// SHA-256 over the settled receipts of a set, in the order of their ids: sixteen bytes of the id,
/// thirty-two of the request's digest, for each.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SetDigest(#[serde(with = "base64url::array")] pub [u8; 32]);

/// What one end holds of one exchange.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The exchange.
    #[serde(with = "text")]
    pub exchange: ExchangeId,
    /// SHA-256 of the request's body.
    #[serde(with = "base64url::array")]
    pub digest: [u8; 32],
    /// Whether this end holds no answer, or one that need not be kept at the other (401, 5xx).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// The question: what is there of this day, below this prefix?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsQuestion {
    /// The day.
    pub day: Day,
    /// Below what.
    pub prefix: Prefix,
}

/// The reply. It has either `items` or `buckets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptsReply {
    /// The day, as asked.
    pub day: Day,
    /// The prefix, as asked.
    pub prefix: Prefix,
    /// How many exchanges are settled there.
    pub count: u64,
    /// Over the settled ones.
    pub digest: SetDigest,
    /// Each one, ascending; at most [`MOST_ITEMS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Receipt>>,
    /// The digests below the prefix, one for each next byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Vec<SetDigest>>,
}

impl ReceiptsQuestion {
    /// Reads a question of at most [`LONGEST_QUESTION`] bytes.
    ///
    /// # Errors
    /// [`ReceiptsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptsError> {
        read(bytes, LONGEST_QUESTION)
    }
}

impl ReceiptsReply {
    /// Reads a reply of at most [`LONGEST_REPLY`] bytes.
    ///
    /// # Errors
    /// [`ReceiptsError`], also where its parts contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptsError> {
        let reply: Self = read(bytes, LONGEST_REPLY)?;
        if reply.is_sound() {
            Ok(reply)
        } else {
            Err(ReceiptsError)
        }
    }

    fn is_sound(&self) -> bool {
        match (&self.items, &self.buckets) {
            (Some(items), None) => self.are_sound(items),
            (None, Some(buckets)) => buckets.len() == BUCKETS && !self.prefix.is_deepest(),
            _ => false,
        }
    }

    fn are_sound(&self, items: &[Receipt]) -> bool {
        let key = |item: &Receipt| (item.exchange, item.digest);
        let fits =
            |item: &Receipt| self.day.has(item.exchange) && self.prefix.covers(item.exchange);
        let ascending = items.is_sorted_by(|one, next| key(one) < key(next));
        if !ascending || !items.iter().all(fits) || items.len() > MOST_ITEMS {
            return false;
        }
        let is_cut = self.prefix.is_deepest() && items.len() == MOST_ITEMS;
        is_cut || set::of_items(items) == (self.count, self.digest)
    }
}

/// A closed object. Serde would read a list as a structure, too.
fn read<T: serde::de::DeserializeOwned>(bytes: &[u8], longest: usize) -> Result<T, ReceiptsError> {
    if bytes.len() > longest {
        return Err(ReceiptsError);
    }
    match json::parse(bytes) {
        Ok(value @ serde_json::Value::Object(_)) => {
            serde_json::from_value(value).or(Err(ReceiptsError))
        }
        _ => Err(ReceiptsError),
    }
}

/// Exchange ids as text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::signature::ExchangeId;

    pub(super) fn serialize<S: Serializer>(
        exchange: &ExchangeId,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(exchange)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ExchangeId, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
