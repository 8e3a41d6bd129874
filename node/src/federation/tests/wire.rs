//! Section 4 of `docs/WIRE.md`: what the code makes of fixed questions, answers and grants.

use std::iter::{empty, once};

use federation_protocol::category::Category;
use federation_protocol::consent::Practitioner;
use federation_protocol::keys::SecretKey;
use federation_protocol::sample::{NOW, SampleMember};

use super::super::answer::{batch_response, searchset};
use super::super::echo::echo as echoed;
use super::super::held::HeldGrant;
use super::super::manifest::{self, claims as manifest_claims};
use super::super::merge::{self, Page, read_answer};
use super::super::outcome::{Hospital as Named, Part, PeerOutcome};
use super::super::query::{Question, batch_body};
use super::super::routes::arrivals::described as described_arrivals;
use super::super::routes::hospital::described;
use super::super::sse;
use super::*;
use crate::consent::{Arrival, ArrivalState, DirectiveId};

#[path = "../../../../federation-protocol/tests/wire_document/mod.rs"]
mod wire_document;

use wire_document::{check, pretty};

const RAW: &str = r#"{"resourceType":"Observation","id":"lab-2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/7"},"effectiveDateTime":"2026-06-02","valueQuantity":{"value":7.10,"unit":"%"}}"#;

const REPORT: &str = r#"{"resourceType":"DiagnosticReport","id":"rep-1","status":"final","code":{"text":"HbA1c"},"subject":{"reference":"Patient/7"},"result":[{"reference":"Observation/lab-2"}]}"#;
const LINKED: &[u8] = b"code:not=718-7&value-quantity=ge7&_has:DiagnosticReport:result:status=final&_revinclude=DiagnosticReport:result&_sort=-value-quantity&_count=20";

fn question() -> Question {
    let form =
        b"code=http%3A%2F%2Floinc.org%7C4548-4&date=ge2026-01-01&date=lt2026-07-01&_count=20";
    Question::from_form("Observation", form).unwrap()
}

fn indented(text: &str) -> String {
    pretty(&serde_json::from_str::<Value>(text).unwrap())
}

fn named(code: &str, name: &str) -> Named {
    let member = SampleMember::new(code, 1);
    Named {
        member: member.id.clone(),
        name: name.into(),
        phone: None,
        endpoint: member.profile().endpoints.federation,
    }
}

fn part(hospital: Named, outcome: PeerOutcome, duration_ms: u64) -> Part {
    let answered = outcome.is_answered();
    Part {
        evidence: None,
        hospital,
        exchange: Some("019f1b0e-a000-7000-8000-000000000002".into()),
        outcome,
        duration_ms,
        digest: answered.then(|| federation_protocol::digest::content_digest(b"{}")),
        directory: answered.then(|| "118;status=90210".into()),
        own: false,
    }
}

fn parts() -> Vec<Part> {
    let answerer = named("0110000002", "ゆきみ病院");
    let body = searchset("Observation", once(RAW), empty(), None);
    let read = read_answer(body.as_bytes(), &question(), &answerer.member).unwrap();
    vec![
        part(answerer, PeerOutcome::Answered(read), 42),
        part(
            named("0110000003", "しらかば病院"),
            PeerOutcome::Silent(Silence::Timeout),
            8000,
        ),
    ]
}

fn grant() -> HeldGrant {
    HeldGrant {
        id: "5d0c8f2e-93a5-4f8e-9b6c-1f8a2f7f0b11".into(),
        home: SampleMember::new("0110000001", 1).id,
        home_grant: "not shown".into(),
        purpose: Purpose::Treat,
        practitioner: "dr-0042".into(),
        role: "physician".into(),
        categories: vec![Category::Lab, Category::Rx],
        patient: None,
        created_at: NOW,
        expires_at: NOW.plus_seconds(3_600),
    }
}

fn claims_of(parts: &[Part]) -> Value {
    let (grant, question) = (grant(), question());
    let query = format!("{}?{}", question.resource_type, question.to_form());
    let asked = manifest::Question {
        id: "019f1b0e-a000-7000-8000-000000000001",
        asker: "urn:musubi:member:0110000004",
        grant: &grant.id,
        purpose: grant.purpose.as_str(),
        practitioner: &grant.practitioner,
        role: &grant.role,
        query: &query,
        at: NOW,
    };
    manifest_claims(&asked, parts)
}

#[test]
fn the_wire_page_shows_what_the_code_makes_of_questions() {
    let batch = [
        question(),
        Question::from_form("MedicationRequest", b"").unwrap(),
    ];
    let searchsets = [
        searchset("Observation", once(RAW), empty(), Some("djE")),
        searchset("MedicationRequest", empty(), empty(), None),
    ];
    let linked = Question::from_form("Observation", LINKED).unwrap();
    let kind = crate::records::ResourceType::named("Observation").unwrap();
    crate::records::SearchQuery::of_question(kind, &linked.pairs()).unwrap();
    check(&[
        ("query-form", question().to_form()),
        ("query-batch", indented(&batch_body(&batch))),
        ("searchset", searchsets[0].clone()),
        (
            "searchset-empty",
            searchset("Observation", empty(), empty(), None),
        ),
        ("query-linked", linked.to_form()),
        (
            "searchset-beside",
            searchset("Observation", once(RAW), once(REPORT), None),
        ),
        ("batch-response", batch_response(&searchsets)),
        ("echo", echoed(br#"{"echo":"hello"}"#, NOW).unwrap()),
    ]);
}

#[test]
fn the_wire_page_shows_what_the_code_makes_of_merged_answers() {
    let parts = parts();
    let claims = claims_of(&parts);
    let jws = manifest::sign(&claims, &SecretKey::from_seed([1; 32]));
    let page = Page {
        self_url: "http://127.0.0.1:8444/federated/5d0c8f2e-93a5-4f8e-9b6c-1f8a2f7f0b11/fhir/Observation?_count=20",
        next_url: None,
        first: true,
        manifest: "eyJhbGciOiJFZERTQSIsImtpZCI6Ii…",
    };
    let hospitals: Vec<Named> = parts.iter().map(|part| part.hospital.clone()).collect();
    let asked = sse::asked(hospitals.iter().map(|hospital| (hospital, false)));
    let stream = [
        asked,
        sse::part(&parts[1]),
        sse::manifest(&parts, "eyJhbGciOiJFZERTQSIsImtpZCI6Ii…"),
    ];
    check(&[
        ("api-grant-request", api_grant_request()),
        ("api-grant-reply", pretty(&described(&grant(), &hospitals))),
        ("merged", indented(&merge::bundle(&page, &parts))),
        ("stream", stream.concat().trim_end().to_owned()),
        ("manifest-claims", pretty(&claims)),
        ("manifest-jws", jws),
    ]);
}

#[test]
fn the_wire_page_shows_what_a_person_sees_of_a_change() {
    let arrival = |code, state| Arrival {
        directive: None,
        hospital: SampleMember::new(code, 1).id,
        tokens: 1,
        changed_at: NOW,
        state,
    };
    let arrivals = [
        arrival("0110000002", ArrivalState::Delivered(NOW.plus_seconds(1))),
        arrival(
            "0110000003",
            ArrivalState::Pending {
                since: NOW,
                at_the_latest: NOW.plus_seconds(300),
            },
        ),
    ];
    let id = DirectiveId::known("6f1c2b1e-0000-4000-8000-000000000009");
    let shown = described_arrivals(&id, &arrivals, None);
    check(&[("arrivals", pretty(&shown))]);
}

fn api_grant_request() -> String {
    let practitioner = Practitioner {
        id: "dr-0042".into(),
        role: "physician".into(),
    };
    pretty(&json!({
        "home": SampleMember::new("0110000001", 1).id,
        "code": "7K2QX-9D4HM",
        "purpose": Purpose::Treat,
        "practitioner": practitioner,
        "categories": [Category::Lab, Category::Rx],
        "patient": "7",
    }))
}
