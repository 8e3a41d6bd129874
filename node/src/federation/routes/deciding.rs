//! The patient listener's decisions: codes, answers to requests, paper codes.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, Path, ServiceConfig, delete, get, post, resource};
use federation_protocol::base64url;
use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::Practitioner;
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use federation_service::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Federation;
use super::super::asking::hospital;
use super::super::deciding::{Answer, CodeFor, DecidingError, Shown};
use super::problem::unavailable;
use crate::consent::{Answered, ConsentError, EvidenceNeeded, PaperUse, PendingRequest, Sheet};
use crate::identity::Caller;
use crate::linkage::LinkageError;

/// 今回だけ: as long as one token lives.
const ONCE_SECONDS: i64 = 12 * 3_600;

/// Adds the routes. Needs `Data<Federation>` in the application, and the people's door before it.
pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/codes").route(post().to(make_code)))
        .service(resource("/api/v1/codes/{id}").route(delete().to(withdraw_code)))
        .service(resource("/api/v1/requests").route(get().to(requests)))
        .service(resource("/api/v1/requests/{id}").route(post().to(answer)))
        .service(
            resource("/api/v1/paper")
                .route(get().to(paper))
                .route(post().to(make_sheet)),
        )
        .service(resource("/api/v1/paper/{id}").route(delete().to(revoke_sheet)));
}

/// How far something is shown, in the body of a code and of an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HowFar {
    #[serde(default)]
    hospitals: Vec<MemberId>,
    #[serde(default)]
    categories: Option<Vec<Category>>,
    #[serde(default)]
    sensitive: bool,
    /// Absent: as long as one token lives.
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    signatures: Vec<Signed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    hospital: MemberId,
    #[serde(with = "base64url::array")]
    signature: [u8; 64],
}

impl HowFar {
    fn shown(self, now: Timestamp) -> Result<Shown, Problem> {
        let until = match &self.until {
            Some(text) => Timestamp::parse_rfc3339(text).or(Err(malformed("until")))?,
            None => now.plus_seconds(ONCE_SECONDS),
        };
        let signatures = self.signatures.into_iter();
        let categories = self
            .categories
            .map(|all| all.into_iter().collect::<Scope>());
        Ok(Shown {
            hospitals: self.hospitals,
            categories,
            sensitive: self.sensitive,
            until,
            signatures: signatures
                .map(|one| (one.hospital, one.signature))
                .collect(),
        })
    }
}

/// The body of `POST /api/v1/codes`: `{"open": true}`, or a decision for one hospital.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeCode {
    #[serde(default)]
    open: bool,
    #[serde(default)]
    requester: Option<MemberId>,
    #[serde(default)]
    practitioner: Option<Practitioner>,
    #[serde(default)]
    purpose: Option<Purpose>,
    #[serde(default)]
    shown: Option<HowFar>,
}

/// `POST /api/v1/codes`: the code, shown once.
async fn make_code(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<MakeCode>,
) -> Result<HttpResponse, Problem> {
    let deciding = federation.deciding();
    let body = body.into_inner();
    let made = match (body.open, body.requester) {
        (true, None) => deciding.open_code(&caller).await,
        (false, Some(requester)) => {
            let shown = body.shown.unwrap_or_else(HowFar::everything_once);
            let code = CodeFor {
                requester,
                practitioner: body.practitioner,
                purpose: body.purpose.unwrap_or(Purpose::Treat),
                shown: shown.shown(deciding.now())?,
            };
            deciding.code_for(&caller, code).await
        }
        _both_or_neither => return Err(malformed("open")),
    };
    let made = match made {
        Ok(made) => made,
        Err(DecidingError::Sign(needed)) => return Ok(to_sign(&needed)),
        Err(error) => return Err(of_deciding(&error)),
    };
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "id": made.id,
            "code": made.code.spoken(),
            "scanned": made.code.scanned(),
            "qr": format!("{}/v#{}", federation.endpoint(), made.code.scanned()),
            "expires": made.expires_at.to_string(),
        })))
}

impl HowFar {
    fn everything_once() -> Self {
        Self {
            hospitals: Vec::new(),
            categories: None,
            sensitive: false,
            until: None,
            signatures: Vec::new(),
        }
    }
}

/// `DELETE /api/v1/codes/{id}`: takes back a code that nobody has used.
async fn withdraw_code(
    federation: Data<Federation>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let withdrawn = federation.deciding().withdraw_code(&caller, &id).await;
    gone(withdrawn, "code_unknown", "No such code of yours")
}

/// `GET /api/v1/requests`: who asks, and who asked in the last day.
async fn requests(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let deciding = federation.deciding();
    let found = deciding.requests(&caller).await;
    let found = found.map_err(|error| of_deciding(&error))?;
    let links = deciding.links(&caller).await;
    let links = links.map_err(|error| of_deciding(&error))?;
    let (now, membership) = (deciding.now(), federation.directory().membership());
    let hospitals: Vec<Value> = links
        .iter()
        .map(|link| named(&link.responder, membership.as_deref()))
        .collect();
    let requests: Vec<Value> = found
        .iter()
        .map(|one| described(one, now, membership.as_deref()))
        .collect();
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "requests": requests, "hospitals": hospitals })))
}

fn named(member: &MemberId, membership: Option<&Membership>) -> Value {
    json!({"member": member, "name": hospital(membership, member).name})
}

fn described(one: &PendingRequest, now: Timestamp, membership: Option<&Membership>) -> Value {
    let state = match &one.answered {
        Some(Answered::Declined) => "declined",
        Some(Answered::Allowed(_)) => "allowed",
        None if one.is_open(now) => "open",
        None => "expired",
    };
    json!({
        "id": one.id,
        "state": state,
        "requester": named(&one.requester, membership),
        "practitioner": {
            "id": one.practitioner.id,
            "role": one.practitioner.role,
            "name": one.name,
        },
        "purpose": one.purpose,
        "categories": one.categories.iter().collect::<Vec<_>>(),
        "asked": one.asked_at.to_string(),
        "expires": one.expires_at.to_string(),
    })
}

/// The body of `POST /api/v1/requests/{id}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answering {
    answer: Word,
    #[serde(default)]
    shown: Option<HowFar>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Word {
    /// 許可
    Allow,
    /// 今回だけ
    Once,
    /// 断る
    Decline,
}

/// `POST /api/v1/requests/{id}`: the person's answer. 409 `signature_needed` with the bytes to sign
/// where the phone must sign first: the same again, with the signatures and the same `until`.
async fn answer(
    federation: Data<Federation>,
    caller: Caller,
    id: Path<String>,
    body: Json<Answering>,
) -> Result<HttpResponse, Problem> {
    let deciding = federation.deciding();
    let Answering { answer, shown } = body.into_inner();
    let answer = match answer {
        Word::Decline => Answer::Decline,
        word => {
            let shown = shown.unwrap_or_else(HowFar::everything_once);
            if word == Word::Allow && shown.until.is_none() {
                return Err(malformed("until"));
            }
            let mut shown = shown.shown(deciding.now())?;
            if word == Word::Once {
                let once = deciding.now().plus_seconds(ONCE_SECONDS);
                shown.until = shown.until.min(once);
            }
            Answer::Allow(shown)
        }
    };
    match deciding.answer(&caller, &id, answer).await {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(DecidingError::Sign(needed)) => Ok(to_sign(&needed)),
        Err(error) => Err(of_deciding(&error)),
    }
}

/// The body of `POST /api/v1/paper`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeSheet {
    #[serde(default)]
    hospitals: Vec<MemberId>,
}

/// `POST /api/v1/paper`: a sheet of codes, shown once.
async fn make_sheet(
    federation: Data<Federation>,
    caller: Caller,
    body: Json<MakeSheet>,
) -> Result<HttpResponse, Problem> {
    let hospitals = body.into_inner().hospitals;
    let made = federation.deciding().make_sheet(&caller, hospitals).await;
    let made = made.map_err(|error| of_deciding(&error))?;
    let codes = made.codes.iter().map(|code| code.grouped().to_string());
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "id": made.id,
            "codes": codes.collect::<Vec<_>>(),
            "expires": made.expires_at.to_string(),
        })))
}

/// `GET /api/v1/paper`: the sheets without their codes, and where codes were used.
async fn paper(federation: Data<Federation>, caller: Caller) -> Result<HttpResponse, Problem> {
    let found = federation.deciding().paper(&caller).await;
    let (sheets, uses) = found.map_err(|error| of_deciding(&error))?;
    let membership = federation.directory().membership();
    let sheets = sheets.iter().map(|one| sheet(one, membership.as_deref()));
    let uses = uses.iter().map(|one| used(one, membership.as_deref()));
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "sheets": sheets.collect::<Vec<_>>(),
            "uses": uses.collect::<Vec<_>>(),
        })))
}

fn sheet(one: &Sheet, membership: Option<&Membership>) -> Value {
    let hospitals = one.hospitals.iter().map(|of| named(of, membership));
    json!({
        "id": one.id,
        "made": one.made_at.to_string(),
        "expires": one.expires_at.to_string(),
        "revoked": one.revoked_at.map(|at| at.to_string()),
        "left": one.left,
        "hospitals": hospitals.collect::<Vec<_>>(),
    })
}

fn used(one: &PaperUse, membership: Option<&Membership>) -> Value {
    json!({
        "consent": one.directive.as_str(),
        "requester": named(&one.requester, membership),
        "practitioner": one.practitioner,
        "witness": {"id": one.witness.0, "role": one.witness.1},
        "text": base64url::encode(one.text),
        "categories": one.categories.iter().collect::<Vec<_>>(),
        "used": one.used_at.to_string(),
        "until": one.ends_at.to_string(),
    })
}

/// `DELETE /api/v1/paper/{id}`: none of the sheet's codes opens anything any more.
async fn revoke_sheet(
    federation: Data<Federation>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let revoked = federation.deciding().revoke_sheet(&caller, &id).await;
    gone(revoked, "sheet_unknown", "No such sheet of yours")
}

fn gone(
    done: Result<bool, DecidingError>,
    code: &'static str,
    title: &'static str,
) -> Result<HttpResponse, Problem> {
    match done.map_err(|error| of_deciding(&error))? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Problem::new(StatusCode::NOT_FOUND, code, title)),
    }
}

/// What the phone signs before the decision counts.
fn to_sign(needed: &[EvidenceNeeded]) -> HttpResponse {
    let until = needed.first().map(|one| one.until.to_string());
    let hospitals = needed.iter().map(|one| {
        json!({
            "member": one.responder,
            "device_key": one.device_key,
            "sign": base64url::encode(&one.message),
        })
    });
    HttpResponse::Conflict()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "code": "signature_needed",
            "title": "Your phone has to sign this decision",
            "until": until,
            "hospitals": hospitals.collect::<Vec<_>>(),
        }))
}

fn malformed(what: &'static str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "decision_invalid",
        "Not a decision",
    )
    .with_detail(format!("`{what}` is missing or not of its form"))
}

impl From<DecidingError> for Problem {
    fn from(error: DecidingError) -> Self {
        of_deciding(&error)
    }
}

fn of_deciding(error: &DecidingError) -> Problem {
    match error {
        DecidingError::NotAPerson | DecidingError::Linkage(LinkageError::NoPerson) => {
            Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not with this role")
        }
        DecidingError::Consent(ConsentError::Unknown) => Problem::new(
            StatusCode::NOT_FOUND,
            "request_unknown",
            "No such open request of yours",
        ),
        DecidingError::Consent(ConsentError::Refused(refusal)) => Problem::new(
            StatusCode::CONFLICT,
            refusal.code(),
            "This would show nothing",
        ),
        DecidingError::NoSuchHospital
        | DecidingError::Consent(
            ConsentError::Evidence(_) | ConsentError::NoLink(_) | ConsentError::Ended,
        ) => Problem::new(
            StatusCode::BAD_REQUEST,
            "decision_refused",
            "This decision cannot be taken",
        )
        .with_detail(error.to_string()),
        other => {
            tracing::error!("a person's decision: {other}");
            unavailable()
        }
    }
}
