//! Ended tokens are told to their hospitals at once: who believes whom, what arrives over a cut, and
//! what the person sees of it.

use federation_protocol::base64url;
use federation_protocol::signature::RequestDraft;
use futures_util::future::join_all;
use musubi_node::consent::{ArrivalState, DirectiveId, Subject};
use scenarios::envoy::{Parcel, nobody, stranger, try_to_send};
use scenarios::{Envoy, Patient, Reply, Store, Town, Witness, charts};
use serde_json::{Value, json};

const PATH: &str = "/federation/v1/revocations";
const HOSPITALS: [&str; 3] = ["minato", "yukimi", "shirakaba"];
/// Hospitals that do not reach the home node obey after so many seconds at the latest.
const CUT_OFF_SECONDS: i64 = 300;

/// A town, a person known at her home Minato and at Yukimi, and the token that Shirakaba holds for
/// Yukimi.
struct Scene {
    town: Town,
    hana: Patient,
    token: String,
}

impl Scene {
    async fn set(store: Store) -> Self {
        let town = Town::start(&HOSPITALS, store).await;
        for name in ["minato", "yukimi"] {
            let chart = [
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
            ];
            town.at(name).load(&chart).await;
        }
        let hana = town.person("hana", "minato", &["minato", "yukimi"]).await;
        let mut scene = Self {
            town,
            hana,
            token: String::new(),
        };
        scene.token = scene.visit().await;
        scene
    }

    /// One more visit at Shirakaba; the token for Yukimi.
    async fn visit(&self) -> String {
        let mut tokens = self.town.tokens(&self.hana, "shirakaba", "lab").await;
        tokens.remove("yukimi").unwrap()
    }

    /// The code of Yukimi's refusal; empty when the result was shown.
    async fn ask(&self, token: &str) -> String {
        let (envoy, now) = (self.town.at("shirakaba").envoy(), self.town.now());
        let yukimi = self.town.at("yukimi");
        let reply = envoy.ask(yukimi, token, "Observation", now).await;
        assert_eq!(reply.status == 200, reply.code().is_empty());
        reply.code()
    }

    /// Withdraws everything that is active; the first directive.
    async fn withdraw(&self) -> DirectiveId {
        let consents = &self.town.at("minato").rooms().consents;
        let person = Subject::Person(self.hana.person.parse().unwrap());
        let given = consents.list(person).await.unwrap();
        let active: Vec<_> = given.iter().filter(|one| one.status == "active").collect();
        for one in &active {
            consents.withdraw(&one.id).await.unwrap();
        }
        active[0].id.clone()
    }

    /// Minato tells everybody whose time has come.
    async fn tell(&self) {
        let minato = self.town.at("minato").node();
        minato.federation().delivery().round().await.unwrap();
    }

    /// Where the change has arrived, by hospital.
    async fn arrivals(&self, id: &DirectiveId) -> Vec<(String, ArrivalState)> {
        let consents = &self.town.at("minato").rooms().consents;
        let found = consents.arrivals(id).await.unwrap().into_iter();
        found
            .map(|one| {
                let name = HOSPITALS
                    .iter()
                    .find(|name| *self.town.at(name).id() == one.hospital);
                ((*name.unwrap()).to_owned(), one.state)
            })
            .collect()
    }

    /// The `jti` of a token.
    fn jti(token: &str) -> String {
        let payload = token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&base64url::decode(payload).unwrap()).unwrap();
        claims["jti"].as_str().unwrap().to_owned()
    }

    /// A push by `envoy` to Yukimi, signed rightly.
    fn push(&self, envoy: &Envoy, body: &str) -> Parcel {
        let now = self.town.now();
        let draft = RequestDraft {
            path: PATH.to_owned(),
            body: body.as_bytes().to_vec(),
            ..envoy.echo(self.town.at("yukimi"), now)
        };
        envoy.sign(draft, now)
    }

    async fn pushed(&self, envoy: &Envoy, body: &Value) -> Reply {
        let parcel = self.push(envoy, &body.to_string());
        envoy.send(self.town.at("yukimi"), &parcel).await
    }
}

fn fresh(count: u128) -> Vec<String> {
    (1..=count)
        .map(|number| base64url::encode(number.to_be_bytes()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_is_told_and_holds_without_a_second_passing() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        assert_eq!(scene.ask(&scene.token).await, "", "the list is fresh");
        let now = scene.town.now();
        let id = scene.withdraw().await;
        scene.tell().await;
        assert_eq!(scene.ask(&scene.token).await, "token_revoked");
        let delivered = |name: &str| (name.to_owned(), ArrivalState::Delivered(now));
        assert_eq!(
            scene.arrivals(&id).await,
            [delivered("minato"), delivered("yukimi")]
        );
        // Both sides wrote it down, under one exchange.
        let told = scene.town.at("minato").audit().await;
        let yukimi = scene.town.at("yukimi").id().as_str();
        let told = told.iter().find(|line| {
            line.outcome == "revocation_delivered" && line.peer.as_deref() == Some(yukimi)
        });
        let told = told.unwrap();
        assert_eq!(told.person.as_deref(), Some(scene.hana.person.as_str()));
        let taken = scene.town.at("yukimi").audit().await;
        let taken = taken
            .iter()
            .find(|line| line.outcome == "revocations_taken")
            .unwrap();
        assert_eq!(taken.exchange, told.exchange);
        assert_eq!(taken.person, None, "Yukimi is not told whose it was");
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_holds_over_a_restart_of_the_hospital_and_the_loss_of_the_home() {
    for store in Store::each() {
        let mut scene = Scene::set(store).await;
        scene.withdraw().await;
        scene.tell().await;
        scene.town.at_mut("minato").stop().await;
        scene.town.restart("yukimi").await;
        scene.town.settle().await;
        assert_eq!(scene.ask(&scene.token).await, "token_revoked");
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_that_was_cut_off_is_told_when_it_is_back_though_the_home_was_restarted() {
    for store in Store::each() {
        let mut scene = Scene::set(store).await;
        scene.town.at_mut("yukimi").stop().await;
        let cut_at = scene.town.now();
        let id = scene.withdraw().await;
        scene.tell().await;
        let pending = ArrivalState::Pending {
            since: cut_at,
            at_the_latest: cut_at.plus_seconds(CUT_OFF_SECONDS),
        };
        let yukimi = ("yukimi".to_owned(), pending);
        assert_eq!(scene.arrivals(&id).await[1], yukimi);

        scene.town.restart("minato").await;
        scene.town.settle().await;
        for pause in [1, 5, 30, 60] {
            scene.town.clock.advance(pause);
            scene.tell().await;
        }
        assert_eq!(scene.arrivals(&id).await[1], yukimi);
        // A second change meanwhile waits behind the first.
        let second = scene.visit().await;
        scene.withdraw().await;

        let time = scene.town.shared_clock();
        scene.town.at_mut("yukimi").start(time).await;
        scene.town.settle().await;
        scene.town.clock.advance(60);
        scene.tell().await;
        let after = scene.town.now().seconds_since(cut_at);
        println!("withdrawal, reconnected: told {after} s after the cut, at the first try");
        assert!(after <= CUT_OFF_SECONDS);
        for token in [&scene.token, &second] {
            assert_eq!(scene.ask(token).await, "token_revoked");
        }
        let delivered = ArrivalState::Delivered(scene.town.now());
        assert_eq!(scene.arrivals(&id).await[1].1, delivered);
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_tokens_of_another_s_people() {
    for store in Store::each() {
        let scene = Scene::set(store).await;
        let (yukimi, jti) = (scene.town.at("yukimi"), Scene::jti(&scene.token));
        // Shirakaba is a member in good standing, and knows the token: it holds it.
        let shirakaba = scene.town.at("shirakaba").envoy();
        let body = json!({ "sequence": 1, "jti": [jti] });
        let reply = scene.pushed(&shirakaba, &body).await;
        assert_eq!(reply.status, 200, "it may say so of tokens of its own");
        assert_eq!(scene.ask(&scene.token).await, "");

        // Nor in the home's name.
        let (minato, now) = (scene.town.at("minato").id().clone(), scene.town.now());
        let forged = RequestDraft {
            from: minato.clone(),
            path: PATH.to_owned(),
            body: body.to_string().into_bytes(),
            ..shirakaba.echo(yukimi, now)
        };
        let reply = shirakaba.send(yukimi, &shirakaba.sign(forged, now)).await;
        assert_eq!(reply.code(), "key_unknown");
        assert_eq!(scene.ask(&scene.token).await, "");

        // The home itself may.
        let home = scene.town.at("minato").envoy();
        let reply = scene.pushed(&home, &body).await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({ "acknowledged": 1 }))
        );
        assert_eq!(scene.ask(&scene.token).await, "token_revoked");
        scene.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_gets_in_by_the_one_door_and_in_its_one_form() {
    let scene = Scene::set(Store::Sqlite).await;
    let (yukimi, minato) = (scene.town.at("yukimi"), scene.town.at("minato").envoy());
    let body = json!({ "sequence": 1, "jti": fresh(1) }).to_string();
    let right = scene.push(&minato, &body);
    for client in [nobody(), stranger(scene.town.now())] {
        // Turned away in the handshake, or told what every stranger is told.
        let reply = try_to_send(&client, yukimi, &right).await;
        assert!(reply.map_or(true, |reply| reply.code() == "key_unknown"));
    }
    // Meant for another member.
    let now = scene.town.now();
    let astray = RequestDraft {
        to: scene.town.at("shirakaba").id().clone(),
        path: PATH.to_owned(),
        body: body.clone().into_bytes(),
        ..minato.echo(yukimi, now)
    };
    let reply = minato.send(yukimi, &minato.sign(astray, now)).await;
    assert_eq!((reply.status, reply.code().as_str()), (421, "wrong_member"));

    // What is no push: written down once, answered signed.
    for wrong in [
        "{}".to_owned(),
        "[]".to_owned(),
        json!({ "sequence": 0, "jti": fresh(1) }).to_string(),
        json!({ "sequence": 1, "jti": [] }).to_string(),
        json!({ "sequence": 1, "jti": ["a b"] }).to_string(),
        json!({ "sequence": 1, "jti": fresh(1_001) }).to_string(),
        json!({ "sequence": 1, "jti": fresh(1), "iss": minato.id }).to_string(),
    ] {
        let witness = Witness::of(yukimi, "query_not_allowed", Some(&minato.id)).await;
        let reply = minato.send(yukimi, &scene.push(&minato, &wrong)).await;
        witness.saw_it_written(400, &reply).await;
    }
    // A hundred thousand at once do not even reach the parser.
    let flood = json!({ "sequence": 1, "jti": fresh(100_000) }).to_string();
    let reply = minato
        .try_to_send(yukimi, &scene.push(&minato, &flood))
        .await;
    assert!(reply.map_or(true, |reply| reply.code() == "request_too_large"));

    // And the right one once.
    assert_eq!(minato.send(yukimi, &right).await.status, 200);
    let witness = Witness::of(yukimi, "replay_detected", Some(&minato.id)).await;
    let reply = minato.send(yukimi, &right).await;
    witness.saw_it_written(401, &reply).await;
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_ended_tokens_of_one_home_are_taken_and_no_more() {
    let scene = Scene::set(Store::Sqlite).await;
    let (shirakaba, minato) = (scene.town.at("shirakaba").envoy(), scene.town.at("minato"));
    let all = fresh(100_001);
    for (at, jtis) in all.chunks(1_000).enumerate() {
        let body = json!({ "sequence": at + 1, "jti": jtis });
        let reply = scene.pushed(&shirakaba, &body).await;
        let expected = if at < 100 { "" } else { "rate_limited" };
        assert_eq!(reply.code(), expected, "push {at}");
    }
    // Others are heard as before.
    let body = json!({ "sequence": 1, "jti": [Scene::jti(&scene.token)] });
    let reply = scene.pushed(&minato.envoy(), &body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(scene.ask(&scene.token).await, "token_revoked");
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_go_backwards_or_leave_a_gap_are_answered_with_what_is_unbroken() {
    let scene = Scene::set(Store::Sqlite).await;
    let minato = scene.town.at("minato").envoy();
    let jtis = fresh(5);
    for (at, (sequence, acknowledged)) in
        [(2, 0), (1, 1), (2, 2), (9, 2), (1, 2)].iter().enumerate()
    {
        let body = json!({ "sequence": sequence, "jti": [jtis[at]] });
        let reply = scene.pushed(&minato, &body).await;
        assert_eq!(reply.json(), json!({ "acknowledged": acknowledged }));
    }
    scene.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_sees_hospital_by_hospital_where_the_change_has_arrived() {
    let mut scene = Scene::set(Store::Sqlite).await;
    scene.town.at_mut("yukimi").stop().await;
    let id = scene.withdraw().await;
    scene.tell().await;
    let minato = scene.town.at("minato");
    let rooms = minato.rooms();
    let until = scene.town.now().plus_seconds(3_600);
    let person = scene.hana.person.parse().unwrap();
    let person = rooms.linkage.person(&person).await.unwrap();
    let identity = &rooms.identity;
    let own = identity.create_for_person(person.id, person.patient, until);
    let own = own.await.unwrap().1.reveal().to_owned();

    let ask = async |id: &str, token: &str| -> (u16, Value) {
        let address = minato.node().addresses().patient;
        let url = format!("http://{address}/api/v1/consents/{id}/arrivals");
        let request = reqwest::Client::new().get(url).bearer_auth(token);
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap())
    };
    let (status, shown) = ask(id.as_str(), &own).await;
    assert_eq!(status, 200);
    let hospitals = shown["hospitals"].as_array().unwrap();
    let states: Vec<_> = hospitals
        .iter()
        .map(|one| {
            (
                one["name"].as_str().unwrap(),
                one["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(states, [("minato", "delivered"), ("yukimi", "pending")]);
    let latest = scene.town.now().plus_seconds(CUT_OFF_SECONDS).to_string();
    assert_eq!(hospitals[1]["at_the_latest"], latest);
    assert_eq!(ask("none", &own).await.0, 404);
    let read = minato.audit().await;
    let read = read.iter().filter(|line| line.outcome == "arrivals_shown");
    assert_eq!(read.count(), 1);
    scene.town.stop().await;
}

/// By the machine's clock, by a command beside the running node: what people wait.
#[tokio::test(flavor = "multi_thread")]
async fn by_the_real_clock_a_command_s_withdrawal_is_told_within_the_promise() {
    use federation_service::clock::Stopwatch;
    let town = Town::in_real_time(&HOSPITALS, Store::Sqlite).await;
    for name in ["minato", "yukimi"] {
        let chart = [
            charts::patient("hana", "佐藤", "花"),
            charts::hba1c(&format!("{name}-1"), "hana", "2026-05-01", "7.20"),
        ];
        town.at(name).load(&chart).await;
    }
    let hana = town.person("hana", "minato", &["minato", "yukimi"]).await;
    let tokens = town.tokens(&hana, "shirakaba", "lab").await;
    let envoy = town.at("shirakaba").envoy();
    let ask = async |name: &str| {
        let at = town.at(name);
        let reply = envoy
            .ask(at, &tokens[name], "Observation", town.now())
            .await;
        reply.code()
    };
    for name in ["minato", "yukimi"] {
        assert_eq!(ask(name).await, "");
    }
    let beside = town.at("minato").rooms_beside(town.shared_clock());
    let person = Subject::Person(hana.person.parse().unwrap());
    let given = beside.consents.list(person).await.unwrap();
    beside.consents.withdraw(&given[0].id).await.unwrap();
    let watch = Stopwatch::start();
    let measured = ["minato", "yukimi"].map(|name| {
        let (ask, watch) = (&ask, &watch);
        async move {
            while ask(name).await != "token_revoked" {
                assert!(watch.elapsed().as_secs() < 60, "{name} goes on");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            (name, watch.elapsed().as_secs_f64())
        }
    });
    for (name, seconds) in join_all(measured).await {
        println!("withdrawal by a command, told: {name} refuses after {seconds:.2} s (<= 60 s)");
    }
    drop(beside);
    town.stop().await;
}
