//! `kill -9` of a node in the middle of its work, again and again: what it acknowledged is there.
//!
//! Minato is a process of its own and everything at once: a hospital whose systems write, the home
//! node of the person, and the responder to Shirakaba's questions. What it acknowledged is written
//! down by the test; after each kill it is started again and everything is looked for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use federation_service::clock::Stopwatch;
use futures_util::future::join_all;
use musubi_node::identity::Role;
use reqwest::Client;
use scenarios::envoy::Parcel;
use scenarios::{Envoy, Hospital, Patient, Process, Store, Town, charts};
use serde_json::{Value, json};

use crate::program;

mod found;

use found::Seen;

const SQLITE_ROUNDS: usize = 20;
const POSTGRES_ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_under_load_lose_nothing_that_was_acknowledged() {
    for store in Store::each() {
        let rounds = match store {
            Store::Sqlite => SQLITE_ROUNDS,
            Store::Postgres => POSTGRES_ROUNDS,
        };
        let watch = Stopwatch::start();
        let mut town = Town::in_real_time(&["minato", "shirakaba"], store).await;
        let work = Work::begin(&mut town).await;
        let mut seen = Seen::default();
        let mut process = program().serve(town.at("minato")).await;
        for round in 0..rounds {
            let load = Duration::from_millis(400 + u64::try_from(round * 97 % 500).unwrap());
            work.until_killed(&town, process, load, round == 0).await;
            process = program().serve(town.at("minato")).await;
            let last = round + 1 == rounds;
            seen.nothing_is_lost(&town, &work, last).await;
        }
        process.kill_nine();
        println!(
            "{store:?}: {rounds} kills in {:.0?}; {seen}",
            watch.elapsed()
        );
        let done = seen.counts();
        assert!(
            done.iter().all(|count| *count > 0),
            "too little was done: {done:?}"
        );
        town.stop().await;
    }
}

/// What is done to Minato, and what it acknowledged in this life.
struct Work {
    hana: Patient,
    envoy: Envoy,
    token: String,
    system: String,
    client: Client,
    going_on: Cell<bool>,
    number: Cell<usize>,
    acknowledged: RefCell<Acknowledged>,
}

/// What Minato acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// `Type/id` and the mark in the resource.
    created: Vec<(String, String)>,
    /// The mark of the last acknowledged update of the one resource that is written again and
    /// again.
    updated: Vec<usize>,
    /// Every signed question that was answered with its result.
    answered: Vec<(String, Parcel)>,
    /// Directives and their status.
    directives: BTreeMap<String, &'static str>,
    /// Codes that were redeemed.
    redeemed: Vec<String>,
}

impl Acknowledged {
    fn something_of_each(&self) -> bool {
        !(self.created.is_empty()
            || self.updated.is_empty()
            || self.answered.is_empty()
            || self.directives.is_empty()
            || self.redeemed.is_empty())
    }
}

impl Work {
    /// Sets the town up with all nodes in this process, then ends Minato here.
    async fn begin(town: &mut Town) -> Self {
        town.at("minato")
            .load(&[
                charts::patient("hana", "佐藤", "花"),
                charts::hba1c("first", "hana", "2026-05-01", "7.20"),
                charts::prescription("again", "hana", "2026-05-01", "0"),
            ])
            .await;
        let hana = town.person("hana", "minato", &["minato"]).await;
        let grant = town.grant(&hana, "shirakaba", "lab").await;
        let work = Self {
            envoy: town.at("shirakaba").envoy(),
            token: town.token_of(&grant, "shirakaba", "minato").await,
            system: town.at("minato").token(Role::System, "ehr").await,
            client: Client::builder().no_proxy().build().unwrap(),
            hana,
            going_on: Cell::new(true),
            number: Cell::new(0),
            acknowledged: RefCell::default(),
        };
        town.at_mut("minato").stop().await;
        work
    }

    /// Works for a while, kills the node, and lets everybody notice. With `everything`, works on
    /// until something of each kind was acknowledged.
    async fn until_killed(&self, town: &Town, process: Process, load: Duration, everything: bool) {
        let minato = town.at("minato");
        self.going_on.set(true);
        let killing = async {
            tokio::time::sleep(load).await;
            while everything && !self.acknowledged.borrow().something_of_each() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            process.kill_nine();
            self.going_on.set(false);
        };
        let writing = join_all((0..3).map(|_| self.write(minato)));
        let asking = join_all((0..3).map(|_| self.ask(town)));
        tokio::join!(
            killing,
            writing,
            asking,
            self.write_again(minato),
            self.decide(town),
            self.visit(town),
        );
    }

    fn next(&self) -> usize {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    /// The hospital's system: new results.
    async fn write(&self, minato: &Hospital) {
        while self.going_on.get() {
            let mark = format!("mark-{:06}", self.next());
            let mut result = charts::hba1c("unused", "hana", "2026-05-02", "6.90");
            let members = result.as_object_mut().unwrap();
            members.remove("id");
            members.insert("note".to_owned(), json!([{ "text": mark }]));
            let url = format!("{}/fhir/Observation", minato.staff_url());
            let sent = self
                .client
                .post(url)
                .bearer_auth(&self.system)
                .json(&result);
            let Ok(reply) = sent.send().await else {
                continue;
            };
            assert_eq!(reply.status(), 201);
            let location = reply.headers()["location"].to_str().unwrap();
            let (address, _) = location.split_once("/_history/").unwrap();
            let (_, id) = address.rsplit_once('/').unwrap();
            let created = (format!("Observation/{id}"), mark);
            self.acknowledged.borrow_mut().created.push(created);
        }
    }

    /// The hospital's system: one prescription, changed again and again.
    async fn write_again(&self, minato: &Hospital) {
        while self.going_on.get() {
            let mark = self.next();
            let drug = mark.to_string();
            let changed = charts::prescription("again", "hana", "2026-05-01", &drug);
            let url = format!("{}/fhir/MedicationRequest/again", minato.staff_url());
            let sent = self
                .client
                .put(url)
                .bearer_auth(&self.system)
                .json(&changed);
            let Ok(reply) = sent.send().await else {
                continue;
            };
            assert_eq!(reply.status(), 200);
            self.acknowledged.borrow_mut().updated.push(mark);
        }
    }

    /// Shirakaba's signed questions.
    async fn ask(&self, town: &Town) {
        let minato = town.at("minato");
        while self.going_on.get() {
            let now = town.now();
            let draft = self
                .envoy
                .search(minato, &self.token, "Observation?_count=5", now);
            let exchange = draft.exchange.to_string();
            let parcel = self.envoy.sign(draft, now);
            let Ok(reply) = self.envoy.try_to_send(minato, &parcel).await else {
                continue;
            };
            if reply.status == 200 {
                self.acknowledged
                    .borrow_mut()
                    .answered
                    .push((exchange, parcel));
            } else {
                assert_eq!(reply.code(), "rate_limited");
            }
        }
    }

    /// The person gives and withdraws, by the commands beside the running node.
    async fn decide(&self, town: &Town) {
        let minato = town.at("minato");
        let give = [
            "consent",
            "give",
            "--person",
            &self.hana.person,
            "--to",
            "0110000002",
            "--categories",
            "rx",
            "-o",
            "json",
        ];
        while self.going_on.get() {
            let id = directive(&program().node_later(minato, &give).await);
            let given = |status| {
                self.acknowledged
                    .borrow_mut()
                    .directives
                    .insert(id.clone(), status)
            };
            given("active");
            if !self.going_on.get() && self.next().is_multiple_of(2) {
                return;
            }
            let withdraw = ["consent", "withdraw", &id, "-o", "json"];
            assert_eq!(
                directive(&program().node_later(minato, &withdraw).await),
                id
            );
            given("inactive");
        }
    }

    /// Visit codes, redeemed at Minato over the federation: each makes a directive and tokens.
    async fn visit(&self, town: &Town) {
        let minato = town.at("minato");
        let phone = self.hana.phone.to_str().unwrap();
        let words = [
            "code",
            "--for",
            "0110000002",
            "--phone",
            phone,
            "--categories",
            "lab",
            "-o",
            "json",
        ];
        while self.going_on.get() {
            let made = program().node_later(minato, &words).await;
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
            let made: Value = serde_json::from_slice(&made.stdout).unwrap();
            let code = made["code"].as_str().unwrap().to_owned();
            let now = town.now();
            let redemption = self.envoy.redemption(minato, &code, "lab", now);
            let redemption = self.envoy.sign(redemption, now);
            let Ok(reply) = self.envoy.try_to_send(minato, &redemption).await else {
                continue;
            };
            assert_eq!(reply.status, 200, "{}", reply.code());
            self.acknowledged.borrow_mut().redeemed.push(code);
        }
    }
}

/// The directive that a command names.
fn directive(command: &std::process::Output) -> String {
    let told = String::from_utf8_lossy(&command.stderr);
    assert!(command.status.success(), "{told}");
    let said: Value = serde_json::from_slice(&command.stdout).unwrap();
    said["directive"].as_str().unwrap().to_owned()
}
