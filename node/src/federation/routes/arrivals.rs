//! The patient listener's part of federation: where a change of mind has arrived.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, ServiceConfig, get, resource};
use federation_protocol::directory::Membership;
use federation_service::problem::Problem;
use serde_json::{Value, json};

use super::super::Federation;
use super::super::asking::hospital;
use super::problem::unavailable;
use crate::consent::{Arrival, ArrivalState, ConsentError, DirectiveId};
use crate::identity::Caller;

/// Adds the route. Needs `Data<Federation>` in the application, and the people's door before it.
pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/consents/{id}/arrivals").route(get().to(arrivals)));
}

/// `GET /api/v1/consents/{id}/arrivals`: how far a change of one's own has come.
async fn arrivals(
    federation: Data<Federation>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let Caller::Person { id: person, .. } = caller else {
        return Err(unknown());
    };
    let id = DirectiveId::known(id.into_inner());
    let found = federation.consents().own_arrivals(&person, &id).await;
    let found = found.map_err(|error| match error {
        ConsentError::Unknown => unknown(),
        other => {
            tracing::error!("arrivals are not shown: {other}");
            unavailable()
        }
    })?;
    let membership = federation.directory().membership();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(described(&id, &found, membership.as_deref())))
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "consent_unknown",
        "No such consent of yours",
    )
}

/// The arrivals of one directive as its person sees them.
pub(in crate::federation) fn described(
    id: &DirectiveId,
    arrivals: &[Arrival],
    membership: Option<&Membership>,
) -> Value {
    let hospitals: Vec<Value> = arrivals
        .iter()
        .map(|arrival| line(arrival, membership))
        .collect();
    json!({ "consent": id.as_str(), "hospitals": hospitals })
}

fn line(arrival: &Arrival, membership: Option<&Membership>) -> Value {
    let mut line = json!({
        "member": arrival.hospital,
        "name": hospital(membership, &arrival.hospital).name,
        "changed": arrival.changed_at.to_string(),
        "tokens": arrival.tokens,
        "state": arrival.state.as_str(),
    });
    let times = match arrival.state {
        ArrivalState::Delivered(at) => [("delivered", Some(at)), ("at_the_latest", None)],
        ArrivalState::Pending {
            since,
            at_the_latest,
        } => [
            ("since", Some(since)),
            ("at_the_latest", Some(at_the_latest)),
        ],
        ArrivalState::ByStatusList(at) => [("at_the_latest", Some(at)), ("since", None)],
    };
    if let Some(line) = line.as_object_mut() {
        for (name, at) in times {
            if let Some(at) = at {
                line.insert(name.to_owned(), json!(at.to_string()));
            }
        }
    }
    line
}
