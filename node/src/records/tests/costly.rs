//! What would take more index rows than one resource or one commit may.

use super::*;
use crate::database::testing::on_each_async;

/// Found by two rows for each identifier.
fn known_by(id: &str, identifiers: std::ops::Range<u32>) -> Value {
    let identifiers = identifiers.map(|number| json!({ "value": number.to_string() }));
    json!({ "resourceType": "Patient", "id": id, "identifier": identifiers.collect::<Vec<_>>() })
}

fn transaction(resources: &[Value]) -> String {
    let entry = resources.iter().map(|resource| {
        let url = format!("Patient/{}", resource["id"].as_str().unwrap());
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    });
    let entry: Vec<_> = entry.collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entry }).to_string()
}

async fn patients(house: &House) -> usize {
    house.find("Patient", &[("_count", "10")]).await.len()
}

#[tokio::test]
async fn a_resource_with_more_values_than_the_index_takes_of_one_is_refused_by_its_limit() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let body = known_by("p", 0..50_001).to_string();
        let address = Address::parse("Patient/p").unwrap();
        let update = house
            .records
            .update(&house.permit, &address, body.as_bytes(), None);
        let told = update.await.unwrap_err().told();
        assert_eq!((told.status, told.code), (422, "too-costly"));
        assert!(told.diagnostics.contains("100000"), "{}", told.diagnostics);
        let body = transaction(&[known_by("q", 0..2), known_by("p", 0..50_001)]);
        let done = house
            .records
            .transaction(&house.permit, body.as_bytes())
            .await;
        let told = done.unwrap_err().told();
        assert_eq!((told.status, told.code), (422, "too-costly"));
        assert_eq!(told.expression.as_deref(), Some("Bundle.entry[1]"));
        assert_eq!(patients(&house).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_bundle_with_more_values_than_one_commit_takes_is_refused_and_none_of_it_written() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let each = (0..3).map(|one| known_by(&format!("p{one}"), one * 40_000..(one + 1) * 40_000));
        let body = transaction(&each.collect::<Vec<_>>());
        let done = house
            .records
            .transaction(&house.permit, body.as_bytes())
            .await;
        let told = done.unwrap_err().told();
        assert_eq!((told.status, told.code), (413, "too-costly"));
        assert!(told.diagnostics.contains("200000"), "{}", told.diagnostics);
        assert_eq!(told.expression.as_deref(), Some("Bundle.entry[2]"));
        assert_eq!(patients(&house).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_commit_of_several_slices_of_the_index_is_found_by_each_of_its_values() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let people = [
            known_by("a", 0..12_000),
            known_by("b", 12_000..13_000),
            known_by("c", 13_000..13_001),
        ];
        let body = transaction(&people);
        let done = house
            .records
            .transaction(&house.permit, body.as_bytes())
            .await;
        assert_eq!(done.unwrap().entries.len(), 3);
        for (value, id) in [("0", "a"), ("11999", "a"), ("12500", "b"), ("13000", "c")] {
            assert_eq!(house.find("Patient", &[("identifier", value)]).await, [id]);
        }
        // And once more: what it said before is taken out, slice by slice too.
        let body = transaction(&[known_by("a", 5..6), known_by("b", 20_000..31_000)]);
        let done = house
            .records
            .transaction(&house.permit, body.as_bytes())
            .await;
        done.unwrap();
        assert!(
            house
                .find("Patient", &[("identifier", "0")])
                .await
                .is_empty()
        );
        assert_eq!(house.find("Patient", &[("identifier", "5")]).await, ["a"]);
        assert_eq!(
            house.find("Patient", &[("identifier", "30999")]).await,
            ["b"]
        );
    })
    .await;
}

#[tokio::test]
async fn lines_are_committed_by_their_bytes_too_and_a_costly_one_stops_nobody() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.ndjson");
        let long = |id: &str| {
            json!({ "resourceType": "Patient", "id": id,
                "text": { "status": "generated", "div": "x".repeat(5 * 1024 * 1024) } })
        };
        let lines = [long("a"), long("b"), known_by("c", 0..50_001), long("d")];
        std::fs::write(&file, lines.map(|line| line.to_string()).join("\n")).unwrap();
        let (files, mut commits) = ([file], Vec::new());
        let mut told = |report: &LoadReport| commits.push(report.created);
        let load = house
            .records
            .load(&house.permit, &files, LoadFormat::Auto, &mut told);
        let report = load.await.unwrap();
        assert_eq!(report.refused.len(), 1);
        assert!(report.refused[0].reason.contains("100000"));
        assert_eq!(commits, [2, 3]);
    })
    .await;
}
