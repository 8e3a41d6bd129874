//! `pages-bench`: how long the node takes for each page, over HTTP on loopback, with a whole hospital in
//! its tables: `cargo run --release -p scenarios --bin pages-bench -- --resources 1000000`.
//!
//! Server time alone: one request after the other on a connection that is open, each for another
//! patient, no browser. The charts are those that another hospital's physician opens: from the question
//! to the timeline on the wire, and each tab once all is there. Prints figures and asserts none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is test code: it fails by panicking, and measures time itself"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use musubi_node::identity::Role;
use scenarios::{Store, Town};
use serde_json::Value;
use town_generator::{Enough, Order};

/// The most charts that are opened from elsewhere: each needs a person, a consent and a grant.
const MOST_CHARTS: usize = 101;

/// Measures the pages of one hospital.
#[derive(Parser)]
struct Arguments {
    /// Resources in the hospital's tables
    #[arg(long, default_value_t = 100_000)]
    resources: u64,
    /// Requests for each page
    #[arg(long, default_value_t = 300)]
    requests: usize,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().unwrap();
    eprintln!("pages-bench: writing {} resources", arguments.resources);
    let file = written(folder.path(), arguments.resources);
    let mut town = Town::in_real_time(&["minato", "yukimi"], Store::Sqlite).await;
    town.at_mut("minato").stop().await;
    import(&town.at("minato").config_file(), &file);
    town.restart("minato").await;
    let patients = patients(&file, arguments.requests);
    eprintln!("pages-bench: {} patients asked for", patients.len());
    println!("| page | requests | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|");
    staff(&town, &patients).await;
    people(&town, &patients).await;
    charts(&town, &patients).await;
    town.stop().await;
}

fn written(folder: &Path, resources: u64) -> PathBuf {
    let order = Order {
        seed: 1,
        enough: Enough::Resources(resources),
        hospitals: 3,
        only: Some(1),
    };
    order.to_folder(folder, &mut |_| {}).unwrap();
    folder.join("hospital-00001.ndjson")
}

fn import(config: &Path, file: &Path) {
    let words: [OsString; 6] = [
        "musubi-node".into(),
        "import".into(),
        file.into(),
        "--format=ndjson".into(),
        "--config".into(),
        config.into(),
    ];
    let words = words.to_vec();
    std::thread::spawn(move || musubi_node::commands::main(words))
        .join()
        .unwrap();
}

/// Patients from all over the file.
fn patients(file: &Path, wanted: usize) -> Vec<String> {
    let lines = BufReader::new(std::fs::File::open(file).unwrap()).lines();
    let mut found: Vec<String> = lines
        .map(|line| line.unwrap())
        .filter(|line| line.contains("\"resourceType\":\"Patient\""))
        .map(|line| {
            let patient: Value = serde_json::from_str(&line).unwrap();
            patient["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let step = (found.len() / wanted).max(1);
    found = found.into_iter().step_by(step).take(wanted).collect();
    found
}

async fn staff(town: &Town, patients: &[String]) {
    let minato = town.at("minato");
    let base = minato.staff_url();
    let physician = minato.token(Role::Physician, "dr-1").await;
    let registrar = minato.token(Role::Registrar, "desk-1").await;
    let auditor = minato.token(Role::Auditor, "auditor-1").await;
    let fixed = |path: &str| patients.iter().map(|_| format!("{base}{path}")).collect();
    let each = |head: &str, tail: &str| -> Vec<String> {
        patients
            .iter()
            .map(|id| format!("{base}{head}{id}{tail}"))
            .collect()
    };
    measure("/c", &physician, fixed("/c")).await;
    measure("/c/patients/{id}", &physician, each("/c/patients/", "")).await;
    let consent = each("/c/patients/", "/consent");
    measure("/c/patients/{id}/consent", &physician, consent).await;
    measure("/c/history", &physician, fixed("/c/history")).await;
    measure(
        "/desk/patients/{id}",
        &registrar,
        each("/desk/patients/", ""),
    )
    .await;
    measure("/admin", &auditor, fixed("/admin")).await;
    measure("/admin/audit", &auditor, fixed("/admin/audit")).await;
}

async fn people(town: &Town, patients: &[String]) {
    let minato = town.at("minato");
    let base = format!("http://{}", minato.node().addresses().patient);
    let rooms = minato.rooms();
    let until = town.now().plus_seconds(86_400);
    let mut tokens = Vec::new();
    for id in patients.iter().take(50) {
        let person = town.person(id, "minato", &[]).await.person;
        let person = rooms
            .linkage
            .person(&person.parse().unwrap())
            .await
            .unwrap();
        let made = rooms
            .identity
            .create_for_person(person.id, person.patient, until);
        tokens.push(made.await.unwrap().1.reveal().to_owned());
    }
    for path in [
        "/p",
        "/p/results",
        "/p/medicines",
        "/p/documents",
        "/p/vitals",
        "/p/consent",
        "/p/settings",
    ] {
        let mut times = Vec::new();
        let client = reqwest::Client::new();
        for at in 0..patients.len() {
            let token = &tokens[at % tokens.len()];
            times.push(timed(&client, &format!("{base}{path}"), token).await);
        }
        tell(path, times);
    }
}

/// A physician at Yukimi, where nobody has a chart, opens Minato's charts.
async fn charts(town: &Town, patients: &[String]) {
    let yukimi = town.at("yukimi");
    let token = yukimi.token(Role::Physician, "dr-1").await;
    let client = reqwest::Client::new();
    let asked = "asking, to the timeline of all";
    let first = "asking, to the first row on the wire";
    let tabs = ["timeline", "labs", "medicines", "documents"];
    let mut times: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    // The first ones are at home at Minato already.
    for id in patients.iter().rev().take(MOST_CHARTS) {
        let person = town.person(id, "minato", &["minato"]).await;
        let kinds = "lab rx vital allergy condition procedure imaging";
        let grant = town.grant(&person, "yukimi", kinds).await;
        let base = format!("{}/c/grants/{grant}", yukimi.staff_url());
        let mut took = |name: &str, time| times.entry(name.to_owned()).or_default().push(time);
        let whole = format!("{base}/timeline?zoom=all&wait=1");
        took(asked, timed(&client, &whole, &token).await);
        for tab in tabs {
            let url = format!("{base}/{tab}?zoom=all");
            let name = format!("/c/grants/{{id}}/{tab}");
            took(&name, timed(&client, &url, &token).await);
        }
        took(first, first_row(&client, &base, &token).await);
    }
    for (name, times) in times {
        tell(&name, times);
    }
}

/// Every hospital is asked again; until the stream of the page brings what the first answered.
async fn first_row(client: &reqwest::Client, base: &str, token: &str) -> Duration {
    let began = Instant::now();
    let asked = client.post(format!("{base}/ask")).bearer_auth(token);
    asked.send().await.unwrap();
    let stream = client.get(format!("{base}/rows/timeline?zoom=all"));
    let mut reply = stream.bearer_auth(token).send().await.unwrap();
    let mut said = String::new();
    while !said.contains("1施設の結果を表示") {
        let bytes = reply.chunk().await.unwrap().expect("an answer");
        said.push_str(&String::from_utf8_lossy(&bytes));
    }
    began.elapsed()
}

async fn measure(name: &str, token: &str, urls: Vec<String>) {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    for url in &urls {
        times.push(timed(&client, url, token).await);
    }
    tell(name, times);
}

async fn timed(client: &reqwest::Client, url: &str, token: &str) -> Duration {
    let began = Instant::now();
    let reply = client
        .get(url)
        .bearer_auth(token)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200, "{url}");
    reply.bytes().await.unwrap();
    began.elapsed()
}

fn tell(name: &str, mut times: Vec<Duration>) {
    // The first opens the connection.
    times.remove(0);
    times.sort();
    let at = |part: f64| {
        let place = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len()) - 1;
        times[place].as_secs_f64() * 1_000.0
    };
    println!(
        "| {name} | {} | {:.1} | {:.1} | {:.1} |",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
