//! What a request says in its headers, for every room that speaks FHIR over HTTP: which formats it
//! takes, what it prefers, which kind of body it brings, and that body within a limit.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, Payload};

use crate::records::Told;
use crate::records::form::form_pairs;

/// The media types of a resource as JSON.
pub(crate) const RESOURCE: &[&str] = &["application/fhir+json", "application/json", "text/json"];

/// Whether who asks takes JSON: `_format` counts, and where it is not said, `Accept`.
///
/// # Errors
/// 406 for whoever takes none.
///
/// Source: FHIR R4 http, section "mime-type".
pub(crate) fn takes_json(request: &HttpRequest) -> Result<(), Told> {
    let pairs = form_pairs(request.query_string());
    let format = pairs.iter().find(|(name, _)| name == "_format");
    let taken = match format {
        Some((_, format)) => is_json(format),
        None => accepts_json(request),
    };
    let told = "only application/fhir+json is spoken here";
    taken
        .then_some(())
        .ok_or_else(|| Told::refusal(406, "not-supported", told))
}

/// A format's name or media type. An unescaped `+` of `fhir+json` arrives as a space.
fn is_json(format: &str) -> bool {
    matches!(
        format.split(';').next().unwrap_or_default().trim(),
        "json"
            | "text/json"
            | "application/json"
            | "application/fhir+json"
            | "application/fhir json"
    )
}

fn accepts_json(request: &HttpRequest) -> bool {
    let mut accepted = request.headers().get_all(ACCEPT).peekable();
    if accepted.peek().is_none() {
        return true;
    }
    let mut ranges = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let json = matches!(media_type, "*/*" | "application/*") || is_json(media_type);
        json && parts.all(|parameter| match parameter.split_once('=') {
            Some(("q", weight)) => weight.parse() != Ok(0.0),
            Some(("fhirVersion", version)) => version == "4.0",
            _ => true,
        })
    })
}

/// Every preference of every `Prefer` header, in their order: its name, and its value if it has one.
///
/// Source: RFC 7240.
pub(crate) fn preferences(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let headers = request.headers().get_all("prefer");
    let texts = headers.filter_map(|value| value.to_str().ok());
    let each = texts.flat_map(|text| text.split([',', ';']));
    each.map(|preference| {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        (name.trim(), value.trim().trim_matches('"'))
    })
}

/// The media type of the body, without its parameters; empty where none is said.
pub(crate) fn media_type(request: &HttpRequest) -> &str {
    let value = request.headers().get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// The body, of one of these media types, whole.
///
/// # Errors
/// 415 for another media type (the first is named) or a content coding, 413 for more than `limit`
/// bytes, 400 for a body that broke off.
pub(crate) async fn body(
    request: &HttpRequest,
    payload: Payload,
    taken: &[&str],
    limit: usize,
) -> Result<Bytes, Told> {
    let unsupported = |wanted: &str| {
        let told = format!("the body must be {wanted}");
        Told::refusal(415, "not-supported", &told)
    };
    if !taken.contains(&media_type(request)) {
        return Err(unsupported(taken.first().unwrap_or(&"")));
    }
    // What is packed could unpack to anything.
    let coding = request.headers().get(CONTENT_ENCODING);
    if coding.is_some_and(|coding| coding != "identity") {
        return Err(unsupported("without a content coding"));
    }
    match payload.to_bytes_limited(limit).await {
        Err(_larger) => {
            let told = "the body is larger than is taken here";
            Err(Told::refusal(413, "too-long", told))
        }
        Ok(Err(_broken_off)) => Err(Told::refusal(400, "invalid", "the body broke off")),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}
