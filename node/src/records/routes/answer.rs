//! Answers: resources in their own bytes, Bundles put together from them, and refusals.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ETAG, HttpDate, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use federation_protocol::time::Timestamp;
use serde_json::json;

use super::question::Asked;
use crate::access::{AccessRefusal, Permit};
use crate::database::DatabaseError;
use crate::records::form::version_of_etag;
use crate::records::json::quoted;
use crate::records::{
    Entry, Outcome, Page, Records, RecordsError, ResourceType, Told, Transacted, Written,
};

const MEDIA_TYPE: &str = "application/fhir+json; charset=utf-8";

/// Makes responses of FHIR's media type.
pub(super) struct Fhir;

impl Fhir {
    pub(super) fn ok(body: String) -> HttpResponse {
        HttpResponse::Ok().content_type(MEDIA_TYPE).body(body)
    }
}

/// A refusal on its way out. Says nothing that was not meant for outsiders.
#[derive(Debug)]
pub(super) struct Failure(Told);

impl Failure {
    fn new(status: u16, code: &'static str, diagnostics: &str) -> Self {
        let diagnostics = diagnostics.to_owned();
        Self(Told {
            status,
            code,
            diagnostics,
            expression: None,
        })
    }

    pub(super) fn bad(diagnostics: &str) -> Self {
        Self::new(400, "invalid", diagnostics)
    }

    pub(super) fn no_such_type() -> Self {
        Self::new(404, "not-supported", "this type is not served here")
    }

    pub(super) fn not_acceptable() -> Self {
        Self::new(
            406,
            "not-supported",
            "only application/fhir+json is spoken here",
        )
    }

    pub(super) fn media_type(wanted: &str) -> Self {
        Self::new(415, "not-supported", &format!("the body must be {wanted}"))
    }

    pub(super) fn too_large() -> Self {
        Self::new(413, "too-long", "the body is larger than is taken here")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.0.status, self.0.code, self.0.diagnostics
        )
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let Told {
            code,
            diagnostics,
            expression,
            ..
        } = &self.0;
        let mut issue = json!({"severity": "error", "code": code, "diagnostics": diagnostics});
        if let (Some(expression), Some(members)) = (expression, issue.as_object_mut()) {
            members.insert("expression".to_owned(), json!([expression]));
        }
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
        let mut response = HttpResponse::build(self.status_code());
        if self.0.status == 503 {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.content_type(MEDIA_TYPE).body(outcome.to_string())
    }
}

impl From<RecordsError> for Failure {
    fn from(error: RecordsError) -> Self {
        if let RecordsError::Database(error) = &error {
            tracing::error!(%error, "the records cannot be read or written");
        }
        Self(error.told())
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

/// One version of a resource, or 304 to who has it.
pub(super) fn resource(request: &HttpRequest, entry: &Entry) -> HttpResponse {
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut response = match known.and_then(version_of_etag) {
        Some(version) if version == entry.version => HttpResponse::NotModified(),
        _ => HttpResponse::Ok(),
    };
    version_headers(&mut response, entry.version, entry.last_updated);
    response.content_type(MEDIA_TYPE).body(entry.raw.clone())
}

fn version_headers(response: &mut HttpResponseBuilder, version: i32, at: Timestamp) {
    response.insert_header((ETAG, format!("W/\"{version}\"")));
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or(0);
    let at: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    response.insert_header((LAST_MODIFIED, HttpDate::from(at)));
}

/// What became of a create or an update; with the resource, if `Prefer: return=representation`.
pub(super) async fn written(
    request: &HttpRequest,
    records: &Records,
    permit: &Permit,
    written: &Written,
) -> Result<HttpResponse, Failure> {
    let Written {
        address,
        version,
        at,
        outcome,
    } = written;
    let mut response = match outcome {
        Outcome::Created => HttpResponse::Created(),
        _ => HttpResponse::Ok(),
    };
    version_headers(&mut response, *version, *at);
    let location = format!("{}/{address}/_history/{version}", base(request));
    response.insert_header((LOCATION, location));
    let prefer = request
        .headers()
        .get("prefer")
        .and_then(|value| value.to_str().ok());
    if prefer.is_some_and(|prefer| prefer.contains("return=representation")) {
        let entry = records.vread(permit, address, *version).await?;
        return Ok(response.content_type(MEDIA_TYPE).body(entry.raw));
    }
    Ok(response.finish())
}

/// 204: it is gone, or was not there.
pub(super) fn deleted(written: &Written) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    if written.outcome == Outcome::Deleted {
        response.insert_header((ETAG, format!("W/\"{}\"", written.version)));
    }
    response.finish()
}

/// A page of matches, their bytes as they are stored.
pub(super) fn searchset(
    request: &HttpRequest,
    kind: ResourceType,
    asked: &Asked,
    page: &Page,
) -> HttpResponse {
    let base = base(request);
    let link = |relation: &str, cursor: Option<&str>| {
        let kept = asked
            .pairs
            .iter()
            .filter(|(name, _)| name != "_cursor" || cursor.is_none());
        let mut pairs: Vec<(&str, &str)> = kept
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        pairs.extend(cursor.map(|cursor| ("_cursor", cursor)));
        let url = format!("{base}/{kind}{}", form_of(&pairs));
        format!("{{\"relation\":\"{relation}\",\"url\":{}}}", quoted(&url))
    };
    let mut links = link("self", None);
    if let Some(cursor) = &page.next {
        links = format!("{links},{}", link("next", Some(cursor)));
    }
    let size: usize = page.entries.iter().map(|entry| entry.raw.len() + 160).sum();
    let mut body = String::with_capacity(size + links.len() + 128);
    body.push_str("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"link\":[");
    body.push_str(&links);
    body.push(']');
    for (number, entry) in page.entries.iter().enumerate() {
        body.push_str(if number == 0 { ",\"entry\":[" } else { "," });
        let url = quoted(&format!("{base}/{}", entry.address));
        body.push_str(&format!("{{\"fullUrl\":{url},\"resource\":"));
        body.push_str(&entry.raw);
        body.push_str(",\"search\":{\"mode\":\"match\"}}");
    }
    body.push_str(if page.entries.is_empty() { "}" } else { "]}" });
    Fhir::ok(body)
}

/// What a transaction did, entry by entry.
pub(super) fn transacted(done: &Transacted) -> HttpResponse {
    let entries: Vec<_> = done
        .entries
        .iter()
        .map(|written| {
            let Written {
                address,
                version,
                at,
                outcome,
            } = written;
            match outcome {
                Outcome::Deleted | Outcome::Absent => json!({"response": {"status": "204"}}),
                said => json!({"response": {
                    "status": if *said == Outcome::Created { "201" } else { "200" },
                    "location": format!("{address}/_history/{version}"),
                    "etag": format!("W/\"{version}\""),
                    "lastModified": at.to_string()
                }}),
            }
        })
        .collect();
    let bundle =
        json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entries});
    Fhir::ok(bundle.to_string())
}

/// Resources that are JSON already, as a searchset.
pub(super) fn searchset_of(
    request: &HttpRequest,
    kind: &str,
    raws: &[(String, String)],
) -> HttpResponse {
    let base = base(request);
    let entries: Vec<String> = raws
        .iter()
        .map(|(id, raw)| {
            let url = quoted(&format!("{base}/{kind}/{id}"));
            format!("{{\"fullUrl\":{url},\"resource\":{raw},\"search\":{{\"mode\":\"match\"}}}}")
        })
        .collect();
    let entries = match entries.as_slice() {
        [] => String::new(),
        some => format!(",\"entry\":[{}]", some.join(",")),
    };
    Fhir::ok(format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"searchset\"{entries}}}"
    ))
}

/// Where `/fhir` is, as the caller called it.
pub(super) fn base(request: &HttpRequest) -> String {
    let scheme = if request.app_config().secure() {
        "https"
    } else {
        "http"
    };
    let host = request
        .headers()
        .get("host")
        .and_then(|value| value.to_str().ok());
    let host = host.unwrap_or_else(|| request.app_config().host());
    format!("{scheme}://{host}/fhir")
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
