//! The patient listener's part of linkage: where a person is known, and one tap to end it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, ServiceConfig, delete, get, resource};
use federation_protocol::member::MemberId;
use federation_service::problem::Problem;
use serde_json::{Value, json};

use super::{Linkage, LinkageError};
use crate::identity::{Caller, PersonId};

/// Adds the routes. Needs `Data<Linkage>` in the application, and the people's door before them.
pub fn configure(config: &mut ServiceConfig) {
    config
        // Not the whole resource: codes are handed in at the same path, see the federation room.
        .route("/api/v1/links", get().to(links))
        .service(resource("/api/v1/links/{member}").route(delete().to(end)));
}

/// `GET /api/v1/links`: the hospitals that a person's home is linked with.
async fn links(linkage: Data<Linkage>, caller: Caller) -> Result<HttpResponse, Problem> {
    let person = person(caller)?;
    let found = linkage.own_links(&person).await;
    let found = found.map_err(|error| problem(&error))?;
    let links: Vec<Value> = found
        .iter()
        .map(|link| json!({ "hospital": link.responder }))
        .collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "links": links })))
}

/// `DELETE /api/v1/links/{member}`: ends one's own link with a hospital, and the tokens for it.
async fn end(
    linkage: Data<Linkage>,
    caller: Caller,
    member: Path<String>,
) -> Result<HttpResponse, Problem> {
    let person = person(caller)?;
    let hospital: MemberId = member.parse().or(Err(unknown()))?;
    let ended = linkage.end_home_link(&person, &hospital).await;
    ended.map_err(|error| problem(&error))?;
    Ok(HttpResponse::NoContent().finish())
}

fn person(caller: Caller) -> Result<PersonId, Problem> {
    match caller {
        Caller::Person { id, .. } => Ok(id),
        _staff => Err(unknown()),
    }
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "link_unknown",
        "No such link of yours",
    )
}

fn problem(error: &LinkageError) -> Problem {
    match error {
        LinkageError::NoLink | LinkageError::NoPerson => unknown(),
        other => {
            tracing::error!("a person's links: {other}");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "audit_unavailable",
                "The access cannot be recorded, so nothing is shown or changed",
            )
        }
    }
}
