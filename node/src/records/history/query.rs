//! The parameters of a history, and of `$everything`: both page through what they find.

use super::super::date::{self, Span};
use super::super::query::QueryError;
use super::super::system::hash;
use super::{HistoryOf, RecordsError};

/// Entries of a page when `_count` does not say.
const DEFAULT_COUNT: usize = 50;
/// The most entries of a page.
pub(in crate::records) const MOST_ENTRIES: usize = 1_000;

/// A history as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    pub(super) of: HistoryOf,
    pub(super) count: usize,
    /// Microseconds UTC.
    pub(super) since: Option<i64>,
    pub(super) current_in: Option<Span>,
    pub(super) cursor: Option<String>,
    /// A cursor serves only the history it was made for.
    pub(super) fingerprint: i64,
}

impl HistoryQuery {
    /// Reads `_count`, `_since`, `_at` and `_cursor`, each once.
    ///
    /// # Errors
    /// `Query` for a value that is none, `Unsupported` for anything else.
    pub fn parse<N: AsRef<str>, V: AsRef<str>>(
        of: HistoryOf,
        pairs: &[(N, V)],
    ) -> Result<Self, RecordsError> {
        let mut asked = Paging::default();
        let (mut since, mut current_in) = (None, None);
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            match name {
                "_since" => once(&mut since, "_since", moment("_since", value)?.lo)?,
                "_at" => once(&mut current_in, "_at", moment("_at", value)?)?,
                _ if asked.takes(name, value)? => continue,
                _ => {
                    return Err(RecordsError::Unsupported(
                        "a parameter of a history that is not _count, _since or _at",
                    ));
                }
            }
            asked.mark(name, value);
        }
        Ok(Self {
            count: asked.count(),
            since,
            current_in,
            fingerprint: asked.fingerprint(&format!("{of}/_history")),
            cursor: asked.cursor,
            of,
        })
    }
}

/// How much, and from where on.
#[derive(Debug, Default)]
pub(in crate::records) struct Paging {
    count: Option<usize>,
    pub(in crate::records) cursor: Option<String>,
    marks: Vec<(String, String)>,
}

impl Paging {
    /// Whether the parameter is one of paging, and was taken.
    pub(in crate::records) fn takes(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<bool, QueryError> {
        match name {
            "_count" => once(&mut self.count, "_count", count(value)?)?,
            "_cursor" => once(&mut self.cursor, "_cursor", value.to_owned())?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Remembers what else was asked.
    pub(in crate::records) fn mark(&mut self, name: &str, value: &str) {
        self.marks.push((name.to_owned(), value.to_owned()));
    }

    pub(in crate::records) fn count(&self) -> usize {
        self.count.unwrap_or(DEFAULT_COUNT)
    }

    /// Stands for what was asked, whatever the order and however long the pages.
    pub(in crate::records) fn fingerprint(&mut self, of: &str) -> i64 {
        self.marks.sort_unstable();
        let mut parts = vec![of.as_bytes()];
        for (name, value) in &self.marks {
            parts.extend([name.as_bytes(), value.as_bytes()]);
        }
        hash(&parts)
    }
}

/// Takes a parameter that stands once.
pub(in crate::records) fn once<T>(
    place: &mut Option<T>,
    parameter: &'static str,
    value: T,
) -> Result<(), QueryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::Value {
            parameter,
            reason: "only once",
        }),
    }
}

/// A date or an instant, as long as it is precise.
pub(in crate::records) fn moment(parameter: &'static str, value: &str) -> Result<Span, QueryError> {
    date::parse(value).ok_or(QueryError::Value {
        parameter,
        reason: "wanted: a date or an instant",
    })
}

fn count(value: &str) -> Result<usize, QueryError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| value.parse().ok()).flatten();
    number
        .filter(|number| (1..=MOST_ENTRIES).contains(number))
        .ok_or(QueryError::Value {
            parameter: "_count",
            reason: "a number from 1 to 1000",
        })
}
