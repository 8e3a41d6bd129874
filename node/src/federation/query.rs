//! What may be asked: the shape of a federated question, and nothing outside it.
//!
//! One parser for both ends: the asker refuses what the answerer would refuse. Unknown types,
//! parameters and spellings are refused, never ignored, because an ignored filter is a wider answer.
//! Source: PROTOCOL section 4, check 11; docs/WIRE.md section 4.

use federation_protocol::category::{Category, Scope};
use federation_protocol::json;
use serde::Deserialize;

/// The types that may be asked for. Everything else is category `other` and never leaves.
pub const TYPES: [&str; 8] = [
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Procedure",
    "Specimen",
];

/// The parameters that may be given.
pub const PARAMETERS: [&str; 7] = [
    "_id", "code", "category", "date", "status", "_count", "_cursor",
];

/// The most entries that one answer may be asked for.
pub const MOST_ENTRIES: usize = 1000;
/// How many entries an answer holds when the question does not say.
pub const DEFAULT_ENTRIES: usize = 50;
/// The most searches in one batch.
pub const MOST_SEARCHES: usize = 64;
/// The most values, separated by commas, that one parameter may list.
const MOST_VALUES: usize = 100;
/// The longest value, bytes.
const LONGEST_VALUE: usize = 4096;

/// One search that may be asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// One of [`TYPES`].
    pub resource_type: &'static str,
    /// Name and value, in the order given, without `_count` and `_cursor`.
    pub filters: Vec<(&'static str, String)>,
    /// The most entries wanted, 1 to [`MOST_ENTRIES`].
    pub count: usize,
    /// Where the previous page ended: opaque, made by the answerer.
    pub cursor: Option<String>,
}

/// What a question may not be. The text is for the asking developer; it never holds a value.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Not one of [`TYPES`].
    #[error("this type is never asked for between members")]
    Type,
    /// Not one of [`PARAMETERS`].
    #[error("a parameter that is not in the list")]
    Parameter,
    /// A parameter given twice (only `date` may be: one lower and one upper bound).
    #[error("`{0}` is given more than once")]
    Duplicate(&'static str),
    /// A value of the wrong form.
    #[error("the value of `{0}` is malformed")]
    Value(&'static str),
    /// Not `application/x-www-form-urlencoded` UTF-8.
    #[error("the form is malformed")]
    Form,
    /// Not a batch Bundle of GET searches.
    #[error("the batch is malformed")]
    Batch,
}

impl Question {
    /// Parses the body of `POST /federation/v1/fhir/{type}/_search`.
    ///
    /// # Errors
    /// The first thing that is not in the list.
    pub fn from_form(resource_type: &str, form: &[u8]) -> Result<Self, QueryError> {
        let known = TYPES
            .iter()
            .find(|known| **known == resource_type)
            .ok_or(QueryError::Type)?;
        Self::from_pairs(known, &form_pairs(form)?)
    }

    /// Parses name and value pairs, decoded.
    ///
    /// # Errors
    /// The first thing that is not in the list.
    pub fn from_pairs(
        resource_type: &'static str,
        pairs: &[(String, String)],
    ) -> Result<Self, QueryError> {
        let mut question = Self {
            resource_type,
            filters: Vec::new(),
            count: DEFAULT_ENTRIES,
            cursor: None,
        };
        let mut seen: Vec<&'static str> = Vec::new();
        for (given, value) in pairs {
            let name = PARAMETERS.iter().find(|known| *known == given);
            let name: &'static str = name.ok_or(QueryError::Parameter)?;
            if seen.contains(&name) && name != "date" {
                return Err(QueryError::Duplicate(name));
            }
            seen.push(name);
            check_value(name, value)?;
            match name {
                "_count" => question.count = count(value)?,
                "_cursor" => question.cursor = Some(value.clone()),
                _ => question.filters.push((name, value.clone())),
            }
        }
        check_dates(&question.filters)?;
        Ok(question)
    }

    /// The same question as a form body; parsing it gives this question again.
    #[must_use]
    pub fn to_form(&self) -> String {
        let pairs = self.pairs();
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        pairs.join("&")
    }

    /// Every parameter as pairs, `_count` and `_cursor` among them.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = self
            .filters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        pairs.push(("_count".into(), self.count.to_string()));
        pairs.extend(
            self.cursor
                .iter()
                .map(|cursor| ("_cursor".to_owned(), cursor.clone())),
        );
        pairs
    }
}

/// The categories that resources of a type can have: a question for the type touches these.
#[must_use]
pub fn categories(resource_type: &str) -> Scope {
    let categories: &[Category] = match resource_type {
        "AllergyIntolerance" => &[Category::Allergy],
        "Condition" => &[Category::Condition],
        "DiagnosticReport" => &[
            Category::Lab,
            Category::Imaging,
            Category::Procedure,
            Category::Genomic,
        ],
        "Immunization" | "Procedure" => &[Category::Procedure],
        "MedicationRequest" => &[Category::Rx],
        "Observation" => &[
            Category::Lab,
            Category::Vital,
            Category::Imaging,
            Category::Procedure,
            Category::Genomic,
        ],
        "Specimen" => &[Category::Lab],
        _ => &[],
    };
    categories
        .iter()
        .fold(Scope::EMPTY, |scope, category| scope.with(*category))
}

/// A batch Bundle, closed: every member that is not here refuses the batch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    #[serde(rename = "resourceType")]
    resource_type: String,
    #[serde(rename = "type")]
    kind: String,
    entry: Vec<BatchEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchEntry {
    request: BatchRequest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    method: String,
    url: String,
}

/// Parses the body of `POST /federation/v1/fhir`: one bad entry refuses all.
///
/// # Errors
/// The first thing that is not in the list.
pub fn batch(body: &[u8]) -> Result<Vec<Question>, QueryError> {
    let value = json::parse(body).or(Err(QueryError::Batch))?;
    if !is_made_of_objects(&value) {
        return Err(QueryError::Batch);
    }
    let batch: Batch = serde_json::from_value(value).or(Err(QueryError::Batch))?;
    let count = batch.entry.len();
    if batch.resource_type != "Bundle"
        || batch.kind != "batch"
        || !(1..=MOST_SEARCHES).contains(&count)
    {
        return Err(QueryError::Batch);
    }
    batch
        .entry
        .iter()
        .map(|entry| {
            if entry.request.method != "GET" {
                return Err(QueryError::Batch);
            }
            let (name, query) = match entry.request.url.split_once('?') {
                Some((name, query)) => (name, query),
                None => (entry.request.url.as_str(), ""),
            };
            Question::from_form(name, query.as_bytes())
        })
        .collect()
}

/// Serde would read a list as a structure, too.
fn is_made_of_objects(batch: &serde_json::Value) -> bool {
    let entries = batch.get("entry").and_then(serde_json::Value::as_array);
    batch.is_object()
        && entries.is_some_and(|entries| {
            entries.iter().all(|entry| {
                entry.is_object()
                    && entry
                        .get("request")
                        .is_some_and(serde_json::Value::is_object)
            })
        })
}

/// The batch body that asks `questions`.
#[must_use]
pub fn batch_body(questions: &[Question]) -> String {
    let entries: Vec<serde_json::Value> = questions
        .iter()
        .map(|question| {
            let url = format!("{}?{}", question.resource_type, question.to_form());
            serde_json::json!({"request": {"method": "GET", "url": url}})
        })
        .collect();
    serde_json::json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string()
}

/// Name and value pairs of an `application/x-www-form-urlencoded` text, strictly: percent signs
/// stand before two hexadecimal digits, and the result is UTF-8.
///
/// # Errors
/// [`QueryError::Form`].
pub fn form_pairs(form: &[u8]) -> Result<Vec<(String, String)>, QueryError> {
    if form.is_empty() {
        return Ok(Vec::new());
    }
    form.split(|byte| *byte == b'&')
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            match (parts.next(), parts.next()) {
                (Some(name), Some(value)) => Ok((decode(name)?, decode(value)?)),
                _ => Err(QueryError::Form),
            }
        })
        .collect()
}

fn decode(text: &[u8]) -> Result<String, QueryError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let high = rest
                    .next()
                    .and_then(|digit| hex(*digit))
                    .ok_or(QueryError::Form)?;
                let low = rest
                    .next()
                    .and_then(|digit| hex(*digit))
                    .ok_or(QueryError::Form)?;
                bytes.push(high * 16 + low);
            }
            0x21..=0x7e => bytes.push(*byte),
            _ => return Err(QueryError::Form),
        }
    }
    String::from_utf8(bytes).map_err(|_ignored| QueryError::Form)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte));
                }
                _ => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
            out
        })
}

fn check_value(name: &'static str, value: &str) -> Result<(), QueryError> {
    let fits = !value.is_empty()
        && value.len() <= LONGEST_VALUE
        && !value.chars().any(char::is_control)
        && value.split(',').count() <= MOST_VALUES;
    let formed = match name {
        "_id" => value.split(',').all(is_id),
        "date" => is_date(value),
        "_cursor" => value.bytes().all(is_base64url),
        "status" => value.split(',').all(|code| {
            !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        }),
        "code" | "category" => value.split(',').all(is_token),
        _ => true,
    };
    if fits && formed {
        Ok(())
    } else {
        Err(QueryError::Value(name))
    }
}

/// `code`, `system|code`, `|code` or `system|`.
fn is_token(text: &str) -> bool {
    let mut parts = text.split('|');
    let (first, second, more) = (parts.next(), parts.next(), parts.next());
    more.is_none()
        && match (first, second) {
            (Some(code), None) => !code.is_empty(),
            (Some(system), Some(code)) => !(system.is_empty() && code.is_empty()),
            _ => false,
        }
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn count(value: &str) -> Result<usize, QueryError> {
    let digits = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
    match value.parse() {
        Ok(count @ 1..=MOST_ENTRIES) if digits => Ok(count),
        _ => Err(QueryError::Value("_count")),
    }
}

/// Which end of a range a date bounds; `None` for a date without prefix, or `eq`.
fn bound(value: &str) -> (Option<bool>, &str) {
    let prefix = value.get(..2);
    match prefix {
        Some("ge" | "gt") => (Some(true), value.get(2..).unwrap_or_default()),
        Some("le" | "lt") => (Some(false), value.get(2..).unwrap_or_default()),
        Some("eq") => (None, value.get(2..).unwrap_or_default()),
        _ => (None, value),
    }
}

/// Optional prefix, then `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or that with a time and its offset.
fn is_date(value: &str) -> bool {
    let (_, date) = bound(value);
    let (day, time) = match date.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (date, None),
    };
    let mut parts = day.split('-');
    let year = parts
        .next()
        .is_some_and(|year| year.len() == 4 && all_digits(year));
    let two = |part: &str, most: u8| {
        part.len() == 2
            && part
                .parse::<u8>()
                .is_ok_and(|number| (1..=most).contains(&number))
    };
    let month = parts.next();
    let day = parts.next();
    let whole = year
        && parts.next().is_none()
        && month.is_none_or(|month| all_digits(month) && two(month, 12))
        && day.is_none_or(|day| all_digits(day) && two(day, 31));
    whole && time.is_none_or(|time| day.is_some() && is_time(time))
}

/// `hh:mm[:ss[.fff]]` and `Z` or `±hh:mm`.
fn is_time(time: &str) -> bool {
    let (clock, offset) = match time.strip_suffix('Z') {
        Some(clock) => (clock, None),
        None => match time.rfind(['+', '-']) {
            Some(at) => (time.get(..at).unwrap_or_default(), time.get(at + 1..)),
            None => return false,
        },
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let fields: Vec<&str> = clock.split(':').collect();
    let pair = |text: &str| text.len() == 2 && all_digits(text);
    let bounded = fields
        .iter()
        .zip([23_u8, 59, 60])
        .all(|(field, most)| pair(field) && field.parse::<u8>().is_ok_and(|number| number <= most));
    bounded
        && (fields.len() == 3 || fields.len() == 2 && fraction.is_none())
        && fraction.is_none_or(|digits| (1..=9).contains(&digits.len()) && all_digits(digits))
        && offset.is_none_or(|offset| {
            offset
                .split_once(':')
                .is_some_and(|(hours, minutes)| pair(hours) && pair(minutes))
        })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Two dates are one lower and one upper bound; more are refused.
fn check_dates(filters: &[(&'static str, String)]) -> Result<(), QueryError> {
    let dates: Vec<&String> = filters
        .iter()
        .filter(|(name, _)| *name == "date")
        .map(|(_, value)| value)
        .collect();
    match dates.as_slice() {
        [] | [_] => Ok(()),
        [one, other] => match (bound(one).0, bound(other).0) {
            (Some(one), Some(other)) if one != other => Ok(()),
            _ => Err(QueryError::Duplicate("date")),
        },
        _ => Err(QueryError::Duplicate("date")),
    }
}

#[cfg(test)]
mod tests;
