//! What a request says besides its path: parameters, conditions, and the body.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::HttpRequest;
use actix_web::http::header::{HttpDate, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use actix_web::web::{Bytes, Payload};
use federation_protocol::time::Timestamp;

use super::answer::Failure;
use super::asking;
use super::local::local;
use crate::records::bundle::Content;
use crate::records::form::form_pairs;
use crate::records::interaction::{Conditions, Interaction, Pairs};
use crate::records::patch::Patch;
use crate::records::{Address, DraftError, RecordsError, everything, strict, writing};

/// The largest body: a transaction Bundle with images in it.
const LARGEST_BODY: usize = 32 * 1024 * 1024;
const LARGEST_FORM: usize = 256 * 1024;
const PATCH: &[&str] = &["application/json-patch+json"];
const FORM: &[&str] = &["application/x-www-form-urlencoded"];

/// Decoded parameters, without those that [`super::manner::Manner`] reads.
///
/// # Errors
/// 400 for what is not UTF-8, 406 for a `_format` but JSON: that of a form is read nowhere else.
pub(super) fn pairs(form: &[u8]) -> Result<Pairs, Failure> {
    let form = std::str::from_utf8(form).map_err(|_not| Failure::bad("the form is not UTF-8"))?;
    let mut pairs = form_pairs(form);
    for (_, format) in pairs.iter().filter(|(name, _)| name == "_format") {
        asking::takes_format(format)?;
    }
    pairs.retain(|(name, _)| name != "_format" && name != "_pretty");
    Ok(pairs)
}

/// The one patient whose chart is searched, for the audit line.
pub(super) fn patient_of(pairs: &Pairs, base: &str) -> Option<Address> {
    let named = |name: &str| matches!(name, "patient" | "subject" | "beneficiary");
    let (_, value) = pairs.iter().find(|(name, _)| named(name))?;
    if let Some(address) = local(value, base) {
        return (address.kind.name() == "Patient").then_some(address);
    }
    let id = value.strip_prefix("Patient/").unwrap_or(value);
    Address::parse(&format!("Patient/{id}"))
}

/// The conditions in the headers.
pub(super) fn conditions(request: &HttpRequest) -> Result<Conditions, Failure> {
    // Header bytes beyond ASCII are UTF-8 here, as FHIR's own examples have them.
    let header = |name: &str| {
        let value = request.headers().get(name);
        let text = value.map(|value| std::str::from_utf8(value.as_bytes()));
        text.transpose()
            .map(|text| text.map(str::to_owned))
            .map_err(|_not| Failure::bad("a conditional header is not UTF-8"))
    };
    // A date that is none is passed over, as RFC 9110 section 13.1.3 has it.
    let since = header(IF_MODIFIED_SINCE.as_str())?
        .and_then(|text| HttpDate::from_str(&text).ok())
        .and_then(|date| SystemTime::from(date).duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_secs()).ok());
    Ok(Conditions {
        if_match: header(IF_MATCH.as_str())?,
        if_none_match: header(IF_NONE_MATCH.as_str())?,
        if_none_exist: header("if-none-exist")?,
        if_modified_since: since.map(Timestamp::from_unix_seconds),
    })
}

/// What the interaction brings along: a resource, a patch, nothing.
pub(super) async fn content(
    request: &HttpRequest,
    interaction: &Interaction,
    payload: Option<Payload>,
) -> Result<Content, Failure> {
    match (interaction, payload) {
        (Interaction::Create { .. } | Interaction::Update { .. }, Some(payload)) => {
            let body = resource(request, payload).await?;
            Ok(writing::resource(&body).map_err(RecordsError::from)?)
        }
        (Interaction::Patch { .. }, Some(payload)) => {
            let body = asking::body(request, payload, PATCH, LARGEST_BODY).await?;
            let text = strict::text(&body)
                .map_err(DraftError::from)
                .map_err(RecordsError::from)?;
            let patch = Patch::parse(text).map_err(RecordsError::from)?;
            Ok(Content::Patch(Arc::new(patch)))
        }
        _ => Ok(Content::Nothing),
    }
}

/// A body that says parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// The form of a search.
    Form,
    /// The Parameters of `$everything`.
    Parameters,
}

impl Body {
    /// What a POST to this path brings along, if it is parameters.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path.rsplit_once('/') {
            Some((_, "_search")) => Some(Self::Form),
            Some((_, "$everything")) => Some(Self::Parameters),
            _ => None,
        }
    }

    pub(super) async fn pairs(
        self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Pairs, Failure> {
        match self {
            Self::Form => pairs(&form(request, payload).await?),
            Self::Parameters => {
                let taken = asking::RESOURCE;
                let body = asking::body_if_any(request, payload, taken, LARGEST_FORM).await?;
                let read = body.map(|body| {
                    let text = strict::text(&body).map_err(DraftError::from)?;
                    everything::pairs_of(text)
                });
                Ok(read.transpose()?.unwrap_or_default())
            }
        }
    }
}

/// A resource or Bundle, whole.
pub(super) async fn resource(request: &HttpRequest, payload: Payload) -> Result<Bytes, Failure> {
    Ok(asking::body(request, payload, asking::RESOURCE, LARGEST_BODY).await?)
}

/// The form of a search.
async fn form(request: &HttpRequest, payload: Payload) -> Result<Bytes, Failure> {
    if !asking::has_media_type(request) {
        return Ok(Bytes::new());
    }
    Ok(asking::body(request, payload, FORM, LARGEST_FORM).await?)
}
