//! `POST /p/api/vitals`: what a phone sends by itself, with a token that opens nothing else.

use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, RETRY_AFTER};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use apple_health::{ExporterError, MAX_EXPORTER_BYTES};
use futures_util::StreamExt as _;
use serde_json::json;

use super::super::{Health, HealthError};

/// Longer than any header that carries a token of ours.
const LONGEST_HEADER_BYTES: usize = 128;

/// Takes measurements in. Whoever has no living token gets one answer, whatever they send; their
/// body is not read.
pub(super) async fn take_in(
    request: HttpRequest,
    payload: Payload,
    health: Data<Health>,
) -> HttpResponse {
    let done = async {
        let token = bearer(&request).ok_or(HealthError::Token)?;
        let holder = health.holder(token).await?;
        let body = body(&request, payload).await?;
        health.take_in(holder, body).await
    };
    match done.await {
        Ok(counts) => HttpResponse::Ok().json(json!({
            "saved": counts.saved,
            "duplicates": counts.duplicates,
            "outside": counts.outside,
        })),
        Err(error) => told(&error),
    }
}

fn told(error: &HealthError) -> HttpResponse {
    if let HealthError::Token = error {
        return HttpResponse::Unauthorized().json(json!({"error": "unauthorized"}));
    }
    let status = error.status();
    if status >= 500 {
        tracing::error!(code = error.code(), "vital signs: {error}");
    }
    let status = actix_web::http::StatusCode::from_u16(status)
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(status);
    if let HealthError::TooOften(seconds) = error {
        answer.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    answer.json(json!({"error": error.code()}))
}

/// The token of exactly one `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?;
    if headers.next().is_some() || header.len() > LONGEST_HEADER_BYTES {
        return None;
    }
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn body(request: &HttpRequest, mut payload: Payload) -> Result<Vec<u8>, HealthError> {
    let too_large = || HealthError::Exporter(ExporterError::TooLarge);
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_EXPORTER_BYTES) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(bytes) = payload.next().await {
        let bytes = bytes.map_err(|_broken| HealthError::Incomplete)?;
        if body.len().saturating_add(bytes.len()) > MAX_EXPORTER_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}
