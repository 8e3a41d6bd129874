//! One's own account, and the admin's list of accounts.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, FormConfig, Path, ServiceConfig, get, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use federation_service::problem::Problem;
use serde::Deserialize;

use super::super::pages::{AccountPage, LinkPage, PasskeyRow, SessionRow, StaffPage};
use super::super::setup::SetupLink;
use super::super::staff::By;
use super::super::{Caller, EntryError, Identity, IdentityError, Owner, Role, Signed};
use super::Site;
use super::ceremonies::problem_of;
use super::entry::see_other;
use crate::database::DatabaseError;
use crate::pages::{Sheet, qr};

/// What both listeners have.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/account").route(get().to(account)))
        .service(resource("/account/passkeys/{id}/remove").route(post().to(remove_passkey)))
        .service(resource("/account/sessions/{id}/end").route(post().to(end_session)));
}

/// The staff's.
pub(super) fn configure_staff(config: &mut ServiceConfig) {
    config
        .service(
            resource("/admin/staff")
                .app_data(short_form())
                .route(get().to(staff))
                .route(post().to(add)),
        )
        .service(
            resource("/admin/staff/act")
                .app_data(short_form())
                .route(post().to(act)),
        );
}

fn short_form() -> FormConfig {
    FormConfig::default()
        .limit(8 * 1024)
        .error_handler(|_error, _request| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "unreadable",
                "Not what this page sends",
            )
            .into()
        })
}

fn failed(error: DatabaseError) -> Problem {
    problem_of(&EntryError::Database(error))
}

/// `GET /account`.
async fn account(
    identity: Data<Identity>,
    signed: Signed,
    page: Sheet,
) -> Result<HttpResponse, Problem> {
    let owner = Owner::of(&signed.caller).ok_or_else(Problem::unauthorized)?;
    let passkeys = identity.passkeys_of(&owner).await.map_err(failed)?;
    let sessions = identity.sessions_of(&owner).await.map_err(failed)?;
    let passkeys = passkeys.into_iter().map(|one| PasskeyRow::of(&page, one));
    let sessions = sessions
        .into_iter()
        .map(|one| SessionRow::of(&page, one, &signed.session));
    let shown = AccountPage {
        fresh: identity.fresh_factor(&signed).is_some(),
        passkeys: passkeys.collect(),
        sessions: sessions.collect(),
        page,
    };
    Ok(shown.page.show(&shown))
}

/// `POST /account/passkeys/{id}/remove`.
async fn remove_passkey(
    identity: Data<Identity>,
    signed: Signed,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    match identity.remove_passkey(&signed, &id).await {
        // Whoever waited too long is asked for their passkey there.
        Ok(()) | Err(EntryError::NoFreshFactor) => Ok(see_other("/account")),
        Err(EntryError::Refused) => Err(Problem::not_found()),
        Err(error) => Err(problem_of(&error)),
    }
}

/// `POST /account/sessions/{id}/end`: another of one's own sessions.
async fn end_session(
    identity: Data<Identity>,
    signed: Signed,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let owner = Owner::of(&signed.caller).ok_or_else(Problem::unauthorized)?;
    match identity.end_one_of(&owner, &id).await {
        // One that ended by itself meanwhile is what was wanted.
        Ok(()) | Err(IdentityError::UnknownSession) => Ok(see_other("/account")),
        Err(error) => Err(problem_of(&error.into())),
    }
}

/// An admin at a page, and whether they showed a passkey just now: only then accounts are changed.
struct Admin {
    by: By,
    fresh: bool,
}

impl Admin {
    /// # Errors
    /// Who is not one.
    fn of(identity: &Identity, caller: &Caller, signed: Option<&Signed>) -> Result<Self, Problem> {
        if caller.role() != Role::Admin {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "Not with this role",
            ));
        }
        Ok(Self {
            by: By::admin(caller),
            fresh: signed.is_some_and(|signed| identity.fresh_factor(signed).is_some()),
        })
    }
}

/// `GET /admin/staff`.
async fn staff(
    identity: Data<Identity>,
    caller: Caller,
    signed: Option<Signed>,
    page: Sheet,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::of(&identity, &caller, signed.as_ref())?;
    listed(&identity, page, admin.fresh, None).await
}

async fn listed(
    identity: &Identity,
    page: Sheet,
    fresh: bool,
    wrong: Option<&'static str>,
) -> Result<HttpResponse, Problem> {
    let roles = Role::ALL
        .into_iter()
        .filter(|role| !matches!(role, Role::System | Role::Person));
    let shown = StaffPage {
        page,
        fresh,
        staff: identity.all_staff().await.map_err(failed)?,
        roles: roles.map(Role::as_str).collect(),
        wrong,
    };
    let status = match wrong {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    Ok(shown.page.show_as(status, &shown))
}

/// A new account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Added {
    id: String,
    name: String,
    role: String,
    hours: u8,
}

/// `POST /admin/staff`: adds an account, and shows its setup link this once.
async fn add(
    identity: Data<Identity>,
    caller: Caller,
    signed: Option<Signed>,
    request: HttpRequest,
    page: Sheet,
    added: Form<Added>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::of(&identity, &caller, signed.as_ref())?;
    if !admin.fresh {
        return Err(problem_of(&EntryError::NoFreshFactor));
    }
    let wrong = "entry-staff-wrong";
    let Ok(role) = added.role.parse::<Role>() else {
        return listed(&identity, page, true, Some(wrong)).await;
    };
    let new = identity.add_staff(role, &added.id, &added.name, admin.by.clone());
    match new.await {
        Ok(new) => show_link(&identity, &request, page, &new.id, added.hours, admin.by).await,
        Err(IdentityError::Database(error)) => Err(failed(error)),
        Err(_) => listed(&identity, page, true, Some(wrong)).await,
    }
}

async fn show_link(
    identity: &Identity,
    request: &HttpRequest,
    page: Sheet,
    id: &str,
    hours: u8,
    by: By,
) -> Result<HttpResponse, Problem> {
    let origin = Site::of(request).ok_or_else(|| problem_of(&EntryError::Site))?;
    let life = Duration::from_secs(u64::from(hours) * 3_600);
    let made = identity.setup_link(id, life, by).await;
    let (link, account): (SetupLink, _) = match made {
        Ok(link) => (link, identity.staff(id).await.map_err(failed)?),
        Err(IdentityError::Database(error)) => return Err(failed(error)),
        Err(_) => return listed(identity, page, true, Some("entry-staff-unknown")).await,
    };
    let url = link.url(&origin);
    let shown = LinkPage {
        until: page.moment(link.expires_at),
        page,
        name: account.map(|one| one.name).unwrap_or_default(),
        qr: qr(url.as_bytes()).unwrap_or_default(),
        url,
    };
    Ok(shown.page.show(&shown))
}

/// What an admin does with an account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acted {
    id: String,
    act: What,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    SetupLink,
    EndSessions,
    Disable,
}

/// `POST /admin/staff/act`.
async fn act(
    identity: Data<Identity>,
    caller: Caller,
    signed: Option<Signed>,
    request: HttpRequest,
    page: Sheet,
    acted: Form<Acted>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::of(&identity, &caller, signed.as_ref())?;
    if !admin.fresh {
        return Err(problem_of(&EntryError::NoFreshFactor));
    }
    let id = acted.id.as_str();
    match acted.act {
        What::SetupLink => return show_link(&identity, &request, page, id, 1, admin.by).await,
        What::EndSessions => {
            let owner = Owner::Staff(id.to_owned());
            identity.end_all_of(&owner).await.map_err(failed)?;
        }
        What::Disable => match identity.disable_staff(id, admin.by).await {
            Ok(()) => {}
            Err(IdentityError::Database(error)) => return Err(failed(error)),
            Err(_) => return listed(&identity, page, true, Some("entry-staff-unknown")).await,
        },
    }
    Ok(see_other("/admin/staff"))
}
