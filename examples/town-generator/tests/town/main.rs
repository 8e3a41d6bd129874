//! The town from outside: the same again, whole, JP Core's, and proportioned as it says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod conformance;
mod files;
mod people;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use town_generator::{Chart, Town};

const SEED: u64 = 7;

fn town(patients: u32) -> Town {
    Town::new(SEED, patients, 3)
}

fn lines(town: &Town, hospital: u16) -> Vec<String> {
    let house = town.house(hospital).expect("the town has it").resources;
    let charts = town.charts(hospital).flat_map(|chart| chart.resources);
    house.into_iter().chain(charts).collect()
}

fn resources(town: &Town, hospital: u16) -> Vec<Value> {
    let lines = lines(town, hospital);
    let parsed = lines.iter().map(|line| {
        assert!(!line.contains('\n'));
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
    });
    parsed.collect()
}

fn word<'a>(resource: &'a Value, pointer: &str) -> &'a str {
    let found = resource.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{pointer} of {resource}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Changes only with a new version of the generator: benchmarks compare towns of one version.
#[test]
fn a_seed_gives_the_same_bytes() {
    let mut digest = Sha256::new();
    for hospital in 1..=3 {
        for line in lines(&town(60), hospital) {
            digest.update(line);
            digest.update("\n");
        }
    }
    assert_eq!(
        hex(&digest.finalize()),
        "21deb5cb2186d87a92aeb14eff946612de5d5dfd6f8a02bc70ab27381cc669a8"
    );
}

#[test]
fn another_seed_gives_another_town() {
    let first = |seed| Town::new(seed, 1, 1).charts(1).next();
    assert_ne!(first(SEED), first(SEED + 1));
}

#[test]
fn a_larger_town_begins_with_the_smaller_one() {
    let small: Vec<Chart> = town(20).charts(2).collect();
    let large: Vec<Chart> = town(80).charts(2).take(small.len()).collect();
    assert_eq!(small, large);
}

#[test]
fn all_ways_to_a_chart_give_the_same_chart() {
    let town = town(40);
    let mut met = 0;
    for (resident, charts) in town.patients(1..=3) {
        assert_eq!(town.resident(resident.number), Some(resident.clone()));
        assert_eq!(charts.len(), resident.charts.len());
        for (hospital, chart) in charts {
            assert_eq!(town.chart(resident.number, hospital), Some(chart.clone()));
            assert!(resident.charts.contains(&(hospital, chart.patient_id)));
            met += 1;
        }
    }
    let by_hospital: usize = (1..=3).map(|hospital| town.charts(hospital).count()).sum();
    assert_eq!(met, by_hospital);
}

#[test]
fn nobody_and_nothing_outside_the_town_is_there() {
    let town = town(5);
    assert_eq!(town.house(0), None);
    assert_eq!(town.house(4), None);
    assert_eq!(town.charts(4).count(), 0);
    assert_eq!(town.resident(0), None);
    assert_eq!(town.resident(6), None);
    assert_eq!(town.chart(6, 1), None);
}
