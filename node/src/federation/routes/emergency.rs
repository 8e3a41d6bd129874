//! The hospital listener's part of break-glass: a physician asks.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL};
use actix_web::web::{Data, Json, ServiceConfig, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use federation_protocol::emergency::{EmergencyPatient, Reason};
use federation_protocol::member::MemberId;
use federation_service::problem::{FHIR_JSON, Problem};
use serde::Deserialize;

use super::super::Federation;
use super::super::emergency::{AskingInEmergency, Planned, Urgent, UrgentError};
use super::super::outcome::{Hospital, Part};
use super::problem::unavailable;
use super::watching::{Watched, streamed};
use crate::access::AccessRefusal;
use crate::database::DatabaseError;
use crate::emergency::AskRefusal;
use crate::emergency::routes::factor_problem;
use crate::identity::{Caller, Signed};

/// Adds the route. Needs `Data<Federation>` in the application, and the staff door before it.
pub(super) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/emergency").route(post().to(ask)));
}

/// The body of `POST /api/v1/emergency`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    patient: EmergencyPatient,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    hospitals: Vec<MemberId>,
    queries: Vec<String>,
    #[serde(default)]
    code: Option<String>,
}

/// `POST /api/v1/emergency`: one merged searchset of what the hospitals opened; or each one's part as
/// it comes, for whoever accepts `text/event-stream`.
async fn ask(
    federation: Data<Federation>,
    caller: Caller,
    signed: Option<Signed>,
    http: HttpRequest,
    body: Json<Asked>,
) -> Result<HttpResponse, Problem> {
    let Asked {
        patient,
        reason,
        hospitals,
        queries,
        code,
    } = body.into_inner();
    let urgent = Urgent {
        patient,
        reason,
        hospitals,
        queries,
        code,
        passkey: signed.and_then(|signed| signed.second_factor_at),
    };
    let asking = federation.asking_in_emergency();
    if wants_a_stream(&http) {
        let planned = asking.plan(&caller, urgent).await;
        let planned = Arc::new(planned.map_err(|error| problem(&error))?);
        let parts = asking.send(&planned);
        let asking = Arc::clone(asking);
        return Ok(streamed(Urgently { asking, planned }, parts));
    }
    let bundle = asking.ask(&caller, urgent).await;
    let bundle = bundle.map_err(|error| problem(&error))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(FHIR_JSON)
        .body(bundle))
}

fn wants_a_stream(http: &HttpRequest) -> bool {
    let accept = http.headers().get(ACCEPT);
    accept.is_some_and(|accept| accept.as_bytes() == b"text/event-stream")
}

/// A question of an emergency.
struct Urgently {
    asking: Arc<AskingInEmergency>,
    planned: Arc<Planned>,
}

impl Watched for Urgently {
    fn hospitals(&self) -> Vec<(Hospital, bool)> {
        let hospitals = self.planned.hospitals.iter();
        hospitals
            .map(|hospital| (hospital.clone(), false))
            .collect()
    }

    async fn record(&self, part: &Part) -> Result<(), DatabaseError> {
        self.asking.record(&self.planned, part).await
    }

    async fn close(&self, came: Vec<Part>) -> Result<(Vec<Part>, String), DatabaseError> {
        self.asking.close(&self.planned, came).await
    }
}

fn problem(error: &UrgentError) -> Problem {
    let (status, code, title) = match error {
        UrgentError::Patient => (
            StatusCode::BAD_REQUEST,
            "patient_invalid",
            "Not one person, or nothing is asked",
        ),
        UrgentError::Reason => (
            StatusCode::BAD_REQUEST,
            "btg_reason_required",
            "Emergency access needs a reason",
        ),
        UrgentError::Query(_) | UrgentError::Parameter(_) => (
            StatusCode::BAD_REQUEST,
            "query_not_allowed",
            "Not a question for peers",
        ),
        UrgentError::Capability => (
            StatusCode::FORBIDDEN,
            "btg_not_permitted",
            "Not open to this hospital",
        ),
        UrgentError::Hospital => (
            StatusCode::BAD_REQUEST,
            "hospital_unknown",
            "No such hospital can be asked now",
        ),
        UrgentError::DirectoryExpired => (
            StatusCode::SERVICE_UNAVAILABLE,
            "directory_expired",
            "The directory here is too old to ask anyone",
        ),
        UrgentError::Access(AccessRefusal::Role { .. }) => {
            (StatusCode::FORBIDDEN, "forbidden", "Not with this role")
        }
        UrgentError::Factor(error) => return factor_problem(error),
        UrgentError::Refused(refusal) => return refused(refusal),
        UrgentError::Access(_) | UrgentError::Database(_) | UrgentError::Entropy => {
            tracing::error!("an emergency question was not asked: {error}");
            return unavailable();
        }
    };
    Problem::new(status, code, title).with_detail(error.to_string())
}

fn refused(refusal: &AskRefusal) -> Problem {
    let (status, title) = match refusal {
        AskRefusal::NoSecondFactor => (StatusCode::FORBIDDEN, "Show your second factor first"),
        AskRefusal::ReviewOpen(_) => (
            StatusCode::FORBIDDEN,
            "An earlier emergency access waits for its review",
        ),
        AskRefusal::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "Enough emergency accesses for today",
        ),
        other => {
            tracing::error!("an emergency question was not asked: {other}");
            return unavailable();
        }
    };
    Problem::new(status, refusal.code(), title).with_detail(refusal.to_string())
}
