//! What a kick-off says: its preferences and its parameters.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::Payload;

use super::answer::Failure;
use crate::export::{Asked, ExportError};
use crate::records::{Handling, asking, form_pairs};

/// The largest Parameters resource: as long as ten thousand patients' references.
const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// Reads a kick-off.
pub(super) async fn asked(request: &HttpRequest, payload: Payload) -> Result<Asked, Failure> {
    asking::takes_json(request)?;
    let prefers = |wanted: (&str, &str)| {
        let same = |(name, value): (&str, &str)| {
            name.eq_ignore_ascii_case(wanted.0) && value.eq_ignore_ascii_case(wanted.1)
        };
        asking::preferences(request).any(same)
    };
    if !prefers(("respond-async", "")) {
        return Err(ExportError::AtOnce.into());
    }
    let handling = match prefers(("handling", "lenient")) {
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
        let body = asking::body(request, payload, asking::RESOURCE, LARGEST_BODY).await?;
        Asked::by_parameters(&body, handling)
    } else {
        Asked::by_query(pairs, handling)
    };
    Ok(asked.map_err(ExportError::from)?)
}
