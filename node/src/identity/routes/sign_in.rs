//! The way to the hospital's own sign-in and back.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::web::{Data, Query, ServiceConfig, get, resource};
use actix_web::{HttpRequest, HttpResponse};
use federation_service::problem::Problem;

use super::super::hospital::Return;
use super::super::{EntryError, Identity};
use super::ceremonies::problem_of;
use super::entry::Onward;
use super::next::local;
use super::{Site, cookie};

/// What the browser keeps while it is away: it ties what comes back to who left.
const AWAY: &str = "__Host-musubi-away";

pub(super) fn configure_staff(config: &mut ServiceConfig) {
    config
        .service(resource("/sign-in/hospital").route(get().to(depart)))
        .service(resource("/sign-in/back").route(get().to(arrive)));
}

/// `GET /sign-in/hospital?next=…`: to the hospital's sign-in.
async fn depart(
    identity: Data<Identity>,
    request: HttpRequest,
    onward: Query<Onward>,
) -> Result<HttpResponse, Problem> {
    let origin = Site::of(&request).ok_or_else(|| problem_of(&EntryError::Site))?;
    let next = local(&onward.next).unwrap_or("/");
    let departure = identity.depart(&origin, next).await;
    let departure = departure.map_err(|error| problem_of(&error))?;
    Ok(HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, departure.to.as_str()))
        .insert_header((
            SET_COOKIE,
            cookie::dressed(AWAY, departure.ceremony.reveal()),
        ))
        .finish())
}

/// `GET /sign-in/back?code=…&state=…`: from there.
async fn arrive(
    identity: Data<Identity>,
    request: HttpRequest,
    came: Query<Return>,
) -> Result<HttpResponse, Problem> {
    let origin = Site::of(&request).ok_or_else(|| problem_of(&EntryError::Site))?;
    let kept = cookie::named(&request, AWAY).ok().flatten();
    let arrived = identity
        .arrive(&origin, kept.as_deref().unwrap_or_default(), &came)
        .await;
    let (session, next) = arrived.map_err(|error| problem_of(&error))?;
    let mut response = HttpResponse::build(StatusCode::SEE_OTHER);
    response.append_header((SET_COOKIE, cookie::with(&session)));
    response.append_header((SET_COOKIE, cookie::without(AWAY)));
    response.insert_header((LOCATION, local(&next).unwrap_or("/")));
    Ok(response.finish())
}
