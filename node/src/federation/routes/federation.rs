//! The federation listener: signed requests, and the documents that are signed themselves.
//!
//! Browsers never meet it. A stranger gets the same answer for every path.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path, Payload, ServiceConfig, get, resource, route};
use actix_web::{HttpRequest, HttpResponse};
use federation_service::problem::Problem;
use federation_service::signed::{refuse_unsigned, send};
use federation_service::tls::PeerCertificate;

use super::super::Federation;
use super::super::directory::Document;

/// Adds the routes. Needs `Data<Federation>` in the application, and `remember_peer` on the server.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/federation/v1/root").route(get().to(root)))
        .service(resource("/federation/v1/directory").route(get().to(directory)))
        .service(resource("/federation/v1/directory/{seq}").route(get().to(old_directory)))
        .service(resource("/federation/v1/status").route(get().to(status)))
        .service(resource("/federation/v1/status-lists/{n}").route(get().to(status_list)))
        .service(resource("/federation/v1/checkpoint").route(get().to(checkpoint)))
        .default_service(route().to(signed));
}

/// Every signed request, and every path that does not exist: the door knows which is which.
async fn signed(federation: Data<Federation>, http: HttpRequest, payload: Payload) -> HttpResponse {
    let inbound = federation.inbound();
    let answer = match inbound.door().open(&http, payload).await {
        Ok(request) => inbound.answer(&request).await,
        Err(refused) => match refused.claimed() {
            Some(claimed) => inbound.refuse_claimed(&refused, claimed, http.path()).await,
            None => {
                inbound.count(&refused);
                return refuse_unsigned(&refused, http.path(), inbound.now());
            }
        },
    };
    answer.map(send).unwrap_or_else(|error| {
        tracing::error!("an answer could not be signed: {error}");
        HttpResponse::InternalServerError().finish()
    })
}

/// `GET /federation/v1/root`: as the registry signed it.
async fn root(federation: Data<Federation>, http: HttpRequest) -> HttpResponse {
    serve(&federation, &http, Document::Root, "application/jose+json")
}

/// `GET /federation/v1/directory`: as the registry signed it.
async fn directory(federation: Data<Federation>, http: HttpRequest) -> HttpResponse {
    serve(
        &federation,
        &http,
        Document::Directory,
        "application/musubi-directory+jwt",
    )
}

/// `GET /federation/v1/directory/{seq}`: one that was the newest once, for neighbours that missed it
/// while the registry is silent.
async fn old_directory(
    federation: Data<Federation>,
    http: HttpRequest,
    seq: Path<String>,
) -> HttpResponse {
    let written = seq.into_inner();
    let number = written.parse().ok();
    let Some(seq) = number.filter(|seq: &u64| seq.to_string() == written) else {
        return nothing();
    };
    if !is_member(&federation, &http) {
        return nothing();
    }
    match federation.directory().archived(seq).await {
        Ok(Some(jws)) => HttpResponse::Ok()
            .content_type("application/musubi-directory+jwt")
            .body(jws.to_string()),
        Ok(None) => nothing(),
        Err(error) => {
            tracing::error!("no directory of the past: {error}");
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}

/// `GET /federation/v1/status`: as the registry signed it.
async fn status(federation: Data<Federation>, http: HttpRequest) -> HttpResponse {
    serve(
        &federation,
        &http,
        Document::Status,
        "application/musubi-status+jwt",
    )
}

/// `GET /federation/v1/status-lists/{n}`: which of this node's tokens were revoked.
async fn status_list(
    federation: Data<Federation>,
    http: HttpRequest,
    number: Path<String>,
) -> HttpResponse {
    let Ok(number) = number.parse::<u32>() else {
        return nothing();
    };
    if !is_member(&federation, &http) {
        return nothing();
    }
    match federation.consents().status_list(number).await {
        Ok(Some(jwt)) => HttpResponse::Ok()
            .content_type("application/statuslist+jwt")
            .insert_header((CACHE_CONTROL, "max-age=30"))
            .body(jwt.to_string()),
        Ok(None) => nothing(),
        Err(error) => {
            tracing::error!("no status list: {error}");
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}

/// `GET /federation/v1/checkpoint`: the head of this node's log, signed, with its cosignatures.
async fn checkpoint(federation: Data<Federation>, http: HttpRequest) -> HttpResponse {
    if !is_member(&federation, &http) {
        return nothing();
    }
    match federation.witnessing().checkpoints().newest().await {
        Ok(Some(note)) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(note.to_string()),
        Ok(None) => nothing(),
        Err(error) => {
            tracing::error!("no checkpoint: {error}");
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}

fn serve(
    federation: &Federation,
    http: &HttpRequest,
    which: Document,
    media_type: &'static str,
) -> HttpResponse {
    if !is_member(federation, http) {
        return nothing();
    }
    let Some(served) = federation.directory().document(which) else {
        return nothing();
    };
    let etag = format!("\"{}\"", served.hash);
    let known = http
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|given| given == etag.as_str());
    if known {
        return HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .finish();
    }
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((ETAG, etag))
        .body(served.jws.to_string())
}

/// Whether the connection shows some member's certificate, by the directory of now.
fn is_member(federation: &Federation, http: &HttpRequest) -> bool {
    let Some(membership) = federation.directory().membership() else {
        return false;
    };
    http.conn_data::<PeerCertificate>()
        .is_some_and(|shown| !membership.certificate_members(&shown.0).is_empty())
}

fn nothing() -> HttpResponse {
    Problem::not_found().to_response()
}
