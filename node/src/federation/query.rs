//! What may be asked: the shape of a federated question, and nothing outside it.
//!
//! One parser for both ends: the asker refuses what the answerer would refuse. Unknown types,
//! parameters and spellings are refused, never ignored, because an ignored filter is a wider answer.
//! Source: PROTOCOL section 4, check 11; docs/WIRE.md section 4.

mod form;
mod values;

use federation_protocol::category::{Category, Scope};
use federation_protocol::json;
use serde::Deserialize;

use form::encode;
pub use form::form_pairs;
use values::{bound, is_base64url, is_date, is_id, is_token};

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

fn count(value: &str) -> Result<usize, QueryError> {
    let digits = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
    match value.parse() {
        Ok(count @ 1..=MOST_ENTRIES) if digits => Ok(count),
        _ => Err(QueryError::Value("_count")),
    }
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
