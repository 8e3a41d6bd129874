//! What is held against a resource when it is written, under each of the settings.

#![allow(
    clippy::print_stderr,
    reason = "a test that is skipped says so, and one that measures tells the figure"
)]

use std::io::Read as _;

use fhir_validation::Severity;

use super::super::testing::validator;
use super::*;
use crate::config::Validation;
use crate::database::testing::{on_each_async, sqlite};

async fn held(database: Database, policy: Validation) -> House {
    House::open_with(database, validator(policy)).await
}

/// A Patient whose gender is no code of FHIR's, and who has a member of nobody's.
fn odd(id: &str) -> Value {
    let mut odd = patient(id);
    odd["gender"] = json!("strange");
    odd["colour"] = json!("red");
    odd
}

impl House {
    async fn try_put(&self, resource: &Value) -> Result<Written, RecordsError> {
        let text = resource.to_string();
        let address = address_of(resource);
        let update = self
            .records
            .update(&self.permit, &address, text.as_bytes(), None);
        update.await
    }

    async fn has(&self, text: &str) -> bool {
        self.records
            .read(&self.permit, &address(text))
            .await
            .is_ok()
    }

    async fn transact(&self, entries: Value) -> Result<Transacted, RecordsError> {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let text = bundle.to_string();
        self.records
            .transaction(&self.permit, text.as_bytes())
            .await
    }
}

async fn load(house: &House, file: &std::path::Path) -> LoadReport {
    let (files, format) = ([file.to_owned()], LoadFormat::Auto);
    let mut told = |_: &LoadReport| {};
    let load = house.records.load(&house.permit, &files, format, &mut told);
    load.await.unwrap()
}

fn put_of(resource: &Value) -> Value {
    let url = address_of(resource).to_string();
    json!({"resource": resource, "request": {"method": "PUT", "url": url}})
}

fn places(refused: RecordsError) -> (u16, Vec<String>) {
    let told = refused.told();
    let places = told.issues.into_iter().map(|issue| issue.expression);
    (told.status, places.collect())
}

#[tokio::test]
async fn strict_refuses_with_every_error_and_stores_nothing() {
    on_each_async(async |database| {
        let house = held(database, Validation::Strict).await;
        let (status, places_of) = places(house.try_put(&odd("p")).await.unwrap_err());
        assert_eq!(status, 422);
        assert_eq!(places_of, ["Patient", "Patient.gender"]);
        assert!(!house.has("Patient/p").await);
        assert!(
            house
                .try_put(&patient("p"))
                .await
                .unwrap()
                .issues
                .is_empty()
        );
        assert_eq!(house.records.validator.counted(Severity::Error), 0);
    })
    .await;
}

#[tokio::test]
async fn strict_refuses_a_transaction_as_a_whole_and_names_the_entry() {
    on_each_async(async |database| {
        let house = held(database, Validation::Strict).await;
        let entries = json!([put_of(&patient("p")), put_of(&odd("q"))]);
        let (status, places_of) = places(house.transact(entries).await.unwrap_err());
        assert_eq!(status, 422);
        assert_eq!(
            places_of,
            [
                "Bundle.entry[1].resource",
                "Bundle.entry[1].resource.gender"
            ]
        );
        assert!(!house.has("Patient/p").await);
    })
    .await;
}

#[tokio::test]
async fn strict_refuses_a_patch_that_spoils_what_is_there() {
    on_each_async(async |database| {
        let house = held(database, Validation::Strict).await;
        house.try_put(&patient("p")).await.unwrap();
        let patch = json!([{"op": "add", "path": "/gender", "value": "strange"}]).to_string();
        let binary = json!({"resourceType": "Binary", "contentType": "application/json-patch+json",
            "data": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, patch)});
        let request = json!({"method": "PATCH", "url": "Patient/p"});
        let entries = json!([{"resource": binary, "request": request}]);
        let (status, places_of) = places(house.transact(entries).await.unwrap_err());
        assert_eq!(status, 422);
        assert_eq!(places_of, ["Bundle.entry[0].resource.gender"]);
        let there = house
            .records
            .read(&house.permit, &address("Patient/p"))
            .await;
        assert_eq!(there.unwrap().version, 1);
    })
    .await;
}

#[tokio::test]
async fn warn_stores_tells_and_counts_each_version_once() {
    on_each_async(async |database| {
        let house = held(database, Validation::Warn).await;
        let counted = || house.records.validator.counted(Severity::Error);
        assert_eq!(house.try_put(&odd("p")).await.unwrap().issues.len(), 2);
        assert_eq!(counted(), 1);
        house.transact(json!([put_of(&odd("q"))])).await.unwrap();
        house.try_put(&patient("r")).await.unwrap();
        assert_eq!(counted(), 2);

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("odd.ndjson");
        let lines = [odd("q"), odd("s"), patient("t")].map(|one| one.to_string());
        std::fs::write(&file, lines.join("\n")).unwrap();
        for (created, not_conforming) in [(2, 1), (0, 0)] {
            let report = load(&house, &file).await;
            assert_eq!(
                (report.created, report.not_conforming),
                (created, not_conforming)
            );
        }
        assert_eq!(counted(), 3, "what said nothing new is no new version");
        let mut registry = prometheus_client::registry::Registry::default();
        house.records.validator.register(&mut registry);
        let told = crate::metrics::Metrics::over(registry).text();
        let line = "records_written_with_issues_total{severity=\"error\"} 3\n";
        assert!(told.contains(line), "{told}");
    })
    .await;
}

#[tokio::test]
async fn off_does_not_look() {
    let scratch = sqlite();
    let house = held(scratch.database.clone(), Validation::Off).await;
    assert!(house.try_put(&odd("p")).await.unwrap().issues.is_empty());
    assert_eq!(house.records.validator.counted(Severity::Error), 0);
}

/// The published examples, by their file's name; none where they are not at hand.
fn examples() -> Option<Vec<(String, Value)>> {
    let archive = "../shared/data/jpcore/examples-jp-core-1.1.2.tgz";
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let Ok(packed) = std::fs::File::open(root.join(archive)) else {
        eprintln!("SKIPPED: {archive} is not here");
        return None;
    };
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    let mut found = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name.ends_with(".json") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((name, serde_json::from_str(&text).unwrap()));
        }
    }
    Some(found)
}

#[tokio::test]
async fn strict_takes_every_example_of_jp_core() {
    let Some(examples) = examples() else { return };
    let examples = &examples;
    on_each_async(async |database| {
        let house = held(database, Validation::Strict).await;
        let (mut taken, mut refused) = (0, Vec::new());
        for (name, resource) in examples {
            match house.try_put(resource).await {
                Ok(_) => taken += 1,
                Err(error) => refused.push(format!("{name}: {error}")),
            }
        }
        assert_eq!(refused, Vec::<String>::new());
        assert!(taken > 40 && taken == examples.len(), "{taken} taken");
    })
    .await;
}

/// A chart of the generator, as `town-generator` writes it.
#[tokio::test]
async fn strict_takes_a_whole_chart_of_a_town() {
    on_each_async(async |database| {
        let house = held(database, Validation::Strict).await;
        let town = town_generator::Town::new(7, 3, 1);
        let charts = town.charts(1).flat_map(|chart| chart.resources);
        let lines: Vec<String> = town
            .house(1)
            .unwrap()
            .resources
            .into_iter()
            .chain(charts)
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("town.ndjson");
        std::fs::write(&file, lines.join("\n")).unwrap();
        let report = load(&house, &file).await;
        assert_eq!(report.refused, Vec::new());
        assert_eq!((report.created, report.not_conforming), (lines.len(), 0));
    })
    .await;
}
