//! Answers: where an export is, how far it is, its manifest, its files; and refusals.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LOCATION, EXPIRES, HttpDate, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use federation_protocol::time::Timestamp;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use crate::export::{Download, ExportError, JobId, Manifest, Part, Status};
use crate::records::Told;

const MEDIA_TYPE: &str = "application/fhir+json; charset=utf-8";
const NDJSON: &str = "application/fhir+ndjson";

/// Seconds until it is worth asking again how far an export is.
const ASK_AGAIN: &str = "5";
/// Seconds until another export may have ended.
const TRY_AGAIN: &str = "120";
/// Bytes of a file that are read at a time.
const CHUNK: usize = 256 * 1024;

/// A refusal on its way out. Says nothing that was not meant for outsiders.
#[derive(Debug)]
pub(super) struct Failure(Told);

impl Failure {
    pub(super) fn of(status: u16, code: &'static str, diagnostics: &str) -> Self {
        Self(Told::refusal(status, code, diagnostics))
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        Self(told)
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let told = error.told();
        if told.status >= 500 && told.status != 507 {
            tracing::error!(%error, "an export cannot be served");
        }
        Self(told)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told {
            status,
            code,
            diagnostics,
            ..
        } = &self.0;
        write!(f, "{status} {code}: {diagnostics}")
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let issue = json!({
            "severity": "error", "code": self.0.code, "diagnostics": self.0.diagnostics
        });
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
        let mut response = HttpResponse::build(self.status_code());
        match self.0.status {
            429 => response.insert_header((RETRY_AFTER, TRY_AGAIN)),
            503 => response.insert_header((RETRY_AFTER, "1")),
            _ => &mut response,
        };
        response.content_type(MEDIA_TYPE).body(outcome.to_string())
    }
}

/// 202: it has begun, and is asked after there.
pub(super) fn accepted(request: &HttpRequest, job: &JobId) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((CONTENT_LOCATION, place_of(request, job)))
        .finish()
}

/// How an export stands.
pub(super) fn status(
    request: &HttpRequest,
    job: &JobId,
    status: Status,
) -> Result<HttpResponse, Failure> {
    match status {
        Status::Running(progress) => Ok(HttpResponse::Accepted()
            .insert_header(("X-Progress", progress))
            .insert_header((RETRY_AFTER, ASK_AGAIN))
            .finish()),
        Status::Complete(manifest) => {
            let told = told(&place_of(request, job), &manifest);
            Ok(HttpResponse::Ok()
                .insert_header((EXPIRES, http_date(manifest.expires_at)))
                .content_type("application/json")
                .body(told.to_string()))
        }
        Status::Ended { full: true } => Err(ExportError::Full.into()),
        Status::Ended { full: false } => {
            let told = "the export ended without files; the node's operator can read why";
            Err(Failure::of(500, "exception", told))
        }
    }
}

fn told(place: &str, manifest: &Manifest) -> Value {
    let files = |part: Part| -> Vec<Value> {
        let own = manifest.files.iter().filter(|(name, _)| name.part == part);
        own.map(|(name, length)| {
            json!({
                "type": name.kind,
                "url": format!("{place}/{name}"),
                "count": length.resources
            })
        })
        .collect()
    };
    json!({
        "transactionTime": manifest.transaction_time.to_string(),
        "request": manifest.request,
        "requiresAccessToken": true,
        "output": files(Part::Output),
        "deleted": files(Part::Deleted),
        "error": files(Part::Error)
    })
}

/// A file, read as it is sent.
pub(super) fn file(download: Download) -> HttpResponse {
    let Download {
        file,
        bytes,
        expires_at,
    } = download;
    HttpResponse::Ok()
        .insert_header((EXPIRES, http_date(expires_at)))
        .content_type(NDJSON)
        .body(SizedStream::new(bytes, Box::pin(chunks(file, bytes))))
}

fn chunks(file: File, bytes: u64) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold(file.take(bytes), |mut rest| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::with_capacity(CHUNK);
            let most = u64::try_from(CHUNK).unwrap_or(u64::MAX);
            rest.by_ref().take(most).read_to_end(&mut chunk)?;
            Ok::<_, std::io::Error>((chunk, rest))
        });
        let (chunk, rest) = read.await.map_err(std::io::Error::other)??;
        Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), rest)))
    })
}

fn http_date(at: Timestamp) -> HttpDate {
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or(0);
    let at: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    HttpDate::from(at)
}

fn place_of(request: &HttpRequest, job: &JobId) -> String {
    format!("{}/fhir/$export/{job}", origin(request))
}

/// The URL of the request, as the caller sent it.
pub(super) fn as_sent(request: &HttpRequest) -> String {
    let path = request.uri().path_and_query();
    let path = path.map_or("/", |path| path.as_str());
    format!("{}{path}", origin(request))
}

/// Where this node is, as the caller called it.
fn origin(request: &HttpRequest) -> String {
    let scheme = match request.app_config().secure() {
        true => "https",
        false => "http",
    };
    let host = request.headers().get("host");
    let host = host.and_then(|value| value.to_str().ok());
    let host = host.unwrap_or_else(|| request.app_config().host());
    format!("{scheme}://{host}")
}
