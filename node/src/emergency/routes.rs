//! The room's HTTP: a physician shows a second factor, officers review, people read their notices.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig, get, post, resource};
use federation_service::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, Emergency, FactorError, ReviewError, Told};
use crate::access::{Access as Door, AccessRefusal, Act};
use crate::identity::Caller;

/// Adds the routes of the hospital listener. Needs `Data<Emergency>` and `Data<Access>` in the
/// application, and the staff door before them.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/second-factor").route(post().to(show)))
        .service(resource("/api/v1/emergency/reviews").route(get().to(reviews)))
        .service(resource("/api/v1/emergency/reviews/{id}/close").route(post().to(close)));
}

/// Adds the route of the patient listener. Needs `Data<Emergency>`, and the people's door before it.
pub fn configure_people(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/notices").route(get().to(notices)));
}

/// The body of `POST /api/v1/second-factor`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    code: String,
}

/// `POST /api/v1/second-factor`: the code that the caller's authenticator shows now.
async fn show(
    emergency: Data<Emergency>,
    caller: Caller,
    body: Json<Shown>,
) -> Result<HttpResponse, Problem> {
    let Caller::Physician { id } = caller else {
        return Err(forbidden());
    };
    let until = emergency.show(&id, &body.code).await;
    let until = until.map_err(|error| factor_problem(&error))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "until": until.to_string() })))
}

/// What a physician may know of why a code was not taken.
#[must_use]
pub fn factor_problem(error: &FactorError) -> Problem {
    match error {
        FactorError::NotEnrolled => Problem::new(
            StatusCode::FORBIDDEN,
            "second_factor_unknown",
            "No second factor is enrolled for you",
        ),
        FactorError::Wrong => Problem::new(
            StatusCode::FORBIDDEN,
            "second_factor_wrong",
            "Not the code of now, or used before",
        ),
        FactorError::Locked(until) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "second_factor_locked",
            "Too many wrong codes",
        )
        .with_detail(format!("until {until}")),
        FactorError::Entropy | FactorError::Database(_) => {
            tracing::error!("a second factor was not taken: {error}");
            unavailable()
        }
    }
}

/// The query of `GET /api/v1/emergency/reviews`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    all: bool,
}

/// `GET /api/v1/emergency/reviews`: those that nobody closed; every one with `?all=true`.
async fn reviews(
    emergency: Data<Emergency>,
    door: Data<Door>,
    caller: Caller,
    query: Query<Listed>,
) -> Result<HttpResponse, Problem> {
    permit(&door, &caller).await?;
    let found = emergency.reviews(!query.all).await.map_err(|error| {
        tracing::error!("reviews are not shown: {error}");
        unavailable()
    })?;
    let reviews: Vec<Value> = found.iter().map(described).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "reviews": reviews })))
}

/// The body of `POST /api/v1/emergency/reviews/{id}/close`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    note: String,
}

/// `POST /api/v1/emergency/reviews/{id}/close`: what the officer found.
async fn close(
    emergency: Data<Emergency>,
    door: Data<Door>,
    caller: Caller,
    id: Path<String>,
    body: Json<Close>,
) -> Result<HttpResponse, Problem> {
    permit(&door, &caller).await?;
    let by = caller.id().unwrap_or_default();
    let closed = emergency.close(&id, by, &body.note).await;
    closed.map_err(|error| review_problem(&error))?;
    Ok(HttpResponse::NoContent().finish())
}

async fn permit(door: &Door, caller: &Caller) -> Result<(), Problem> {
    match door.permit(caller, Act::ReviewEmergencies).await {
        Ok(_permit) => Ok(()),
        Err(AccessRefusal::Role { .. }) => Err(forbidden()),
        Err(error) => {
            tracing::error!("{error}");
            Err(unavailable())
        }
    }
}

fn review_problem(error: &ReviewError) -> Problem {
    let (status, code) = match error {
        ReviewError::Unknown => (StatusCode::NOT_FOUND, "review_unknown"),
        ReviewError::Closed => (StatusCode::CONFLICT, "review_closed"),
        ReviewError::Own | ReviewError::Nameless => (StatusCode::FORBIDDEN, "review_own"),
        ReviewError::Note => (StatusCode::BAD_REQUEST, "review_note_required"),
        ReviewError::Database(_) => {
            tracing::error!("a review was not closed: {error}");
            return unavailable();
        }
    };
    Problem::new(status, code, "The review was not closed").with_detail(error.to_string())
}

/// `GET /api/v1/notices`: the emergency accesses to the caller's own records.
async fn notices(emergency: Data<Emergency>, caller: Caller) -> Result<HttpResponse, Problem> {
    let Caller::Person { id, patient } = caller else {
        return Err(forbidden());
    };
    let told = emergency.told(&id, Some(patient)).await.map_err(|error| {
        tracing::error!("notices are not shown: {error}");
        unavailable()
    })?;
    let notices: Vec<Value> = told.iter().map(told_of).collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "notices": notices })))
}

/// A notice as its person reads it.
#[must_use]
pub fn told_of(told: &Told) -> Value {
    json!({
        "id": told.id,
        "at": told.at.to_string(),
        "hospital": told.responder,
        "asked_by": told.asker,
        "practitioner": told.practitioner,
        "reason": told.reason,
        "shown": told.shown,
    })
}

/// An access as an officer reads it. Whose chart it was, by its number here, as in the audit.
#[must_use]
pub fn described(access: &Access) -> Value {
    let mut told = json!({
        "id": access.id,
        "side": access.side.as_str(),
        "at": access.at.to_string(),
        "asked_by": access.asker,
        "practitioner": access.practitioner,
        "reason": access.reason,
        "shown": access.shown,
    });
    if let Some(told) = told.as_object_mut() {
        if let Some(chart) = access.patient {
            told.insert("chart".into(), chart.0.into());
        }
        if let Some(closing) = &access.closing {
            let closed = json!({
                "at": closing.at.to_string(), "by": closing.by, "note": closing.note,
            });
            told.insert("closed".into(), closed);
        }
    }
    told
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with this role")
}

fn unavailable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "audit_unavailable",
        "The access cannot be recorded, so nothing is shown or changed",
    )
}
