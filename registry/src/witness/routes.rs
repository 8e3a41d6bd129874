//! Where logs hand in their checkpoints, and everyone reads the last one.
//!
//! No client certificate is asked for: a checkpoint is signed by its log, and what is read here is
//! signed too.

use std::sync::Mutex;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, guard, web};
use federation_protocol::member::MemberId;
use federation_protocol::transparency::{LONGEST_SUBMISSION, Submission, WitnessRefusal};
use federation_service::clock::SharedClock;
use federation_service::problem::Problem;

use super::{CosignError, Witness, head};
use crate::database::Database;

/// What the handlers stand on.
pub(crate) struct Desk {
    /// The heads. One at a time: what is read and kept for a log must not cross.
    pub(crate) database: Mutex<Database>,
    /// Who cosigns.
    pub(crate) witness: Witness,
    /// What time it is.
    pub(crate) clock: SharedClock,
}

/// Adds the routes. Needs `Data<Desk>` in the application.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    let reading = web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    app.service(
        web::resource("/v1/checkpoints")
            .app_data(web::PayloadConfig::new(LONGEST_SUBMISSION))
            .route(web::post().to(add))
            .default_service(web::route().to(nothing_here)),
    )
    .service(
        web::resource("/v1/checkpoints/{member}")
            .route(reading.to(newest))
            .default_service(web::route().to(nothing_here)),
    );
}

/// `POST /v1/checkpoints`: a log's new checkpoint with the proof that it continues the last one;
/// the answer is this registry's cosignature line.
async fn add(desk: web::Data<Desk>, body: Result<web::Bytes, actix_web::Error>) -> HttpResponse {
    let Some(submission) = body.ok().and_then(|body| Submission::parse(&body).ok()) else {
        return refused(WitnessRefusal::Malformed);
    };
    let now = desk.clock.now();
    let cosigned = web::block(move || {
        let mut database = desk
            .database
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        desk.witness.cosign(&mut database, &submission, now)
    })
    .await;
    match cosigned {
        Ok(Ok(line)) => text(
            StatusCode::OK,
            "text/plain; charset=utf-8",
            line.to_string(),
        ),
        Ok(Err(CosignError::UnknownLog)) => nothing_here().await,
        Ok(Err(CosignError::Refused(refusal))) => refused(refusal),
        Ok(Err(CosignError::Database(error))) => {
            tracing::error!(%error, "a checkpoint could not be kept");
            busy()
        }
        Err(_stopping) => busy(),
    }
}

/// `GET /v1/checkpoints/{member}`: the last checkpoint of this member's log that was cosigned here.
async fn newest(desk: web::Data<Desk>, member: web::Path<String>) -> HttpResponse {
    let Ok(member) = member.parse::<MemberId>() else {
        return nothing_here().await;
    };
    let found = web::block(move || {
        let mut database = desk
            .database
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        head(&mut database, &member)
    })
    .await;
    match found {
        Ok(Ok(Some(head))) => text(StatusCode::OK, "text/plain; charset=utf-8", head.note),
        Ok(Ok(None)) => nothing_here().await,
        Ok(Err(error)) => {
            tracing::error!(%error, "a checkpoint could not be read");
            busy()
        }
        Err(_stopping) => busy(),
    }
}

/// A refusal as the specification has it: 409 tells the size that was cosigned last, the others
/// nothing but themselves.
fn refused(refusal: WitnessRefusal) -> HttpResponse {
    let code = StatusCode::from_u16(refusal.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal.size() {
        Some(size) => text(code, "text/x.tlog.size", format!("{size}\n")),
        None => guarded(Problem::new(code, "checkpoint_refused", "Not cosigned").to_response()),
    }
}

async fn nothing_here() -> HttpResponse {
    guarded(Problem::not_found().to_response())
}

fn busy() -> HttpResponse {
    let code = StatusCode::SERVICE_UNAVAILABLE;
    let problem = Problem::new(code, "unavailable", "Not available just now");
    guarded(problem.with_retry_after(5).to_response())
}

fn text(code: StatusCode, media_type: &'static str, body: String) -> HttpResponse {
    guarded(
        HttpResponse::build(code)
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type(media_type)
            .body(body),
    )
}

fn guarded(mut response: HttpResponse) -> HttpResponse {
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
