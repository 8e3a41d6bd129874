//! The hospital listener's part of federation: redeem a code, ask under a grant, watch the answers
//! come.
//!
//! The door before these routes has let in staff only; each handler says who, may they, does it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Json, Path, ServiceConfig, get, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::grants::PlainCode;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_service::problem::{FHIR_JSON, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::asking::{Asking, Planned, hospital};
use super::super::held::HeldGrant;
use super::super::outcome::{Hospital, Part};
use super::super::query::{Question, TYPES, form_pairs};
use super::super::redeeming::NewGrant;
use super::super::{Federation, QueryError};
use super::problem::{issue_type, problem};
use super::watching::{Watched, streamed};
use crate::database::DatabaseError;
use crate::identity::Caller;

/// Adds the routes. Needs `Data<Federation>` in the application.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/api/v1/grants")
                .route(post().to(redeem))
                .route(get().to(held)),
        )
        .service(resource("/federated/{grant}/fhir/{type}").route(get().to(search)))
        .service(resource("/federated/{grant}/stream").route(get().to(watch)))
        .service(resource("/federated/{grant}/manifest/{id}").route(get().to(manifest)));
}

/// The body of `POST /api/v1/grants`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redeem {
    home: MemberId,
    code: PlainCode,
    purpose: Purpose,
    practitioner: Practitioner,
    categories: Vec<Category>,
    #[serde(default)]
    patient: Option<String>,
}

/// `POST /api/v1/grants`: redeems a visit code at the person's home node.
async fn redeem(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<Redeem>,
) -> Result<HttpResponse, Problem> {
    let Redeem {
        home,
        code,
        purpose,
        practitioner,
        categories,
        patient,
    } = body.into_inner();
    if !matches!(purpose, Purpose::Treat | Purpose::Etreat) || categories.is_empty() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "grant_invalid",
            "TREAT or ETREAT, and at least one category",
        ));
    }
    let new = NewGrant {
        home,
        code,
        purpose,
        practitioner,
        categories,
        patient,
    };
    let (grant, responders) = federation
        .asking()
        .redeem(&caller, new)
        .await
        .map_err(|error| problem(&error))?;
    let membership = federation.directory().membership();
    let hospitals: Vec<Hospital> = responders
        .iter()
        .map(|member| hospital(membership.as_deref(), member))
        .collect();
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/federated/{}/fhir", grant.id)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(described(&grant, &hospitals)))
}

/// A grant as its holder sees it. No token is in it.
pub(in crate::federation) fn described(grant: &HeldGrant, hospitals: &[Hospital]) -> Value {
    json!({
        "grant": grant.id,
        "home": grant.home,
        "purpose": grant.purpose,
        "practitioner": {"id": grant.practitioner, "role": grant.role},
        "categories": grant.categories,
        "patient": grant.patient,
        "created": grant.created_at.to_string(),
        "expires": grant.expires_at.to_string(),
        "hospitals": hospitals.iter().map(named).collect::<Vec<_>>(),
    })
}

/// `GET /api/v1/grants`: what the caller holds.
async fn held(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let held = federation
        .asking()
        .list(&caller)
        .await
        .map_err(|error| problem(&error))?;
    let membership = federation.directory().membership();
    let grants: Vec<Value> = held
        .iter()
        .map(|(grant, responders)| {
            let hospitals: Vec<Hospital> = responders
                .iter()
                .map(|member| hospital(membership.as_deref(), member))
                .collect();
            described(grant, &hospitals)
        })
        .collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "grants": grants })))
}

/// `GET /federated/{grant}/fhir/{type}`: one merged searchset.
async fn search(
    federation: Data<Federation>,
    caller: Caller,
    path: Path<(String, String)>,
    http: HttpRequest,
) -> HttpResponse {
    let (grant, name) = path.into_inner();
    let base = {
        let connection = http.connection_info();
        format!(
            "{}://{}{}",
            connection.scheme(),
            connection.host(),
            http.path()
        )
    };
    let asked = async {
        let question = question(&name, http.query_string(), None)?;
        federation
            .asking()
            .ask(&caller, &grant, question, &base)
            .await
    };
    match asked.await {
        Ok(bundle) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type(FHIR_JSON)
            .body(bundle),
        Err(error) => problem(&error).to_outcome(issue_type(&error)),
    }
}

/// `GET /federated/{grant}/stream?type=…`: each hospital's part as it comes.
async fn watch(
    federation: Data<Federation>,
    caller: Caller,
    grant: Path<String>,
    http: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let planned = async {
        let name = type_of(http.query_string())?;
        let question = question(&name, http.query_string(), Some("type"))?;
        federation.asking().plan(&caller, &grant, question).await
    };
    let planned = planned.await.map_err(|error| problem(&error))?;
    let asking = Arc::clone(federation.asking());
    let parts = asking.send(&planned);
    Ok(streamed(UnderGrant { asking, planned }, parts))
}

/// `GET /federated/{grant}/manifest/{id}`: a manifest again.
async fn manifest(
    federation: Data<Federation>,
    caller: Caller,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (grant, id) = path.into_inner();
    let jws = federation.asking().manifest(&caller, &grant, &id).await;
    let jws = jws.map_err(|error| problem(&error))?;
    Ok(HttpResponse::Ok()
        .content_type("application/jose")
        .body(jws))
}

/// A question under a grant.
struct UnderGrant {
    asking: Arc<Asking>,
    planned: Planned,
}

impl Watched for UnderGrant {
    fn hospitals(&self) -> Vec<(Hospital, bool)> {
        let hospitals = self.planned.hospitals();
        hospitals
            .map(|(hospital, own)| (hospital.clone(), own))
            .collect()
    }

    async fn record(&self, part: &Part) -> Result<(), DatabaseError> {
        self.asking.record(&self.planned, part).await
    }

    async fn close(&self, came: Vec<Part>) -> Result<(Vec<Part>, String), DatabaseError> {
        let parts = self.planned.in_order(came);
        let jws = self.asking.close(&self.planned, &parts).await?;
        Ok((parts, jws))
    }
}

fn named(hospital: &Hospital) -> Value {
    json!({"member": hospital.member, "name": hospital.name})
}

/// The type that a stream asks for.
fn type_of(query: &str) -> Result<String, QueryError> {
    let mut types = form_pairs(query.as_bytes())?
        .into_iter()
        .filter(|(name, _)| name == "type");
    match (types.next(), types.next()) {
        (Some((_, name)), None) => Ok(name),
        _ => Err(QueryError::Type),
    }
}

/// The question of a query string, less `_format=json` (any FHIR client may say that) and `but`.
fn question(name: &str, query: &str, but: Option<&str>) -> Result<Question, QueryError> {
    let known = TYPES
        .iter()
        .find(|known| **known == name)
        .ok_or(QueryError::Type)?;
    let pairs: Vec<(String, String)> = form_pairs(query.as_bytes())?
        .into_iter()
        .filter(|(name, value)| {
            let format = name == "_format"
                && matches!(value.as_str(), "json" | "application/json" | FHIR_JSON);
            !format && Some(name.as_str()) != but
        })
        .collect();
    Question::from_pairs(known, &pairs)
}
