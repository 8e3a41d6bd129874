//! The views on the examples of JP Core, where they are at hand: they cannot be shipped.

use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::everybody;
use crate::clinic::views::*;

const FOLDER: &str = "/work/shared/data/jpcore";

/// Every resource in the archives, also those within Bundles; `None` where there are none.
fn examples() -> Option<Vec<Value>> {
    let mut found = Vec::new();
    for name in [
        "examples-jp-core-1.1.2.tgz",
        "examples-jp-clins-single.tgz",
        "patient-bundles.tgz",
    ] {
        let file = std::fs::File::open(Path::new(FOLDER).join(name)).ok()?;
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        for entry in archive.entries().ok()? {
            let mut text = String::new();
            if entry.ok()?.read_to_string(&mut text).is_err() {
                continue;
            }
            let Ok(value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'))
            else {
                continue;
            };
            let inner = value
                .get("entry")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            found.extend(
                inner
                    .into_iter()
                    .filter_map(|entry| entry.get("resource").cloned()),
            );
            found.push(value);
        }
    }
    Some(found)
}

#[test]
fn the_examples_of_jp_core_are_read() {
    let Some(examples) = examples() else {
        eprintln!("skipped: no examples of JP Core in {FOLDER}");
        return;
    };
    let taken = examples
        .iter()
        .filter_map(|value| Taken::read(0, &value.to_string()));
    let chart = Chart {
        sources: vec![Source::new("m", "病院", false)],
        taken: taken.map(std::sync::Arc::new).collect(),
    };
    let results = chart.of("Observation").count();
    let read = chart
        .of("Observation")
        .filter(|taken| !reading::readings(taken).is_empty())
        .count();
    assert!(
        read * 10 >= results * 8,
        "{read} of {results} results are read"
    );
    let requests = chart.of("MedicationRequest").count();
    let medicines = Medicines::of(&chart, None, super::today(), &everybody);
    assert!(
        medicines.unreadable * 5 <= requests,
        "{} of {requests} are not",
        medicines.unreadable
    );
    assert!(!documents(&chart, None, &everybody).is_empty());
    assert!(!Allergies::of(&chart).recorded.is_empty());
    let people = chart
        .of("Patient")
        .filter(|taken| !Person::of(&taken.value, super::today()).name.is_empty());
    assert!(people.count() > 0);
}
