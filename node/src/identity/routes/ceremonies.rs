//! The ceremonies by which one gets in: each a `begin` that says what the authenticator is asked, and a
//! `finish` that sets the session's cookie. JSON, sent by `assets/passkey.js` alone.
//!
//! Whatever is refused is told alike, and not sooner than [`PACE`]: from the time of an answer nobody
//! learns whether a code, a link or a passkey exists.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::web::{Data, Json, JsonConfig, ServiceConfig, post, resource};
use actix_web::{HttpRequest, HttpResponse, Resource};
use federation_service::clock::Stopwatch;
use federation_service::problem::Problem;
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::super::ceremony::Door;
use super::super::passkeys::Begun;
use super::super::rates::Knock;
use super::super::{EntryError, Identity, PlainSession, Signed};
use super::next::local;
use super::{Site, cookie};

/// No refusal leaves sooner after its question came.
const PACE: Duration = Duration::from_millis(60);
/// The longest answer of an authenticator that is read, bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// What both listeners have.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(ceremony("/lock/begin").route(post().to(begin_resume)))
        .service(ceremony("/lock/finish").route(post().to(finish_resume)))
        .service(ceremony("/account/passkeys/begin").route(post().to(begin_add)))
        .service(ceremony("/account/passkeys/finish").route(post().to(finish_add)));
}

/// The staff's.
pub(super) fn configure_staff(config: &mut ServiceConfig) {
    config
        .service(ceremony("/login/begin").route(post().to(begin_login_of_staff)))
        .service(ceremony("/login/finish").route(post().to(finish_login_of_staff)))
        .service(ceremony("/setup/begin").route(post().to(begin_setup)))
        .service(ceremony("/setup/finish").route(post().to(finish_setup)));
}

/// The people's.
pub(super) fn configure_people(config: &mut ServiceConfig) {
    config
        .service(ceremony("/login/begin").route(post().to(begin_login_of_people)))
        .service(ceremony("/login/finish").route(post().to(finish_login_of_people)))
        .service(ceremony("/p/start/begin").route(post().to(begin_enrolment)))
        .service(ceremony("/p/start/finish").route(post().to(finish_enrolment)));
}

/// A resource whose bodies are short; what is no such body is answered in one way.
fn ceremony(path: &str) -> Resource {
    let json = JsonConfig::default()
        .limit(LONGEST_BODY)
        .error_handler(|_error, _request| unreadable().into());
    resource(path).app_data(json)
}

/// An authenticator's answer to what was begun.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    ceremony: String,
    credential: PublicKeyCredential,
    #[serde(default)]
    next: String,
}

/// A passkey that an authenticator made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    ceremony: String,
    credential: RegisterPublicKeyCredential,
    #[serde(default)]
    label: String,
}

/// The token of a setup link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    token: String,
}

/// What the desk printed, and what only the person knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    code: String,
    birth: String,
}

/// One knock at the door: who serves it, from where it came, and since when.
struct Knocked<'a> {
    identity: &'a Identity,
    origin: Url,
    address: IpAddr,
    since: Stopwatch,
}

impl<'a> Knocked<'a> {
    fn at(identity: &'a Identity, request: &HttpRequest) -> Result<Self, Problem> {
        let address = request.peer_addr().map(|peer| peer.ip());
        Ok(Self {
            identity,
            origin: Site::of(request).ok_or_else(|| problem_of(&EntryError::Site))?,
            address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            since: Stopwatch::start(),
        })
    }

    /// As [`Knocked::at`], for what strangers begin: so many from one address.
    fn beginning(identity: &'a Identity, request: &HttpRequest) -> Result<Self, Problem> {
        let knocked = Self::at(identity, request)?;
        match identity.rates.count(Knock::Begun, knocked.address) {
            true => Ok(knocked),
            false => Err(busy()),
        }
    }

    /// As [`Knocked::at`], for codes and links that could be guessed: so many wrong ones.
    fn guessing(identity: &'a Identity, request: &HttpRequest) -> Result<Self, Problem> {
        let knocked = Self::beginning(identity, request)?;
        match identity.rates.is_over(Knock::Wrong, knocked.address) {
            true => Err(busy()),
            false => Ok(knocked),
        }
    }

    async fn told<T>(&self, outcome: Result<T, EntryError>) -> Result<T, Problem> {
        let error = match outcome {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        if matches!(error, EntryError::Refused) {
            self.identity.rates.count(Knock::Wrong, self.address);
        }
        tokio::time::sleep(PACE.saturating_sub(self.since.elapsed())).await;
        Err(problem_of(&error))
    }

    async fn begun(&self, begun: Result<Begun, EntryError>) -> Result<HttpResponse, Problem> {
        let begun = self.told(begun).await?;
        Ok(HttpResponse::Ok().json(json!({
            "ceremony": begun.ceremony.reveal(),
            "publicKey": begun.options,
        })))
    }

    async fn entered(
        &self,
        entered: Result<PlainSession, EntryError>,
        next: &str,
    ) -> Result<HttpResponse, Problem> {
        let session = self.told(entered).await?;
        Ok(HttpResponse::Ok()
            .insert_header((SET_COOKIE, cookie::with(&session)))
            .json(json!({ "next": local(next).unwrap_or("/") })))
    }
}

type Answer = Result<HttpResponse, Problem>;

/// `POST /login/begin` of the hospital listener.
async fn begin_login_of_staff(identity: Data<Identity>, request: HttpRequest) -> Answer {
    begin_login(&identity, &request, Door::Staff).await
}

/// `POST /login/begin` of the patient listener.
async fn begin_login_of_people(identity: Data<Identity>, request: HttpRequest) -> Answer {
    begin_login(&identity, &request, Door::People).await
}

async fn begin_login(identity: &Identity, request: &HttpRequest, door: Door) -> Answer {
    let knocked = Knocked::beginning(identity, request)?;
    let begun = identity.begin_login(&knocked.origin, door).await;
    knocked.begun(begun).await
}

/// `POST /login/finish` of the hospital listener.
async fn finish_login_of_staff(
    identity: Data<Identity>,
    request: HttpRequest,
    body: Json<Shown>,
) -> Answer {
    finish_login(&identity, &request, &body, Door::Staff).await
}

/// `POST /login/finish` of the patient listener.
async fn finish_login_of_people(
    identity: Data<Identity>,
    request: HttpRequest,
    body: Json<Shown>,
) -> Answer {
    finish_login(&identity, &request, &body, Door::People).await
}

async fn finish_login(
    identity: &Identity,
    request: &HttpRequest,
    shown: &Shown,
    door: Door,
) -> Answer {
    let knocked = Knocked::beginning(identity, request)?;
    let entered = identity.finish_login(&knocked.origin, door, &shown.ceremony, &shown.credential);
    knocked.entered(entered.await, &shown.next).await
}

/// `POST /lock/begin`: the owner of a session, locked or not, shows a passkey again.
async fn begin_resume(identity: Data<Identity>, request: HttpRequest, signed: Signed) -> Answer {
    let knocked = Knocked::at(&identity, &request)?;
    let begun = identity.begin_resume(&knocked.origin, &signed).await;
    knocked.begun(begun).await
}

/// `POST /lock/finish`: the session goes on where it was, under another cookie.
async fn finish_resume(
    identity: Data<Identity>,
    request: HttpRequest,
    signed: Signed,
    body: Json<Shown>,
) -> Answer {
    let knocked = Knocked::at(&identity, &request)?;
    let resumed =
        identity.finish_resume(&knocked.origin, &signed, &body.ceremony, &body.credential);
    knocked.entered(resumed.await, &body.next).await
}

/// `POST /account/passkeys/begin`: one more passkey.
async fn begin_add(identity: Data<Identity>, request: HttpRequest, signed: Signed) -> Answer {
    let knocked = Knocked::at(&identity, &request)?;
    let begun = identity.begin_add(&knocked.origin, &signed).await;
    knocked.begun(begun).await
}

/// `POST /account/passkeys/finish`.
async fn finish_add(
    identity: Data<Identity>,
    request: HttpRequest,
    signed: Signed,
    body: Json<Made>,
) -> Answer {
    let knocked = Knocked::at(&identity, &request)?;
    let added = identity.finish_add(
        &knocked.origin,
        &signed,
        &body.ceremony,
        &body.credential,
        &body.label,
    );
    knocked.told(added.await).await?;
    Ok(HttpResponse::Ok().json(json!({ "next": "/account" })))
}

/// `POST /setup/begin`: the first passkey of a member of staff.
async fn begin_setup(identity: Data<Identity>, request: HttpRequest, link: Json<Link>) -> Answer {
    let knocked = Knocked::guessing(&identity, &request)?;
    let begun = identity.begin_setup(&knocked.origin, &link.token).await;
    knocked.begun(begun).await
}

/// `POST /setup/finish`.
async fn finish_setup(identity: Data<Identity>, request: HttpRequest, body: Json<Made>) -> Answer {
    let knocked = Knocked::beginning(&identity, &request)?;
    let entered = identity.finish_setup(
        &knocked.origin,
        &body.ceremony,
        &body.credential,
        &body.label,
    );
    knocked.entered(entered.await, "/").await
}

/// `POST /p/start/begin`: a person's first passkey.
async fn begin_enrolment(
    identity: Data<Identity>,
    request: HttpRequest,
    body: Json<Printed>,
) -> Answer {
    let knocked = Knocked::guessing(&identity, &request)?;
    let begun = identity.begin_enrolment(&knocked.origin, &body.code, &body.birth);
    knocked.begun(begun.await).await
}

/// `POST /p/start/finish`.
async fn finish_enrolment(
    identity: Data<Identity>,
    request: HttpRequest,
    body: Json<Made>,
) -> Answer {
    let knocked = Knocked::beginning(&identity, &request)?;
    let entered = identity.finish_enrolment(
        &knocked.origin,
        &body.ceremony,
        &body.credential,
        &body.label,
    );
    knocked.entered(entered.await, "/p").await
}

/// What somebody at the door may know of why they do not get in.
pub(super) fn problem_of(error: &EntryError) -> Problem {
    let (status, code, title) = match error {
        EntryError::Refused => (
            StatusCode::FORBIDDEN,
            "not_taken",
            "What was shown is not taken",
        ),
        EntryError::NoFreshFactor => (
            StatusCode::FORBIDDEN,
            "passkey_needed",
            "Show your passkey once more first",
        ),
        EntryError::NoPasskey => (
            StatusCode::CONFLICT,
            "no_passkey",
            "This account has no passkey",
        ),
        EntryError::LastPasskey => (
            StatusCode::CONFLICT,
            "last_passkey",
            "Add another passkey before you remove the last one",
        ),
        EntryError::TooMany => (
            StatusCode::CONFLICT,
            "too_many_passkeys",
            "Remove a passkey before you add another one",
        ),
        EntryError::Busy => return busy(),
        EntryError::Site => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no_public_url",
            "The settings do not say under which address browsers reach this listener",
        ),
        EntryError::Hospital(_) => (
            StatusCode::BAD_GATEWAY,
            "hospital_sign_in",
            "The hospital's sign-in did not answer as it must",
        ),
        EntryError::Identity(_) | EntryError::Database(_) => {
            tracing::error!(%error, "nobody can be let in");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "identity_unavailable",
                "Nobody can be let in now",
            )
        }
    };
    Problem::new(status, code, title)
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_tries",
        "Too many tries from here: wait ten minutes",
    )
    .with_retry_after(600)
}

fn unreadable() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "unreadable",
        "Not what a browser sends here",
    )
}
