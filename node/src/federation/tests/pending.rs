//! An open code over the wire: the physician waits, the person answers on their phone.

use actix_web::http::Method;
use federation_protocol::base64url;
use serde_json::{Value, json};

use super::own_view::{at_people, bearer};
use super::town::{Hospital, Town};
use super::{ANSWERER, ASKER, HOME, RESULTS, ask_http, redeem, redeem_at};
use crate::federation::asking::AskError;
use crate::identity::Caller;
use crate::linkage::phone::Phone;

async fn open_code(home: &Hospital, token: &str) -> String {
    let body = json!({"open": true});
    let (status, made) = at_people(home, Method::POST, "/api/v1/codes", token, Some(&body)).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["qr"].as_str().unwrap().contains("/v#"));
    made["code"].as_str().unwrap().to_owned()
}

async fn listed(home: &Hospital, token: &str) -> Value {
    let (status, body) = at_people(home, Method::GET, "/api/v1/requests", token, None).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn answered(home: &Hospital, token: &str, id: &str, body: &Value) -> (u16, Value) {
    let path = format!("/api/v1/requests/{id}");
    at_people(home, Method::POST, &path, token, Some(body)).await
}

#[actix_web::test]
async fn a_physician_waits_until_the_person_says_yes_and_then_sees() {
    Town::on_each(3, waits_and_sees).await;
}

async fn waits_and_sees(town: Town) {
    let phone = town.person().await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let (home, asker) = (&town.hospitals[HOME], &town.hospitals[ASKER]);
    let token = bearer(&town, home, &phone).await;
    let code = open_code(home, &token).await;
    let (status, waiting) = redeem(&town, &code, &["lab", "rx"]).await;
    assert_eq!(status, 202, "{waiting}");
    let poll = waiting["poll"].as_str().unwrap();
    assert_eq!(ask_http(asker, poll).await.0, 202);

    let list = listed(home, &token).await;
    let request = &list["requests"][0];
    assert_eq!(request["state"], "open");
    assert_eq!(request["requester"]["member"], asker.me.as_str());
    assert_eq!(request["practitioner"]["id"], "dr-0042");
    assert_eq!(list["hospitals"].as_array().unwrap().len(), 2);
    let id = request["id"].as_str().unwrap();
    let there = town.hospitals[ANSWERER].me.as_str();
    let yes = json!({"answer": "once", "shown": {"hospitals": [there], "categories": ["lab"]}});
    let (status, body) = answered(home, &token, id, &yes).await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(answered(home, &token, id, &yes).await.0, 404, "replayed");

    let (status, grant) = ask_http(asker, poll).await;
    assert_eq!(status, 201, "{grant}");
    let grant: Value = serde_json::from_str(&grant).unwrap();
    assert_eq!(grant["hospitals"].as_array().unwrap().len(), 1);
    // The page that asks once more gets the same grant again.
    let again: Value = serde_json::from_str(&ask_http(asker, poll).await.1).unwrap();
    assert_eq!(again["grant"], grant["grant"]);
    let path = format!(
        "/federated/{}/fhir/Observation",
        grant["grant"].as_str().unwrap()
    );
    let (_, found) = ask_http(asker, &path).await;
    assert!(found.contains("lab-2"), "{found}");
    let list = listed(home, &token).await;
    assert_eq!(list["requests"][0]["state"], "allowed");
}

#[actix_web::test]
async fn a_no_reads_like_a_wrong_code_and_another_practitioner_like_a_stranger() {
    Town::on_each(3, reads_like_a_wrong_code).await;
}

async fn reads_like_a_wrong_code(town: Town) {
    let phone = town.person().await;
    let (home, asker) = (&town.hospitals[HOME], &town.hospitals[ASKER]);
    let token = bearer(&town, home, &phone).await;
    let code = open_code(home, &token).await;
    let (_, waiting) = redeem(&town, &code, &["lab"]).await;
    let poll = waiting["poll"].as_str().unwrap();
    let stranger = Caller::Physician {
        id: "dr-0043".into(),
    };
    let id = waiting["pending"].as_str().unwrap();
    let read = asker.federation.asking().look_again(&stranger, id).await;
    assert!(matches!(read, Err(AskError::NoSuchGrant)));
    let nobody = asker.federation.asking().look_again(&stranger, "x").await;
    assert!(matches!(nobody, Err(AskError::NoSuchGrant)));

    let list = listed(home, &token).await;
    let request = list["requests"][0]["id"].as_str().unwrap();
    let no = json!({"answer": "decline"});
    assert_eq!(answered(home, &token, request, &no).await.0, 204);
    let (status, problem) = ask_http(asker, poll).await;
    assert_eq!(status, 403);
    assert!(problem.contains("code_unknown"), "{problem}");
}

#[actix_web::test]
async fn nobody_answers_for_a_person_but_that_person() {
    let town = Town::of(3).await;
    let phone = town.person().await;
    let home = &town.hospitals[HOME];
    let token = bearer(&town, home, &phone).await;
    let code = open_code(home, &token).await;
    redeem(&town, &code, &["lab"]).await;
    let list = listed(home, &token).await;
    let id = list["requests"][0]["id"].as_str().unwrap();
    let yes = json!({"answer": "once"});
    // Staff of the home has no door there.
    let staff = answered(home, &home.physician, id, &yes).await;
    assert_eq!(staff.0, 401);
    // Another person of the same home.
    home.charts(&[r#"{"resourceType":"Patient","id":"q"}"#])
        .await;
    let chart = home.chart("q").await;
    let other = home.linkage.enroll(chart, "q").await.unwrap();
    let identity = home.identity();
    let until = town.now().plus_seconds(86_400);
    let made = identity.create_for_person(other.person().clone(), chart, until);
    let other = made.await.unwrap().1.reveal().to_owned();
    assert_eq!(answered(home, &other, id, &yes).await.0, 404);
    assert!(
        listed(home, &other).await["requests"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        answered(home, &token, id, &json!({"answer": "maybe"}))
            .await
            .0,
        400
    );
    assert_eq!(
        answered(home, &token, id, &json!({"answer": "allow"}))
            .await
            .0,
        400
    );
    assert_eq!(listed(home, &token).await["requests"][0]["state"], "open");
}

/// The phone's signatures over what a 409 shows.
fn signed(phone: &Phone, needed: &Value) -> Vec<Value> {
    let hospitals = needed["hospitals"].as_array().unwrap().iter();
    hospitals
        .map(|one| {
            let member = one["member"].as_str().unwrap();
            let message = base64url::decode(one["sign"].as_str().unwrap()).unwrap();
            let signature = phone.sign(&member.parse().unwrap(), &message).unwrap();
            json!({"hospital": member, "signature": base64url::encode(signature)})
        })
        .collect()
}

#[actix_web::test]
async fn for_homes_own_doctor_the_phone_signs_when_it_answers() {
    Town::on_each(3, phone_signs).await;
}

async fn phone_signs(town: Town) {
    let phone = town.person().await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let home = &town.hospitals[HOME];
    let token = bearer(&town, home, &phone).await;
    let code = open_code(home, &token).await;
    let (status, waiting) = redeem_at(&town, HOME, &code, &["lab", "rx"]).await;
    assert_eq!(status, 202, "{waiting}");
    let list = listed(home, &token).await;
    let id = list["requests"][0]["id"].as_str().unwrap();
    let (status, needed) = answered(home, &token, id, &json!({"answer": "once"})).await;
    assert_eq!((status, &needed["code"]), (409, &json!("signature_needed")));
    let until = needed["until"].as_str().unwrap();
    let mut signatures = signed(&phone, &needed);
    let yes = json!({"answer": "once", "shown": {"until": until, "signatures": signatures}});
    assert_eq!(answered(home, &token, id, &yes).await.0, 204);
    let (status, grant) = ask_http(home, waiting["poll"].as_str().unwrap()).await;
    assert_eq!(status, 201, "{grant}");
    let grant: Value = serde_json::from_str(&grant).unwrap();
    let path = format!(
        "/federated/{}/fhir/Observation",
        grant["grant"].as_str().unwrap()
    );
    assert!(ask_http(home, &path).await.1.contains("lab-2"));

    // What was signed for one answer is worth nothing for another.
    town.clock.advance(1);
    let code = open_code(home, &token).await;
    redeem_at(&town, HOME, &code, &["lab"]).await;
    let list = listed(home, &token).await;
    let other = list["requests"][0]["id"].as_str().unwrap();
    assert_ne!(other, id);
    let replayed = json!({"answer": "once", "shown": {"until": until, "signatures": signatures}});
    assert_eq!(answered(home, &token, other, &replayed).await.0, 400);
    signatures.clear();
    let unsigned = json!({"answer": "once", "shown": {"until": until, "signatures": signatures}});
    assert_eq!(answered(home, &token, other, &unsigned).await.0, 409);
}

#[actix_web::test]
async fn a_code_for_one_hospital_and_a_sheet_of_paper_are_made_on_the_phone() {
    let town = Town::of(3).await;
    let phone = town.person().await;
    let (home, asker) = (&town.hospitals[HOME], &town.hospitals[ASKER]);
    let token = bearer(&town, home, &phone).await;
    let body = json!({"requester": asker.me, "shown": {"categories": ["lab"]}});
    let (status, made) = at_people(home, Method::POST, "/api/v1/codes", &token, Some(&body)).await;
    assert_eq!(status, 201, "{made}");
    let (status, grant) = redeem(&town, made["code"].as_str().unwrap(), &["lab", "rx"]).await;
    assert_eq!(status, 201, "{grant}");

    let (status, sheet) = at_people(
        home,
        Method::POST,
        "/api/v1/paper",
        &token,
        Some(&json!({})),
    )
    .await;
    assert_eq!(status, 201, "{sheet}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let handed = json!({
        "home": home.me, "code": sheet["codes"][0], "purpose": "TREAT",
        "practitioner": {"id": "dr-0042", "role": "physician"}, "categories": ["lab"],
        "witness": {"id": "ns-7", "role": "nurse", "shown": "検査を見ます。",
            "until": town.now().plus_seconds(3_600).to_string()},
    });
    let url = format!("http://{}/api/v1/grants", asker.hospital_address);
    let reply = client.post(url).bearer_auth(&asker.physician).json(&handed);
    let reply = reply.send().await.unwrap();
    assert_eq!(
        reply.status().as_u16(),
        201,
        "{}",
        reply.text().await.unwrap()
    );
    let (_, paper) = at_people(home, Method::GET, "/api/v1/paper", &token, None).await;
    assert_eq!(paper["uses"][0]["witness"]["id"], "ns-7");
    assert_eq!(paper["sheets"][0]["left"], 7);
    let seen = asker.lines(crate::audit::Kind::Grant).await;
    assert!(
        seen.iter()
            .any(|line| line.detail["shown"] == "検査を見ます。")
    );
    let path = format!("/api/v1/paper/{}", sheet["id"].as_str().unwrap());
    assert_eq!(
        at_people(home, Method::DELETE, &path, &token, None).await.0,
        204
    );
}
