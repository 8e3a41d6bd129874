//! A page, or a part of one, as an answer that stays in its place.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
};
use askama::Template;

use super::super::Sheet;

const HTML: &str = "text/html; charset=utf-8";

/// What no page of ours needs of the machine it is shown on, but the camera that scans codes and
/// the passkeys.
const PERMISSIONS: &str = "camera=(self), publickey-credentials-get=(self), \
    publickey-credentials-create=(self), geolocation=(), microphone=(), payment=(), usb=()";

impl Sheet {
    /// The page as an answer, 200.
    #[must_use]
    pub fn show(&self, page: &impl Template) -> HttpResponse {
        self.show_as(StatusCode::OK, page)
    }

    /// The page as an answer with another status.
    #[must_use]
    pub fn show_as(&self, status: StatusCode, page: &impl Template) -> HttpResponse {
        match page.render() {
            Ok(html) => {
                let mut response = HttpResponse::build(status)
                    .insert_header((CONTENT_TYPE, HTML))
                    .body(html);
                keep_in_place(&mut response, self.nonce());
                response
            }
            Err(error) => {
                tracing::error!("a page could not be written: {error}");
                HttpResponse::InternalServerError().finish()
            }
        }
    }
}

/// A part of a page, for the module to put in.
#[must_use]
pub fn fragment(part: &impl Template) -> HttpResponse {
    match part.render() {
        Ok(html) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, HTML))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
            .body(html),
        Err(error) => {
            tracing::error!("a part of a page could not be written: {error}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// The headers of every page: nothing runs, loads or is sent but what the page itself says; nobody
/// puts it in a frame; nothing is kept; nobody is told where the reader came from.
pub fn keep_in_place(response: &mut HttpResponse, nonce: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types musubi; report-uri /csp-report"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (CACHE_CONTROL.as_str(), "no-store"),
        (REFERRER_POLICY.as_str(), "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}
