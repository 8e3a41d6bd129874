//! Figures, printed: `cargo test --release -p musubi-node --lib records::tests::bench -- --ignored
//! --nocapture`. `MUSUBI_BENCH_RESOURCES` sets the size.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use super::super::testing::validator;
use super::*;
use crate::config::Validation;
use crate::database::testing::{postgres, sqlite};

const PER_PATIENT: usize = 500;

/// CPU seconds of this process so far, both databases' clients included, their servers not.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = [11, 12]
        .iter()
        .map(|at| fields[*at].parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}

fn body(n: usize, patient: usize) -> String {
    let code = format!("3D{:015}", n % 40);
    let day = format!("20{:02}-{:02}-{:02}", 10 + n % 16, n % 12 + 1, n % 28 + 1);
    let mut one = lab(
        &format!("o-{patient}-{n}"),
        &format!("p{patient}"),
        &code,
        &day,
    );
    one["identifier"] = json!([{"system": "urn:i", "value": format!("{patient}-{n}")}]);
    one["valueQuantity"] = json!({"value": 7.1, "unit": "%", "code": "%"});
    one["performer"] = json!([{"reference": "Practitioner/dr"}]);
    one["note"] = json!([{"text": "検査結果の所見。".repeat(50)}]);
    one.to_string()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
async fn measure(name: &str, house: &House, resources: usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ndjson");
    let patients = resources / PER_PATIENT;
    let mut text = String::new();
    for p in 0..patients {
        text.push_str(&patient(&format!("p{p}")).to_string());
        text.push('\n');
        for n in 0..PER_PATIENT {
            text.push_str(&body(n, p));
            text.push('\n');
        }
    }
    std::fs::write(&file, &text).unwrap();
    let (started, before) = (Instant::now(), cpu());
    let report = house
        .records
        .load(&house.permit, &[file], LoadFormat::Auto, &mut |_| {})
        .await;
    assert!(report.unwrap().refused.is_empty());
    let rate = resources as f64 / started.elapsed().as_secs_f64();
    let used = (cpu() - before) * 1e6 / resources as f64;
    println!(
        "{name}: load {resources} ({} MB): {rate:.0}/s, CPU {used:.0} µs",
        text.len() >> 20
    );

    let kind = ResourceType::named("Observation").unwrap();
    let searches: [(&str, &[(&str, &str)]); 4] = [
        (
            "patient+3 codes",
            &[(
                "code",
                "3D000000000000001,3D000000000000002,3D000000000000003,3D000000000000004",
            )],
        ),
        ("patient", &[]),
        (
            "patient+category+date",
            &[("category", "laboratory"), ("date", "ge2020")],
        ),
        ("patient+code, 12 hits", &[("code", "3D000000000000001")]),
    ];
    let rounds = 3_000;
    for (what, pairs) in searches {
        let (started, before) = (Instant::now(), cpu());
        let mut hits = 0;
        for n in 0..rounds {
            let id = format!("p{}", n * 7919 % patients);
            let all: Vec<_> = pairs
                .iter()
                .copied()
                .chain([("patient", id.as_str())])
                .collect();
            let query = SearchQuery::parse(kind, &all).unwrap();
            hits += house
                .records
                .search(&house.permit, query)
                .await
                .unwrap()
                .entries
                .len();
        }
        let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds as u32);
        let used = (cpu() - before) * 1e6 / f64::from(rounds as u32);
        println!(
            "{name}: {what}: {each:.0} µs, CPU {used:.0} µs, {} hits",
            hits / rounds
        );
    }
    let started = Instant::now();
    for n in 0..rounds {
        let at = address(&format!(
            "Observation/o-{}-{}",
            n * 7919 % patients,
            n % PER_PATIENT
        ));
        house.records.read(&house.permit, &at).await.unwrap();
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds as u32);
    println!("{name}: read by id: {each:.0} µs alone");
    let started = Instant::now();
    let jobs: Vec<_> = (0..8_usize)
        .map(|job| {
            let records = house.records.clone();
            let database = house.database.clone();
            tokio::spawn(async move {
                let access = Access::new(
                    Audit::new(database),
                    federation_service::clock::SystemClock::shared(),
                );
                let system = Caller::System {
                    id: "his".to_owned(),
                };
                let permit = access.permit(&system, Act::Transaction).await.unwrap();
                for n in 0..rounds {
                    let at = address(&format!(
                        "Observation/o-{}-{}",
                        (n + job) * 7919 % patients,
                        n % PER_PATIENT
                    ));
                    records.read(&permit, &at).await.unwrap();
                }
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    println!(
        "{name}: read by id, 8 at once: {:.0}/s",
        8.0 * rounds as f64 / started.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark"]
#[expect(clippy::disallowed_methods, reason = "a setting of the benchmark")]
async fn figures() {
    let size = std::env::var("MUSUBI_BENCH_RESOURCES")
        .ok()
        .and_then(|n| n.parse().ok());
    for (name, scratch) in [("SQLite", Some(sqlite())), ("PostgreSQL", postgres())] {
        if let Some(scratch) = scratch {
            let house = House::open(scratch.database.clone()).await;
            measure(name, &house, size.unwrap_or(20_000)).await;
        }
    }
}

/// A town loaded under each setting: what it costs to judge every resource.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark"]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
async fn what_judging_costs() {
    let town = town_generator::Town::new(7, 60, 1);
    let charts = town.charts(1).flat_map(|chart| chart.resources);
    let house = town.house(1).unwrap().resources.into_iter();
    let lines: Vec<String> = house.chain(charts).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("town.ndjson");
    std::fs::write(&file, lines.join("\n")).unwrap();
    for policy in [Validation::Off, Validation::Warn, Validation::Strict] {
        for (name, scratch) in [("SQLite", Some(sqlite())), ("PostgreSQL", postgres())] {
            let Some(scratch) = scratch else { continue };
            let house = House::open_with(scratch.database.clone(), validator(policy)).await;
            let (files, format) = ([file.clone()], LoadFormat::Auto);
            let mut told = |_: &LoadReport| {};
            let (started, before) = (Instant::now(), cpu());
            let load = house.records.load(&house.permit, &files, format, &mut told);
            assert_eq!(load.await.unwrap().created, lines.len());
            let each = started.elapsed().as_secs_f64() * 1e6 / lines.len() as f64;
            let used = (cpu() - before) * 1e6 / lines.len() as f64;
            let (policy, count) = (policy.as_str(), lines.len());
            println!("{name}, {policy}: {count} resources, {each:.0} µs each, CPU {used:.0} µs");
        }
    }
}
