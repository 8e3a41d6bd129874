//! Killed at any moment, the registry never says two things under one `seq`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they measured"
)]

mod house;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use federation_protocol::base64url;
use house::{Hospital, House, eventually};

const KILLS: u32 = 20;
const MINATO_ID: &str = "urn:musubi:member:0110000001";
const YUKIMI_ID: &str = "urn:musubi:member:0110000002";

/// A document as it was served: which kind, which `seq`, and every byte of it.
type Seen = (&'static str, u64, String);

/// Small numbers that look random and are the same in each run. Source: Knuth's MMIX generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn pause(&mut self, most_ms: u64) -> Duration {
        Duration::from_micros(self.below(most_ms * 1_000))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_seq_is_ever_given_to_two_documents() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let house = Arc::new(House::new(port));
    house.add(&Hospital::new("0110000001", 1));
    house.add(&Hospital::new("0110000002", 2));
    let url = format!("https://127.0.0.1:{port}");
    let stop = Arc::new(AtomicBool::new(false));

    let reader = tokio::spawn(read(url.clone(), stop.clone()));
    let operator = std::thread::spawn({
        let (house, stop) = (house.clone(), stop.clone());
        move || type_commands(&house, &stop)
    });
    let writer = std::thread::spawn({
        let (house, stop) = (house.clone(), stop.clone());
        move || change_rows(&house, &stop)
    });

    let mut dice = Dice(1);
    let http = stranger();
    for _ in 0..KILLS {
        let mut registry = serve(&house);
        let answers = async || http.get(format!("{url}/livez")).send().await.is_ok();
        eventually(answers).await;
        tokio::time::sleep(dice.pause(600)).await;
        registry.kill().unwrap();
        registry.wait().unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let seen = reader.await.unwrap();
    let (commands, killed) = operator.join().unwrap();
    let changes = writer.join().unwrap();

    let ledger = ledger(&house);
    let count = judge(&seen, &ledger);
    println!(
        "{KILLS} kills of the registry, {killed} of {commands} commands killed, {changes} rows \
         changed behind its back; {} documents read, {count} different ones, {} in the ledger",
        seen.len(),
        ledger.len()
    );
    assert!(
        commands > 40 && killed > 5 && changes > 20,
        "too little happened to prove anything"
    );
    assert!(count > 40, "only {count} different documents were served");
    house.json(&["directory", "verify"]);
}

/// Everything that was served agrees with itself and with the ledger; how many different ones.
fn judge(seen: &[Seen], ledger: &BTreeMap<(String, u64), String>) -> usize {
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    let mut served: BTreeMap<(&str, u64), &str> = BTreeMap::new();
    for (kind, seq, document) in seen {
        let before = newest.insert(kind, *seq).unwrap_or(0);
        assert!(before <= *seq, "{kind} {seq} was served after {before}");
        let first = served.entry((kind, *seq)).or_insert(document);
        assert_eq!(first, document, "two different documents say {kind} {seq}");
        assert_eq!(
            ledger.get(&((*kind).to_owned(), *seq)),
            Some(document),
            "{kind} {seq}"
        );
    }
    for kind in ["directory", "status"] {
        let seqs: Vec<u64> = ledger
            .keys()
            .filter(|(of, _)| of == kind)
            .map(|(_, seq)| *seq)
            .collect();
        let last = u64::try_from(seqs.len()).unwrap();
        assert_eq!(seqs, (1..=last).collect::<Vec<_>>(), "{kind} has holes");
    }
    served.len()
}

fn serve(house: &House) -> Child {
    house
        .prepare(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn stranger() -> reqwest::Client {
    reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .no_proxy()
        .build()
        .unwrap()
}

/// Reads both documents as fast as they come, until told to stop.
async fn read(url: String, stop: Arc<AtomicBool>) -> Vec<Seen> {
    let http = stranger();
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for kind in ["status", "directory"] {
            let answer = match http.get(format!("{url}/v1/{kind}")).send().await {
                Ok(answer) => answer.text().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(document) => seen.push((kind, seq(&document), document)),
                Err(_killed) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }
    seen
}

fn seq(document: &str) -> u64 {
    let payload = base64url::decode(document.split('.').nth(1).unwrap()).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    payload["seq"].as_u64().unwrap()
}

/// Suspends and resumes, killing one command in four half-way.
fn type_commands(house: &House, stop: &AtomicBool) -> (u32, u32) {
    let mut dice = Dice(2);
    let (mut commands, mut killed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        for step in ["suspend", "resume"] {
            let mut command = house.prepare(&["member", step, MINATO_ID]);
            let command = command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            commands += 1;
            if dice.below(4) == 0 {
                std::thread::sleep(dice.pause(25));
                child.kill().unwrap();
                killed += u32::from(!child.wait().unwrap().success());
            } else {
                child.wait().unwrap();
            }
        }
    }
    (commands, killed)
}

/// Changes a member's row behind the programs' backs, so that the server itself must publish.
fn change_rows(house: &House, stop: &AtomicBool) -> u32 {
    let mut dice = Dice(3);
    let mut database = connect(house);
    let mut changes = 0;
    while !stop.load(Ordering::Relaxed) {
        for state in ["suspended", "active"] {
            diesel::sql_query("UPDATE member SET state = ? WHERE id = ?")
                .bind::<diesel::sql_types::Text, _>(state)
                .bind::<diesel::sql_types::Text, _>(YUKIMI_ID)
                .execute(&mut database)
                .unwrap();
            changes += 1;
            std::thread::sleep(dice.pause(250));
        }
    }
    changes
}

fn connect(house: &House) -> SqliteConnection {
    let mut database = SqliteConnection::establish(house.database().to_str().unwrap()).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 10000")
        .execute(&mut database)
        .unwrap();
    database
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    seq: i64,
    #[diesel(sql_type = diesel::sql_types::Text)]
    document: String,
}

fn ledger(house: &House) -> BTreeMap<(String, u64), String> {
    diesel::sql_query("SELECT kind, seq, document FROM issue")
        .load::<Row>(&mut connect(house))
        .unwrap()
        .into_iter()
        .map(|row| ((row.kind, u64::try_from(row.seq).unwrap()), row.document))
        .collect()
}
