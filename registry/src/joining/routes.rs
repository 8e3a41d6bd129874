//! Where strangers knock: `POST /v1/applications`, `GET /v1/applications/{id}`,
//! `POST /v1/members/{id}/leave`, `POST /v1/members/{id}/keys`.
//!
//! Whoever has no right code and no right key learns one thing: that there is nothing for them here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use federation_protocol::directory::{LONGEST_KEY_CHANGE, MemberDescription};
use federation_protocol::joining::{
    ApplicantRequest, ApplicationId, JoinRefusal, LONGEST_APPLICATION,
};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use federation_service::problem::Problem;

use super::application::{ApplyError, apply};
use super::leaving::{LeaveError, leave};
use super::rate::Rates;
use super::rekeying::{RekeyError, rekey};
use super::{ApplicationRow, store};
use crate::config::KeyFolder;
use crate::database::{Connection, Database, DatabaseError};
use crate::members::KeysError;

/// The media type of signed statements.
///
/// Source: RFC 7515 section 9.2.1.
pub(crate) const JOSE: &str = "application/jose";
/// The media type of statements that several keys sign.
///
/// Source: RFC 7515 section 9.2.2.
const JOSE_JSON: &str = "application/jose+json";
/// Before an applicant's signed question.
const SCHEME: &str = "Musubi-Applicant ";
/// What a statement of one key may be: its media type, and its length in bytes.
const APPLICATION: (&str, usize) = (JOSE, LONGEST_APPLICATION);
/// The same of a change of keys.
const KEY_CHANGE: (&str, usize) = (JOSE_JSON, LONGEST_KEY_CHANGE);
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handlers stand on.
pub(crate) struct Counter {
    database: Mutex<Database>,
    clock: SharedClock,
    registry: String,
    /// Where the online keys are: what members say about their keys is listed at once.
    keys: KeyFolder,
    rates: Rates,
}

impl Counter {
    /// A counter of the registry with this id.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        registry: &str,
        keys: KeyFolder,
    ) -> Self {
        Self {
            database: Mutex::new(database),
            clock,
            registry: registry.to_owned(),
            keys,
            rates: Rates::new(),
        }
    }

    fn transact<T, E: From<DatabaseError>>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.transact(work)
    }
}

/// Adds the routes. Needs `Data<Counter>` in the application.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    app.route("/v1/applications", web::post().to(post_application))
        .route("/v1/applications/{id}", web::get().to(get_application))
        .route("/v1/members/{id}/leave", web::post().to(post_leave))
        .route("/v1/members/{id}/keys", web::post().to(post_keys));
}

/// `POST /v1/applications`: new, or handed in again.
async fn post_application(
    http: HttpRequest,
    payload: web::Payload,
    counter: web::Data<Counter>,
) -> HttpResponse {
    let text = match admitted_text(&http, payload, &counter, APPLICATION).await {
        Ok(text) => text,
        Err(refused) => return refused.to_response(),
    };
    let applied = web::block(move || {
        let mut random = [0; 16];
        // Without randomness there is no id, and the database is as good as closed.
        getrandom::fill(&mut random).or(Err(DatabaseError::NoRandomness))?;
        let (fresh, now) = (ApplicationId::new(random), counter.clock.now());
        counter.transact(|db| apply(db, &text, fresh, now))
    })
    .await;
    match applied {
        Ok(Ok(row)) => reply(StatusCode::OK, &row.reply()),
        Ok(Err(error)) => refuse_application(&error),
        Err(_stopping) => busy(),
    }
}

/// `GET /v1/applications/{id}`: to its applicant.
async fn get_application(
    http: HttpRequest,
    id: web::Path<String>,
    counter: web::Data<Counter>,
) -> HttpResponse {
    if let Err(refused) = knock(&http, &counter) {
        return refused.to_response();
    }
    let statement = http
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix(SCHEME))
        .map(str::to_owned);
    let (Ok(id), Some(statement)) = (id.parse::<ApplicationId>(), statement) else {
        return nothing_here();
    };
    let found = web::block(move || {
        let found = counter.transact(|db| store::find(db, id))?;
        let now = counter.clock.now();
        Ok::<_, DatabaseError>(found.filter(|row| is_applicants(row, &statement, now)))
    })
    .await;
    match found {
        Ok(Ok(Some(row))) => reply(StatusCode::OK, &row.reply()),
        Ok(Ok(None)) => nothing_here(),
        Ok(Err(error)) => unavailable(&error),
        Err(_stopping) => busy(),
    }
}

/// `POST /v1/members/{id}/leave`: by the member's own word.
async fn post_leave(
    http: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
    counter: web::Data<Counter>,
) -> HttpResponse {
    let text = match admitted_text(&http, payload, &counter, APPLICATION).await {
        Ok(text) => text,
        Err(refused) => return refused.to_response(),
    };
    let Ok(id) = id.parse::<MemberId>() else {
        return nothing_here();
    };
    let left = web::block(move || {
        let now = counter.clock.now();
        counter.transact(|db| leave(db, &id, &text, &counter.registry, now))
    })
    .await;
    match left {
        Ok(Ok(member)) => {
            tracing::warn!(member.id = %member.id, "{} has left by its own word", member.id);
            let body = serde_json::json!({ "member": member.id, "state": member.state });
            reply(StatusCode::OK, &body)
        }
        Ok(Err(LeaveError::Database(error))) => unavailable(&error),
        Ok(Err(_)) => nothing_here(),
        Err(_stopping) => busy(),
    }
}

/// `POST /v1/members/{id}/keys`: a rotation or revocation of keys, by the member's own word.
async fn post_keys(
    http: HttpRequest,
    payload: web::Payload,
    id: web::Path<String>,
    counter: web::Data<Counter>,
) -> HttpResponse {
    let text = match admitted_text(&http, payload, &counter, KEY_CHANGE).await {
        Ok(text) => text,
        Err(refused) => return refused.to_response(),
    };
    let Ok(id) = id.parse::<MemberId>() else {
        return nothing_here();
    };
    let changed = web::block(move || {
        let now = counter.clock.now();
        let database = counter.database.lock();
        let mut database = database.unwrap_or_else(PoisonError::into_inner);
        rekey(&mut database, &counter.keys, (&id, &text), now)
    })
    .await;
    match changed {
        Ok(Ok(done)) => {
            let member = done.change.member();
            tracing::warn!(member.id = %member, "{member} has changed its keys by its own word");
            let body = serde_json::json!({ "member": member, "directory": done.directory });
            reply(StatusCode::OK, &body)
        }
        Ok(Err(error)) => refuse_keys(&error),
        Err(_stopping) => busy(),
    }
}

/// Whoever has no key of the member learns nothing; who has one, what is not in order.
fn refuse_keys(error: &RekeyError) -> HttpResponse {
    match error {
        RekeyError::Keys(KeysError::Refused(_) | KeysError::KnownKey { .. }) => {
            let title = "No node would take this change of keys";
            let refused = Problem::new(StatusCode::CONFLICT, "key_change_refused", title);
            refused
                .with_detail(error.to_string().as_str())
                .to_response()
        }
        RekeyError::Malformed
        | RekeyError::Keys(
            KeysError::Unknown(_) | KeysError::Stranger(_) | KeysError::NoSuchKey { .. },
        ) => nothing_here(),
        RekeyError::Keys(KeysError::Database(error)) | RekeyError::Database(error) => {
            unavailable(error)
        }
        RekeyError::Publish(error) => unavailable(error),
    }
}

/// Whether the applicant of `row` signed this question about it, just now.
fn is_applicants(row: &ApplicationRow, statement: &str, now: Timestamp) -> bool {
    let description = MemberDescription::verify(&row.description);
    let key = description
        .ok()
        .and_then(|description| description.signer()?.public_key());
    key.and_then(|key| ApplicantRequest::verify(statement, &key, now).ok())
        .is_some_and(|asked| asked.application == row.id)
}

/// The body of a request that may be read: not too many of them, of the right kind, not too long,
/// not too slow.
async fn admitted_text(
    http: &HttpRequest,
    payload: web::Payload,
    counter: &Counter,
    (wanted, longest): (&str, usize),
) -> Result<String, Problem> {
    knock(http, counter)?;
    let malformed = || problem(JoinRefusal::Malformed);
    let kind = http.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != wanted) {
        return Err(malformed());
    }
    let whole = payload.to_bytes_limited(longest);
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(Ok(body))) => String::from_utf8(body.to_vec()).map_err(|_other| malformed()),
        _ => Err(malformed()),
    }
}

fn knock(http: &HttpRequest, counter: &Counter) -> Result<(), Problem> {
    let Some(address) = http.peer_addr() else {
        return Err(Problem::not_found());
    };
    counter.rates.take(address.ip()).map_err(|seconds| {
        let refused = problem(JoinRefusal::RateLimited);
        refused.with_retry_after(seconds)
    })
}

fn refuse_application(error: &ApplyError) -> HttpResponse {
    match (error, error.refusal()) {
        (ApplyError::NotInOrder(what), Some(refusal)) => {
            problem(refusal).with_detail(what.as_str()).to_response()
        }
        (_, Some(refusal)) => problem(refusal).to_response(),
        (error, None) => unavailable(error),
    }
}

fn problem(refusal: JoinRefusal) -> Problem {
    let status = StatusCode::from_u16(refusal.http_status());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    Problem::new(status, refusal.code(), refusal.title())
}

fn reply<T: serde::Serialize>(status: StatusCode, body: &T) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(body)
}

fn nothing_here() -> HttpResponse {
    Problem::not_found().to_response()
}

fn unavailable(error: &dyn std::fmt::Display) -> HttpResponse {
    tracing::error!(%error, "an applicant cannot be answered");
    busy()
}

fn busy() -> HttpResponse {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Not available just now",
    );
    problem.with_retry_after(5).to_response()
}
