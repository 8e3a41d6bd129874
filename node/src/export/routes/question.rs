//! What a kick-off says: its preferences and its parameters.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use actix_web::web::Payload;

use super::answer::Failure;
use crate::export::{Asked, ExportError};
use crate::records::{Handling, form_pairs};

/// The largest Parameters resource: as long as ten thousand patients' references.
const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// Reads a kick-off.
pub(super) async fn asked(request: &HttpRequest, payload: Payload) -> Result<Asked, Failure> {
    accepts_json(request)?;
    let prefers = |wanted: &str| preferences(request).any(|one| one.eq_ignore_ascii_case(wanted));
    if !prefers("respond-async") {
        return Err(ExportError::AtOnce.into());
    }
    let handling = match prefers("handling=lenient") {
        true => Handling::Lenient,
        false => Handling::Strict,
    };
    let mut pairs = form_pairs(request.query_string());
    pairs.retain(|(name, _)| name != "_format");
    let asked = if request.method() == Method::POST {
        if !pairs.is_empty() {
            let told = "a kick-off by POST has its parameters in the body";
            return Err(Failure::of(400, "invalid", told));
        }
        Asked::by_parameters(&body(request, payload).await?, handling)
    } else {
        Asked::by_query(pairs, handling)
    };
    Ok(asked.map_err(ExportError::from)?)
}

/// Every preference of every `Prefer` header.
fn preferences(request: &HttpRequest) -> impl Iterator<Item = &str> {
    let headers = request.headers().get_all(HeaderName::from_static("prefer"));
    let texts = headers.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split([',', ';'])).map(str::trim)
}

/// What is told of a kick-off is JSON.
fn accepts_json(request: &HttpRequest) -> Result<(), Failure> {
    let mut accepted = request.headers().get_all(ACCEPT).peekable();
    if accepted.peek().is_none() {
        return Ok(());
    }
    let texts = accepted.filter_map(|value| value.to_str().ok());
    let mut ranges = texts.flat_map(|text| text.split(','));
    let json = ranges.any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        let wide = matches!(range, "*/*" | "application/*");
        wide || matches!(range, "application/fhir+json" | "application/json")
    });
    if json {
        Ok(())
    } else {
        let told = "only application/fhir+json is told here";
        Err(Failure::of(406, "not-supported", told))
    }
}

async fn body(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>, Failure> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !matches!(kind, "application/fhir+json" | "application/json") {
        let told = "the body must be application/fhir+json";
        return Err(Failure::of(415, "not-supported", told));
    }
    match payload.to_bytes_limited(LARGEST_BODY).await {
        Err(_larger) => Err(Failure::of(413, "too-long", "the body is too large")),
        Ok(Err(_broken_off)) => Err(Failure::of(400, "invalid", "the body broke off")),
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
    }
}
