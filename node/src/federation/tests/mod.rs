//! The whole room at work: a person's home, an asker, an answerer, over real mutual TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod town;

use std::time::Duration;

use federation_protocol::category::Scope;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::Actor;
use serde_json::{Value, json};

use self::town::{Hospital, Town};
use super::exchange::Ask;
use super::outcome::Silence;
use crate::audit::Kind;

const HOME: usize = 0;
const ASKER: usize = 1;
const ANSWERER: usize = 2;

/// Laboratory results with what a careless hand would change, newest first.
const RESULTS: [&str; 2] = [
    "{ \"resourceType\":\"Observation\", \"id\":\"lab-2\",\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"laboratory\"}]}],\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"4548-4\"}],\"text\":\"ＨｂＡ１ｃ\"},\"subject\":{\"reference\":\"Patient/p\"},\"effectiveDateTime\":\"2026-06-02\",\"valueQuantity\":{\"value\":7.10,\"unit\":\"%\"}}",
    "{\"resourceType\":\"Observation\",\"id\":\"lab-1\",\"status\":\"final\",\"category\":[{\"coding\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/observation-category\",\"code\":\"laboratory\"}]}],\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"4548-4\"}]},\"subject\":{\"reference\":\"Patient/p\"},\"effectiveDateTime\":\"2026-01-02\",\"valueQuantity\":{\"value\":6.9}}",
];

fn everything() -> Scope {
    Scope::ALL
}

async fn ask_http(hospital: &Hospital, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let reply = client
        .get(format!("http://{}{path}", hospital.hospital_address))
        .bearer_auth(&hospital.physician)
        .send()
        .await
        .unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

async fn redeem(town: &Town, code: &str, categories: &[&str]) -> (u16, Value) {
    redeem_at(town, ASKER, code, categories).await
}

async fn redeem_at(town: &Town, at: usize, code: &str, categories: &[&str]) -> (u16, Value) {
    let asker = &town.hospitals[at];
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let reply = client
        .post(format!("http://{}/api/v1/grants", asker.hospital_address))
        .bearer_auth(&asker.physician)
        .json(&json!({
            "home": town.hospitals[HOME].me,
            "code": code,
            "purpose": "TREAT",
            "practitioner": {"id": "dr-0042", "role": "physician"},
            "categories": categories,
            "patient": "p",
        }))
        .send()
        .await
        .unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

/// A town with a person whose code the asker redeemed; the grant's id.
async fn granted(hospitals: u32, categories: Scope, words: &[&str]) -> (Town, String) {
    let town = Town::of(hospitals).await;
    let grant = grant_in(&town, categories, words).await;
    (town, grant)
}

async fn grant_in(town: &Town, categories: Scope, words: &[&str]) -> String {
    let phone = town.person().await;
    let from: Vec<usize> = (ANSWERER..town.hospitals.len()).collect();
    let code = town.code(&phone, ASKER, categories, &from).await;
    let (status, grant) = redeem(town, &code, words).await;
    assert_eq!(status, 201, "{grant}");
    grant["grant"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_physician_asks_and_sees_what_the_others_know_to_the_byte() {
    Town::on_each(3, asks_and_sees).await;
}

async fn asks_and_sees(town: Town) {
    let grant = grant_in(&town, everything(), &["lab", "rx"]).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    town.hospitals[ASKER].charts(&RESULTS[1..]).await;
    let path = format!("/federated/{grant}/fhir/Observation?code=4548-4");
    let (status, text) = ask_http(&town.hospitals[ASKER], &path).await;
    assert_eq!(status, 200, "{text}");
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bundle["total"], 3);
    assert_eq!(
        bundle["entry"][0]["resource"]["issue"][0]["details"]["text"],
        "2 of 2 hospitals answered"
    );
    let sources: Vec<&str> = bundle["entry"].as_array().unwrap()[1..]
        .iter()
        .map(|entry| entry["resource"]["meta"]["source"].as_str().unwrap())
        .collect();
    let (own, other) = (
        town.hospitals[ASKER].me.as_str(),
        town.hospitals[ANSWERER].me.as_str(),
    );
    assert_eq!(sources, [own, other, other]);
    let tail = RESULTS[0].split_once("\"status\"").unwrap().1;
    assert!(
        text.contains(tail),
        "the bytes of the first result are not as they were: {text}"
    );

    let disclosed = &town.hospitals[ANSWERER].lines(Kind::Disclosure).await[0];
    assert_eq!((disclosed.shown, disclosed.withheld), (Some(2), Some(0)));
    assert_eq!(disclosed.peer.as_deref(), Some(own));
    let asked = town.hospitals[ASKER].lines(Kind::Query).await;
    assert!(
        asked.iter().any(|line| line.exchange == disclosed.exchange),
        "one exchange, two audits"
    );

    let manifest = bundle["entry"][0]["resource"]["extension"][0]["valueString"]
        .as_str()
        .unwrap();
    let claims = claims(manifest);
    assert_eq!((&claims["answered"], &claims["of"]), (&json!(2), &json!(2)));
    assert_eq!(claims["asked"][0]["self"], true);
    let kept = format!(
        "/federated/{grant}/manifest/{}",
        claims["jti"].as_str().unwrap()
    );
    assert_eq!(
        ask_http(&town.hospitals[ASKER], &kept).await,
        (200, manifest.to_owned())
    );
}

fn claims(jws: &str) -> Value {
    let payload = jws.split('.').nth(1).unwrap();
    serde_json::from_slice(&federation_protocol::base64url::decode(payload).unwrap()).unwrap()
}

#[actix_web::test]
async fn a_silent_hospital_is_named_and_the_others_data_is_there() {
    let (town, grant) = granted(4, everything(), &["lab"]).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    town.hospitals[3].stop().await;
    let path = format!("/federated/{grant}/fhir/Observation");
    let (status, text) = ask_http(&town.hospitals[ASKER], &path).await;
    assert_eq!(status, 200, "{text}");
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert!(bundle.get("total").is_none());
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(
        entries[0]["resource"]["issue"][0]["details"]["text"],
        "2 of 3 hospitals answered"
    );
    let missing = &entries[1]["resource"];
    assert_eq!(missing["meta"]["source"], town.hospitals[3].me.as_str());
    assert_eq!(
        missing["issue"][0]["details"]["coding"][0]["code"],
        "unreachable"
    );
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry["search"]["mode"] == "match")
            .count(),
        2
    );
}

#[actix_web::test]
async fn each_part_is_streamed_and_the_manifest_comes_last() {
    let (town, grant) = granted(3, everything(), &["lab"]).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let path = format!("/federated/{grant}/stream?type=Observation&_count=1");
    let (status, text) = ask_http(&town.hospitals[ASKER], &path).await;
    assert_eq!(status, 200, "{text}");
    let events: Vec<(&str, Value)> = text
        .trim_end()
        .split("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Vec<&str> = data
                .lines()
                .map(|line| line.strip_prefix("data: ").unwrap())
                .collect();
            (
                name.strip_prefix("event: ").unwrap(),
                serde_json::from_str(&data.join("\n")).unwrap(),
            )
        })
        .collect();
    let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["asked", "part", "part", "manifest"]);
    let part = events
        .iter()
        .find(|(name, data)| *name == "part" && data["self"] == false)
        .unwrap();
    assert_eq!(part.1["bundle"]["entry"][0]["resource"]["id"], "lab-2");
    let last = &events[3].1;
    assert_eq!((&last["answered"], &last["of"]), (&json!(2), &json!(2)));

    let next = last["next"].as_str().unwrap();
    let path = format!("/federated/{grant}/fhir/Observation?_count=1&_cursor={next}");
    let (_, text) = ask_http(&town.hospitals[ASKER], &path).await;
    let page: Value = serde_json::from_str(&text).unwrap();
    let entries = page["entry"].as_array().unwrap();
    assert_eq!(
        entries[0]["resource"]["issue"][0]["details"]["text"],
        "1 of 1 hospitals answered"
    );
    assert_eq!(entries[1]["resource"]["id"], "lab-1");
}

#[actix_web::test]
async fn a_withdrawn_consent_stops_the_next_question_within_the_ttl() {
    let (town, grant) = granted(3, everything(), &["lab"]).await;
    let path = format!("/federated/{grant}/fhir/Observation");
    assert!(
        ask_http(&town.hospitals[ASKER], &path)
            .await
            .1
            .contains("2 of 2")
    );
    let home = &town.hospitals[HOME];
    let people = home.linkage.people().await.unwrap();
    let subject = crate::consent::Subject::Person(people[0].id.clone());
    for directive in home.consents.list(subject).await.unwrap() {
        home.consents.withdraw(&directive.id).await.unwrap();
    }
    town.clock.advance(31);
    let (_, text) = ask_http(&town.hospitals[ASKER], &path).await;
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let issue = &bundle["entry"][1]["resource"]["issue"][0];
    assert_eq!(issue["details"]["coding"][0]["code"], "token_revoked");
    assert_eq!(issue["code"], "expired");
    let refused = town.hospitals[ANSWERER].lines(Kind::Refusal).await;
    assert_eq!(refused.last().unwrap().outcome, "token_revoked");
}

#[actix_web::test]
async fn new_tokens_are_fetched_when_the_old_are_over_while_the_grant_lasts() {
    let (town, grant) = granted(3, everything(), &["lab"]).await;
    let path = format!("/federated/{grant}/fhir/Observation");
    town.clock.advance(12 * 3_600 + 61);
    let (_, text) = ask_http(&town.hospitals[ASKER], &path).await;
    assert!(text.contains("2 of 2 hospitals answered"), "{text}");
    let stale = town.hospitals[ANSWERER].lines(Kind::Disclosure).await;
    assert_eq!(
        stale[0].detail["stale"], true,
        "the directory is twelve hours old by now"
    );
    town.clock.advance(12 * 3_600 - 61);
    let (_, text) = ask_http(&town.hospitals[ASKER], &path).await;
    assert!(text.contains("1 of 2 hospitals answered"), "{text}");
    assert!(text.contains("token_expired"), "{text}");
}

#[actix_web::test]
async fn nothing_denied_and_filtered_are_one_answer() {
    let (town, grant) = granted(3, everything(), &["lab", "rx"]).await;
    let answerer = &town.hospitals[ANSWERER];
    answerer.charts(&RESULTS).await;
    let digest = async |query: &str| {
        let path = format!("/federated/{grant}/fhir/{query}");
        let (status, text) = ask_http(&town.hospitals[ASKER], &path).await;
        assert_eq!(status, 200, "{text}");
        let bundle: Value = serde_json::from_str(&text).unwrap();
        let manifest = bundle["entry"][0]["resource"]["extension"][0]["valueString"].as_str();
        let claims = claims(manifest.unwrap());
        let asked = claims["asked"].as_array().unwrap().clone();
        asked.into_iter().find(|one| one["self"].is_null()).unwrap()["digest"].clone()
    };
    let shown = digest("Observation?code=4548-4").await;
    let absent = digest("Observation?code=0000-0").await;
    assert_ne!(shown, absent);
    let psychiatric = RESULTS[1]
        .replace("lab-1", "psy-1")
        .replace("laboratory", "social-history");
    answerer.charts(&[&psychiatric]).await;
    let filtered = digest("Observation?_id=psy-1").await;
    answerer.reserves_everything().await;
    let denied = digest("Observation?code=4548-4").await;
    assert_eq!([&filtered, &denied], [&absent, &absent]);
    let last = answerer.lines(Kind::Disclosure).await.pop().unwrap();
    assert_eq!(
        (last.shown, last.withheld),
        (Some(0), Some(2)),
        "its own audit knows"
    );
}

#[actix_web::test]
async fn a_home_node_asks_for_its_own_staff_only_with_the_persons_signature() {
    let town = Town::of(3).await;
    let phone = town.person().await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let code = town
        .signed_code(&phone, HOME, everything(), &[ANSWERER])
        .await;
    let (status, grant) = redeem_at(&town, HOME, &code, &["lab", "rx"]).await;
    assert_eq!(status, 201, "{grant}");
    let path = format!(
        "/federated/{}/fhir/Observation",
        grant["grant"].as_str().unwrap()
    );
    let (_, text) = ask_http(&town.hospitals[HOME], &path).await;
    assert!(text.contains("2 of 2 hospitals answered"), "{text}");
    assert!(text.contains("lab-2"), "{text}");
}

#[actix_web::test]
async fn what_no_peer_would_answer_is_refused_before_it_is_asked() {
    let (town, grant) = granted(3, everything(), &["lab"]).await;
    let asker = &town.hospitals[ASKER];
    for (path, status, code) in [
        (
            format!("/federated/{grant}/fhir/Observation?_summary=count"),
            400,
            "query_not_allowed",
        ),
        (
            format!("/federated/{grant}/fhir/Patient"),
            400,
            "query_not_allowed",
        ),
        (
            format!("/federated/{grant}/fhir/Specimen?code=1"),
            400,
            "query_not_allowed",
        ),
        (
            format!("/federated/{grant}/fhir/Observation?patient=p"),
            400,
            "query_not_allowed",
        ),
        (
            format!("/federated/{grant}/fhir/Observation?_revinclude=Encounter:diagnosis"),
            400,
            "query_not_allowed",
        ),
        (
            format!("/federated/{grant}/fhir/Observation?_cursor=AAAA"),
            400,
            "cursor_invalid",
        ),
        (
            "/federated/other/fhir/Observation".into(),
            404,
            "grant_unknown",
        ),
        (
            format!("/federated/{grant}/stream"),
            400,
            "query_not_allowed",
        ),
        (
            format!("/federated/{grant}/manifest/other"),
            404,
            "grant_unknown",
        ),
    ] {
        let (got, text) = ask_http(asker, &path).await;
        assert_eq!(got, status, "{path}: {text}");
        assert!(text.contains(code), "{path}: {text}");
    }
    assert!(
        town.hospitals[ANSWERER]
            .lines(Kind::Refusal)
            .await
            .is_empty()
    );
    let (status, text) = ask_http(asker, "/api/v1/grants").await;
    assert_eq!(status, 200);
    assert!(text.contains(&grant), "{text}");
}

#[actix_web::test]
async fn a_wrong_code_is_refused_by_the_home_node_and_locked_after_five() {
    let town = Town::of(3).await;
    let phone = town.person().await;
    let code = town.code(&phone, ASKER, everything(), &[ANSWERER]).await;
    for _ in 0..5 {
        let (status, problem) = redeem(&town, "00000-00000", &["lab"]).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (403, Some("code_unknown"))
        );
    }
    let (status, problem) = redeem(&town, &code, &["lab"]).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (429, Some("code_locked"))
    );
}

fn echo() -> Ask {
    Ask {
        path: super::inbound::ECHO_PATH.into(),
        content_type: "application/json",
        purpose: Purpose::Treat,
        actor: Actor::system(),
        consent: None,
        body: br#"{"echo":"hello"}"#.to_vec(),
    }
}

#[actix_web::test]
async fn an_echo_comes_back_signed_and_a_closed_door_opens_the_breaker() {
    let town = Town::of(2).await;
    let exchanges = town.hospitals[0].federation.exchanges();
    let to = &town.hospitals[1].me;
    let answer = exchanges
        .ask(to, &echo(), Duration::from_secs(3))
        .await
        .result
        .unwrap();
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.body).contains("hello"));
    town.hospitals[1].stop().await;
    let mut ends = Vec::new();
    for _ in 0..6 {
        let end = exchanges
            .ask(to, &echo(), Duration::from_secs(3))
            .await
            .result
            .unwrap_err();
        ends.push(end);
    }
    use super::exchange::NoAnswer::Silent;
    assert_eq!(ends[..5], [Silent(Silence::Unreachable); 5]);
    assert_eq!(ends[5], Silent(Silence::Resting));
}

mod cosigned;
mod hanging_up;
mod looking;
mod own_view;
mod pending;
mod receipts;
mod replayed;
mod secrets;
mod wire;
