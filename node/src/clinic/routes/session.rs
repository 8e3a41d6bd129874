//! Who looks, in which session; and what each refusal is told as.

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpMessage as _, HttpRequest};
use federation_protocol::base64url;
use federation_protocol::digest::sha256;
use federation_service::problem::Problem;

use crate::access::AccessRefusal;
use crate::clinic::Key;
use crate::database::DatabaseError;
use crate::federation::asking::AskError;
use crate::identity::{Caller, Signed};
use crate::records::RecordsError;

/// The pages are for physicians: 403 for everybody else.
pub(super) fn physicians_only(caller: &Caller) -> Result<&str, Problem> {
    match caller {
        Caller::Physician { id } => Ok(id),
        _ => Err(forbidden()),
    }
}

/// The key of an open chart: another session, another token, another physician never has it.
pub(super) fn key(request: &HttpRequest, caller: &Caller, under: &str) -> Key {
    Key {
        session: session(request, caller),
        under: under.to_owned(),
    }
}

/// What tells this session from every other: its id; of a bearer token, its digest.
pub(super) fn session(request: &HttpRequest, caller: &Caller) -> String {
    let signed = request.extensions().get::<Signed>().cloned();
    if let Some(signed) = signed {
        return format!("session {}", signed.session);
    }
    let token = request.headers().get(AUTHORIZATION);
    let token = token.map_or(&b""[..], |value| value.as_bytes());
    let physician = caller.id().unwrap_or_default().as_bytes();
    let shown = [physician, b"\n", token].concat();
    format!("token {}", base64url::encode(sha256(&shown)))
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with this role")
}

pub(super) fn of_access(refusal: &AccessRefusal) -> Problem {
    match refusal {
        AccessRefusal::Role { .. } => forbidden(),
        AccessRefusal::Audit(error) => unavailable(error),
    }
}

pub(super) fn of_database(error: &DatabaseError) -> Problem {
    unavailable(error)
}

pub(super) fn of_records(error: &RecordsError) -> Problem {
    match error {
        RecordsError::NotFound | RecordsError::Deleted => Problem::not_found(),
        other => unavailable(other),
    }
}

/// Another's grant and no grant are one answer.
pub(super) fn of_asking(error: &AskError) -> Problem {
    match error {
        AskError::NoSuchGrant => Problem::not_found(),
        AskError::Access(refusal) => of_access(refusal),
        other => unavailable(other),
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!("a page of the clinic cannot be shown: {error}");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Not now; try again",
    )
}
