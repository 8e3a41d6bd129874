//! The pages by which one gets in and out, for both listeners.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::web::{Data, Query, ServiceConfig, get, resource};
use actix_web::{HttpRequest, HttpResponse};
use federation_service::problem::Problem;
use serde::Deserialize;

use super::super::deep_link::FindChart;
use super::super::pages::{LockPage, LoginPage, RefusedPage, SetupPage, StartPage};
use super::super::{EntryError, Identity, Owner, Role, Signed};
use super::ceremonies::problem_of;
use super::next::{local, with_next};
use super::{Site, cookie};
use crate::pages::Sheet;

/// What both listeners have.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/").route(get().to(start)))
        .service(resource("/login").route(get().to(login)))
        .service(resource("/lock").route(get().to(lock)))
        .service(resource("/logout").route(actix_web::web::post().to(logout)));
}

/// The staff's.
pub(super) fn configure_staff(config: &mut ServiceConfig) {
    config
        .service(resource("/setup").route(get().to(setup)))
        .service(resource("/c/open").route(get().to(open)));
}

/// The people's.
pub(super) fn configure_people(config: &mut ServiceConfig) {
    config.service(resource("/p/start").route(get().to(first_time)));
}

/// Where to go on.
#[derive(Deserialize)]
pub(super) struct Onward {
    #[serde(default)]
    pub(super) next: String,
}

impl Onward {
    fn to(&self) -> &str {
        local(&self.next).unwrap_or("/")
    }
}

pub(super) fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .finish()
}

/// `GET /`: where this role begins its day.
async fn start(caller: super::super::Caller) -> HttpResponse {
    see_other(match caller.role() {
        Role::Physician => "/c",
        Role::Registrar => "/desk",
        Role::Admin | Role::Auditor | Role::Security | Role::Observer => "/admin",
        Role::Person => "/p",
        Role::System => "/account",
    })
}

/// `GET /login?next=…`: for who is in already, straight on.
async fn login(
    identity: Data<Identity>,
    signed: Option<Signed>,
    onward: Query<Onward>,
    page: Sheet,
) -> HttpResponse {
    match signed {
        Some(signed) if signed.locked => see_other(&with_next("/lock", onward.to())),
        Some(_) => see_other(onward.to()),
        None => {
            let next = onward.to().to_owned();
            let hospital = hospital(&identity, &page, &next);
            let shown = LoginPage {
                page,
                next,
                hospital,
            };
            shown.page.show(&shown)
        }
    }
}

/// Where the hospital's own sign-in begins, for staff, where the settings name one.
fn hospital(identity: &Identity, page: &Sheet, next: &str) -> Option<String> {
    let staff = !page.is_for_people() && identity.has_hospital_sign_in();
    staff.then(|| with_next("/sign-in/hospital", next))
}

/// `GET /lock?next=…`: whoever comes here leaves their session locked, and may go on by a passkey.
async fn lock(
    identity: Data<Identity>,
    signed: Option<Signed>,
    onward: Query<Onward>,
    page: Sheet,
) -> Result<HttpResponse, Problem> {
    let Some(signed) = signed else {
        return Ok(see_other(&with_next("/login", onward.to())));
    };
    let failed = |error| problem_of(&EntryError::Database(error));
    identity.lock(&signed).await.map_err(failed)?;
    let passkeys = match Owner::of(&signed.caller) {
        Some(owner) => identity.passkeys_of(&owner).await.map_err(failed)?,
        None => Vec::new(),
    };
    let next = onward.to().to_owned();
    let shown = LockPage {
        hospital: hospital(&identity, &page, &next),
        page,
        next,
        has_passkey: !passkeys.is_empty(),
    };
    Ok(shown.page.show(&shown))
}

/// `POST /logout`: the session ends, the cookie goes, and so does what the browser kept of pages. The
/// random root of device keys stays: it is nowhere else.
async fn logout(identity: Data<Identity>, signed: Option<Signed>) -> Result<HttpResponse, Problem> {
    if let Some(signed) = signed {
        let ended = identity.end(&signed).await;
        ended.map_err(|error| problem_of(&EntryError::Database(error)))?;
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((LOCATION, "/login"))
        .insert_header((SET_COOKIE, cookie::without(cookie::NAME)))
        .insert_header(("clear-site-data", "\"cache\""))
        .finish())
}

/// `GET /setup`: what stands behind `#` is read by the page alone.
async fn setup(page: Sheet) -> HttpResponse {
    let shown = SetupPage { page };
    shown.page.show(&shown)
}

/// `GET /p/start`.
async fn first_time(page: Sheet) -> HttpResponse {
    let shown = StartPage { page };
    shown.page.show(&shown)
}

/// The one parameter of a signed link.
#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    t: String,
}

/// `GET /c/open?t=…`: the way from the hospital's record system. Whatever is wrong is told on one page.
async fn open(
    identity: Data<Identity>,
    charts: Data<dyn FindChart>,
    request: HttpRequest,
    link: Query<Link>,
    page: Sheet,
) -> Result<HttpResponse, Problem> {
    let origin = Site::of(&request).ok_or_else(|| problem_of(&EntryError::Site))?;
    let audience = origin.origin().ascii_serialization();
    let opened = identity
        .open_link(&audience, &link.t, charts.as_ref())
        .await;
    match opened {
        Ok(opened) => Ok(HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/c/patients/{}", opened.patient)))
            .insert_header((SET_COOKIE, cookie::with(&opened.session)))
            .finish()),
        Err(EntryError::Refused) => {
            let shown = RefusedPage { page };
            Ok(shown.page.show_as(StatusCode::FORBIDDEN, &shown))
        }
        Err(error) => Err(problem_of(&error)),
    }
}
