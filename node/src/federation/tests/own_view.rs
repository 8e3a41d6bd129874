//! A person sees their records of every linked hospital, and nobody else does in their place.

use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, http::Method};
use federation_protocol::base64url;
use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::town::{Hospital, Town};
use super::{ANSWERER, HOME, RESULTS};
use crate::access::AccessRefusal;
use crate::audit::Kind;
use crate::consent::{ConsentError, SignedOwnView, Subject};
use crate::federation::asking::AskError;
use crate::federation::configure_people;
use crate::federation::outcome::{Part, PeerOutcome, Silence};
use crate::federation::own_view::OwnViewError;
use crate::federation::query::Question;
use crate::identity::Caller;
use crate::identity::routes::people_door;
use crate::linkage::phone::Phone;

/// A person at the door of their home.
async fn caller(town: &Town, phone: &Phone) -> Caller {
    Caller::Person {
        id: phone.person().clone(),
        patient: town.hospitals[HOME].chart("p").await,
    }
}

fn questions() -> Vec<Question> {
    ["Observation", "MedicationRequest"]
        .map(|kind| Question::from_pairs(kind, &[]).unwrap())
        .to_vec()
}

async fn ask(town: &Town, caller: &Caller) -> Vec<Part> {
    let view = town.hospitals[HOME].federation.own_view();
    view.ask(caller, questions()).await.unwrap().parts
}

/// What the phone signs for each hospital.
async fn signed(town: &Town, phone: &Phone, caller: &Caller) -> SignedOwnView {
    let view = town.hospitals[HOME].federation.own_view();
    let state = view.state(caller).await.unwrap();
    let signatures = state.hospitals.iter().map(|one| {
        let member = one.needed.responder.clone();
        let signature = phone.sign(&member, &one.needed.message).unwrap();
        (member, signature)
    });
    SignedOwnView {
        until: state.until,
        signatures: signatures.collect(),
    }
}

async fn opened(town: &Town) -> (Phone, Caller) {
    let phone = town.person().await;
    let caller = caller(town, &phone).await;
    let signed = signed(town, &phone, &caller).await;
    let view = town.hospitals[HOME].federation.own_view();
    view.open(&caller, signed).await.unwrap();
    (phone, caller)
}

fn ids(part: &Part) -> Vec<&str> {
    match &part.outcome {
        PeerOutcome::Answered(answer) => answer.entries.iter().map(|one| one.id.as_str()).collect(),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_person_sees_here_and_there_what_their_phone_signed_for() {
    Town::on_each(3, sees_all).await;
}

async fn sees_all(town: Town) {
    let (_, caller) = opened(&town).await;
    town.hospitals[HOME].charts(&RESULTS[1..]).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    let parts = ask(&town, &caller).await;
    assert_eq!(parts.len(), 3);
    assert!(parts[0].own);
    assert_eq!(ids(&parts[0]), ["lab-1"]);
    assert_eq!(ids(&parts[1]), [""; 0]);
    assert_eq!(ids(&parts[2]), ["lab-2", "lab-1"]);

    let there = &town.hospitals[ANSWERER].lines(Kind::Disclosure).await[0];
    assert_eq!(there.purpose.as_deref(), Some("PATRQT"));
    let here = town.hospitals[HOME].lines(Kind::Query).await;
    assert!(here.iter().any(|line| line.exchange == there.exchange));
}

#[actix_web::test]
async fn what_the_doctor_has_not_told_yet_comes_from_nowhere() {
    let town = Town::of(3).await;
    let (_, caller) = opened(&town).await;
    let untold = RESULTS[1].replace(
        "\"status\"",
        "\"meta\":{\"security\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"TBOO\"}]},\"status\"",
    );
    for at in [HOME, ANSWERER] {
        town.hospitals[at].charts(&[RESULTS[0], &untold]).await;
    }
    for part in ask(&town, &caller).await {
        assert!(!ids(&part).contains(&"lab-1"));
    }
}

#[actix_web::test]
async fn a_hospital_whose_link_was_not_signed_for_is_named_and_not_asked() {
    Town::on_each(3, is_not_asked).await;
}

async fn is_not_asked(town: Town) {
    let phone = town.person().await;
    let caller = caller(&town, &phone).await;
    let parts = ask(&town, &caller).await;
    assert!(
        parts[0].outcome.is_answered(),
        "the own chart needs nothing"
    );
    for part in &parts[1..] {
        let PeerOutcome::Silent(silence) = part.outcome else {
            panic!("{:?}", part.outcome)
        };
        assert_eq!(silence, Silence::NotSigned);
        assert!(part.exchange.is_none());
    }
    let mut one = signed(&town, &phone, &caller).await;
    let other = one.signatures.pop().unwrap();
    let view = town.hospitals[HOME].federation.own_view();
    let state = view.open(&caller, one).await.unwrap();
    let covered = |state: &crate::consent::OwnView| -> Vec<bool> {
        let hospitals = state.hospitals.iter();
        hospitals.map(|one| one.covered_until.is_some()).collect()
    };
    assert_eq!(covered(&state), [true, false]);
    let words = |parts: &[Part]| -> Vec<&'static str> {
        parts.iter().map(|part| part.outcome.word()).collect()
    };
    assert_eq!(
        words(&ask(&town, &caller).await),
        ["answered", "answered", "silent"]
    );
    // One more signature, under the same decision, some hours later.
    town.clock.advance(3 * 3_600);
    let more = SignedOwnView {
        until: state.until,
        signatures: vec![other],
    };
    let state = view.open(&caller, more).await.unwrap();
    assert_eq!(covered(&state), [true, true]);
    assert_eq!(state.open_until, Some(state.until));
    let subject = Subject::Person(phone.person().clone());
    let directives = town.hospitals[HOME].consents.list(subject).await.unwrap();
    assert_eq!(directives.len(), 1);
}

#[actix_web::test]
async fn a_signature_that_does_not_fit_opens_nothing() {
    let town = Town::of(3).await;
    let phone = town.person().await;
    let caller = caller(&town, &phone).await;
    let view = town.hospitals[HOME].federation.own_view();
    let right = signed(&town, &phone, &caller).await;
    let mut swapped = right.clone();
    let (first, second) = (right.signatures[0].1, right.signatures[1].1);
    (swapped.signatures[0].1, swapped.signatures[1].1) = (second, first);
    let mut longer = right.clone();
    longer.until = longer.until.plus_seconds(1);
    let mut twice = right.clone();
    twice.signatures.push(right.signatures[0].clone());
    let mut nothing = right.clone();
    nothing.signatures.clear();
    for wrong in [swapped, longer, twice, nothing] {
        let refused = view.open(&caller, wrong).await.unwrap_err();
        assert!(
            matches!(refused, OwnViewError::Consent(ConsentError::Evidence(_))),
            "{refused}"
        );
    }
    let mut stranger = right.clone();
    stranger.signatures[0].0 = town.hospitals[HOME].me.clone();
    let refused = view.open(&caller, stranger).await.unwrap_err();
    assert!(matches!(
        refused,
        OwnViewError::Consent(ConsentError::NoLink(_))
    ));
    for until in [town.now(), town.now().plus_seconds(400 * 86_400)] {
        let refused = view.open(
            &caller,
            SignedOwnView {
                until,
                ..right.clone()
            },
        );
        let refused = refused.await.unwrap_err();
        assert!(matches!(
            refused,
            OwnViewError::Consent(ConsentError::Ended)
        ));
    }
    let subject = Subject::Person(phone.person().clone());
    let kept = town.hospitals[HOME].consents.list(subject).await.unwrap();
    assert!(kept.is_empty());
}

#[actix_web::test]
async fn a_closed_view_shows_the_own_chart_alone_and_its_tokens_open_nothing() {
    Town::on_each(3, shows_own_chart_alone).await;
}

async fn shows_own_chart_alone(town: Town) {
    let (phone, caller) = opened(&town).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    ask(&town, &caller).await;
    let home = &town.hospitals[HOME];
    let view = home.federation.own_view();
    // Withdrawn as any consent, the tokens that are held are worth nothing.
    let subject = Subject::Person(phone.person().clone());
    let directive = home.consents.list(subject).await.unwrap().remove(0);
    home.consents.withdraw(&directive.id).await.unwrap();
    town.clock.advance(31);
    let words: Vec<_> = ask(&town, &caller)
        .await
        .iter()
        .map(|one| one.outcome.code())
        .collect();
    assert_eq!(words, [None, Some("token_revoked"), Some("token_revoked")]);
    assert!(view.state(&caller).await.unwrap().open_until.is_none());

    let signed = signed(&town, &phone, &caller).await;
    view.open(&caller, signed).await.unwrap();
    assert!(
        ask(&town, &caller)
            .await
            .iter()
            .all(|one| one.outcome.is_answered())
    );
    assert!(view.close(&caller).await.unwrap());
    assert!(!view.close(&caller).await.unwrap());
    let words: Vec<_> = ask(&town, &caller)
        .await
        .iter()
        .map(|one| one.outcome.code())
        .collect();
    assert_eq!(
        words,
        [None, Some("signature_needed"), Some("signature_needed")]
    );
}

#[actix_web::test]
async fn nobody_but_the_person_uses_what_the_person_holds() {
    Town::on_each(3, nobody_else).await;
}

async fn nobody_else(town: Town) {
    let (phone, person) = opened(&town).await;
    town.hospitals[ANSWERER].charts(&RESULTS).await;
    ask(&town, &person).await;
    let home = &town.hospitals[HOME];
    let view = home.federation.own_view();
    // Staff, even one whose staff id is the person's id.
    let id = phone.person().to_string();
    let forged = Caller::Physician { id: id.clone() };
    let refused = view.ask(&forged, questions()).await;
    assert!(matches!(refused, Err(OwnViewError::NotAPerson)));
    let held = home.federation.asking().list(&forged).await.unwrap();
    assert!(held.is_empty());
    let grant = home
        .scratch
        .database
        .read(move |connection| crate::federation::store::own_grant(connection, &id))
        .await
        .unwrap()
        .unwrap();
    let question = Question::from_pairs("Observation", &[]).unwrap();
    let asked = home
        .federation
        .asking()
        .ask(&forged, &grant.id, question.clone(), "x")
        .await;
    assert!(matches!(asked, Err(AskError::NoSuchGrant)));
    // The person themselves has no physician's questions.
    let asked = home
        .federation
        .asking()
        .ask(&person, &grant.id, question, "x")
        .await;
    assert!(matches!(
        asked,
        Err(AskError::Access(AccessRefusal::Role { .. }))
    ));
    // Another person of the same home.
    home.charts(&[r#"{"resourceType":"Patient","id":"q"}"#])
        .await;
    let chart = home.chart("q").await;
    let other = home.linkage.enroll(chart, "q").await.unwrap();
    let other = Caller::Person {
        id: other.person().clone(),
        patient: chart,
    };
    let parts = ask(&town, &other).await;
    assert_eq!(parts.len(), 1, "no link, no hospital");
    assert_eq!(ids(&parts[0]), [""; 0]);
    // Another member with the name of the grant.
    let there = home.consents.redeem(
        crate::consent::Redemption {
            exchange: "x".into(),
            requester: town.hospitals[ANSWERER].me.clone(),
            requester_key: town.hospitals[ANSWERER].keys.sign().kid().clone(),
            request: federation_protocol::grants::GrantRequest {
                code: None,
                pending: None,
                grant_id: Some(grant.home_grant),
                purpose: federation_protocol::purpose::Purpose::Patrqt,
                categories: grant.categories,
                practitioner: None,
                name: None,
                witness: None,
            },
        },
        crate::linkage::links_of,
        home.federation.directory().membership().unwrap(),
    );
    let refused = there.await.unwrap().unwrap_err();
    assert_eq!(refused.code(), "consent_not_granted");
}

#[actix_web::test]
async fn over_http_the_phone_gets_the_bytes_and_hands_in_signatures() {
    let town = Town::of(3).await;
    let phone = town.person().await;
    let home = &town.hospitals[HOME];
    let token = bearer(&town, home, &phone).await;
    let (status, state) = http(home, Method::GET, &token, None).await;
    assert_eq!(status, 200);
    assert_eq!(state["open"], Value::Null);
    let signatures: Vec<Value> = state["hospitals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let member = one["member"].as_str().unwrap();
            let message = base64url::decode(one["sign"].as_str().unwrap()).unwrap();
            let signature = phone.sign(&member.parse().unwrap(), &message).unwrap();
            json!({"hospital": member, "signature": base64url::encode(signature)})
        })
        .collect();
    let body = json!({"until": state["until"], "signatures": signatures});
    let (status, state) = http(home, Method::POST, &token, Some(&body)).await;
    assert_eq!(status, 200, "{state}");
    assert_eq!(state["hospitals"][0]["sign"], Value::Null);
    assert_eq!(state["hospitals"][0]["covered"], state["open"]);
    let wrong = json!({"until": 1, "signatures": signatures});
    let (status, problem) = http(home, Method::POST, &token, Some(&wrong)).await;
    assert_eq!(
        (status, &problem["code"]),
        (400, &json!("signature_refused"))
    );
    let (status, _) = http(home, Method::DELETE, &token, None).await;
    assert_eq!(status, 204);
    let (status, _) = http(home, Method::DELETE, &token, None).await;
    assert_eq!(status, 404);
    let (status, _) = http(home, Method::GET, "nobody", None).await;
    assert_eq!(status, 401);
}

/// A bearer token of the person.
pub(super) async fn bearer(town: &Town, home: &Hospital, phone: &Phone) -> String {
    let identity = home.identity();
    let until = Timestamp::from_unix_seconds(town.now().unix_seconds()).plus_seconds(86_400);
    let chart = home.chart("p").await;
    let made = identity.create_for_person(phone.person().clone(), chart, until);
    made.await.unwrap().1.reveal().to_owned()
}

async fn http(home: &Hospital, method: Method, token: &str, body: Option<&Value>) -> (u16, Value) {
    at_people(home, method, "/api/v1/own-view", token, body).await
}

/// What the patient listener of `home` answers.
pub(super) async fn at_people(
    home: &Hospital,
    method: Method,
    path: &str,
    token: &str,
    body: Option<&Value>,
) -> (u16, Value) {
    let identity = home.identity();
    let service = init_service(
        App::new()
            .app_data(home.federation.clone())
            .app_data(Data::new(identity))
            .wrap(from_fn(people_door))
            .configure(configure_people),
    )
    .await;
    let mut request = TestRequest::with_uri(path)
        .method(method)
        .insert_header(("authorization", format!("Bearer {token}")));
    if let Some(body) = body {
        request = request.set_json(body);
    }
    let answer = call_service(&service, request.to_request()).await;
    let status = answer.status().as_u16();
    let body = read_body(answer).await;
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
