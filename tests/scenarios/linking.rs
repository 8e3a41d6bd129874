//! A person stands at a hospital's desk, goes home with a code, and from then on that hospital answers
//! for them; and what members do who have no code, or somebody else's.

use federation_protocol::signature::RequestDraft;
use musubi_node::identity::Role;
use musubi_node::linkage::phone::Phone;
use scenarios::envoy::resources;
use scenarios::{Envoy, Hospital, Patient, Reply, Store, Town, charts};
use serde_json::{Value, json};

const HOSPITALS: [&str; 3] = ["minato", "yukimi", "shirakaba"];

fn chart(id: &str, birth: &str) -> Value {
    let mut chart = charts::patient(id, "サトウ", "ハナ");
    chart["birthDate"] = json!(birth);
    let insured = json!({
        "system": "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID",
        "value": "01234567:あい:187:05",
    });
    chart["identifier"].as_array_mut().unwrap().push(insured);
    chart
}

/// Hana is at home at Minato; Yukimi knows her, too, and nobody has linked the two.
async fn town(store: Store) -> (Town, Patient) {
    let town = Town::start(&HOSPITALS, store).await;
    town.at("minato").load(&[chart("hana", "1958-03-14")]).await;
    let at_yukimi = [
        chart("hana", "1958-03-14"),
        charts::hba1c("yukimi-1", "hana", "2026-05-01", "7.20"),
    ];
    town.at("yukimi").load(&at_yukimi).await;
    let hana = town.person("hana", "minato", &[]).await;
    (town, hana)
}

/// The desk of Yukimi gives Hana a code.
async fn offered(town: &Town) -> (u16, Value) {
    let yukimi = town.at("yukimi");
    let token = yukimi.token(Role::Registrar, "desk-1").await;
    let body = json!({
        "patient": "hana", "home": town.at("minato").id(),
        "shown": [
            {"kind": "insured_id", "value": "01234567:あい:187:05"},
            {"kind": "birth_and_name", "birth_date": "1958-03-14", "name": "さとう はな"},
        ],
    });
    yukimi.post("/api/v1/links", &token, &body).await
}

/// Hana's app hands a code in at Minato.
async fn handed_in(town: &Town, hana: &Patient, code: &str) -> (u16, Value) {
    let (minato, yukimi) = (town.at("minato"), town.at("yukimi").id());
    let mut phone = Phone::open(&hana.phone).unwrap();
    let key = phone.pending_key(yukimi).unwrap();
    phone.save(&hana.phone).unwrap();
    let rooms = minato.rooms();
    let person = rooms.linkage.person(phone.person()).await.unwrap();
    let until = town.now().plus_seconds(3_600);
    let own = rooms
        .identity
        .create_for_person(person.id, person.patient, until);
    let own = own.await.unwrap().1.reveal().to_owned();
    let url = format!("http://{}/api/v1/links", minato.node().addresses().patient);
    let body = json!({ "hospital": yukimi, "code": code, "device_key": key.x() });
    let client = reqwest::Client::new();
    let reply = client.post(&url).bearer_auth(&own).json(&body).send().await;
    let reply = reply.unwrap();
    let (status, body): (_, Value) = (reply.status().as_u16(), reply.json().await.unwrap());
    if status == 201 {
        let (handle, assertion) = (&body["handle"], &body["assertion"]);
        let handle = handle.as_str().unwrap().parse().unwrap();
        let assertion = assertion.as_str().unwrap().to_owned();
        phone.keep_assertion(yukimi, handle, assertion).unwrap();
        phone.save(&hana.phone).unwrap();
    }
    (status, body)
}

async fn says(town: &Town, envoy: &Envoy, to: &Hospital, body: &Value) -> Reply {
    let now = town.now();
    let draft = RequestDraft {
        path: "/federation/v1/links".to_owned(),
        body: body.to_string().into_bytes(),
        ..envoy.echo(to, now)
    };
    envoy.send(to, &envoy.sign(draft, now)).await
}

fn begin(code: &str) -> Value {
    json!({ "begin": {
        "code": code,
        // The base point of ristretto255: a commitment of nobody's facts.
        "commitment": "4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY",
        "device_key": "gTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5Q",
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_desk_to_another_doctors_screen() {
    for store in Store::each() {
        let (town, hana) = town(store).await;
        let (status, offer) = offered(&town).await;
        assert_eq!(status, 201, "{offer}");
        let code = offer["code"].as_str().unwrap();
        let (status, linked) = handed_in(&town, &hana, code).await;
        assert_eq!(status, 201, "{linked}");

        let grant = town.grant(&hana, "shirakaba", "lab").await;
        let (shirakaba, yukimi) = (town.at("shirakaba"), town.at("yukimi"));
        let (status, found) = shirakaba.ask(&grant, "dr-1", "Observation").await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(resources(&found)[0]["id"], "yukimi-1");

        let registrar = yukimi.token(Role::Registrar, "desk-1").await;
        let (_, offers) = yukimi.get("/api/v1/links/offers", &registrar).await;
        assert_eq!(offers["offers"][0]["state"], "linked", "{offers}");
        assert_eq!(offers["offers"][0]["home"], json!(town.at("minato").id()));

        // Ended as any other link is.
        let token = town.token_of(&grant, "shirakaba", "yukimi").await;
        let id = hana.person.parse().unwrap();
        let linkage = &town.at("minato").rooms().linkage;
        linkage.end_home_link(&id, yukimi.id()).await.unwrap();
        let federation = town.at("minato").node().federation();
        federation.unlinking().round().await.unwrap();
        let envoy = shirakaba.envoy();
        let answer = envoy.ask(yukimi, &token, "Observation", town.now()).await;
        assert_eq!(answer.code(), "token_issuer_not_home");
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_of_two_people_are_not_linked_whoever_holds_the_code() {
    for store in Store::each() {
        let (town, hana) = town(store).await;
        town.at("minato").load(&[chart("hana", "1991-03-14")]).await;
        let (_, offer) = offered(&town).await;
        let code = offer["code"].as_str().unwrap();
        for _again in 0..2 {
            let (status, told) = handed_in(&town, &hana, code).await;
            assert_eq!((status, told["code"].as_str()), (409, Some("link_differs")));
            let detail = told["detail"].as_str().unwrap();
            assert!(
                detail.contains("ask at the desk") && !detail.contains("birth"),
                "{detail}"
            );
        }
        let linkage = &town.at("yukimi").rooms().linkage;
        assert!(linkage.links(None).await.unwrap().is_empty());
        for name in ["minato", "yukimi"] {
            let lines = town.at(name).audit().await;
            let told = lines.iter().any(|line| line.outcome == "link_differs");
            assert!(told, "{name} has written nothing down");
        }
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_the_code_learns_nothing_and_is_locked_out() {
    let (town, hana) = town(Store::Sqlite).await;
    let (_, offer) = offered(&town).await;
    let code = offer["code"].as_str().unwrap();
    let (yukimi, shirakaba) = (town.at("yukimi"), town.at("shirakaba").envoy());
    // A right code of another home is like one that nobody was given.
    let foreign = says(&town, &shirakaba, yukimi, &begin(code)).await;
    let wrong = says(&town, &shirakaba, yukimi, &begin("00000-00000")).await;
    assert_eq!(foreign.code(), "code_unknown");
    assert_eq!((foreign.status, &foreign.body), (wrong.status, &wrong.body));
    let proof = "A".repeat(86);
    let confirm = json!({ "confirm": { "code": code, "proof": proof } });
    assert_eq!(
        says(&town, &shirakaba, yukimi, &confirm).await.code(),
        "code_unknown"
    );
    for _guess in 0..2 {
        says(&town, &shirakaba, yukimi, &begin("00000-00001")).await;
    }
    let locked = says(&town, &shirakaba, yukimi, &begin(code)).await;
    assert_eq!(locked.code(), "code_locked");
    // What is no message is refused unread, and a list is none.
    for body in [json!({}), json!({ "begin": [] }), json!({ "offer": code })] {
        let refused = says(&town, &shirakaba, yukimi, &body).await;
        assert_eq!(refused.code(), "query_not_allowed");
    }
    assert_eq!(
        handed_in(&town, &hana, code).await.0,
        201,
        "the person is not locked out"
    );
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_message_makes_no_second_link() {
    let (town, hana) = town(Store::Sqlite).await;
    let (_, offer) = offered(&town).await;
    let code = offer["code"].as_str().unwrap();
    let (yukimi, minato) = (town.at("yukimi"), town.at("minato").envoy());
    let now = town.now();
    let draft = RequestDraft {
        path: "/federation/v1/links".to_owned(),
        body: begin("00000-00000").to_string().into_bytes(),
        ..minato.echo(yukimi, now)
    };
    let parcel = minato.sign(draft, now);
    assert_eq!(minato.send(yukimi, &parcel).await.code(), "code_unknown");
    assert_eq!(minato.send(yukimi, &parcel).await.code(), "replay_detected");
    for status in [201, 409] {
        // The phone has kept the link: with a new key, the used code is worth nothing.
        let (got, told) = handed_in(&town, &hana, code).await;
        assert_eq!(got, status, "{told}");
    }
    let links = yukimi.rooms().linkage.links(None).await.unwrap();
    assert_eq!(links.len(), 1);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_desk_gives_codes_and_only_people_hand_them_in() {
    let (town, _hana) = town(Store::Sqlite).await;
    let yukimi = town.at("yukimi");
    let body = json!({ "patient": "hana", "shown": [{"kind": "my_number_card"}] });
    for role in [Role::Physician, Role::System, Role::Auditor, Role::Admin] {
        let token = yukimi.token(role, "x-1").await;
        let (status, told) = yukimi.post("/api/v1/links", &token, &body).await;
        assert_eq!((status, told["code"].as_str()), (403, Some("forbidden")));
        let (status, _) = yukimi.get("/api/v1/links/offers", &token).await;
        assert_eq!(status, 403);
    }
    let desk = yukimi.token(Role::Registrar, "desk-1").await;
    let (status, told) = yukimi.post("/api/v1/links", &desk, &body).await;
    assert_eq!(status, 400, "{told}");
    assert_eq!(told["code"], "identifiers_insufficient");
    let (status, _) = yukimi.post("/api/v1/links", "nobody", &body).await;
    assert_eq!(status, 401);
    town.stop().await;
}
