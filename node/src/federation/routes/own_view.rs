//! The patient listener's own view: which hospitals a person sees their records from, opened by the
//! signatures of their phone, closed by one tap.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, ServiceConfig, delete, get, post, resource};
use federation_protocol::base64url;
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Federation;
use super::super::asking::hospital;
use super::super::own_view::OwnViewError;
use super::problem::{problem, unavailable};
use crate::consent::{ConsentError, OwnView, OwnViewHospital, SignedOwnView};
use crate::identity::Caller;
use crate::linkage::LinkageError;

/// Adds the routes. Needs `Data<Federation>` in the application, and the people's door before it.
pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(
        resource("/api/v1/own-view")
            .route(get().to(state))
            .route(post().to(open))
            .route(delete().to(close)),
    );
}

/// `GET /api/v1/own-view`: what is covered until when, and what the phone signs for the rest.
async fn state(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let state = federation.own_view().state(&caller).await;
    let state = state.map_err(|error| of_own_view(&error))?;
    Ok(shown(&federation, &state))
}

/// The body of `POST /api/v1/own-view`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    /// As `GET` said it.
    until: Timestamp,
    signatures: Vec<Signed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    hospital: MemberId,
    #[serde(with = "base64url::array")]
    signature: [u8; 64],
}

/// `POST /api/v1/own-view`: opens it, or adds hospitals to it.
async fn open(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<Opening>,
) -> Result<HttpResponse, Problem> {
    let Opening { until, signatures } = body.into_inner();
    let signatures = signatures.into_iter();
    let signed = SignedOwnView {
        until,
        signatures: signatures
            .map(|one| (one.hospital, one.signature))
            .collect(),
    };
    let state = federation.own_view().open(&caller, signed).await;
    let state = state.map_err(|error| of_own_view(&error))?;
    Ok(shown(&federation, &state))
}

/// `DELETE /api/v1/own-view`: closes it.
async fn close(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let was_open = federation.own_view().close(&caller).await;
    match was_open.map_err(|error| of_own_view(&error))? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(not_open()),
    }
}

fn shown(federation: &Federation, state: &OwnView) -> HttpResponse {
    let membership = federation.directory().membership();
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(described(state, membership.as_deref()))
}

/// An own view as its person sees it.
fn described(state: &OwnView, membership: Option<&Membership>) -> Value {
    let hospitals = state.hospitals.iter();
    let hospitals = hospitals.map(|one| line(one, state.until, membership));
    json!({
        "open": state.open_until.map(|until| until.to_string()),
        "until": state.until.unix_seconds(),
        "hospitals": hospitals.collect::<Vec<_>>(),
    })
}

fn line(one: &OwnViewHospital, until: Timestamp, membership: Option<&Membership>) -> Value {
    let member = &one.needed.responder;
    let mut line = json!({
        "member": member,
        "name": hospital(membership, member).name,
        "covered": one.covered_until.map(|until| until.to_string()),
    });
    // Also where it is covered, but not as long as it could be.
    if one.covered_until != Some(until)
        && let Some(line) = line.as_object_mut()
    {
        line.insert("sign".into(), base64url::encode(&one.needed.message).into());
        line.insert("device_key".into(), json!(one.needed.device_key));
    }
    line
}

fn not_open() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "own_view_not_open",
        "Your own view of other hospitals is not open",
    )
}

impl From<OwnViewError> for Problem {
    fn from(error: OwnViewError) -> Self {
        of_own_view(&error)
    }
}

fn of_own_view(error: &OwnViewError) -> Problem {
    match error {
        OwnViewError::NotAPerson | OwnViewError::Linkage(LinkageError::NoPerson) => {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with this role")
        }
        OwnViewError::Consent(
            error @ (ConsentError::Evidence(_) | ConsentError::NoLink(_) | ConsentError::Ended),
        ) => Problem::new(
            StatusCode::BAD_REQUEST,
            "signature_refused",
            "What was signed is not what opens your own view",
        )
        .with_detail(error.to_string()),
        OwnViewError::Consent(ConsentError::Refused(refusal)) => Problem::new(
            StatusCode::CONFLICT,
            refusal.code(),
            "Your own decisions leave nothing to show",
        ),
        OwnViewError::Ask(error) => problem(error),
        other => {
            tracing::error!("an own view: {other}");
            unavailable()
        }
    }
}
