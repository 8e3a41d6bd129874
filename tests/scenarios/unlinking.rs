//! Links end at the person's word and at nobody else's; a handle that meant the wrong chart opens it
//! no longer.

use federation_protocol::signature::RequestDraft;
use musubi_node::linkage::phone::Phone;
use scenarios::{Envoy, Hospital, Patient, Reply, Store, Town, charts};
use serde_json::json;

const HOSPITALS: [&str; 3] = ["minato", "yukimi", "shirakaba"];

/// Hana is at home at Minato and known at Yukimi; Shirakaba asks.
async fn town(store: Store) -> (Town, Patient) {
    let town = Town::start(&HOSPITALS, store).await;
    for name in ["minato", "yukimi"] {
        let chart = [
            charts::patient("hana", "佐藤", "花"),
            charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
        ];
        town.at(name).load(&chart).await;
    }
    let hana = town.person("hana", "minato", &["yukimi"]).await;
    (town, hana)
}

async fn visit(town: &Town, hana: &Patient) -> String {
    let mut tokens = town.tokens(hana, "shirakaba", "lab").await;
    tokens.remove("yukimi").unwrap()
}

async fn ask(town: &Town, token: &str) -> Reply {
    let (envoy, yukimi) = (town.at("shirakaba").envoy(), town.at("yukimi"));
    envoy.ask(yukimi, token, "Observation", town.now()).await
}

fn handle(hana: &Patient) -> String {
    let phone = Phone::open(&hana.phone).unwrap();
    let assertion = &phone.carried()[0].assertion;
    let payload = assertion.split('.').nth(1).unwrap();
    let payload = federation_protocol::base64url::decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["pp"].as_str().unwrap().to_owned()
}

async fn says_ended(town: &Town, envoy: &Envoy, to: &Hospital, handle: &str) -> Reply {
    let now = town.now();
    let draft = RequestDraft {
        path: "/federation/v1/links".to_owned(),
        body: json!({ "end": handle }).to_string().into_bytes(),
        ..envoy.echo(to, now)
    };
    envoy.send(to, &envoy.sign(draft, now)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tap_ends_the_tokens_and_the_link_at_the_hospital() {
    for store in Store::each() {
        let (town, hana) = town(store).await;
        let token = visit(&town, &hana).await;
        assert_eq!(ask(&town, &token).await.status, 200);
        let minato = town.at("minato");
        let rooms = minato.rooms();
        let id = hana.person.parse().unwrap();
        let person = rooms.linkage.person(&id).await.unwrap();
        let until = town.now().plus_seconds(3_600);
        let own = rooms
            .identity
            .create_for_person(person.id, person.patient, until);
        let own = own.await.unwrap().1.reveal().to_owned();

        let client = reqwest::Client::new();
        let url = format!("http://{}/api/v1/links", minato.node().addresses().patient);
        let listed = client.get(&url).bearer_auth(&own).send().await.unwrap();
        let listed: serde_json::Value = listed.json().await.unwrap();
        let yukimi = town.at("yukimi").id();
        assert_eq!(listed, json!({ "links": [{ "hospital": yukimi }] }));
        let url = format!("{url}/{yukimi}");
        for status in [204, 404] {
            let ended = client.delete(&url).bearer_auth(&own).send().await.unwrap();
            assert_eq!(ended.status().as_u16(), status);
        }

        let federation = minato.node().federation();
        federation.delivery().round().await.unwrap();
        assert_eq!(ask(&town, &token).await.code(), "token_revoked");
        federation.unlinking().round().await.unwrap();
        assert_eq!(ask(&town, &token).await.code(), "token_issuer_not_home");
        let links = town.at("yukimi").rooms().linkage.links(None).await.unwrap();
        assert!(links.iter().all(|link| link.ended_at.is_some()));
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_its_home_ends_a_link_and_nobody_learns_whether_there_is_one() {
    let (town, hana) = town(Store::Sqlite).await;
    let token = visit(&town, &hana).await;
    let (yukimi, shirakaba) = (town.at("yukimi"), town.at("shirakaba").envoy());
    let known = says_ended(&town, &shirakaba, yukimi, &handle(&hana)).await;
    let unknown = says_ended(&town, &shirakaba, yukimi, "pp:BwcHBwcHBwcHBwcHBwcHBw").await;
    assert_eq!(known.status, 200);
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    assert_eq!(ask(&town, &token).await.status, 200, "the link lives");
    let minato = town.at("minato").envoy();
    says_ended(&town, &minato, yukimi, &handle(&hana)).await;
    assert_eq!(ask(&town, &token).await.code(), "token_issuer_not_home");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_handle_opens_the_right_chart_to_new_tokens_and_none_to_old_ones() {
    for store in Store::each() {
        let (town, hana) = town(store).await;
        let right = [
            charts::patient("hana-2", "佐藤", "花"),
            charts::hba1c("right-1", "hana-2", "2026-06-01", "6.40"),
        ];
        town.at("yukimi").load(&right).await;
        let token = visit(&town, &hana).await;
        assert_eq!(ask(&town, &token).await.resources()[0]["id"], "yukimi-1");

        let chart = town.at("yukimi").chart("hana-2").await;
        let linkage = &town.at("yukimi").rooms().linkage;
        let handle = handle(&hana).parse().unwrap();
        linkage.correct(&handle, chart, "hana-2").await.unwrap();
        assert_eq!(ask(&town, &token).await.code(), "token_revoked");
        town.clock.advance(61);
        let token = visit(&town, &hana).await;
        assert_eq!(ask(&town, &token).await.resources()[0]["id"], "right-1");
        town.stop().await;
    }
}
