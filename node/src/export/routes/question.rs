//! What a kick-off says: its preferences and its parameters.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::Payload;

use crate::export::{Asked, ExportError};
use crate::records::{Failure, Manner, Told, asking, form_pairs};

/// The largest Parameters resource: as long as ten thousand patients' references.
const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// Reads a kick-off.
pub(super) async fn asked(request: &HttpRequest, payload: Payload) -> Result<Asked, Failure> {
    let handling = Manner::of(request)?.handling;
    let mut preferences = asking::preferences(request);
    if !preferences.any(|(name, _)| name.eq_ignore_ascii_case("respond-async")) {
        return Err(ExportError::AtOnce.into());
    }
    let mut pairs = form_pairs(request.query_string());
    pairs.retain(|(name, _)| name != "_format");
    let asked = if request.method() == Method::POST {
        if !pairs.is_empty() {
            let told = "a kick-off by POST has its parameters in the body";
            return Err(Told::refusal(400, "invalid", told).into());
        }
        let body = asking::body(request, payload, asking::RESOURCE, LARGEST_BODY).await?;
        Asked::by_parameters(&body, handling)
    } else {
        Asked::by_query(pairs, handling)
    };
    Ok(asked.map_err(ExportError::from)?)
}
