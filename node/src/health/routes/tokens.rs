//! Upload tokens on their page.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use actix_web::{HttpRequest, HttpResponse};

use super::super::pages::TokenPage;
use super::super::{Health, HealthError};
use super::{Asked, on_to, refused};
use crate::identity::Caller;
use crate::pages::Sheet;

/// `GET /p/vitals/token`.
pub(super) async fn list(
    request: HttpRequest,
    sheet: Sheet,
    caller: Caller,
    asked: Query<Asked>,
    health: Data<Health>,
) -> HttpResponse {
    match health.tokens(&caller).await {
        Ok(tokens) => {
            let page = TokenPage::new(sheet, address(&request), &tokens).noticing(asked.notice());
            page.sheet().show(&page)
        }
        Err(error) => refused(sheet, &error),
    }
}

/// The form of a new token.
#[derive(serde::Deserialize)]
pub(super) struct Named {
    label: String,
}

/// `POST /p/vitals/token`: makes one and shows it, this once.
pub(super) async fn make(
    request: HttpRequest,
    sheet: Sheet,
    caller: Caller,
    form: Form<Named>,
    health: Data<Health>,
) -> HttpResponse {
    let made = health.make_token(&caller, &form.label).await;
    let tokens = match health.tokens(&caller).await {
        Ok(tokens) => tokens,
        Err(error) => return refused(sheet, &error),
    };
    let page = TokenPage::new(sheet, address(&request), &tokens);
    match made {
        Ok(token) => {
            let page = page.showing(token.reveal());
            page.sheet().show(&page)
        }
        Err(error @ HealthError::TooManyTokens) => {
            let page = page.saying(error.code());
            page.sheet().show_as(StatusCode::BAD_REQUEST, &page)
        }
        Err(error) => refused(page.sheet().clone(), &error),
    }
}

/// `POST /p/vitals/token/{id}/revoke`.
pub(super) async fn revoke(
    sheet: Sheet,
    caller: Caller,
    id: Path<String>,
    health: Data<Health>,
) -> HttpResponse {
    match health.revoke_token(&caller, &id).await {
        Ok(()) => on_to("/p/vitals/token?done=revoked"),
        Err(error) => refused(sheet, &error),
    }
}

/// Where apps send to: this listener, as the reader reached it.
fn address(request: &HttpRequest) -> String {
    let reached = request.connection_info();
    format!("{}://{}/p/api/vitals", reached.scheme(), reached.host())
}
