//! What may be asked: the shape of a federated question, and nothing outside it.
//!
//! One parser for both ends: the asker refuses what the answerer would refuse. Here the shape is
//! held against a short list, before anything is looked up; what a type knows of the parameters
//! named, [`SearchQuery::of_question`] decides at both ends. Unknown types, parameters and spellings
//! are refused, never ignored, because an ignored filter is a wider answer.
//! Source: PROTOCOL section 4, check 11; docs/WIRE.md section 4.
//!
//! [`SearchQuery::of_question`]: crate::records::SearchQuery::of_question

mod form;

use federation_protocol::category::{Category, Scope};
use federation_protocol::json;
use serde::Deserialize;

use form::encode;
pub use form::form_pairs;

/// The types that may be asked for.
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

/// The parameters of every resource, and those of the answer's shape, that may be given. None of
/// them tells more than what the answer holds anyway; `_total`, `_summary` and their like would.
pub const OF_EVERY_TYPE: [&str; 12] = [
    "_count",
    "_cursor",
    "_has",
    "_id",
    "_include",
    "_lastUpdated",
    "_profile",
    "_revinclude",
    "_security",
    "_sort",
    "_source",
    "_tag",
];

/// The most entries that one answer may be asked for.
pub const MOST_ENTRIES: usize = 1000;
/// The most resources that stand beside the matches of one answer.
pub const MOST_BESIDE: usize = 1000;
/// How many entries an answer holds when the question does not say.
pub const DEFAULT_ENTRIES: usize = 50;
/// The most searches in one batch.
pub const MOST_SEARCHES: usize = 64;
/// The most parameters of one question.
const MOST_PARAMETERS: usize = 20;
/// The most values, separated by commas, that one parameter may list.
const MOST_VALUES: usize = 100;
/// The longest value, bytes.
const LONGEST_VALUE: usize = 4096;
/// The longest name, bytes.
const LONGEST_NAME: usize = 128;
/// The most references that one parameter follows.
const MOST_LINKS: usize = 2;
/// What one question may cost, and what all of a batch together may.
const ONE: Cost = Cost {
    linked: 8,
    beside: 8,
    sorted: 1,
};
const ALL: Cost = Cost {
    linked: 32,
    beside: 32,
    sorted: 16,
};

/// One search that may be asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// One of [`TYPES`].
    pub resource_type: &'static str,
    /// Name and value, in the order given, without `_count` and `_cursor`.
    pub filters: Vec<(String, String)>,
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
    /// No name of a search parameter, or one that is not in [`OF_EVERY_TYPE`] and begins like them.
    #[error("a parameter that is not in the list")]
    Parameter,
    /// A parameter of the answer's shape given twice.
    #[error("`{0}` is given more than once")]
    Duplicate(&'static str),
    /// A value of the wrong form.
    #[error("the value of `{0}` is malformed")]
    Value(
        /// The name as given: letters, digits and `_ - : .` alone.
        String,
    ),
    /// More parameters, links, includes or orders than one question or one batch may have.
    #[error("more parameters, links, includes or orders than one question may have")]
    TooMuch,
    /// Not `application/x-www-form-urlencoded` UTF-8.
    #[error("the form is malformed")]
    Form,
    /// Not a batch Bundle of GET searches.
    #[error("the batch is malformed")]
    Batch,
}

/// What makes a question dear to answer.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Parameters that follow references.
    linked: usize,
    /// `_include` and `_revinclude`.
    beside: usize,
    /// `_sort`.
    sorted: usize,
}

impl Cost {
    fn and(self, other: Self) -> Self {
        Self {
            linked: self.linked.saturating_add(other.linked),
            beside: self.beside.saturating_add(other.beside),
            sorted: self.sorted.saturating_add(other.sorted),
        }
    }

    fn within(self, limit: Self) -> Result<(), QueryError> {
        let fits = self.linked <= limit.linked
            && self.beside <= limit.beside
            && self.sorted <= limit.sorted;
        if fits {
            Ok(())
        } else {
            Err(QueryError::TooMuch)
        }
    }
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
        let mut counted = false;
        for (name, value) in pairs {
            check_name(name)?;
            check_value(name, value)?;
            match name.as_str() {
                "_count" if counted => return Err(QueryError::Duplicate("_count")),
                "_count" => (question.count, counted) = (count(value)?, true),
                "_cursor" if question.cursor.is_some() => {
                    return Err(QueryError::Duplicate("_cursor"));
                }
                "_cursor" => question.cursor = Some(value.clone()),
                "_sort" if question.asks("_sort") => return Err(QueryError::Duplicate("_sort")),
                _ => question.filters.push((name.clone(), value.clone())),
            }
        }
        if question.filters.len() > MOST_PARAMETERS {
            return Err(QueryError::TooMuch);
        }
        question.cost().within(ONE)?;
        Ok(question)
    }

    /// Whether something is wanted beside the matches.
    #[must_use]
    pub fn wants_beside(&self) -> bool {
        self.asks("_include") || self.asks("_revinclude")
    }

    fn asks(&self, bare: &str) -> bool {
        self.filters.iter().any(|(name, _)| bare_of(name) == bare)
    }

    fn cost(&self) -> Cost {
        let each = self.filters.iter().map(|(name, _)| Cost {
            linked: usize::from(links(name) > 0),
            beside: usize::from(matches!(bare_of(name), "_include" | "_revinclude")),
            sorted: usize::from(bare_of(name) == "_sort"),
        });
        each.fold(Cost::default(), Cost::and)
    }

    /// The same question as a form body; parsing it gives this question again.
    #[must_use]
    pub fn to_form(&self) -> String {
        let pairs = self.pairs();
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        pairs.join("&")
    }

    /// Every parameter as pairs, `_count` and `_cursor` among them.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = self.filters.clone();
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
    let questions = batch.entry.iter().map(BatchEntry::question);
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    let whole = questions.iter().map(Question::cost);
    whole.fold(Cost::default(), Cost::and).within(ALL)?;
    Ok(questions)
}

impl BatchEntry {
    fn question(&self) -> Result<Question, QueryError> {
        if self.request.method != "GET" {
            return Err(QueryError::Batch);
        }
        of_url(&self.request.url)
    }
}

/// Reads the searches of an emergency question, `Type?parameters` each: as in a batch, but each is a
/// first page. A cursor of a chart that is not found would tell that it is not.
///
/// # Errors
/// The first thing that is not in the list.
pub fn searches(urls: &[String]) -> Result<Vec<Question>, QueryError> {
    if !(1..=MOST_SEARCHES).contains(&urls.len()) {
        return Err(QueryError::Batch);
    }
    let questions = urls.iter().map(|url| of_url(url));
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    if questions.iter().any(|question| question.cursor.is_some()) {
        return Err(QueryError::Parameter);
    }
    let whole = questions.iter().map(Question::cost);
    whole.fold(Cost::default(), Cost::and).within(ALL)?;
    Ok(questions)
}

fn of_url(url: &str) -> Result<Question, QueryError> {
    let (name, query) = url.split_once('?').unwrap_or((url, ""));
    Question::from_form(name, query.as_bytes())
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

/// `name:modifier.name:modifier`, all of letters, digits, `_` and `-`.
fn check_name(name: &str) -> Result<(), QueryError> {
    let formed = (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte));
    let bare = bare_of(name);
    let known = !bare.is_empty() && (!bare.starts_with('_') || OF_EVERY_TYPE.contains(&bare));
    if !formed || !known {
        return Err(QueryError::Parameter);
    }
    let alone = matches!(bare, "_count" | "_cursor" | "_sort") && name != bare;
    if alone {
        return Err(QueryError::Parameter);
    }
    if links(name) > MOST_LINKS {
        return Err(QueryError::TooMuch);
    }
    Ok(())
}

fn bare_of(name: &str) -> &str {
    name.split([':', '.']).next().unwrap_or_default()
}

/// How many references a parameter of this name follows.
fn links(name: &str) -> usize {
    let chained = name.matches('.').count();
    chained.saturating_add(
        name.split([':', '.'])
            .filter(|part| *part == "_has")
            .count(),
    )
}

fn check_value(name: &str, value: &str) -> Result<(), QueryError> {
    let fits = !value.is_empty()
        && value.len() <= LONGEST_VALUE
        && !value.chars().any(char::is_control)
        && value.split(',').count() <= MOST_VALUES;
    let opaque = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if fits && (name != "_cursor" || value.bytes().all(opaque)) {
        Ok(())
    } else {
        Err(QueryError::Value(name.to_owned()))
    }
}

fn count(value: &str) -> Result<usize, QueryError> {
    let digits = value.bytes().all(|b| b.is_ascii_digit()) && !value.starts_with('0');
    match value.parse() {
        Ok(count @ 1..=MOST_ENTRIES) if digits => Ok(count),
        _ => Err(QueryError::Value("_count".to_owned())),
    }
}

#[cfg(test)]
mod tests;
