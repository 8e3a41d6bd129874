#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

use federation_protocol::refusal::Refusal;
use proptest::prelude::*;
use serde_json::Value;

use super::super::outcome::{Hospital, Silence};
use super::*;

fn member(number: u32) -> MemberId {
    format!("urn:musubi:member:011000000{number}")
        .parse()
        .unwrap()
}

fn part(number: u32, outcome: PeerOutcome) -> Part {
    Part {
        evidence: None,
        hospital: Hospital {
            member: member(number),
            name: format!("病院{number}"),
            endpoint: format!("https://127.0.0.1:844{number}"),
            phone: None,
        },
        exchange: None,
        outcome,
        duration_ms: 5,
        digest: None,
        directory: None,
        own: false,
    }
}

/// An Observation with everything that a careless reader would change.
const ODD: &str = "{ \"resourceType\":\"Observation\",\"id\":\"a-1\" ,\n\t\"valueQuantity\":{\"value\":7.10,\"x\":1E+2},\
                   \"note\":[{\"text\":\"\u{845b}\u{e0100} ７．２ \\u0041 \u{20b9f}\"}]}";

fn answer(resources: &[&str], next: Option<&str>) -> String {
    let entries: Vec<String> = resources
        .iter()
        .map(|raw| format!(r#"{{"resource":{raw},"search":{{"mode":"match"}}}}"#))
        .collect();
    let link = next
        .map(|cursor| {
            format!(r#""link":[{{"relation":"next","url":"Observation?_cursor={cursor}"}}],"#)
        })
        .unwrap_or_default();
    format!(
        r#"{{"resourceType":"Bundle","type":"searchset",{link}"entry":[{}]}}"#,
        entries.join(",")
    )
}

fn read(body: &str) -> Result<Answer, Unusable> {
    read_answer(body.as_bytes(), &question(b""), &member(2))
}

fn question(form: &[u8]) -> Question {
    Question::from_form("Observation", form).unwrap()
}

fn page<'a>(next_url: Option<&'a str>) -> Page<'a> {
    Page {
        self_url: "http://h/federated/g/fhir/Observation?_count=50",
        next_url,
        first: true,
        manifest: "a.b.c",
    }
}

#[test]
fn bytes_of_a_resource_survive_but_for_its_source() {
    let read = read(&answer(&[ODD], None)).unwrap();
    let text = bundle(&page(None), &[part(2, PeerOutcome::Answered(read))]);
    let shown = ODD.replacen(
        '{',
        "{\"meta\":{\"source\":\"urn:musubi:member:0110000002\"},",
        1,
    );
    assert!(text.contains(&shown), "{text}");
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bundle["total"], 1);
    assert_eq!(
        bundle["entry"][1]["fullUrl"],
        "https://127.0.0.1:8442/federation/v1/fhir/Observation/a-1"
    );
}

#[test]
fn who_answered_is_said_before_any_data() {
    let first = read(&answer(&[ODD], Some("abc"))).unwrap();
    let parts = [
        part(2, PeerOutcome::Answered(first)),
        part(3, PeerOutcome::Silent(Silence::Timeout)),
        part(4, PeerOutcome::Refused(Refusal::TokenRevoked)),
        part(5, PeerOutcome::Unverified),
    ];
    let text = bundle(&page(Some("http://h/next")), &parts);
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert!(bundle.get("total").is_none());
    let entries = bundle["entry"].as_array().unwrap();
    let summary = &entries[0]["resource"];
    assert_eq!(
        summary["issue"][0]["details"]["text"],
        "1 of 4 hospitals answered"
    );
    assert_eq!(summary["issue"][0]["code"], "incomplete");
    assert_eq!(summary["extension"][0]["valueString"], "a.b.c");
    let codes: Vec<(&str, &str)> = entries[1..4]
        .iter()
        .map(|entry| {
            assert_eq!(entry["search"]["mode"], "outcome");
            let issue = &entry["resource"]["issue"][0];
            (
                issue["code"].as_str().unwrap(),
                issue["details"]["coding"][0]["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        codes,
        [
            ("timeout", "timeout"),
            ("expired", "token_revoked"),
            ("security", "answer_unverified")
        ]
    );
    assert_eq!(
        entries[1]["resource"]["meta"]["source"],
        "urn:musubi:member:0110000003"
    );
    assert_eq!(entries[4]["search"]["mode"], "match");
    assert_eq!(bundle["link"][1]["relation"], "next");
}

#[test]
fn a_further_page_has_no_total() {
    let read = read(&answer(&[ODD], None)).unwrap();
    let page = Page {
        first: false,
        ..page(None)
    };
    let text = bundle(&page, &[part(2, PeerOutcome::Answered(read))]);
    assert!(!text.contains("\"total\""));
}

#[test]
fn each_hospital_keeps_its_own_cursor() {
    let parts = [
        part(
            2,
            PeerOutcome::Answered(read(&answer(&[], Some("c-2"))).unwrap()),
        ),
        part(3, PeerOutcome::Answered(Answer::default())),
        part(
            4,
            PeerOutcome::Answered(read(&answer(&[], Some("c_4"))).unwrap()),
        ),
        part(5, PeerOutcome::Silent(Silence::Timeout)),
    ];
    let cursors = split_cursors(&join_cursors(&parts).unwrap()).unwrap();
    assert_eq!(
        cursors,
        BTreeMap::from([(member(2), "c-2".to_owned()), (member(4), "c_4".to_owned())])
    );
    assert_eq!(join_cursors(&parts[1..2]), None);
    assert_eq!(split_cursors("AAAA"), None);
}

#[test]
fn an_unsound_answer_is_not_used() {
    let other = ODD.replace("Observation", "Patient");
    let nameless = ODD.replace("\"id\":\"a-1\" ,", "");
    let odd_id = ODD.replace("a-1", "a/1");
    let twice = ODD.replace("\"id\"", "\"id\":\"b\",\"id\"");
    for body in [
        answer(&[&other], None),
        answer(&[&nameless], None),
        answer(&[&odd_id], None),
        answer(&[&twice], None),
        answer(&["1"], None),
        answer(&[&[ODD; 51].join("},{\"resource\":")], None),
        answer(&[], Some("a b")),
        answer(&[ODD], None).replace("match", "include"),
        answer(&[], None).replace("searchset", "collection"),
        "null".into(),
        String::new(),
    ] {
        assert_eq!(read(&body), Err(Unusable), "{body}");
    }
    let advisory =
        r#"{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}"#;
    let body =
        answer(&[ODD], None).replace("[{\"resource\"", &format!("[{advisory},{{\"resource\""));
    assert_eq!(read(&body).unwrap().entries.len(), 1);
}

const REPORT: &str = r#"{"resourceType":"DiagnosticReport","id":"r"}"#;

/// An answer with matches and what stands beside them.
fn with_beside(matches: &[&str], beside: &[&str]) -> String {
    let beside = beside
        .iter()
        .map(|raw| format!(r#"{{"resource":{raw},"search":{{"mode":"include"}}}}"#));
    let beside: Vec<String> = beside.collect();
    let body = answer(matches, None);
    let open = body.strip_suffix("]}").unwrap();
    let comma = if matches.is_empty() { "" } else { "," };
    format!("{open}{comma}{}]}}", beside.join(","))
}

#[test]
fn what_stands_beside_the_matches_is_marked_so_and_keeps_its_hospital() {
    let asked = question(b"_revinclude=DiagnosticReport:result");
    let of = |number, body: &str| {
        let answer = read_answer(body.as_bytes(), &asked, &member(number)).unwrap();
        part(number, PeerOutcome::Answered(answer))
    };
    let parts = [
        of(2, &with_beside(&[ODD], &[REPORT])),
        of(3, &with_beside(&[ODD, ODD], &[REPORT])),
    ];
    let merged: Value = serde_json::from_str(&bundle(&page(None), &parts)).unwrap();
    assert_eq!(merged["total"], 3, "of matches");
    let told: Vec<(&str, &str, &str)> = merged["entry"].as_array().unwrap()[1..]
        .iter()
        .map(|entry| {
            (
                entry["search"]["mode"].as_str().unwrap(),
                entry["fullUrl"].as_str().unwrap(),
                entry["resource"]["meta"]["source"].as_str().unwrap(),
            )
        })
        .collect();
    let entry = |mode: &'static str, number: u32, address: &str| {
        let url = format!("https://127.0.0.1:844{number}/federation/v1/fhir/{address}");
        (mode, url, member(number).to_string())
    };
    let expected = [
        entry("match", 2, "Observation/a-1"),
        entry("match", 3, "Observation/a-1"),
        entry("match", 3, "Observation/a-1"),
        entry("include", 2, "DiagnosticReport/r"),
        entry("include", 3, "DiagnosticReport/r"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(mode, url, source)| (*mode, url.as_str(), source.as_str()))
        .collect();
    assert_eq!(told, expected);
    let streamed: Value = serde_json::from_str(&part_bundle(&parts[1])).unwrap();
    assert_eq!(streamed["entry"][2]["search"]["mode"], "include");
}

#[test]
fn what_stands_beside_unasked_or_never_leaves_makes_an_answer_unsound() {
    let asked = question(b"_include:iterate=Observation:has-member");
    let read = |question: &Question, body: &str| {
        read_answer(body.as_bytes(), question, &member(2)).map(|answer| answer.included.len())
    };
    let body = with_beside(&[ODD], &[REPORT]);
    assert_eq!(read(&asked, &body), Ok(1));
    assert_eq!(read(&question(b"code=1"), &body), Err(Unusable));
    for kind in [
        "Patient",
        "Encounter",
        "Coverage",
        "Practitioner",
        "Nonsense",
    ] {
        let body = with_beside(&[ODD], &[&REPORT.replace("DiagnosticReport", kind)]);
        assert_eq!(read(&asked, &body), Err(Unusable), "{kind}");
    }
    // A match of another type is no match, whatever stands beside.
    assert_eq!(read(&asked, &answer(&[REPORT], None)), Err(Unusable));
    assert_eq!(read(&asked, &with_beside(&[], &vec![ODD; 1000])), Ok(1000));
    let many = with_beside(&[], &vec![ODD; 1001]);
    assert_eq!(read(&asked, &many), Err(Unusable));
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_answer(&body, &question(b"_include=Observation:has-member"), &member(2));
    }

    #[test]
    fn no_near_answer_makes_it_panic(resource in "\\PC{0,60}", cursor in "\\PC{0,20}") {
        let _ = read(&answer(&[&resource], Some(&cursor)));
        let _ = split_cursors(&cursor);
    }
}
