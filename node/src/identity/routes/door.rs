//! The door: by a bearer token or by the session's cookie, never by both; one constant answer to
//! strangers.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, AUTHORIZATION, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use federation_service::problem::Problem;

use super::super::{Caller, Identity, Role, Signed};
use super::next::{is_page, with_next};
use super::{cookie, site};
use crate::database::DatabaseError;
use crate::pages::Visitor;

/// The paths that answer strangers without looking at who they are: whether the node lives and is
/// ready, what every page is dressed with, and what browsers report by themselves.
const OPEN_PATHS: [&str; 6] = [
    "/livez",
    "/readyz",
    "/manifest.webmanifest",
    "/favicon.ico",
    "/sw.js",
    "/csp-report",
];
/// Below these everything is open as well: style sheets, modules, icons.
const OPEN_FOLDERS: [&str; 1] = ["/assets/"];

/// The paths by which one gets in or out: open to strangers, and told who is there already. The lock
/// opens to a locked session.
const ENTRY_PATHS: [&str; 7] = [
    "/login", "/lock", "/logout", "/setup", "/sign-in", "/c/open", "/p/start",
];

/// Longer than any header that carries a token of ours.
const LONGEST_HEADER_BYTES: usize = 128;

/// A request that comes by itself, and does not show that somebody is there.
const BACKGROUND: &str = "musubi-background";

/// Lets staff and systems in, with their [`Caller`] as an extension; people and strangers get the
/// constant 401, on pages the way to the sign-in. Needs `Data<Identity>` and `Data<Site>` in the
/// application.
///
/// # Errors
/// Those of the service behind the door.
pub async fn staff_door<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    door(request, next, |role| role != Role::Person).await
}

/// Lets enrolled people in, as [`staff_door`] does staff.
///
/// # Errors
/// Those of the service behind the door.
pub async fn people_door<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    door(request, next, |role| role == Role::Person).await
}

type Admitted = fn(Role) -> bool;

async fn door<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
    admitted: Admitted,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let path = request.path();
    if OPEN_PATHS.contains(&path) || OPEN_FOLDERS.iter().any(|open| path.starts_with(open)) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let judged = match is_entry(path) {
        true => at_the_entry(request.request(), admitted).await,
        false => known(request.request(), admitted).await,
    };
    match judged {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(denied) => {
            let response = denied.told(request.request());
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn is_entry(path: &str) -> bool {
    ENTRY_PATHS.iter().any(|entry| {
        let below = path.strip_prefix(entry);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    })
}

/// Why somebody is not let in.
enum Denied {
    /// Nobody that is known here.
    Stranger,
    /// Known, but nobody was there for too long.
    Locked,
    /// Another site's page sent this.
    Foreign,
    /// Who they are cannot be looked up.
    Closed,
}

impl From<DatabaseError> for Denied {
    fn from(error: DatabaseError) -> Self {
        tracing::error!(%error, "who is at the door cannot be looked up");
        Self::Closed
    }
}

/// What somebody brings to show who they are.
enum Brought<'a> {
    Nothing,
    Bearer(&'a str),
    Cookie(String),
}

/// The token of exactly one `Authorization: Bearer` header, or the value of exactly one cookie of ours.
fn brought(request: &HttpRequest) -> Result<Brought<'_>, Denied> {
    let cookie = cookie::of(request).map_err(|_several| Denied::Stranger)?;
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        return Ok(cookie.map_or(Brought::Nothing, Brought::Cookie));
    };
    if headers.next().is_some() || header.len() > LONGEST_HEADER_BYTES || cookie.is_some() {
        return Err(Denied::Stranger);
    }
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Brought::Bearer(token))
        }
        _ => Err(Denied::Stranger),
    }
}

/// Lets a known caller through, with who they are as extensions of the request.
async fn known(request: &HttpRequest, admitted: Admitted) -> Result<(), Denied> {
    let identity = request.app_data::<Data<Identity>>().ok_or(Denied::Closed)?;
    match brought(request)? {
        Brought::Nothing => Err(Denied::Stranger),
        Brought::Bearer(token) => {
            let caller = identity.authenticate(token).await?;
            let caller = caller.filter(|caller| admitted(caller.role()));
            let caller = caller.ok_or(Denied::Stranger)?;
            let mut extensions = request.extensions_mut();
            extensions.insert(Visitor {
                name: caller.id().unwrap_or_default().to_owned(),
                role: caller.role().as_str(),
                idle_seconds: None,
            });
            extensions.insert(caller);
            Ok(())
        }
        Brought::Cookie(cookie) => {
            let signed = signed(identity, request, &cookie, admitted).await?;
            let signed = signed.ok_or(Denied::Stranger)?;
            // Before anything is told of the session: another site learns nothing of it.
            site::is_own(request).map_err(|_foreign| Denied::Foreign)?;
            if signed.locked {
                return Err(Denied::Locked);
            }
            let mut extensions = request.extensions_mut();
            extensions.insert(visitor(identity, &signed));
            extensions.insert::<Caller>(signed.caller.clone());
            extensions.insert::<Signed>(signed);
            Ok(())
        }
    }
}

/// Who is in, as pages show it.
fn visitor(identity: &Identity, signed: &Signed) -> Visitor {
    Visitor {
        name: signed.name.clone().unwrap_or_default(),
        role: signed.caller.role().as_str(),
        idle_seconds: Some(identity.idle_of(&signed.caller).as_secs()),
    }
}

/// Lets anybody to the entry whose browser says that our own page sent it, and says who is there
/// already; a caller only where the session is not locked.
async fn at_the_entry(request: &HttpRequest, admitted: Admitted) -> Result<(), Denied> {
    site::is_own(request).map_err(|_foreign| Denied::Foreign)?;
    let identity = request.app_data::<Data<Identity>>().ok_or(Denied::Closed)?;
    let Ok(Brought::Cookie(cookie)) = brought(request) else {
        return Ok(());
    };
    if let Some(signed) = signed(identity, request, &cookie, admitted).await? {
        let mut extensions = request.extensions_mut();
        if !signed.locked {
            extensions.insert::<Caller>(signed.caller.clone());
        }
        extensions.insert::<Signed>(signed);
    }
    Ok(())
}

async fn signed(
    identity: &Identity,
    request: &HttpRequest,
    cookie: &str,
    admitted: Admitted,
) -> Result<Option<Signed>, DatabaseError> {
    let counts = !request.headers().contains_key(BACKGROUND);
    let signed = identity.authenticate_session(cookie, counts).await?;
    Ok(signed.filter(|signed| admitted(signed.caller.role())))
}

impl Denied {
    /// What they are told. A stranger the same everywhere: on pages the way to the sign-in, on FHIR's
    /// paths an OperationOutcome, as its clients read it, problem+json elsewhere.
    fn told(&self, request: &HttpRequest) -> HttpResponse {
        let page = wants_page(request);
        let target = || {
            request
                .uri()
                .path_and_query()
                .map_or("/", |both| both.as_str())
        };
        match self {
            Self::Stranger if page => see_other(&with_next("/login", target())),
            Self::Locked if page => see_other(&with_next("/lock", target())),
            Self::Stranger => answer(&Problem::unauthorized(), request.path()),
            Self::Locked => answer(&locked(), request.path()),
            Self::Foreign => answer(&foreign(), request.path()),
            Self::Closed => answer(&closed(), request.path()),
        }
    }
}

/// Whether a person waits for a page here.
fn wants_page(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(ACCEPT);
    let html = accepts.and_then(|accepts| accepts.to_str().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    reads && html.is_some_and(|accepts| accepts.contains("text/html")) && is_page(request.path())
}

fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .finish()
}

fn answer(problem: &Problem, path: &str) -> HttpResponse {
    let below = path.strip_prefix("/fhir");
    if !below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
        return problem.to_response();
    }
    problem.to_outcome(match problem.status() {
        StatusCode::UNAUTHORIZED => "login",
        StatusCode::FORBIDDEN => "forbidden",
        _ => "transient",
    })
}

fn locked() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "session_locked",
        "Nobody was there for a while: the session is locked",
    )
    .with_detail("Show your passkey at /lock to go on.")
}

fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        "This did not come from a page of this hospital",
    )
}

fn closed() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "identity_unavailable",
        "Nobody can be let in now",
    )
}
