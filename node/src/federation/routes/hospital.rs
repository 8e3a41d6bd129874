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
use federation_protocol::digest::sha256;
use federation_protocol::grants::{PlainCode, Witness};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use federation_service::problem::{FHIR_JSON, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::asked::AskedGrant;
use super::super::asking::{Asking, Planned, hospital};
use super::super::held::HeldGrant;
use super::super::outcome::{Hospital, Part};
use super::super::query::{Question, TYPES, form_pairs};
use super::super::redeeming::{NewGrant, Redeemed};
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
        .service(resource("/api/v1/grants/pending/{id}").route(get().to(look_again)))
        .service(resource("/federated/{grant}/fhir/{type}").route(get().to(search)))
        .service(resource("/federated/{grant}/stream").route(get().to(watch)))
        .service(resource("/federated/{grant}/manifest/{id}").route(get().to(manifest)));
}

/// The longest text that a person was shown, bytes.
const LONGEST_SHOWN: usize = 8_192;

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
    /// What people call the practitioner: an open code shows it to the person.
    #[serde(default)]
    name: Option<String>,
    /// With a paper code: who saw the person consent here.
    #[serde(default)]
    witness: Option<Witnessed>,
}

/// Who saw the person consent on this hospital's own screen, and what stood there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Witnessed {
    id: String,
    role: String,
    /// The text on the screen.
    shown: String,
    /// Until when the person agreed; the home node may end it earlier.
    until: String,
}

impl Witnessed {
    fn witness(self) -> Option<Witness> {
        let until = Timestamp::parse_rfc3339(&self.until).ok()?;
        let told = (1..=LONGEST_SHOWN).contains(&self.shown.trim().len());
        told.then(|| Witness {
            id: self.id,
            role: self.role,
            text: sha256(self.shown.as_bytes()),
            until: Timestamp::from_unix_seconds(until.unix_seconds()),
        })
    }
}

impl Redeem {
    /// What is asked of the home node, in the shape that it takes.
    fn new_grant(self, caller: &Caller) -> Option<NewGrant> {
        let care = matches!(self.purpose, Purpose::Treat | Purpose::Etreat);
        let shown = self.witness.as_ref().map(|one| one.shown.clone());
        let witness = match self.witness {
            Some(witnessed) => Some(witnessed.witness()?),
            None => None,
        };
        let new = NewGrant {
            home: self.home,
            code: self.code,
            purpose: self.purpose,
            practitioner: self.practitioner,
            categories: self.categories,
            patient: self.patient,
            name: self.name,
            witness,
            shown,
            asked_by: caller.id().unwrap_or_default().to_owned(),
        };
        (care && new.is_sound()).then_some(new)
    }
}

/// `POST /api/v1/grants`: redeems a visit code at the person's home node. 201 with the grant, or 202
/// while the person is asked.
async fn redeem(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<Redeem>,
) -> Result<HttpResponse, Problem> {
    let Some(new) = body.into_inner().new_grant(&caller) else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "grant_invalid",
            "TREAT or ETREAT, at least one category, and texts of their form",
        ));
    };
    let redeemed = federation.asking().redeem(&caller, new).await;
    let redeemed = redeemed.map_err(|error| problem(&error))?;
    Ok(shown(&federation, &redeemed))
}

/// `GET /api/v1/grants/pending/{id}`: whether the person has answered. 201 with the grant, 202 while
/// they have not, `code_unknown` when they said no or it is too late. Not more often than every 2 s.
async fn look_again(
    federation: Data<Federation>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let redeemed = federation.asking().look_again(&caller, &id).await;
    let redeemed = redeemed.map_err(|error| problem(&error))?;
    Ok(shown(&federation, &redeemed))
}

fn shown(federation: &Federation, redeemed: &Redeemed) -> HttpResponse {
    let membership = federation.directory().membership();
    let (status, location, body) = match redeemed {
        Redeemed::Granted(grant, responders) => {
            let hospitals: Vec<Hospital> = responders
                .iter()
                .map(|member| hospital(membership.as_deref(), member))
                .collect();
            let location = format!("/federated/{}/fhir", grant.id);
            (StatusCode::CREATED, location, described(grant, &hospitals))
        }
        Redeemed::Asked(asked) => {
            let location = format!("/api/v1/grants/pending/{}", asked.id);
            (StatusCode::ACCEPTED, location, awaited(asked))
        }
    };
    HttpResponse::build(status)
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(body)
}

/// What is waited for, as who waits sees it.
fn awaited(asked: &AskedGrant) -> Value {
    json!({
        "pending": asked.id,
        "poll": format!("/api/v1/grants/pending/{}", asked.id),
        "every_seconds": 2,
        "home": asked.home,
        "asked": asked.asked_at.to_string(),
        "expires": asked.expires_at.to_string(),
    })
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
