//! What a request says besides its path: parameters, conditions, media types, the body.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, IF_MATCH};
use actix_web::web::{Bytes, Payload};

use super::answer::Failure;
use crate::records::form::{form_pairs, version_of_etag};
use crate::records::{Address, RecordsError, ResourceType, SearchQuery};

/// The largest body: a transaction Bundle with images in it.
const LARGEST_BODY: usize = 32 * 1024 * 1024;
const LARGEST_FORM: usize = 256 * 1024;

/// A search's parameters, decoded, `_format` judged and taken out.
pub(super) struct Asked {
    pub(super) pairs: Vec<(String, String)>,
}

impl Asked {
    /// The one patient whose chart is searched, for the audit line.
    pub(super) fn patient(&self) -> Option<Address> {
        let named = |name: &str| matches!(name, "patient" | "subject" | "beneficiary");
        let (_, value) = self.pairs.iter().find(|(name, _)| named(name))?;
        let id = value.strip_prefix("Patient/").unwrap_or(value);
        Address::parse(&format!("Patient/{id}"))
    }
}

/// The parameters of a URL or a form, and those of the URL besides.
pub(super) fn asked_pairs(request: &HttpRequest, form: &[u8]) -> Result<Asked, Failure> {
    only_json(request)?;
    let form = std::str::from_utf8(form).map_err(|_not| Failure::bad("the form is not UTF-8"))?;
    let mut pairs = form_pairs(form);
    if request.method() == actix_web::http::Method::POST {
        pairs.extend(form_pairs(request.query_string()));
    }
    let mut kept = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        if name == "_format" {
            json_format(&value)?
        } else {
            kept.push((name, value))
        }
    }
    Ok(Asked { pairs: kept })
}

fn json_format(value: &str) -> Result<(), Failure> {
    // An unescaped `+` of `fhir+json` arrives as a space.
    match value.split(';').next().unwrap_or_default().trim() {
        "json"
        | "text/json"
        | "application/json"
        | "application/fhir+json"
        | "application/fhir json" => Ok(()),
        _ => Err(Failure::not_acceptable()),
    }
}

/// JSON is all that is spoken here.
pub(super) fn only_json(request: &HttpRequest) -> Result<(), Failure> {
    for (name, value) in form_pairs(request.query_string()) {
        if name == "_format" {
            json_format(&value)?;
        }
    }
    let mut accepted = request.headers().get_all(ACCEPT).peekable();
    let nothing_said = accepted.peek().is_none();
    let json = accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value.split(',').any(|range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                matches!(
                    range,
                    "*/*"
                        | "application/*"
                        | "application/json"
                        | "application/fhir+json"
                        | "text/json"
                )
            })
        });
    if nothing_said || json {
        Ok(())
    } else {
        Err(Failure::not_acceptable())
    }
}

fn media_type(request: &HttpRequest) -> &str {
    let value = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

/// A resource or Bundle, whole.
pub(super) async fn body(request: &HttpRequest, payload: Payload) -> Result<Bytes, Failure> {
    if !matches!(
        media_type(request),
        "application/fhir+json" | "application/json"
    ) {
        return Err(Failure::media_type("application/fhir+json"));
    }
    bytes(payload, LARGEST_BODY).await
}

/// The form of a search.
pub(super) async fn form(request: &HttpRequest, payload: Payload) -> Result<Bytes, Failure> {
    match media_type(request) {
        "application/x-www-form-urlencoded" => bytes(payload, LARGEST_FORM).await,
        "" => Ok(Bytes::new()),
        _ => Err(Failure::media_type("application/x-www-form-urlencoded")),
    }
}

async fn bytes(payload: Payload, limit: usize) -> Result<Bytes, Failure> {
    match payload.to_bytes_limited(limit).await {
        Err(_larger) => Err(Failure::too_large()),
        Ok(Err(_broken_off)) => Err(Failure::bad("the body broke off")),
        Ok(Ok(bytes)) => Ok(bytes),
    }
}

/// The version that `If-Match` names.
pub(super) fn if_match(request: &HttpRequest) -> Result<Option<i32>, Failure> {
    let Some(value) = request.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let version = value.to_str().ok().and_then(version_of_etag);
    version
        .map(Some)
        .ok_or_else(|| Failure::bad("If-Match is not W/\"version\""))
}

/// The condition of `If-None-Exist`.
pub(super) fn if_none_exist(
    request: &HttpRequest,
    kind: ResourceType,
) -> Result<Option<SearchQuery>, Failure> {
    let name = HeaderName::from_static("if-none-exist");
    let Some(value) = request.headers().get(name) else {
        return Ok(None);
    };
    // Header bytes beyond ASCII are UTF-8 here, as FHIR's own examples have them.
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_not| Failure::bad("If-None-Exist is not UTF-8"))?;
    let pairs = form_pairs(text.strip_prefix('?').unwrap_or(text));
    Ok(Some(
        SearchQuery::parse(kind, &pairs).map_err(RecordsError::from)?,
    ))
}
