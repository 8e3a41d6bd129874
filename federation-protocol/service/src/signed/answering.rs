//! Signed replies, and refusals signed or not.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, DATE, HeaderName, HttpDate, RETRY_AFTER};
use federation_protocol::keys::Sign;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{
    AnswerDraft, DraftError, EMERGENCY_PATH, FedDirectory, RequestBinding, SignedAnswer,
    carries_consent,
};
use federation_protocol::time::Timestamp;
use tracing::error;

use super::Refused;
use crate::problem::{FHIR_JSON, PROBLEM_JSON};

/// What signed answers are made with.
#[derive(Clone, Copy)]
pub struct Answering<'a> {
    /// The `sign` key of the member that was asked.
    pub key: &'a dyn Sign,
    /// What the request was judged under.
    pub directory: FedDirectory,
    /// The time now.
    pub now: Timestamp,
}

impl Answering<'_> {
    /// Signs the answer to one request, and to no other: the signature covers the request's.
    ///
    /// # Errors
    /// When `content_type` cannot be a header.
    ///
    /// Source: PROTOCOL section 4, response.
    pub fn sign(
        &self,
        binding: &RequestBinding,
        status: u16,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<SignedAnswer, DraftError> {
        let content_type = content_type.to_owned();
        AnswerDraft {
            status,
            content_type,
            body,
            directory: self.directory,
        }
        .sign(binding, self.key, self.now)
    }

    /// [`Self::sign`] and [`send`] in one.
    ///
    /// # Errors
    /// When `content_type` cannot be a header.
    pub fn reply(
        &self,
        binding: &RequestBinding,
        status: u16,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<HttpResponse, DraftError> {
        self.sign(binding, status, content_type, body).map(send)
    }

    /// The answer to a request that was refused: signed from check 9 on, where there is a request
    /// to bind it to.
    ///
    /// `path` decides the form: an OperationOutcome on FHIR paths, problem+json elsewhere.
    #[must_use]
    pub fn refuse(&self, refused: &Refused, path: &str) -> HttpResponse {
        match refused.claimed() {
            Some(binding) => self.refuse_request(binding, refused.refusal(), path),
            None => refuse_unsigned(refused, path, self.now),
        }
    }

    /// The signed refusal of a verified request (checks 10–14).
    #[must_use]
    pub fn refuse_request(
        &self,
        binding: &RequestBinding,
        refusal: Refusal,
        path: &str,
    ) -> HttpResponse {
        let (content_type, body) = body(refusal, path, self.now);
        self.reply(binding, refusal.http_status(), content_type, body)
            .unwrap_or_else(|_never| {
                error!("a refusal could not be signed");
                HttpResponse::InternalServerError().finish()
            })
    }
}

/// A signed answer as the server sends it: its headers, its bytes, no coding.
#[must_use]
pub fn send(answer: SignedAnswer) -> HttpResponse {
    let mut response = HttpResponse::build(status_of(answer.status));
    for (name, value) in answer.headers {
        response.insert_header((HeaderName::from_static(name), value));
    }
    response.body(answer.body)
}

/// The unsigned answer to what failed in checks 1–8: a hint for the sender's operator.
///
/// A wrong time is answered with ours, in the body and as `Date`.
#[must_use]
pub fn refuse_unsigned(refused: &Refused, path: &str, now: Timestamp) -> HttpResponse {
    let refusal = refused.refusal();
    let (content_type, body) = body(refusal, path, now);
    let mut response = HttpResponse::build(status_of(refusal.http_status()));
    response.insert_header((CONTENT_TYPE, content_type));
    let micros = u64::try_from(now.micros()).unwrap_or_default();
    response.insert_header((
        DATE,
        HttpDate::from(UNIX_EPOCH + Duration::from_micros(micros)),
    ));
    if let Some(seconds) = refused.retry_after_seconds() {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    response.body(body)
}

fn body(refusal: Refusal, path: &str, now: Timestamp) -> (&'static str, Vec<u8>) {
    if carries_consent(path) || path == EMERGENCY_PATH {
        (
            FHIR_JSON,
            refusal.operation_outcome(now).to_string().into_bytes(),
        )
    } else {
        (PROBLEM_JSON, refusal.problem(now).to_string().into_bytes())
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or_else(|_impossible| {
        error!(
            status,
            "an answer was made with a status that does not exist"
        );
        StatusCode::INTERNAL_SERVER_ERROR
    })
}
