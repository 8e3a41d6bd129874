//! Replies that say no: problem+json (RFC 9457) and FHIR OperationOutcome, both with a `code`.
//!
//! For the listeners of people and systems; refusals between members are built by
//! [`crate::signed::refuse`].

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The media type of FHIR resources as JSON.
pub const FHIR_JSON: &str = "application/fhir+json";

/// A refusal as an outsider may know it.
///
/// `code` is for programs and never changes; `title` is for people; `detail` says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: Cow<'static, str>,
    detail: Option<String>,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem with its HTTP status, stable code and a title.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            title: title.into(),
            detail: None,
            retry_after_seconds: None,
        }
    }

    /// The same answer to every stranger, whatever the door: nothing but the scheme is told.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid access token is needed",
        )
    }

    /// Nothing here, or nothing that this caller may know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Nothing here")
    }

    /// Adds what happened in this case, or what to do next. No names, no resources.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// As `application/problem+json`.
    #[must_use]
    pub fn to_response(&self) -> HttpResponse {
        let mut body = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "code": self.code,
        });
        if let (Some(detail), Some(members)) = (&self.detail, body.as_object_mut()) {
            members.insert("detail".to_owned(), json!(detail));
        }
        self.respond(PROBLEM_JSON, body.to_string())
    }

    /// As a FHIR OperationOutcome with one issue of R4 issue type `kind` (`invalid`, `forbidden`,
    /// `not-found`, …).
    #[must_use]
    pub fn to_outcome(&self, kind: &str) -> HttpResponse {
        let body = json!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": "error",
                "code": kind,
                "details": { "coding": [{ "code": self.code }], "text": self.title },
                "diagnostics": self.detail,
            }],
        });
        let mut body = body;
        if self.detail.is_none()
            && let Some(issue) = body.pointer_mut("/issue/0").and_then(|i| i.as_object_mut())
        {
            issue.remove("diagnostics");
        }
        self.respond(FHIR_JSON, body.to_string())
    }

    fn respond(&self, content_type: &'static str, body: String) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CONTENT_TYPE, content_type));
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        let mut response = response.body(body);
        response.extensions_mut().insert(ProblemCode(self.code));
        response
    }
}

/// The code of a [`Problem`], beside the response that tells it: pages say it in people's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemCode(pub &'static str);

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.title)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.to_response()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn a_problem_carries_its_code_and_retry_after() {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many")
            .with_retry_after(7);
        let response = problem.to_response();
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "7");
        assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), PROBLEM_JSON);
        let body: serde_json::Value =
            serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"type": "about:blank", "title": "Too many", "status": 429,
                   "code": "rate_limited"})
        );
    }

    #[actix_web::test]
    async fn an_outcome_carries_the_same_code() {
        let response = Problem::not_found()
            .with_detail("look elsewhere")
            .to_outcome("not-found");
        let body: serde_json::Value =
            serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
        assert_eq!(
            body.pointer("/issue/0/details/coding/0/code").unwrap(),
            "not_found"
        );
        assert_eq!(
            body.pointer("/issue/0/diagnostics").unwrap(),
            "look elsewhere"
        );
    }
}
