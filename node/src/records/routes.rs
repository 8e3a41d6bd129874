//! `/fhir`: the records over HTTP, for the hospital's own systems and staff, and, to read alone, for
//! a person's own chart.
//!
//! Who it is, whether they may (with the audit line), do it, answer. Every error is an
//! OperationOutcome.

mod answer;
mod consent;
mod matching;
mod question;

use actix_web::web::{self, Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use crate::access::{Access, Act};
use crate::identity::Caller;

use super::capability::{Door, statement};
use super::form::version_of_etag;
use super::{Address, Handling, LogicalId, Records, RecordsError, ResourceType};
use answer::{Failure, Fhir};
use question::{Asked, asked_pairs, body, if_match, only_json};

type Answer = Result<HttpResponse, Failure>;

/// Puts `/fhir` on the hospital's listener. The application has `Data` of [`Records`], [`Access`]
/// and `Consents`, and stands behind the door that makes [`Caller`]s.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(
        web::scope("/fhir")
            .route("", web::post().to(transaction))
            .route("/", web::post().to(transaction))
            .route(
                "/metadata",
                web::get().to(|r, d| metadata(Door::Hospital, r, d)),
            )
            .configure(consent::configure)
            .configure(matching::configure)
            .configure(reads)
            .configure(writes)
            .default_service(web::to(nothing_here)),
    );
}

/// Puts `/fhir` on the people's listener: one's own chart, to read.
pub fn configure_own_chart(routes: &mut ServiceConfig) {
    routes.service(
        web::scope("/fhir")
            .route(
                "/metadata",
                web::get().to(|r, d| metadata(Door::OwnChart, r, d)),
            )
            .configure(consent::configure)
            .configure(reads)
            .default_service(web::to(nothing_here)),
    );
}

fn reads(routes: &mut ServiceConfig) {
    let version = "/{type}/{id}/_history/{version}";
    routes
        .route("/{type}/_search", web::post().to(search_by_form))
        .route(version, web::get().to(vread))
        .route(version, web::head().to(vread))
        .route("/{type}/{id}", web::get().to(read))
        .route("/{type}/{id}", web::head().to(read))
        .route("/{type}", web::get().to(search))
        .route("/{type}", web::head().to(search));
}

fn writes(routes: &mut ServiceConfig) {
    routes
        .route("/{type}", web::post().to(create))
        .route("/{type}/{id}", web::put().to(update))
        .route("/{type}/{id}", web::delete().to(delete));
}

async fn metadata(door: Door, request: HttpRequest, records: Data<Records>) -> Answer {
    only_json(&request)?;
    let mut told = statement(door, records.clock.now());
    records.own_parameters().await?.list_in(&mut told);
    if door == Door::Hospital {
        super::matching::list_in(&mut told);
    }
    Ok(Fhir::ok(told.to_string()))
}

/// `GET /fhir/{type}/{id}`: the newest version.
async fn read(
    request: HttpRequest,
    address: Path<(String, String)>,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    only_json(&request)?;
    let address = address_of(&address.0, &address.1)?;
    let patient = records.chart_of(&address).await?;
    let act = Act::Read {
        kind: address.kind.name(),
        id: address.id.as_str(),
        patient,
    };
    let permit = access.permit(&caller, act).await?;
    let entry = records.read(&permit, &address).await?;
    Ok(answer::resource(&request, &entry))
}

/// `GET /fhir/{type}/{id}/_history/{version}`: one version.
async fn vread(
    request: HttpRequest,
    address: Path<(String, String, String)>,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    only_json(&request)?;
    let (kind, id, version) = address.into_inner();
    let address = address_of(&kind, &id)?;
    let version = version_of_etag(&format!("\"{version}\"")).ok_or(RecordsError::NotFound)?;
    let patient = records.chart_of(&address).await?;
    let act = Act::Read {
        kind: address.kind.name(),
        id: address.id.as_str(),
        patient,
    };
    let permit = access.permit(&caller, act).await?;
    let entry = records.vread(&permit, &address, version).await?;
    Ok(answer::resource(&request, &entry))
}

/// `GET /fhir/{type}?…`.
async fn search(
    request: HttpRequest,
    kind: Path<String>,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let asked = asked_pairs(&request, request.query_string().as_bytes())?;
    found(&request, &kind, asked, &caller, &access, &records).await
}

/// `POST /fhir/{type}/_search`: the same, with the parameters in the body, the URL, or both.
async fn search_by_form(
    request: HttpRequest,
    kind: Path<String>,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let form = question::form(&request, payload).await?;
    let asked = asked_pairs(&request, &form)?;
    found(&request, &kind, asked, &caller, &access, &records).await
}

async fn found(
    request: &HttpRequest,
    kind: &str,
    asked: Asked,
    caller: &Caller,
    access: &Access,
    records: &Records,
) -> Answer {
    let kind = kind_of(kind)?;
    let query = records.query(kind, &asked.pairs, Handling::Strict).await?;
    let patient = match asked.patient() {
        Some(patient) => records.chart_of(&patient).await?,
        None => None,
    };
    let act = Act::Search {
        kind: kind.name(),
        patient,
    };
    let permit = access.permit(caller, act).await?;
    let page = records.search(&permit, query).await?;
    Ok(answer::searchset(request, kind, &asked, &page))
}

/// `POST /fhir/{type}`, with `If-None-Exist` perhaps.
async fn create(
    request: HttpRequest,
    kind: Path<String>,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let kind = kind_of(&kind)?;
    let condition = question::if_none_exist(&request, kind)?;
    let act = Act::Write {
        kind: kind.name(),
        id: None,
    };
    let permit = access.permit(&caller, act).await?;
    let body = body(&request, payload).await?;
    let written = records
        .create(&permit, kind, &body, condition.as_ref())
        .await?;
    answer::written(&request, &records, &permit, &written).await
}

/// `PUT /fhir/{type}/{id}`, with `If-Match` perhaps.
async fn update(
    request: HttpRequest,
    address: Path<(String, String)>,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let address = address_of(&address.0, &address.1)?;
    let expected = if_match(&request)?;
    let act = Act::Write {
        kind: address.kind.name(),
        id: Some(address.id.as_str()),
    };
    let permit = access.permit(&caller, act).await?;
    let body = body(&request, payload).await?;
    let written = records.update(&permit, &address, &body, expected).await?;
    answer::written(&request, &records, &permit, &written).await
}

/// `DELETE /fhir/{type}/{id}`, with `If-Match` perhaps.
async fn delete(
    request: HttpRequest,
    address: Path<(String, String)>,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let address = address_of(&address.0, &address.1)?;
    let expected = if_match(&request)?;
    let act = Act::Write {
        kind: address.kind.name(),
        id: Some(address.id.as_str()),
    };
    let permit = access.permit(&caller, act).await?;
    let written = records.delete(&permit, &address, expected).await?;
    Ok(answer::deleted(&written))
}

/// `POST /fhir`: a transaction Bundle.
async fn transaction(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    access: Data<Access>,
    records: Data<Records>,
) -> Answer {
    let permit = access.permit(&caller, Act::Transaction).await?;
    let body = body(&request, payload).await?;
    let done = records.transaction(&permit, &body).await?;
    Ok(answer::transacted(&done))
}

async fn nothing_here() -> Answer {
    Err(RecordsError::NotFound.into())
}

fn kind_of(name: &str) -> Result<ResourceType, Failure> {
    ResourceType::named(name).ok_or_else(Failure::no_such_type)
}

fn address_of(kind: &str, id: &str) -> Result<Address, Failure> {
    let kind = kind_of(kind)?;
    let id = LogicalId::parse(id)
        .ok_or(super::DraftError::Id)
        .map_err(RecordsError::from)?;
    Ok(Address { kind, id })
}

#[cfg(test)]
mod own_parameters;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tests;
