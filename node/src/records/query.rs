//! A search as it was asked: parsed once at the door, strictly. What is not understood is refused,
//! never ignored, unless the caller asks for leniency, and then told.

pub(super) mod condition;
mod criterion;
mod question;
mod reference;
mod shape;
mod values;

use super::ResourceType;
use super::own::OwnParameters;
use super::system::hash;
use crate::database::Rid;

use condition::{Condition, Test};
use criterion::criterion;
pub(super) use shape::{Include, Sort, SortBy, Summary, Total};

/// Entries of a page when `_count` does not say.
const DEFAULT_COUNT: usize = 50;
/// The most entries of a page.
pub(super) const MOST_ENTRIES: usize = 1_000;
const MOST_CONDITIONS: usize = 24;
/// Bytes: as long as ten thousand short codes would be, which is refused by their number.
const LONGEST_VALUE: usize = 65_536;

/// A search over one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    pub(super) kind: ResourceType,
    pub(super) conditions: Vec<Condition>,
    /// Empty: newest clinical date first.
    pub(super) sort: Vec<Sort>,
    pub(super) includes: Vec<Include>,
    pub(super) total: Total,
    pub(super) summary: Summary,
    pub(super) elements: Vec<String>,
    /// As asked for.
    count: Option<usize>,
    pub(super) cursor: Option<String>,
    /// What was asked and not understood, where the caller was lenient.
    pub(super) ignored: Vec<QueryError>,
    /// The names of those parameters, as sent.
    pub(super) left_out: Vec<String>,
    /// Stands for the conditions and the order: a cursor serves only the query it was made for.
    pub(super) fingerprint: i64,
}

/// What becomes of a parameter that is not understood (`Prefer: handling`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// The search is refused.
    #[default]
    Strict,
    /// The parameter is left out, and the answer says so.
    Lenient,
}

/// Why a search is not one. Names parameters, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The type has no such parameter here.
    #[error(
        "unknown search parameter `{parameter}` of {kind}; /fhir/metadata lists what can be asked"
    )]
    UnknownParameter {
        /// The type searched.
        kind: ResourceType,
        /// The name as sent, cut to 64 characters.
        parameter: String,
    },
    /// The parameter is known, its modifier is none that it can have.
    #[error("`{0}` cannot have this modifier")]
    Modifier(&'static str),
    /// A chain through a parameter that refers to nothing.
    #[error("`{0}` is no reference that can be followed")]
    NoReference(&'static str),
    /// The value cannot be read as what the parameter wants.
    #[error("value of `{parameter}`: {reason}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What was wanted.
        reason: &'static str,
    },
    /// The hospital's own parameter cannot be asked for yet.
    #[error("`{parameter}` is new: {percent} % of the older resources have been read for it")]
    TooEarly {
        /// The parameter.
        parameter: &'static str,
        /// Hundredths, below 100.
        percent: i64,
    },
    /// Never asked between members: it names the patient, or leads to what never leaves.
    #[error("a question between members never asks for `{0}`")]
    NotBetweenMembers(&'static str),
    /// More conditions, values or links than one query may have.
    #[error(
        "too many conditions, values or links in one search: at most 24 parameters, 256 values of one"
    )]
    TooMuch,
}

impl SearchQuery {
    /// Reads decoded name–value pairs.
    ///
    /// # Errors
    /// [`QueryError`] for whatever is not understood.
    ///
    /// Source: FHIR R4 search; RECORDS section 2.
    pub fn parse<N, V>(kind: ResourceType, pairs: &[(N, V)]) -> Result<Self, QueryError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        Self::parse_as(kind, pairs, Handling::Strict)
    }

    /// [`SearchQuery::parse`], as strict as the caller wants it.
    ///
    /// # Errors
    /// [`QueryError`]; under lenient handling not for parameters that are not known.
    pub fn parse_as<N, V>(
        kind: ResourceType,
        pairs: &[(N, V)],
        handling: Handling,
    ) -> Result<Self, QueryError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        Self::parse_with(&OwnParameters::NONE, kind, pairs, handling)
    }

    /// [`SearchQuery::parse_as`], where own parameters are in force.
    pub(super) fn parse_with<N, V>(
        own: &OwnParameters,
        kind: ResourceType,
        pairs: &[(N, V)],
        handling: Handling,
    ) -> Result<Self, QueryError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut query = Self::of_everything(kind);
        let mut seen = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            if value.len() > LONGEST_VALUE || seen.len() >= MOST_CONDITIONS {
                return Err(QueryError::TooMuch);
            }
            match query.take(own, name, value) {
                Ok(()) => seen.push((name, value)),
                Err(error) if handling == Handling::Lenient && error.is_of_the_name() => {
                    query.ignored.push(error);
                    query.left_out.push(name.to_owned());
                }
                Err(error) => return Err(error),
            }
        }
        query.fingerprint = fingerprint(kind, seen);
        Ok(query)
    }

    /// Makes its cursors worthless in any chart but the one within reach.
    pub(super) fn bind_to(&mut self, chart: Option<Rid>) {
        if let Some(Rid(chart)) = chart {
            let parts = [self.fingerprint.to_be_bytes(), chart.to_be_bytes()];
            self.fingerprint = hash(&[b"chart", &parts.concat()]);
        }
    }

    pub(super) fn of_everything(kind: ResourceType) -> Self {
        Self {
            kind,
            conditions: Vec::new(),
            sort: Vec::new(),
            includes: Vec::new(),
            total: Total::default(),
            summary: Summary::default(),
            elements: Vec::new(),
            count: None,
            cursor: None,
            ignored: Vec::new(),
            left_out: Vec::new(),
            fingerprint: 0,
        }
    }

    fn take(&mut self, own: &OwnParameters, name: &str, value: &str) -> Result<(), QueryError> {
        if self.take_shape(own, name, value)? {
            return Ok(());
        }
        self.conditions
            .push(criterion(own, self.kind, name, value)?);
        Ok(())
    }

    /// The type that is searched.
    #[must_use]
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// The most entries that a page will have.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.unwrap_or(DEFAULT_COUNT)
    }

    /// The slot and hash of the one identifier that is all it asks for.
    pub(super) fn one_identifier(&self) -> Option<(i16, i64)> {
        let [Condition::Row(rows)] = self.conditions.as_slice() else {
            return None;
        };
        match (rows.slots.as_slice(), &rows.test) {
            ([slot], Test::Token(values)) if rows.identifying && self.cursor.is_none() => {
                match values.as_slice() {
                    [value] => Some((*slot, *value)),
                    _several => None,
                }
            }
            _other => None,
        }
    }

    /// Whether it asks something of other resources than those it finds.
    pub(super) fn follows_links(&self) -> bool {
        self.conditions.iter().any(Condition::follows_links)
    }

    /// Whether only the number of matches is wanted.
    pub(super) fn counts_only(&self) -> bool {
        self.summary == Summary::Count || self.count == Some(0)
    }

    /// The parameters that were left out, as they are told.
    pub fn ignored(&self) -> impl Iterator<Item = String> {
        self.ignored.iter().map(ToString::to_string)
    }
}

impl QueryError {
    /// Whether a hospital's own parameter may be meant: `_include` and `_sort` name them in their
    /// values.
    pub(super) fn may_be_own(&self) -> bool {
        let in_value = |parameter: &str| matches!(parameter, "_sort" | "_include" | "_revinclude");
        match self {
            Self::UnknownParameter { .. } => true,
            Self::Value { parameter, .. } => in_value(parameter),
            _ => false,
        }
    }

    /// Whether the parameter itself is not known: a lenient search goes on without it.
    fn is_of_the_name(&self) -> bool {
        matches!(self, Self::UnknownParameter { .. } | Self::Modifier(_))
    }
}

/// How an answer is cut or dressed is no part of what is searched.
const NOT_SEARCHED: [&str; 5] = ["_count", "_cursor", "_summary", "_elements", "_total"];

fn fingerprint(kind: ResourceType, mut seen: Vec<(&str, &str)>) -> i64 {
    seen.retain(|(name, _)| !NOT_SEARCHED.contains(name));
    seen.sort_unstable();
    let mut parts: Vec<&[u8]> = vec![kind.name().as_bytes()];
    for (name, value) in &seen {
        parts.push(name.as_bytes());
        parts.push(value.as_bytes());
    }
    hash(&parts)
}

#[cfg(test)]
mod tests;
