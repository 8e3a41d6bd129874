//! Links over HTTP: the desk gives codes on the hospital listener, people hand them in on theirs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, Path, ServiceConfig, delete, get, post};
use federation_protocol::grants::PlainCode;
use federation_protocol::keys::PublicKey;
use federation_protocol::member::MemberId;
use federation_service::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Federation;
use super::super::linking::LinkingError;
use super::problem::unavailable;
use crate::identity::Caller;
use crate::linkage::LinkageError;
use crate::linkage::claims::{ClaimError, HandedIn};
use crate::linkage::desk::{DeskError, Offer, Order};
use crate::records::Shown;

/// Adds the desk's routes. Needs `Data<Federation>` in the application, and the staff door before
/// them.
pub(super) fn configure_desk(config: &mut ServiceConfig) {
    config
        .route("/api/v1/links", post().to(offer))
        .route("/api/v1/links/offers", get().to(offers))
        .route("/api/v1/links/offers/{offer}", delete().to(withdraw));
}

/// Adds the people's route. Needs `Data<Federation>` in the application, and the people's door
/// before it.
pub(super) fn configure_people(config: &mut ServiceConfig) {
    config.route("/api/v1/links", post().to(hand_in));
}

/// The body of `POST /api/v1/links` at the desk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offering {
    patient: String,
    shown: Vec<Shown>,
    #[serde(default)]
    home: Option<MemberId>,
}

/// `POST /api/v1/links`: a code for the person who stands at the desk.
async fn offer(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<Offering>,
) -> Result<HttpResponse, Problem> {
    let Offering {
        patient,
        shown,
        home,
    } = body.into_inner();
    let order = Order {
        patient,
        shown,
        home,
    };
    let new = federation.linking().desk().offer(&caller, order).await;
    let new = new.map_err(|error| of_desk(&error))?;
    let qr = format!("{}/l#{}", federation.endpoint(), new.code.scanned());
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "offer": new.id,
            "code": new.code.spoken(),
            "qr": qr,
            "expires": new.expires_at.to_string(),
        })))
}

/// `GET /api/v1/links/offers`: the codes of the last days, and how they stand.
async fn offers(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let desk = federation.linking().desk();
    let found = desk
        .offers(&caller)
        .await
        .map_err(|error| of_desk(&error))?;
    let now = desk.now();
    let offers: Vec<Value> = found
        .iter()
        .map(|one| described(one, one.state(now)))
        .collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "offers": offers })))
}

fn described(offer: &Offer, state: &str) -> Value {
    json!({
        "offer": offer.id,
        "patient": offer.patient_id,
        "home": offer.home.as_ref().or(offer.named_home.as_ref()),
        "created": offer.created_at.to_string(),
        "expires": offer.expires_at.to_string(),
        "state": state,
    })
}

/// `DELETE /api/v1/links/offers/{offer}`: takes a code back.
async fn withdraw(
    federation: Data<Federation>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let withdrawn = federation.linking().desk().withdraw(&caller, &id).await;
    withdrawn.map_err(|error| of_desk(&error))?;
    Ok(HttpResponse::NoContent().finish())
}

/// The body of `POST /api/v1/links` of a person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handing {
    hospital: MemberId,
    code: PlainCode,
    device_key: PublicKey,
}

/// `POST /api/v1/links`: hands in a code of a hospital's desk.
async fn hand_in(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<Handing>,
) -> Result<HttpResponse, Problem> {
    let Handing {
        hospital,
        code,
        device_key,
    } = body.into_inner();
    let handed_in = HandedIn {
        responder: hospital,
        code,
        device_key,
    };
    let linked = federation.linking().link(&caller, handed_in).await;
    let linked = linked.map_err(|error| of_linking(&error))?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "hospital": linked.link.responder,
            "handle": linked.link.handle,
            "assertion": linked.assertion,
        })))
}

fn of_desk(error: &DeskError) -> Problem {
    let status = match error {
        DeskError::NoChart | DeskError::NoOffer => StatusCode::NOT_FOUND,
        DeskError::NotEnough => StatusCode::BAD_REQUEST,
        DeskError::Replaced | DeskError::Incomplete | DeskError::Differs => StatusCode::CONFLICT,
        DeskError::Locked => StatusCode::TOO_MANY_REQUESTS,
        other if other.code() == "forbidden" => StatusCode::FORBIDDEN,
        other => {
            tracing::error!("no link code was given: {other}");
            return unavailable();
        }
    };
    Problem::new(status, error.code(), "No code was given").with_detail(error.to_string())
}

impl From<LinkingError> for Problem {
    fn from(error: LinkingError) -> Self {
        of_linking(&error)
    }
}

fn of_linking(error: &LinkingError) -> Problem {
    let (status, code) = match error {
        LinkingError::CodeUnknown => (StatusCode::FORBIDDEN, "code_unknown"),
        LinkingError::CodeLocked | LinkingError::Claim(ClaimError::Locked) => {
            (StatusCode::TOO_MANY_REQUESTS, "code_locked")
        }
        LinkingError::Claim(ClaimError::Differs) => (StatusCode::CONFLICT, "link_differs"),
        LinkingError::Claim(ClaimError::Incomplete) => (StatusCode::CONFLICT, "chart_incomplete"),
        LinkingError::Claim(ClaimError::OtherKey) => (StatusCode::CONFLICT, "other_device"),
        LinkingError::Claim(ClaimError::Linkage(LinkageError::Spent)) => {
            (StatusCode::CONFLICT, "code_spent")
        }
        LinkingError::Claim(ClaimError::Unproved) | LinkingError::Unusable => {
            (StatusCode::BAD_GATEWAY, "hospital_answer_unusable")
        }
        LinkingError::Silent(_) | LinkingError::Refused(_) => {
            (StatusCode::BAD_GATEWAY, "hospital_unreachable")
        }
        other => {
            tracing::error!("a link code was not handed in: {other}");
            return unavailable();
        }
    };
    Problem::new(status, code, "No link was made").with_detail(error.to_string())
}
