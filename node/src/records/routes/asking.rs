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
    match format {
        Some((_, format)) => takes_format(format),
        None if accepts_json(request) => Ok(()),
        None => Err(not_spoken()),
    }
}

/// Whether a `_format` is one that is spoken here.
///
/// # Errors
/// 406 where it is none.
pub(crate) fn takes_format(format: &str) -> Result<(), Told> {
    let mut parts = format.split(';');
    let json = is_json(parts.next().unwrap_or_default()) && parts.all(is_of_r4);
    json.then_some(()).ok_or_else(not_spoken)
}

fn not_spoken() -> Told {
    let told = "only application/fhir+json is spoken here";
    Told::refusal(406, "not-supported", told)
}

/// A format's name or media type. An unescaped `+` of `fhir+json` arrives as a space.
fn is_json(format: &str) -> bool {
    let format = format.trim().to_ascii_lowercase();
    format == "json" || RESOURCE.contains(&format.replace(' ', "+").as_str())
}

/// Whether a media type's parameter leaves it a version of FHIR that is spoken here.
///
/// Source: FHIR R4 http, section "version-parameter".
fn is_of_r4(parameter: &str) -> bool {
    let (name, version) = parameter.split_once('=').unwrap_or((parameter, ""));
    !name.trim().eq_ignore_ascii_case("fhirVersion")
        || matches!(version.trim().trim_matches('"'), "4.0" | "4.0.1")
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
        let any = media_type == "*/*" || media_type.eq_ignore_ascii_case("application/*");
        (any || is_json(media_type))
            && parts.all(|parameter| match parameter.split_once('=') {
                Some(("q" | "Q", weight)) => weight.parse() != Ok(0.0),
                _ => is_of_r4(parameter),
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

/// Whether it is said what the body is.
pub(crate) fn has_media_type(request: &HttpRequest) -> bool {
    !content_type(request).trim().is_empty()
}

fn content_type(request: &HttpRequest) -> &str {
    let value = request.headers().get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// The body, of one of these media types, whole.
///
/// # Errors
/// 415 for another media type (the first is named), another version of FHIR or a content coding,
/// 413 for more than `limit` bytes, 400 for a body that broke off.
pub(crate) async fn body(
    request: &HttpRequest,
    payload: Payload,
    taken: &[&str],
    limit: usize,
) -> Result<Bytes, Told> {
    is_taken(request, taken)?;
    whole(payload, limit).await
}

/// The same where there may be none: an empty body is none, whatever it is said to be.
///
/// # Errors
/// As [`body`].
pub(crate) async fn body_if_any(
    request: &HttpRequest,
    payload: Payload,
    taken: &[&str],
    limit: usize,
) -> Result<Option<Bytes>, Told> {
    let bytes = whole(payload, limit).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    is_taken(request, taken)?;
    Ok(Some(bytes))
}

fn is_taken(request: &HttpRequest, taken: &[&str]) -> Result<(), Told> {
    let unsupported = |wanted: &str| {
        let told = format!("the body must be {wanted}");
        Told::refusal(415, "not-supported", &told)
    };
    let mut parts = content_type(request).split(';');
    let media_type = parts.next().unwrap_or_default().trim();
    let named = taken.iter().any(|one| one.eq_ignore_ascii_case(media_type));
    if !(named && parts.all(is_of_r4)) {
        return Err(unsupported(taken.first().unwrap_or(&"")));
    }
    // What is packed could unpack to anything.
    let coding = request.headers().get(CONTENT_ENCODING);
    if coding.is_some_and(|coding| coding != "identity") {
        return Err(unsupported("without a content coding"));
    }
    Ok(())
}

async fn whole(payload: Payload, limit: usize) -> Result<Bytes, Told> {
    match payload.to_bytes_limited(limit).await {
        Err(_larger) => {
            let told = "the body is larger than is taken here";
            Err(Told::refusal(413, "too-long", told))
        }
        Ok(Err(_broken_off)) => Err(Told::refusal(400, "invalid", "the body broke off")),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}
