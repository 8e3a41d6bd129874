//! What anyone may ask the registry for, but for what the witness room adds. Everything else is one
//! constant answer.
//!
//! `GET` and `HEAD` of `/v1/root`, `/v1/root/{seq}`, `/v1/directory`, `/v1/directory/{seq}`, `/v1/status`,
//! `/livez`, `/readyz`.

use std::sync::Mutex;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, guard, web};
use federation_service::clock::SharedClock;
use federation_service::problem::Problem;

use super::published::{Document, Published, Readiness};
use super::{Kind, store};
use crate::database::{Database, DatabaseError};

/// What the handlers stand on.
pub(crate) struct Desk {
    /// What is served now.
    pub(crate) published: Published,
    /// For the directories of the past.
    pub(crate) archive: Mutex<Database>,
    /// For judging whether what is served is still valid.
    pub(crate) clock: SharedClock,
}

/// Longest request body that is read before it is ignored; no request here has one.
const BODY_LIMIT: usize = 1024;

/// Adds the registry's whole surface.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    let reading = || web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    app.app_data(web::PayloadConfig::new(BODY_LIMIT))
        .route("/v1/root", reading().to(root))
        .route("/v1/root/{seq}", reading().to(old_root))
        .route("/v1/directory", reading().to(newest_directory))
        .route("/v1/directory/{seq}", reading().to(directory))
        .route("/v1/status", reading().to(status))
        .route("/livez", reading().to(alive))
        .route("/readyz", reading().to(ready))
        .default_service(web::route().to(nothing_here));
}

/// `GET /v1/root`
async fn root(request: HttpRequest, desk: web::Data<Desk>) -> HttpResponse {
    answer(&request, &desk.published.now().root, Freshness::Ask)
}

/// `GET /v1/directory`: the newest one.
async fn newest_directory(request: HttpRequest, desk: web::Data<Desk>) -> HttpResponse {
    answer(&request, &desk.published.now().directory, Freshness::Ask)
}

/// `GET /v1/status`
async fn status(request: HttpRequest, desk: web::Data<Desk>) -> HttpResponse {
    answer(&request, &desk.published.now().status, Freshness::Ask)
}

/// `GET /v1/root/{seq}`: one that was once the newest, for nodes that missed it.
async fn old_root(request: HttpRequest, desk: web::Data<Desk>) -> HttpResponse {
    archived(Kind::Root, request, desk).await
}

/// `GET /v1/directory/{seq}`: one that was once the newest, for nodes that missed it.
async fn directory(request: HttpRequest, desk: web::Data<Desk>) -> HttpResponse {
    archived(Kind::Directory, request, desk).await
}

async fn archived(kind: Kind, request: HttpRequest, desk: web::Data<Desk>) -> HttpResponse {
    // One way to write a number, so that one document has one address: no sign, no leading zero,
    // nothing percent-encoded.
    let written = request.path().rsplit('/').next().unwrap_or_default();
    let seq = written
        .parse()
        .ok()
        .filter(|seq: &u64| seq.to_string() == written);
    let Some(seq) = seq else {
        return nothing_here().await;
    };
    let found = web::block(move || {
        let mut archive = desk
            .archive
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        archive.read(|db| store::find(db, kind, seq))
    })
    .await;
    match found {
        Ok(Ok(Some(issue))) => answer(&request, &Document::from(issue), Freshness::Forever),
        Ok(Ok(None)) => nothing_here().await,
        Ok(Err(error)) => unavailable(&error),
        Err(_stopping) => busy(),
    }
}

/// `GET /livez`: the process answers.
async fn alive() -> HttpResponse {
    plain(StatusCode::OK, &serde_json::json!({ "status": "UP" }))
}

/// `GET /readyz`: what is served is signed, current and complete.
async fn ready(desk: web::Data<Desk>) -> HttpResponse {
    let Readiness {
        root,
        directory,
        status,
        publisher,
    } = desk.published.readiness(desk.clock.now());
    let word = |up: bool| if up { "UP" } else { "DOWN" };
    // A document past its life helps nobody; a publisher in trouble is for the operator to mend
    // while what is served is still good.
    let serves = root && directory && status;
    let code = if serves {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let whole = if serves && !publisher {
        "DEGRADED"
    } else {
        word(serves)
    };
    plain(
        code,
        &serde_json::json!({
            "status": whole,
            "components": {
                "directory": word(directory),
                "publisher": word(publisher),
                "root": word(root),
                "status": word(status),
            },
        }),
    )
}

/// Every other path and method: the same bytes, whoever asks for whatever.
async fn nothing_here() -> HttpResponse {
    guarded(Problem::not_found().to_response())
}

fn unavailable(error: &DatabaseError) -> HttpResponse {
    tracing::error!(%error, "the archive of directories cannot be read");
    busy()
}

fn busy() -> HttpResponse {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Not available just now",
    );
    guarded(problem.with_retry_after(5).to_response())
}

/// How long an answer may be kept.
enum Freshness {
    /// Ask again each time, with the ETag: a suspension must not wait in a cache.
    Ask,
    /// What this address names never changes.
    Forever,
}

fn answer(request: &HttpRequest, document: &Document, freshness: Freshness) -> HttpResponse {
    let unchanged = knows(request.headers(), &document.etag);
    let code = if unchanged {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(code);
    response.insert_header((ETAG, document.etag.clone()));
    response.insert_header((
        CACHE_CONTROL,
        match freshness {
            Freshness::Ask => "no-cache",
            Freshness::Forever => "public, max-age=31536000, immutable",
        },
    ));
    if unchanged {
        return guarded(response.finish());
    }
    response.insert_header((CONTENT_TYPE, document.kind.media_type()));
    guarded(response.body(document.bytes.clone()))
}

/// Whether an `If-None-Match` names `etag`.
///
/// Source: RFC 9110 section 13.1.2 (weak comparison).
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == etag)
}

fn plain(code: StatusCode, body: &serde_json::Value) -> HttpResponse {
    guarded(
        HttpResponse::build(code)
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type("application/json")
            .body(body.to_string()),
    )
}

/// What each answer carries for a browser that strays here.
fn guarded(mut response: HttpResponse) -> HttpResponse {
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
