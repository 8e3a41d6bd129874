//! `$export` over HTTP: kick-off, status, files, for the hospital's own systems.
//!
//! Source: FHIR Bulk Data Access 2.0.0.

mod answer;
mod question;

use actix_web::web::{self, Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::{ExportError, Exports, FileName, JobId, Scope};
use crate::identity::Caller;
use crate::records::{Failure, LogicalId, base, only};

type Answer = Result<HttpResponse, Failure>;

/// Puts the operations on the hospital's listener, before the routes of the records, which would
/// take these paths for types and ids. The application has `Data` of [`Exports`], and stands behind
/// the door that makes [`Caller`]s.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/fhir/Patient/$export")
                .route(web::get().to(everyone))
                .route(web::post().to(everyone))
                // A HEAD would begin an export as a GET does.
                .default_service(only("GET, POST")),
        )
        .service(
            web::resource("/fhir/Group/{id}/$export")
                .route(web::get().to(members))
                .route(web::post().to(members))
                .default_service(only("GET, POST")),
        )
        .service(
            web::resource("/fhir/$export/{job}")
                .route(web::get().to(status))
                .route(web::head().to(status))
                .route(web::delete().to(cancel))
                .default_service(only("GET, HEAD, DELETE")),
        )
        .service(
            web::resource("/fhir/$export/{job}/{file}")
                .route(web::get().to(download))
                .route(web::head().to(download))
                .default_service(only("GET, HEAD")),
        );
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
    let url = as_sent(request);
    let job = exports.accept(caller, scope, asked, url).await?;
    Ok(answer::accepted(&place_of(request, &job)))
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
    answer::status(&place_of(&request, &job), status)
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

/// Where one export is asked after.
fn place_of(request: &HttpRequest, job: &JobId) -> String {
    format!("{}/$export/{job}", base::base(request))
}

/// The URL of the request, as the caller sent it.
fn as_sent(request: &HttpRequest) -> String {
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    format!("{}{path}", base::origin(request))
}
