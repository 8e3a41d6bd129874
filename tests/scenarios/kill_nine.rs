//! `kill -9` of a node in the middle of its work, again and again: what it acknowledged is there.
//!
//! Minato is a process of its own and everything at once: a hospital whose systems write, the home
//! node of the person, and the responder to Shirakaba's questions. What it acknowledged is written
//! down by the test; after each kill it is started again and everything is looked for.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use federation_service::clock::Stopwatch;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use musubi_node::app::Rooms;
use musubi_node::audit::{Filter, Recorded};
use musubi_node::consent::Subject;
use musubi_node::identity::Role;
use reqwest::Client;
use scenarios::envoy::Parcel;
use scenarios::{Envoy, Hospital, Patient, Process, Store, Town, charts};
use serde_json::{Value, json};

use crate::program;

const SQLITE_ROUNDS: usize = 20;
const POSTGRES_ROUNDS: usize = 5;
/// Of each round, so many acknowledged questions are sent once more.
const REPLAYED: usize = 12;

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
            work.until_killed(&town, process, load).await;
            process = program().serve(town.at("minato")).await;
            work.nothing_is_lost(&town, &mut seen, round).await;
        }
        process.kill_nine();
        println!(
            "{store:?}: {rounds} kills in {:.0?}; {}",
            watch.elapsed(),
            seen.said
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

/// What was found after earlier kills.
#[derive(Default)]
struct Seen {
    created: Vec<(String, String)>,
    exchanges: HashSet<String>,
    directives: BTreeMap<String, &'static str>,
    updates: usize,
    redeemed: usize,
    replayed: usize,
    lines: HashMap<i64, (String, Option<String>)>,
    said: String,
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

    /// Works for a while, kills the node, and lets everybody notice.
    async fn until_killed(&self, town: &Town, process: Process, load: Duration) {
        let minato = town.at("minato");
        self.going_on.set(true);
        let killing = async {
            tokio::time::sleep(load).await;
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
        let (minato, shirakaba) = (town.at("minato"), town.at("shirakaba"));
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
            let (status, _) = shirakaba.redeem(minato, &code, "dr-1", &["lab"]).await;
            if status == 201 {
                self.acknowledged.borrow_mut().redeemed.push(code);
            }
        }
    }

    /// After a restart: everything that was acknowledged in the life before is there, and
    /// everything that was there before still is.
    async fn nothing_is_lost(&self, town: &Town, seen: &mut Seen, round: usize) {
        let minato = town.at("minato");
        let acknowledged = self.acknowledged.take();
        self.replays_are_refused(minato, &acknowledged.answered)
            .await;
        seen.replayed += acknowledged.answered.len().min(REPLAYED);
        self.records_are_there(minato, &acknowledged, &seen.created, round)
            .await;
        self.codes_are_used_up(town, &acknowledged.redeemed).await;
        seen.created.extend(acknowledged.created);
        seen.updates += acknowledged.updated.len();
        seen.redeemed += acknowledged.redeemed.len();
        seen.directives.extend(acknowledged.directives);
        let answered = acknowledged
            .answered
            .into_iter()
            .map(|(exchange, _)| exchange);
        seen.exchanges.extend(answered);
        let rooms = minato.rooms_beside(town.shared_clock());
        directives_are_there(&rooms, &self.hana, seen).await;
        lines_are_there(&rooms, seen).await;
        let [created, updates, exchanges, directives, redeemed, replayed] = seen.counts();
        seen.said = format!(
            "acknowledged and found again: {created} creates, {updates} updates, {exchanges} \
             answers with their audit lines, {directives} directives given or withdrawn, \
             {redeemed} visit codes; {replayed} answered questions refused as replays"
        );
    }

    async fn replays_are_refused(&self, minato: &Hospital, answered: &[(String, Parcel)]) {
        // The newest are those that a lazy disk would have lost.
        for (exchange, parcel) in answered.iter().rev().take(REPLAYED) {
            let reply = self.envoy.try_to_send(minato, parcel).await.unwrap();
            assert_eq!(reply.code(), "replay_detected", "{exchange}");
        }
    }

    async fn records_are_there(
        &self,
        minato: &Hospital,
        acknowledged: &Acknowledged,
        before: &[(String, String)],
        round: usize,
    ) {
        let old = before.iter().skip(round % 10).step_by(10);
        let reads = acknowledged
            .created
            .iter()
            .chain(old)
            .map(|(address, mark)| async move {
                let (status, text) = minato
                    .get_raw(&format!("/fhir/{address}"), &self.system)
                    .await;
                assert_eq!(status, 200, "{address}");
                assert!(text.contains(mark.as_str()), "{address}: {text}");
            });
        stream::iter(reads).buffer_unordered(8).count().await;
        let (status, again) = minato
            .get("/fhir/MedicationRequest/again", &self.system)
            .await;
        assert_eq!(status, 200);
        let mark = again["medicationCodeableConcept"]["text"].as_str().unwrap();
        let last = acknowledged.updated.last().copied().unwrap_or(0);
        // A later one may have been stored without having been acknowledged.
        assert!(
            mark.parse::<usize>().unwrap() >= last,
            "{mark} after {last}"
        );
    }

    async fn codes_are_used_up(&self, town: &Town, redeemed: &[String]) {
        let Some(code) = redeemed.last() else { return };
        let (minato, shirakaba) = (town.at("minato"), town.at("shirakaba"));
        let (status, answer) = shirakaba.redeem(minato, code, "dr-1", &["lab"]).await;
        assert_eq!(status, 403, "{answer}");
        assert_eq!(answer["code"], "code_unknown", "{answer}");
    }
}

impl Seen {
    fn counts(&self) -> [usize; 6] {
        [
            self.created.len(),
            self.updates,
            self.exchanges.len(),
            self.directives.len(),
            self.redeemed,
            self.replayed,
        ]
    }
}

/// The directive that a command names.
fn directive(command: &std::process::Output) -> String {
    let told = String::from_utf8_lossy(&command.stderr);
    assert!(command.status.success(), "{told}");
    let said: Value = serde_json::from_slice(&command.stdout).unwrap();
    said["directive"].as_str().unwrap().to_owned()
}

async fn directives_are_there(rooms: &Rooms, hana: &Patient, seen: &Seen) {
    let person = Subject::Person(hana.person.parse().unwrap());
    let stored = rooms.consents.list(person).await.unwrap();
    let stored: HashMap<&str, &str> = stored
        .iter()
        .map(|one| (one.id.as_str(), one.status.as_str()))
        .collect();
    for (id, status) in &seen.directives {
        assert_eq!(stored.get(id.as_str()), Some(status), "{id}");
    }
    // Those of the visits are beside them, and the one of the grant that is used throughout.
    assert!(stored.len() > seen.directives.len() + seen.redeemed);
}

/// Every answered exchange has exactly one line, every acknowledged act has one, and no line that
/// was once there has gone or changed.
async fn lines_are_there(rooms: &Rooms, seen: &mut Seen) {
    let lines = rooms.audit.list(Filter::default()).await.unwrap();
    let mut disclosures: HashMap<&str, usize> = HashMap::new();
    for line in of_kind(&lines, "disclosure") {
        *disclosures
            .entry(line.exchange.as_deref().unwrap())
            .or_default() += 1;
    }
    for exchange in &seen.exchanges {
        assert_eq!(disclosures.get(exchange.as_str()), Some(&1), "{exchange}");
    }
    let writes = of_kind(&lines, "write").count();
    assert!(
        writes >= seen.created.len() + seen.updates,
        "{writes} lines"
    );
    for (kind, due) in [
        ("directive", seen.directives.len()),
        ("revocation", withdrawn(seen)),
        ("grant", seen.redeemed),
    ] {
        let there = of_kind(&lines, kind).count();
        assert!(there >= due, "{there} lines of {kind} for {due} acts");
    }
    let kept: HashMap<i64, (String, Option<String>)> = lines
        .into_iter()
        .map(|line| (line.seq, (line.kind, line.exchange)))
        .collect();
    for (seq, line) in &seen.lines {
        assert_eq!(kept.get(seq), Some(line), "line {seq}");
    }
    seen.lines = kept;
}

fn withdrawn(seen: &Seen) -> usize {
    let all = seen.directives.values();
    all.filter(|status| **status == "inactive").count()
}

fn of_kind<'a>(lines: &'a [Recorded], kind: &'a str) -> impl Iterator<Item = &'a Recorded> {
    lines.iter().filter(move |line| line.kind == kind)
}
