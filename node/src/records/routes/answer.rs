//! Answers: Bundles put together from resources in their own bytes, and refusals.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError, Route, web};
use serde_json::{Value, json};

use fhir_validation::Issue;

use super::manner::Manner;
use super::reply::past_entry;
use crate::access::AccessRefusal;
use crate::database::DatabaseError;
use crate::records::interaction::Pairs;
use crate::records::json::quoted;
use crate::records::{
    Address, Entry, Everything, HistoryPage, Page, RecordsError, ResourceType, Told,
};

pub(super) const MEDIA_TYPE: &str = "application/fhir+json; charset=utf-8";

/// Makes responses of FHIR's media type.
pub(super) struct Fhir;

impl Fhir {
    pub(super) fn ok(body: String) -> HttpResponse {
        HttpResponse::Ok().content_type(MEDIA_TYPE).body(body)
    }
}

/// Seconds until what others keep busy may be free again.
const TRY_AGAIN: &str = "120";

/// What a path answers to every method that is none of `allow`.
pub(crate) fn only(allow: &'static str) -> Route {
    web::to(move || async move { Err::<HttpResponse, Failure>(RecordsError::Method(allow).into()) })
}

/// A refusal on its way out. Says nothing that was not meant for outsiders.
#[derive(Debug)]
pub(crate) struct Failure {
    told: Told,
    /// The methods that are served there, to who used another.
    allow: Option<&'static str>,
}

impl Failure {
    fn new(status: u16, code: &'static str, diagnostics: &str) -> Self {
        let told = Told::refusal(status, code, diagnostics);
        Self { told, allow: None }
    }

    pub(super) fn bad(diagnostics: &str) -> Self {
        Self::new(400, "invalid", diagnostics)
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The OperationOutcome.
    pub(super) fn outcome(&self) -> Value {
        let Told {
            code,
            diagnostics,
            expression,
            issues,
            ..
        } = &self.told;
        if !issues.is_empty() {
            return outcome_of(issues.iter().map(issue_of));
        }
        let mut issue = json!({"severity": "error", "code": code, "diagnostics": diagnostics});
        if let (Some(expression), Some(members)) = (expression, issue.as_object_mut()) {
            members.insert("expression".to_owned(), json!([expression]));
        }
        outcome_of([issue])
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told {
            status,
            code,
            diagnostics,
            ..
        } = &self.told;
        write!(f, "{status} {code}: {diagnostics}")
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        match self.told.status {
            429 => response.insert_header((RETRY_AFTER, TRY_AGAIN)),
            503 => response.insert_header((RETRY_AFTER, "1")),
            _ => &mut response,
        };
        if let Some(allow) = self.allow {
            response.insert_header((ALLOW, allow));
        }
        response
            .content_type(MEDIA_TYPE)
            .body(self.outcome().to_string())
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        Self { told, allow: None }
    }
}

impl From<RecordsError> for Failure {
    fn from(error: RecordsError) -> Self {
        if let RecordsError::Database(error) = &error {
            tracing::error!(%error, "the records cannot be read or written");
        }
        let allow = match &error {
            RecordsError::Method(allow) => Some(*allow),
            _ => None,
        };
        Self {
            told: error.told(),
            allow,
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        RecordsError::from(error).into()
    }
}

impl From<AccessRefusal> for Failure {
    fn from(refusal: AccessRefusal) -> Self {
        match refusal {
            AccessRefusal::Role { .. } => {
                Self::new(403, "forbidden", "your role does not allow this")
            }
            refused => {
                tracing::error!(error = %refused, "nothing is read without an audit line");
                Self::new(503, "transient", "the access cannot be recorded now")
            }
        }
    }
}

/// A page of matches and what stands beside them, their bytes as they are stored unless the search
/// wants them cut.
pub(super) fn searchset(manner: &Manner, kind: ResourceType, pairs: &Pairs, page: &Page) -> String {
    let links = Links {
        address: format!("{}/{kind}", manner.base),
        pairs,
    };
    let own = page.entries.iter().map(|entry| (entry, "match"));
    let included = page.included.iter().map(|entry| (entry, "include"));
    let mut entries: Vec<String> = own
        .chain(included)
        .map(|(entry, mode)| {
            let shown = page.dress.on(entry.address.kind, &entry.raw);
            shown_entry(manner, &entry.address, &shown, mode)
        })
        .collect();
    if !page.notes.is_empty() {
        let said = page.notes.join("; ");
        entries.push(outcome_entry(&said_outcome(
            "warning",
            "not-supported",
            &said,
        )));
    }
    let mut head = links.of(page.next.as_deref());
    if let Some(total) = page.total {
        head.push_str(&format!(",\"total\":{total}"));
    }
    bundle("searchset", &head, &entries)
}

/// A page of everything about one patient or encounter.
pub(super) fn everything(
    manner: &Manner,
    address: &str,
    pairs: &Pairs,
    page: &Everything,
) -> String {
    let links = Links {
        address: format!("{}/{address}/$everything", manner.base),
        pairs,
    };
    let own = page.entries.iter().map(|entry| (entry, "match"));
    let included = page.included.iter().map(|entry| (entry, "include"));
    let mut entries: Vec<String> = own
        .chain(included)
        .map(|(entry, mode)| found_entry(manner, entry, mode))
        .collect();
    if page.cut {
        let said = "one of them refers to more resources than a page brings along";
        entries.push(outcome_entry(&said_outcome("warning", "incomplete", said)));
    }
    bundle("searchset", &links.of(page.next.as_deref()), &entries)
}

fn outcome_entry(outcome: &str) -> String {
    format!("{{\"resource\":{outcome},\"search\":{{\"mode\":\"outcome\"}}}}")
}

/// A page of a history; `address` is empty, a type's name, or a resource's address.
pub(super) fn history(manner: &Manner, address: &str, pairs: &Pairs, page: &HistoryPage) -> String {
    let slash = if address.is_empty() { "" } else { "/" };
    let links = Links {
        address: format!("{}/{address}{slash}_history", manner.base),
        pairs,
    };
    let entries: Vec<String> = page
        .entries
        .iter()
        .map(|past| past_entry(past, manner))
        .collect();
    bundle("history", &links.of(page.next.as_deref()), &entries)
}

/// A Bundle of entries that are JSON already.
pub(super) fn bundle(kind: &str, links: &str, entries: &[String]) -> String {
    let size: usize = entries.iter().map(|entry| entry.len() + 1).sum();
    let mut body = String::with_capacity(size + links.len() + 128);
    body.push_str("{\"resourceType\":\"Bundle\",\"type\":");
    body.push_str(&quoted(kind));
    body.push_str(links);
    for (number, entry) in entries.iter().enumerate() {
        body.push_str(if number == 0 { ",\"entry\":[" } else { "," });
        body.push_str(entry);
    }
    body.push_str(if entries.is_empty() { "}" } else { "]}" });
    body
}

fn found_entry(manner: &Manner, entry: &Entry, mode: &str) -> String {
    shown_entry(manner, &entry.address, &entry.raw, mode)
}

fn shown_entry(manner: &Manner, address: &Address, raw: &str, mode: &str) -> String {
    let url = quoted(&format!("{}/{address}", manner.base));
    format!("{{\"fullUrl\":{url},\"resource\":{raw},\"search\":{{\"mode\":\"{mode}\"}}}}")
}

/// An OperationOutcome that is no refusal.
pub(super) fn said_outcome(severity: &str, code: &str, diagnostics: &str) -> String {
    let issue = json!({"severity": severity, "code": code, "diagnostics": diagnostics});
    outcome_of([issue]).to_string()
}

/// An OperationOutcome that says how it went, and what there is to say about the resource.
pub(super) fn outcome_with(said: &str, issues: &[Issue]) -> String {
    let said = json!({"severity": "information", "code": "informational", "diagnostics": said});
    outcome_of(std::iter::once(said).chain(issues.iter().map(issue_of))).to_string()
}

/// An OperationOutcome of what was said about a resource.
pub(super) fn verdict(issues: &[Issue]) -> String {
    match issues {
        [] => said_outcome("information", "informational", "all well"),
        issues => outcome_of(issues.iter().map(issue_of)).to_string(),
    }
}

fn outcome_of(issues: impl IntoIterator<Item = Value>) -> Value {
    let issues: Vec<Value> = issues.into_iter().collect();
    json!({"resourceType": "OperationOutcome", "issue": issues})
}

fn issue_of(issue: &Issue) -> Value {
    json!({
        "severity": issue.severity.as_str(),
        "code": issue.code.as_str(),
        "diagnostics": issue.message,
        "expression": [issue.expression]
    })
}

/// The links of a page.
struct Links<'p> {
    address: String,
    pairs: &'p Pairs,
}

impl Links<'_> {
    /// `self`, and `next` where there is one, with a comma before them.
    fn of(&self, next: Option<&str>) -> String {
        let own = self.link("self", None);
        match next {
            Some(cursor) => format!(",\"link\":[{own},{}]", self.link("next", Some(cursor))),
            None => format!(",\"link\":[{own}]"),
        }
    }

    fn link(&self, relation: &str, cursor: Option<&str>) -> String {
        let kept = self
            .pairs
            .iter()
            .filter(|(name, _)| name != "_cursor" || cursor.is_none());
        let mut pairs: Vec<(&str, &str)> = kept
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        pairs.extend(cursor.map(|cursor| ("_cursor", cursor)));
        let url = quoted(&format!("{}{}", self.address, form_of(&pairs)));
        format!("{{\"relation\":\"{relation}\",\"url\":{url}}}")
    }
}

/// Resources that are JSON already, as a searchset.
pub(super) fn searchset_of(manner: &Manner, kind: &str, raws: &[(String, String)]) -> String {
    let entries: Vec<String> = raws
        .iter()
        .map(|(id, raw)| {
            let url = quoted(&format!("{}/{kind}/{id}", manner.base));
            format!("{{\"fullUrl\":{url},\"resource\":{raw},\"search\":{{\"mode\":\"match\"}}}}")
        })
        .collect();
    bundle("searchset", "", &entries)
}

fn form_of(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    };
    let parts: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("?{}", parts.join("&"))
    }
}
