//! A search as it was asked: parsed once at the door, strictly. What is not understood is refused,
//! never ignored.

use super::date::{self, Span};
use super::fold::folded;
use super::system::{hash, hash_code, hash_coded};
use super::types::{Kind, Parameter};
use super::{Address, LogicalId, ResourceType};

/// Entries of a page when `_count` does not say.
const DEFAULT_COUNT: usize = 50;
/// The most entries of a page.
pub(super) const MOST_ENTRIES: usize = 1_000;
const MOST_CONDITIONS: usize = 24;
const MOST_VALUES: usize = 256;
const LONGEST_VALUE: usize = 4_096;

/// A search over one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    pub(super) kind: ResourceType,
    pub(super) conditions: Vec<Condition>,
    pub(super) count: usize,
    pub(super) cursor: Option<String>,
    /// Stands for the conditions: a cursor serves only the query it was made for.
    pub(super) fingerprint: i64,
}

/// All conditions of a query hold; within one, any of its values suffices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Id(Vec<LogicalId>),
    Patient(Vec<LogicalId>),
    Updated(Vec<DateTest>),
    When(Vec<DateTest>),
    Token {
        slot: i16,
        values: Vec<i64>,
        identifier: bool,
    },
    Date {
        slot: i16,
        tests: Vec<DateTest>,
    },
    Text {
        slot: i16,
        beginnings: Vec<String>,
    },
    Reference {
        slot: i16,
        targets: Vec<Address>,
    },
}

/// One comparison of a date parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateTest {
    pub(super) how: Comparison,
    pub(super) span: Span,
}

/// The prefixes of FHIR R4 search, but `ap`, whose meaning is left open there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    StartsAfter,
    EndsBefore,
}

/// Why a search is not one. Names parameters, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The type has no such parameter here.
    #[error("unknown search parameter `{parameter}` of {kind}")]
    UnknownParameter {
        /// The type searched.
        kind: ResourceType,
        /// The name as sent, cut to 64 characters.
        parameter: String,
    },
    /// The parameter is known, its modifier (`:exact`, …) is not supported.
    #[error("modifier of `{0}` is not supported")]
    Modifier(&'static str),
    /// The value cannot be read as what the parameter wants.
    #[error("value of `{parameter}`: {reason}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What was wanted.
        reason: &'static str,
    },
    /// More conditions or values than one query may have.
    #[error("too many conditions or values in one search")]
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
        let mut query = Self {
            kind,
            conditions: Vec::new(),
            count: DEFAULT_COUNT,
            cursor: None,
            fingerprint: 0,
        };
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let mut counted = false;
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            if value.len() > LONGEST_VALUE || seen.len() >= MOST_CONDITIONS {
                return Err(QueryError::TooMuch);
            }
            match name {
                "_count" if !counted => {
                    query.count = count(value)?;
                    counted = true;
                }
                "_cursor" if query.cursor.is_none() => query.cursor = Some(value.to_owned()),
                "_count" | "_cursor" => {
                    let parameter = if name == "_count" {
                        "_count"
                    } else {
                        "_cursor"
                    };
                    return Err(QueryError::Value {
                        parameter,
                        reason: "only once",
                    });
                }
                _ => {
                    query.conditions.push(condition(kind, name, value)?);
                    seen.push((name, value));
                }
            }
        }
        query.fingerprint = fingerprint(kind, seen);
        Ok(query)
    }

    /// The type that is searched.
    #[must_use]
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// The most entries that a page will have.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

fn fingerprint(kind: ResourceType, mut seen: Vec<(&str, &str)>) -> i64 {
    seen.sort_unstable();
    let mut parts: Vec<&[u8]> = vec![kind.name().as_bytes()];
    for (name, value) in &seen {
        parts.push(name.as_bytes());
        parts.push(value.as_bytes());
    }
    hash(&parts)
}

fn count(value: &str) -> Result<usize, QueryError> {
    let reason = "a number from 1 to 1000";
    let wrong = QueryError::Value {
        parameter: "_count",
        reason,
    };
    let number = value
        .parse()
        .ok()
        .filter(|_| value.bytes().all(|b| b.is_ascii_digit()));
    number
        .filter(|number| (1..=MOST_ENTRIES).contains(number))
        .ok_or(wrong)
}

fn condition(kind: ResourceType, name: &str, value: &str) -> Result<Condition, QueryError> {
    let (bare, modifier) = match name.split_once(':') {
        Some((bare, modifier)) => (bare, Some(modifier)),
        None => (name, None),
    };
    let unknown = || QueryError::UnknownParameter {
        kind,
        parameter: name.chars().filter(|c| !c.is_control()).take(64).collect(),
    };
    let (own, slot, parameter) = match bare {
        "_id" => ("_id", 0, None),
        "_lastUpdated" => ("_lastUpdated", 0, None),
        _ => {
            let (slot, parameter) = kind.parameter(bare).ok_or_else(unknown)?;
            (parameter.name, slot, Some(parameter))
        }
    };
    if modifier.is_some() {
        return Err(QueryError::Modifier(own));
    }
    let values = alternatives(value);
    if values.len() > MOST_VALUES {
        return Err(QueryError::TooMuch);
    }
    if values.iter().any(String::is_empty) {
        return Err(QueryError::Value {
            parameter: own,
            reason: "an empty value",
        });
    }
    match parameter {
        Some(parameter) => by_parameter(slot, parameter, &values),
        None if own == "_id" => Ok(Condition::Id(all(&values, |value| {
            LogicalId::parse(value).ok_or(QueryError::Value {
                parameter: own,
                reason: "no id",
            })
        })?)),
        None => Ok(Condition::Updated(all(&values, |value| {
            date_test(own, value)
        })?)),
    }
}

fn by_parameter(
    slot: i16,
    parameter: &'static Parameter,
    values: &[String],
) -> Result<Condition, QueryError> {
    let name = parameter.name;
    let wrong = |reason| QueryError::Value {
        parameter: name,
        reason,
    };
    Ok(match parameter.kind {
        Kind::Token | Kind::Code => {
            let bare = parameter.kind == Kind::Code;
            let values = all(values, |value| {
                token(value, bare).ok_or_else(|| wrong("wanted: code, system|code or |code"))
            })?;
            Condition::Token {
                slot,
                values,
                identifier: name == "identifier",
            }
        }
        Kind::Date => Condition::Date {
            slot,
            tests: all(values, |value| date_test(name, value))?,
        },
        Kind::When => Condition::When(all(values, |value| date_test(name, value))?),
        Kind::Text => {
            let beginnings = all(values, |value| {
                let text = folded(&unescaped(value));
                if text.is_empty() {
                    Err(wrong("no letter or digit in it"))
                } else {
                    Ok(text)
                }
            })?;
            Condition::Text { slot, beginnings }
        }
        Kind::Reference => Condition::Reference {
            slot,
            targets: all(values, |value| {
                Address::parse(value).ok_or_else(|| wrong("wanted: Type/id"))
            })?,
        },
        Kind::Patient => Condition::Patient(all(values, |value| {
            let id = value.strip_prefix("Patient/").unwrap_or(value);
            LogicalId::parse(id).ok_or_else(|| wrong("wanted: Patient/id"))
        })?),
    })
}

fn all<T>(
    values: &[String],
    read: impl Fn(&str) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    values.iter().map(|value| read(value)).collect()
}

/// Splits at commas that no backslash stands before; escapes are kept for [`unescaped`].
fn alternatives(value: &str) -> Vec<String> {
    split(value, ',')
}

fn split(value: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in value.chars() {
        if c == at && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            text.push(c);
        }
    }
    text
}

fn token(value: &str, bare: bool) -> Option<i64> {
    let parts = split(value, '|');
    match &*parts {
        [code] => Some(hash_code(&unescaped(code))),
        [_, code] if code.is_empty() => None,
        [_, code] if bare => Some(hash_code(&unescaped(code))),
        [system, code] => Some(hash_coded(&unescaped(system), &unescaped(code))),
        _ => None,
    }
}

fn date_test(parameter: &'static str, value: &str) -> Result<DateTest, QueryError> {
    let (how, rest) = match value.split_at_checked(2) {
        Some(("eq", rest)) => (Comparison::Equal, rest),
        Some(("ne", rest)) => (Comparison::NotEqual, rest),
        Some(("gt", rest)) => (Comparison::Greater, rest),
        Some(("lt", rest)) => (Comparison::Less, rest),
        Some(("ge", rest)) => (Comparison::GreaterOrEqual, rest),
        Some(("le", rest)) => (Comparison::LessOrEqual, rest),
        Some(("sa", rest)) => (Comparison::StartsAfter, rest),
        Some(("eb", rest)) => (Comparison::EndsBefore, rest),
        _ => (Comparison::Equal, value),
    };
    let reason = "wanted: a date or date-time, with eq, ne, gt, lt, ge, le, sa or eb before it";
    let span = date::parse(rest).ok_or(QueryError::Value { parameter, reason })?;
    Ok(DateTest { how, span })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "tests fail by panicking"
    )]
    use proptest::prelude::*;

    use super::*;

    fn kind(name: &str) -> ResourceType {
        ResourceType::named(name).unwrap()
    }

    fn parse(pairs: &[(&str, &str)]) -> Result<SearchQuery, QueryError> {
        SearchQuery::parse(kind("Observation"), pairs)
    }

    #[test]
    fn everything_not_understood_is_refused() {
        let refused = [
            ("colour", "red"),
            ("code:text", "x"),
            ("_sort", "date"),
            ("_include", "*"),
            ("_count", "0"),
            ("_count", "1001"),
            ("_count", "+5"),
            ("_count", ""),
            ("code", ""),
            ("code", "a,,b"),
            ("code", "system|"),
            ("code", "a|b|c"),
            ("date", "tomorrow"),
            ("date", "ap2026"),
            ("_id", "a b"),
            ("patient", "Group/1"),
            ("patient", "http://x/1"),
            ("subject.name", "x"),
            ("_has:Patient", "1"),
            ("name", "x"),
            ("", ""),
        ];
        for (name, value) in refused {
            assert!(parse(&[(name, value)]).is_err(), "{name}={value}");
        }
        assert!(parse(&[("_count", "5"), ("_count", "6")]).is_err());
        let many = vec![("code", "x"); MOST_CONDITIONS + 1];
        assert_eq!(parse(&many), Err(QueryError::TooMuch));
        let long = "x,".repeat(MOST_VALUES);
        assert!(parse(&[("code", &long)]).is_err());
    }

    #[test]
    fn values_are_alternatives_and_escapes_hold() {
        let query = parse(&[("code", "a\\,b,s|c,|d"), ("_count", "7")]).unwrap();
        assert_eq!(query.count, 7);
        let Condition::Token { values, .. } = &query.conditions[0] else {
            panic!()
        };
        assert_eq!(
            *values,
            [hash_code("a,b"), hash_coded("s", "c"), hash_coded("", "d")]
        );
    }

    #[test]
    fn bare_codes_ignore_the_system_they_imply() {
        let with = parse(&[("status", "http://hl7.org/fhir/observation-status|final")]).unwrap();
        let without = parse(&[("status", "final")]).unwrap();
        assert_eq!(with.conditions, without.conditions);
    }

    #[test]
    fn a_query_has_one_fingerprint_whatever_the_order() {
        let one = parse(&[("code", "a"), ("status", "final"), ("_count", "5")]).unwrap();
        let same = parse(&[("status", "final"), ("code", "a"), ("_cursor", "x")]).unwrap();
        let other = parse(&[("status", "a"), ("code", "final")]).unwrap();
        assert_eq!(one.fingerprint, same.fingerprint);
        assert_ne!(one.fingerprint, other.fingerprint);
    }

    proptest! {
        #[test]
        fn nothing_panics(
            which in any::<prop::sample::Index>(),
            name in prop_oneof![
                any::<String>(),
                Just("code".to_owned()), Just("date".to_owned()), Just("patient".to_owned()),
                Just("identifier".to_owned()), Just("_id".to_owned()), Just("_count".to_owned()),
            ],
            value in prop_oneof![any::<String>(), "[a-z0-9|,\\\\:TZ+-]{0,40}"],
        ) {
            let kinds: Vec<_> = ResourceType::all().collect();
            let _ = SearchQuery::parse(*which.get(&kinds), &[(name, value)]);
        }
    }
}
