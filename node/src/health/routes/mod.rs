//! The HTTP of what people measure: pages for the person, and one address for their apps.

mod api;
mod hand;
mod imports;
mod tokens;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Query, ServiceConfig, get, post, resource};
use apple_health::Kind;

use super::pages::{RefusedPage, VitalsPage};
use super::{Health, HealthError};
use crate::identity::Caller;
use crate::pages::Sheet;

/// Puts the pages on the patient listener, behind the door that makes [`Caller`]s. The application
/// has `Data` of [`Health`] and of the pages.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            resource("/p/vitals")
                .route(get().to(vitals))
                .route(post().to(hand::enter)),
        )
        .service(resource("/p/vitals/of/{kind}").route(get().to(hand::series)))
        .service(resource("/p/vitals/new").route(get().to(hand::new)))
        .service(resource("/p/vitals/change/{id}").route(get().to(hand::change)))
        .service(
            resource("/p/vitals/delete/{id}")
                .route(get().to(hand::ask_to_delete))
                .route(post().to(hand::delete)),
        )
        .service(
            resource("/p/vitals/import")
                .route(get().to(imports::form))
                .route(post().to(imports::receive)),
        )
        .service(resource("/p/vitals/import/{id}").route(get().to(imports::job)))
        .service(resource("/p/vitals/import/{id}/save").route(post().to(imports::save)))
        .service(resource("/p/vitals/import/{id}/undo").route(post().to(imports::undo)))
        .service(resource("/p/vitals/import/{id}/discard").route(post().to(imports::discard)))
        .service(
            resource("/p/vitals/token")
                .route(get().to(tokens::list))
                .route(post().to(tokens::make)),
        )
        .service(resource("/p/vitals/token/{id}/revoke").route(post().to(tokens::revoke)));
}

/// Puts the address of apps on the patient listener, before its door: they have no session, and
/// their token opens nothing else.
pub fn configure_api(routes: &mut ServiceConfig) {
    routes.service(resource("/p/api/vitals").route(post().to(api::take_in)));
}

/// What a page is asked for beside its path: codes and words of ours, nothing of anybody's.
#[derive(serde::Deserialize)]
struct Asked {
    kind: Option<String>,
    done: Option<String>,
}

impl Asked {
    fn kind(&self) -> Result<Kind, HealthError> {
        let word = self.kind.as_deref().unwrap_or(Kind::BloodPressure.as_str());
        word.parse().map_err(|_not| super::Entered::Kind.into())
    }

    /// The key of what was just done.
    fn notice(&self) -> Option<&'static str> {
        match self.done.as_deref()? {
            "kept" => Some("vitals-kept"),
            "known" => Some("vitals-known"),
            "deleted" => Some("vitals-deleted"),
            "revoked" => Some("vitals-token-revoked"),
            _ => None,
        }
    }
}

/// How many values of each kind the first page looks at.
const LOOKED_AT: usize = 30;

/// `GET /p/vitals`.
async fn vitals(
    sheet: Sheet,
    caller: Caller,
    asked: Query<Asked>,
    health: Data<Health>,
) -> HttpResponse {
    match health.shown(&caller, &Kind::ALL, LOOKED_AT).await {
        Ok(all) => {
            let page = VitalsPage::new(sheet, &all, asked.notice());
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// A refusal as a page.
fn refused(sheet: Sheet, error: &HealthError) -> HttpResponse {
    let status = error.status();
    if status >= 500 {
        tracing::error!(code = error.code(), "vital signs: {error}");
    }
    let page = RefusedPage::new(sheet, error);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    page.sheet().show_as(status, &page)
}

/// On to another page, whichever method this one had.
fn on_to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .finish()
}
