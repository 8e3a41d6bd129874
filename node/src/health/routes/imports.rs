//! Uploads: sent, looked at, chosen from, undone.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Form, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;

use super::super::multipart;
use super::super::pages::{ImportPage, JobPage, JobPart};
use super::super::receiving::Receiving;
use super::super::{Choice, Health, HealthError, UploadId};
use super::{on_to, refused};
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::pages::routes::fragment;

/// `GET /p/vitals/import`.
pub(super) async fn form(sheet: Sheet, caller: Caller, health: Data<Health>) -> HttpResponse {
    match health.uploads(&caller).await {
        Ok(uploads) => {
            let page = ImportPage::new(sheet, health.max_upload(), &uploads);
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// `POST /p/vitals/import`: a form with a file, or the file itself.
pub(super) async fn receive(
    request: HttpRequest,
    sheet: Sheet,
    caller: Caller,
    payload: Payload,
    health: Data<Health>,
) -> HttpResponse {
    match received(&request, &caller, payload, &health).await {
        Ok(id) => on_to(&format!("/p/vitals/import/{id}")),
        Err(error) => refused(sheet, &error),
    }
}

async fn received(
    request: &HttpRequest,
    caller: &Caller,
    payload: Payload,
    health: &Health,
) -> Result<UploadId, HealthError> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let form = multipart::Form::of(kind).transpose();
    let form = form.map_err(|multipart::Malformed| HealthError::Incomplete)?;
    let mut receiving = health.receive(caller).await?;
    match filled(&mut receiving, form, payload).await {
        Ok(()) => {
            let id = receiving.id().clone();
            match receiving.finish().await {
                Ok(id) => Ok(id),
                Err(error) => {
                    health.give_up(&id, &error).await?;
                    Err(error)
                }
            }
        }
        Err(error) => {
            health.give_up(receiving.id(), &error).await?;
            Err(error)
        }
    }
}

/// Takes the bytes in as they arrive.
async fn filled(
    receiving: &mut Receiving,
    mut form: Option<multipart::Form>,
    mut payload: Payload,
) -> Result<(), HealthError> {
    while let Some(bytes) = payload.next().await {
        let bytes = bytes.map_err(|_broken| HealthError::Incomplete)?;
        match &mut form {
            Some(form) => {
                let file = form.take(&bytes);
                let file = file.map_err(|multipart::Malformed| HealthError::Incomplete)?;
                receiving.take(&file).await?;
            }
            None => receiving.take(&bytes).await?,
        }
    }
    match form {
        Some(form) if !form.is_whole() => Err(HealthError::Incomplete),
        _whole => Ok(()),
    }
}

/// `GET /p/vitals/import/{id}`: the page, or the part of it that changes.
pub(super) async fn job(
    request: HttpRequest,
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    health: Data<Health>,
) -> HttpResponse {
    let Some(id) = UploadId::parse(&id) else {
        return refused(sheet, &HealthError::NotFound);
    };
    match health.upload(&caller, &id).await {
        Ok((upload, percent)) => {
            let part = JobPart::new(sheet, &upload, percent);
            if request.headers().contains_key("x-fragment") {
                return fragment(&part);
            }
            let page = JobPage::new(part);
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// `POST /p/vitals/import/{id}/save`.
pub(super) async fn save(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    form: Form<Vec<(String, String)>>,
    health: Data<Health>,
) -> HttpResponse {
    let done = async {
        let id = UploadId::parse(&id).ok_or(HealthError::NotFound)?;
        let choice = Choice::parse(&form)?;
        health.save(&caller, &id, choice).await
    };
    answered(sheet, &id, done.await)
}

/// `POST /p/vitals/import/{id}/undo`.
pub(super) async fn undo(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    health: Data<Health>,
) -> HttpResponse {
    let done = async {
        let id = UploadId::parse(&id).ok_or(HealthError::NotFound)?;
        health.undo(&caller, &id).await
    };
    answered(sheet, &id, done.await)
}

/// `POST /p/vitals/import/{id}/discard`.
pub(super) async fn discard(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    health: Data<Health>,
) -> HttpResponse {
    let done = async {
        let id = UploadId::parse(&id).ok_or(HealthError::NotFound)?;
        health.discard(&caller, &id).await
    };
    answered(sheet, &id, done.await)
}

fn answered(sheet: Sheet, id: &str, done: Result<(), HealthError>) -> HttpResponse {
    match done {
        Ok(()) => on_to(&format!("/p/vitals/import/{id}")),
        Err(error) => refused(sheet, &error),
    }
}
