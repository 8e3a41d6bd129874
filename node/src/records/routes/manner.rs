//! How an answer is wanted: in which format, with how much in it, and how strictly the question is
//! read.

use actix_web::HttpRequest;

use super::answer::Failure;
use super::asking::{self, takes_json};
use super::base::base;
use super::pretty::indented;
use crate::records::Handling;
use crate::records::form::form_pairs;

/// What a request says of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(super) base: String,
    pub(super) returns: Returns,
    /// Whether what is not known is refused.
    pub(crate) handling: Handling,
    /// `_pretty=true`.
    pretty: bool,
}

/// `Prefer: return=…`: what a write is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returns {
    /// Nothing but headers.
    Minimal,
    /// The resource as it is stored: what clients expect that say nothing.
    Representation,
    /// An OperationOutcome.
    Outcome,
}

impl Manner {
    /// Reads `_format` and `Accept`, `_pretty` and `Prefer`.
    ///
    /// # Errors
    /// 406 for whoever takes no JSON.
    ///
    /// Source: FHIR R4 http, sections "mime-type" and "ops"; RFC 7240.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Failure> {
        Self::with(request, Returns::Representation)
    }

    /// The same for a Bundle of requests: its answer would grow by all that it brought.
    ///
    /// # Errors
    /// As [`Manner::of`].
    pub(super) fn of_bundle(request: &HttpRequest) -> Result<Self, Failure> {
        Self::with(request, Returns::Minimal)
    }

    fn with(request: &HttpRequest, unless_stated: Returns) -> Result<Self, Failure> {
        takes_json(request)?;
        let pairs = form_pairs(request.query_string());
        let pretty = pairs.iter().find(|(name, _)| name == "_pretty");
        let (returns, handling) = preferences(request);
        Ok(Self {
            base: base(request),
            returns: returns.unwrap_or(unless_stated),
            handling,
            pretty: pretty.is_some_and(|(_, value)| value == "true"),
        })
    }

    /// The text of an answer, indented if that was asked for.
    pub(super) fn spelled(&self, text: String) -> String {
        if self.pretty { indented(&text) } else { text }
    }
}

const RETURNS: [(&str, Returns); 3] = [
    ("minimal", Returns::Minimal),
    ("representation", Returns::Representation),
    ("OperationOutcome", Returns::Outcome),
];
const HANDLINGS: [(&str, Handling); 2] =
    [("strict", Handling::Strict), ("lenient", Handling::Lenient)];

fn preferences(request: &HttpRequest) -> (Option<Returns>, Handling) {
    let (mut returns, mut handling) = (None, None);
    for preference in asking::preferences(request) {
        let is = |name: &str, value: &str| {
            preference.0.eq_ignore_ascii_case(name) && preference.1.eq_ignore_ascii_case(value)
        };
        // The first of a name counts; what is not known is as if it were not there.
        if let Some((_, one)) = RETURNS.into_iter().find(|(value, _)| is("return", value)) {
            returns.get_or_insert(one);
        }
        if let Some((_, one)) = HANDLINGS
            .into_iter()
            .find(|(value, _)| is("handling", value))
        {
            handling.get_or_insert(one);
        }
    }
    (returns, handling.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use actix_web::test::TestRequest;

    use super::*;

    fn manner(uri: &str, headers: &[(&'static str, &str)]) -> Option<Manner> {
        let mut request = TestRequest::get().uri(uri);
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        Manner::of(&request.to_http_request()).ok()
    }

    #[test]
    fn only_who_takes_json_is_answered() {
        for taken in [
            "*/*",
            "application/fhir+json",
            "text/html, application/json;q=0.9",
            "application/fhir+json; fhirVersion=4.0",
        ] {
            assert!(manner("/x", &[("accept", taken)]).is_some(), "{taken}");
        }
        for refused in [
            "application/fhir+xml",
            "text/html",
            "application/json;q=0",
            "application/fhir+json; fhirVersion=5.0",
        ] {
            assert!(manner("/x", &[("accept", refused)]).is_none(), "{refused}");
        }
        let xml = [("accept", "application/fhir+xml")];
        assert!(manner("/x?_format=application/fhir+json", &xml).is_some());
        assert!(manner("/x?_format=xml", &[("accept", "*/*")]).is_none());
        assert!(manner("/x?_format=ttl", &[]).is_none());
    }

    #[test]
    fn preferences_are_read_and_unknown_ones_passed_over() {
        let of = |values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| ("prefer", *value)).collect();
            let manner = manner("/x", &headers).unwrap();
            (manner.returns, manner.handling)
        };
        assert_eq!(of(&[]), (Returns::Representation, Handling::Strict));
        assert_eq!(
            of(&["respond-async, return=representation; handling=lenient"]),
            (Returns::Representation, Handling::Lenient)
        );
        assert_eq!(
            of(&[
                "return=OperationOutcome",
                "return=minimal, handling=\"strict\""
            ]),
            (Returns::Outcome, Handling::Strict)
        );
        assert_eq!(
            of(&["return=everything"]),
            (Returns::Representation, Handling::Strict)
        );
    }

    #[test]
    fn a_base_is_never_what_a_stranger_makes_it() {
        let base = |peer: &str, headers: &[(&'static str, &str)]| {
            let mut request = TestRequest::get()
                .uri("/x")
                .peer_addr(peer.parse().unwrap());
            for (name, value) in headers {
                request = request.insert_header((*name, *value));
            }
            super::base(&request.to_http_request())
        };
        let forwarded = [
            ("host", "inner:8080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "fhir.minato.example"),
        ];
        assert_eq!(
            base("127.0.0.1:1", &forwarded),
            "https://fhir.minato.example/fhir"
        );
        assert_eq!(base("192.0.2.1:1", &forwarded), "http://inner:8080/fhir");
        assert_eq!(
            base("192.0.2.1:1", &[("host", "a\"><b>")]),
            "http://localhost:8080/fhir"
        );
        assert_eq!(
            base("192.0.2.1:1", &[("host", "a/evil?")]),
            "http://localhost:8080/fhir"
        );
    }
}
