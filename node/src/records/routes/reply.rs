//! What one interaction is answered with, as a response of its own or as an entry of a Bundle.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HttpDate, LAST_MODIFIED, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use federation_protocol::time::Timestamp;
use serde_json::json;

use super::answer::{Failure, MEDIA_TYPE};
use super::manner::Manner;
use crate::records::json::quoted;
use crate::records::{Address, Entry, Outcome, Past, Written};

/// An answer to one interaction.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    of: Option<Version>,
    /// Whether it names where a version was written.
    located: bool,
    body: Body,
}

/// A version that an answer is about.
#[derive(Debug, Clone)]
struct Version {
    address: Address,
    version: i32,
    at: Timestamp,
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Body {
    Nothing,
    /// A resource's text, or a Bundle's.
    Resource(String),
    /// An OperationOutcome's text.
    Outcome(String),
}

impl Reply {
    /// A resource that was read.
    pub(super) fn read(entry: Entry) -> Self {
        Self {
            status: StatusCode::OK,
            of: Some(Version {
                address: entry.address,
                version: entry.version,
                at: entry.last_updated,
            }),
            located: false,
            body: Body::Resource(entry.raw),
        }
    }

    /// Nothing new for who asks.
    pub(super) fn not_modified(self) -> Self {
        Self {
            status: StatusCode::NOT_MODIFIED,
            body: Body::Nothing,
            ..self
        }
    }

    /// A Bundle of what was found.
    pub(super) fn found(bundle: String) -> Self {
        Self {
            status: StatusCode::OK,
            of: None,
            located: false,
            body: Body::Resource(bundle),
        }
    }

    /// What became of a write.
    pub(super) fn wrote(written: &Written, body: Body) -> Self {
        let (status, gone) = match written.outcome {
            Outcome::Created => (StatusCode::CREATED, false),
            Outcome::Updated | Outcome::Unchanged => (StatusCode::OK, false),
            Outcome::Deleted | Outcome::Absent => (Self::gone(&body), true),
        };
        let of = Version {
            address: written.address.clone(),
            version: written.version,
            at: written.at,
        };
        Self {
            status,
            of: (written.outcome != Outcome::Absent).then_some(of),
            located: !gone,
            body,
        }
    }

    /// A conditional delete that matched nothing.
    pub(super) fn matched_nothing(body: Body) -> Self {
        Self {
            status: Self::gone(&body),
            of: None,
            located: false,
            body,
        }
    }

    fn gone(body: &Body) -> StatusCode {
        match body {
            Body::Nothing => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        }
    }

    /// As a response of its own.
    pub(super) fn response(self, manner: &Manner) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(of) = &self.of {
            version_headers(&mut response, of.version, of.at);
            if self.located {
                response.insert_header((LOCATION, format!("{}/{}", manner.base, of.path())));
            }
        }
        match self.body {
            Body::Nothing => response.finish(),
            Body::Resource(text) | Body::Outcome(text) => {
                response.content_type(MEDIA_TYPE).body(manner.spelled(text))
            }
        }
    }

    /// As an entry of a Bundle.
    pub(super) fn entry(&self, manner: &Manner) -> String {
        let mut said = json!({"status": self.status.as_str()});
        if let (Some(of), Some(members)) = (&self.of, said.as_object_mut()) {
            if self.located {
                members.insert("location".to_owned(), json!(of.path()));
            }
            members.insert("etag".to_owned(), json!(format!("W/\"{}\"", of.version)));
            members.insert("lastModified".to_owned(), json!(of.at.to_string()));
        }
        let mut said = said.to_string();
        match &self.body {
            Body::Nothing => format!("{{\"response\":{said}}}"),
            Body::Outcome(outcome) => {
                said.pop();
                format!("{{\"response\":{said},\"outcome\":{outcome}}}}}")
            }
            Body::Resource(resource) => {
                let url = self.of.as_ref().map_or(String::new(), |of| {
                    let url = quoted(&format!("{}/{}", manner.base, of.address));
                    format!("\"fullUrl\":{url},")
                });
                format!("{{{url}\"resource\":{resource},\"response\":{said}}}")
            }
        }
    }

    /// How many bytes it says.
    pub(super) fn size(&self) -> usize {
        match &self.body {
            Body::Nothing => 0,
            Body::Resource(text) | Body::Outcome(text) => text.len(),
        }
    }
}

impl Version {
    fn path(&self) -> String {
        format!("{}/_history/{}", self.address, self.version)
    }
}

/// A refused entry of a batch.
pub(super) fn refused_entry(failure: &Failure) -> String {
    let (status, outcome) = (failure.status().as_str().to_owned(), failure.outcome());
    json!({"response": {"status": status, "outcome": outcome}}).to_string()
}

/// A version of the past, as an entry of a history.
pub(super) fn past_entry(past: &Past, manner: &Manner) -> String {
    let Past {
        address,
        version,
        at,
        outcome,
        ..
    } = past;
    let (method, status) = match outcome {
        Outcome::Deleted | Outcome::Absent => ("DELETE", "204"),
        Outcome::Created if past.id_given_here => ("POST", "201"),
        Outcome::Created => ("PUT", "201"),
        Outcome::Updated | Outcome::Unchanged => ("PUT", "200"),
    };
    let at = at.to_string();
    let url = match method {
        "POST" => address.kind.to_string(),
        _ => address.to_string(),
    };
    let request = json!({"method": method, "url": url});
    let etag = format!("W/\"{version}\"");
    let response = json!({"status": status, "etag": etag, "lastModified": at});
    let full_url = quoted(&format!("{}/{address}", manner.base));
    let resource = match &past.raw {
        Some(raw) => format!("\"resource\":{raw},"),
        None => String::new(),
    };
    format!("{{\"fullUrl\":{full_url},{resource}\"request\":{request},\"response\":{response}}}")
}

fn version_headers(response: &mut HttpResponseBuilder, version: i32, at: Timestamp) {
    response.insert_header((ETAG, format!("W/\"{version}\"")));
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or(0);
    let at: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds);
    response.insert_header((LAST_MODIFIED, HttpDate::from(at)));
}
