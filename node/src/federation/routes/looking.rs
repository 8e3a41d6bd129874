//! The patient listener's account of who looked.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::{Data, Query, ServiceConfig, get, resource};
use federation_protocol::accesses::Access;
use federation_protocol::directory::Membership;
use federation_service::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Federation;
use super::super::asking::hospital;
use super::super::looking::{LookingError, Told};
use super::problem::unavailable;
use crate::identity::Caller;
use crate::linkage::LinkageError;

/// Adds the routes. Needs `Data<Federation>` in the application, and the people's door before it.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/accesses").route(get().to(accesses)))
        .service(resource("/api/v1/accesses/proof").route(get().to(proof)));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `0`: what was told before, without asking anybody.
    #[serde(default)]
    ask: Option<u8>,
}

/// `GET /api/v1/accesses`: who looked, here and at every linked hospital.
async fn accesses(
    federation: Data<Federation>,
    caller: Caller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let ask = asked.ask != Some(0);
    let told = federation.looking().who_looked(&caller, ask).await;
    let told = told.map_err(|error| of_looking(&error))?;
    let membership = federation.directory().membership();
    let hospitals = told.iter().map(|one| described(one, membership.as_deref()));
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "hospitals": hospitals.collect::<Vec<_>>() })))
}

/// `GET /api/v1/accesses/proof`: the same as it was told and signed, to be verified by anybody:
/// `musubi-node evidence accesses`.
async fn proof(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let told = federation.looking().who_looked(&caller, false).await;
    let told = told.map_err(|error| of_looking(&error))?;
    let reports = told.iter().filter_map(|one| {
        let report = one.report.as_ref()?;
        Some(json!({"hospital": one.hospital.member, "report": report}))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((
            CONTENT_DISPOSITION,
            "attachment; filename=\"who-looked.json\"",
        ))
        .json(json!({ "reports": reports.collect::<Vec<_>>() })))
}

fn described(told: &Told, membership: Option<&Membership>) -> Value {
    let accesses = told.accesses().iter().map(|one| line(one, membership));
    json!({
        "member": told.hospital.member,
        "name": told.hospital.name,
        "self": told.own,
        "outcome": told.outcome,
        "told": told.told_at.map(|at| at.to_string()),
        "more": told.report.as_ref().is_some_and(|report| report.more),
        "accesses": accesses.collect::<Vec<_>>(),
    })
}

fn line(one: &Access, membership: Option<&Membership>) -> Value {
    let member = one.member.as_ref();
    json!({
        "at": one.at().map(|at| at.to_string()),
        "act": one.act,
        "role": one.role,
        "actor": one.actor,
        "member": member,
        "name": member.map(|member| hospital(membership, member).name),
        "purpose": one.purpose,
        "outcome": one.outcome,
        "types": one.types,
        "shown": one.shown,
    })
}

impl From<LookingError> for Problem {
    fn from(error: LookingError) -> Self {
        of_looking(&error)
    }
}

fn of_looking(error: &LookingError) -> Problem {
    match error {
        LookingError::NotAPerson | LookingError::Linkage(LinkageError::NoPerson) => {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with this role")
        }
        other => {
            tracing::error!("who looked is not shown: {other}");
            unavailable()
        }
    }
}
