//! The door of the hospital's and the people's listeners: a stranger gets one constant answer.
//!
//! Wrap a listener's whole service in [`staff_door`] or [`people_door`] (`middleware::from_fn`), so
//! that unknown paths answer a stranger like known ones. Handlers then take [`Caller`] as an
//! argument.

use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};
use federation_service::problem::Problem;

use super::{Caller, Identity, Role};

/// The paths that answer strangers: whether the node lives and is ready, nothing else.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];

/// Longer than any header that carries a token of ours.
const LONGEST_HEADER_BYTES: usize = 128;

/// Lets staff and systems in, with their [`Caller`] as an extension; people and strangers get the
/// constant 401. Needs `Data<Identity>` in the application.
///
/// # Errors
/// Those of the service behind the door.
pub async fn staff_door<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    door(request, next, |role| role != Role::Person).await
}

/// Lets enrolled people in, as [`staff_door`] does staff.
///
/// # Errors
/// Those of the service behind the door.
pub async fn people_door<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    door(request, next, |role| role == Role::Person).await
}

async fn door<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
    admitted: fn(Role) -> bool,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if OPEN_PATHS.contains(&request.path()) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    match known_caller(request.request(), admitted).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(problem) => {
            let response = told(&problem, request.path());
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

/// On FHIR's paths an OperationOutcome, as its clients read it; problem+json elsewhere. On each the
/// same to every stranger.
fn told(problem: &Problem, path: &str) -> HttpResponse {
    let below = path.strip_prefix("/fhir");
    if !below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
        return problem.to_response();
    }
    problem.to_outcome(match problem.status() {
        StatusCode::UNAUTHORIZED => "login",
        _ => "transient",
    })
}

async fn known_caller(
    request: &HttpRequest,
    admitted: fn(Role) -> bool,
) -> Result<Caller, Problem> {
    let identity = request.app_data::<Data<Identity>>().ok_or_else(closed)?;
    let bearer = bearer(request).ok_or_else(Problem::unauthorized)?;
    match identity.authenticate(bearer).await {
        Ok(Some(caller)) if admitted(caller.role()) => Ok(caller),
        Ok(_stranger) => Err(Problem::unauthorized()),
        Err(error) => {
            tracing::error!(%error, "access tokens cannot be looked up");
            Err(closed())
        }
    }
}

/// The token of exactly one `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next()?;
    if headers.next().is_some() || header.len() > LONGEST_HEADER_BYTES {
        return None;
    }
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn closed() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "identity_unavailable",
        "Nobody can be let in now",
    )
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Caller, Error>>;

    /// Who the door let in. A route that was put outside every door has no caller: 401.
    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.ok_or_else(|| Problem::unauthorized().into()))
    }
}
