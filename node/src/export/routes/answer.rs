//! Answers: where an export is, how far it is, its manifest, its files.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header::{CONTENT_LOCATION, EXPIRES, HttpDate, RETRY_AFTER};
use actix_web::web::Bytes;
use federation_protocol::time::Timestamp;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use crate::export::{Download, ExportError, Manifest, Part, Status};
use crate::records::{Failure, Told};

const NDJSON: &str = "application/fhir+ndjson";

/// Seconds until it is worth asking again how far an export is.
const ASK_AGAIN: &str = "5";
/// Bytes of a file that are read at a time.
const CHUNK: usize = 256 * 1024;

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let told = error.told();
        if told.status >= 500 && told.status != 507 {
            tracing::error!(%error, "an export cannot be served");
        }
        told.into()
    }
}

/// 202: it has begun, and is asked after there.
pub(super) fn accepted(place: &str) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((CONTENT_LOCATION, place))
        .finish()
}

/// How the export at `place` stands.
pub(super) fn status(place: &str, status: Status) -> Result<HttpResponse, Failure> {
    match status {
        Status::Running(progress) => Ok(HttpResponse::Accepted()
            .insert_header(("X-Progress", progress))
            .insert_header((RETRY_AFTER, ASK_AGAIN))
            .finish()),
        Status::Complete(manifest) => {
            let told = told(place, &manifest);
            Ok(HttpResponse::Ok()
                .insert_header((EXPIRES, http_date(manifest.expires_at)))
                .content_type("application/json")
                .body(told.to_string()))
        }
        Status::Ended { full: true } => Err(ExportError::Full.into()),
        Status::Ended { full: false } => {
            let told = "the export ended without files; the node's operator can read why";
            Err(Told::refusal(500, "exception", told).into())
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
