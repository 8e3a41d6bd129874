//! `/fhir`: the records over HTTP, for the hospital's own systems and staff, and, to read alone, for
//! a person's own chart.
//!
//! Who it is, whether they may (with the audit line), do it, answer. Every error is an
//! OperationOutcome.

mod answer;
pub(crate) mod asking;
pub(crate) mod base;
mod batch;
mod consent;
mod desk;
mod local;
mod manner;
mod matching;
mod pretty;
mod question;
mod reply;
mod validate;

use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use crate::access::Access;
use crate::identity::Caller;

use super::capability::{Door, statement};
use super::interaction::Interaction;
use super::{Records, RecordsError};
use answer::Fhir;
use desk::Desk;

pub(crate) use answer::{Failure, only};
pub(crate) use manner::Manner;

type Answer = Result<HttpResponse, Failure>;

/// Puts `/fhir` on the hospital's listener. The application has `Data` of [`Records`], [`Access`]
/// and `Consents`, and stands behind the door that makes [`Caller`]s.
pub fn configure(routes: &mut ServiceConfig) {
    let interact = |request, payload, caller, access, records| {
        interact(Door::Hospital, request, payload, caller, access, records)
    };
    let metadata = |request, records| metadata(Door::Hospital, request, records);
    routes.service(
        web::scope("/fhir")
            .service(
                web::resource(["", "/"])
                    .route(web::post().to(bundle))
                    .default_service(only("POST")),
            )
            .service(
                web::resource("/metadata")
                    .route(web::get().to(metadata))
                    .route(web::head().to(metadata))
                    .default_service(only("GET, HEAD")),
            )
            .configure(consent::configure)
            .configure(matching::configure)
            .configure(validate::configure)
            .route("/{tail:.*}", web::to(interact))
            .default_service(web::to(nothing_here)),
    );
}

/// Puts `/fhir` on the people's listener: one's own chart, to read.
pub fn configure_own_chart(routes: &mut ServiceConfig) {
    let interact = |request, payload, caller, access, records| {
        interact(Door::OwnChart, request, payload, caller, access, records)
    };
    let metadata = |request, records| metadata(Door::OwnChart, request, records);
    routes.service(
        web::scope("/fhir")
            .service(
                web::resource("/metadata")
                    .route(web::get().to(metadata))
                    .route(web::head().to(metadata))
                    .default_service(only("GET, HEAD")),
            )
            .configure(consent::configure)
            .route("/{tail:.*}", web::to(interact))
            .default_service(web::to(nothing_here)),
    );
}

async fn metadata(door: Door, request: HttpRequest, records: Data<Records>) -> Answer {
    let manner = Manner::of(&request)?;
    let mut told = statement(door, &manner.base, records.clock.now(), &records.validator);
    records.own_parameters().await?.list_in(&mut told);
    if door == Door::Hospital {
        super::matching::list_in(&mut told);
    }
    Ok(Fhir::ok(manner.spelled(told.to_string())))
}

/// Every interaction with a type, a resource or a history: see [`Interaction`].
async fn interact(
    door: Door,
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let manner = Manner::of(&request)?;
    let tail = request.match_info().query("tail");
    let method = request.method().as_str();
    let mut pairs = question::pairs(request.query_string().as_bytes())?;
    let mut body = Some(payload);
    if method == "POST"
        && let Some(place) = question::Body::at(tail)
        && let Some(payload) = body.take()
    {
        pairs.splice(0..0, place.pairs(&request, payload).await?);
    }
    let conditions = question::conditions(&request)?;
    let interaction = Interaction::parse(method, tail, pairs, conditions)?;
    if door == Door::OwnChart && interaction.writes() {
        return Err(RecordsError::Method("GET, HEAD").into());
    }
    let desk = Desk {
        caller: &caller,
        access: &access,
        records: &records,
        manner: &manner,
    };
    let permit = desk.permit(&interaction).await?;
    let content = question::content(&request, &interaction, body).await?;
    let reply = desk.perform(&permit, interaction, content).await?;
    Ok(reply.response(&manner))
}

/// `POST /fhir`: a Bundle, batch or transaction.
async fn bundle(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let manner = Manner::of_bundle(&request)?;
    let desk = Desk {
        caller: &caller,
        access: &access,
        records: &records,
        manner: &manner,
    };
    let body = question::resource(&request, payload).await?;
    let answered = batch::answered(&desk, &body).await?;
    Ok(Fhir::ok(manner.spelled(answered)))
}

async fn nothing_here() -> Answer {
    Err(RecordsError::NotFound.into())
}

#[cfg(test)]
mod own_parameters;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tests;
