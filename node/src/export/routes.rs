//! `$export` over HTTP: kick-off, status, files, for the hospital's own systems.
//!
//! Source: FHIR Bulk Data Access 2.0.0.

mod answer;
mod question;

use actix_web::web::{self, Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::{ExportError, Exports, FileName, JobId, Scope};
use crate::identity::Caller;
use crate::records::LogicalId;
use answer::Failure;

type Answer = Result<HttpResponse, Failure>;

/// Puts the operations on the hospital's listener, before the routes of the records, which would
/// take these paths for types and ids. The application has `Data` of [`Exports`], and stands behind
/// the door that makes [`Caller`]s.
pub fn configure(routes: &mut ServiceConfig) {
    let patients = web::resource("/fhir/Patient/$export");
    let group = web::resource("/fhir/Group/{id}/$export");
    routes
        .service(
            patients
                .route(web::get().to(everyone))
                .route(web::post().to(everyone)),
        )
        .service(
            group
                .route(web::get().to(members))
                .route(web::post().to(members)),
        )
        .service(
            web::resource("/fhir/$export/{job}")
                .route(web::get().to(status))
                .route(web::delete().to(cancel)),
        )
        .service(web::resource("/fhir/$export/{job}/{file}").route(web::get().to(download)));
}

/// `GET` or `POST /fhir/Patient/$export`: every chart.
async fn everyone(
    request: HttpRequest,
    payload: Payload,
    caller: Caller,
    exports: Data<Exports>,
) -> Answer {
    kick_off(&request, payload, &caller, &exports, Scope::Everyone).await
}

/// `GET` or `POST /fhir/Group/{id}/$export`: the charts of a Group's members.
async fn members(
    request: HttpRequest,
    payload: Payload,
    id: Path<String>,
    caller: Caller,
    exports: Data<Exports>,
) -> Answer {
    let id = LogicalId::parse(&id).ok_or(ExportError::NotFound)?;
    kick_off(&request, payload, &caller, &exports, Scope::Group(id)).await
}

async fn kick_off(
    request: &HttpRequest,
    payload: Payload,
    caller: &Caller,
    exports: &Exports,
    scope: Scope,
) -> Answer {
    let asked = question::asked(request, payload).await?;
    let url = answer::as_sent(request);
    let job = exports.accept(caller, scope, asked, url).await?;
    Ok(answer::accepted(request, &job))
}

/// `GET /fhir/$export/{job}`: how far it is, then what it gave.
async fn status(
    request: HttpRequest,
    job: Path<String>,
    caller: Caller,
    exports: Data<Exports>,
) -> Answer {
    let job = JobId::parse(&job).ok_or(ExportError::NotFound)?;
    let status = exports.status(&caller, &job).await?;
    answer::status(&request, &job, status)
}

/// `DELETE /fhir/$export/{job}`: it is not wanted any more.
async fn cancel(job: Path<String>, caller: Caller, exports: Data<Exports>) -> Answer {
    let job = JobId::parse(&job).ok_or(ExportError::NotFound)?;
    exports.cancel(&caller, &job).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// `GET /fhir/$export/{job}/{file}`: one file.
async fn download(
    address: Path<(String, String)>,
    caller: Caller,
    exports: Data<Exports>,
) -> Answer {
    let (job, name) = address.into_inner();
    let job = JobId::parse(&job).ok_or(ExportError::NotFound)?;
    let name = FileName::parse(&name).ok_or(ExportError::NotFound)?;
    let file = exports.download(&caller, &job, name).await?;
    Ok(answer::file(file))
}
