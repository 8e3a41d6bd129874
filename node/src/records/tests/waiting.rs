//! What waits for the doctor's word: as long as it waits, the person's chart is as if it had not been
//! written.

use std::time::Duration;

use super::*;
use crate::access::LabRelease;
use crate::database::testing::{on_each_async, sqlite};

/// Three days.
const DELAY_SECONDS: i64 = 72 * 3_600;

/// A permit for the person of a chart, at a hospital whose results wait.
async fn waiting(house: &House, chart: &str) -> Permit {
    let patient = house.records.chart_of(&address(chart)).await.unwrap();
    let person = Caller::Person {
        id: crate::identity::PersonId::random(),
        patient: patient.unwrap(),
    };
    let access = Access::new(Audit::new(house.database.clone()), house.clock.clone()).releasing(
        LabRelease::after(Duration::from_secs(DELAY_SECONDS.unsigned_abs())),
    );
    let act = Act::Search {
        kind: "Observation",
        patient,
    };
    access.permit(&person, act).await.unwrap()
}

/// A report of a result, and a prescription that refers to it: by neither is it found.
fn report(id: &str, result: &str) -> Value {
    json!({
        "resourceType": "DiagnosticReport", "id": id, "status": "final",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "LP29693-6"}]}],
        "code": {"text": "検体検査報告書"},
        "subject": {"reference": "Patient/p"},
        "result": [{"reference": format!("Observation/{result}")}]
    })
}

fn supported(id: &str, result: &str) -> Value {
    let mut resource = prescription(id, "p", "m", "2026-06-20");
    resource["reasonReference"] = json!([{"reference": format!("Observation/{result}")}]);
    resource
}

/// What the laboratory found in a gene.
fn gene(id: &str) -> Value {
    let mut found = lab(id, "p", "a", "2026-06-01");
    found["code"] = json!({"coding": [{
        "system": "http://medis.or.jp/CodeSystem/master-JLAC10-17digits", "code": "8C010000001906202"
    }]});
    found
}

/// Old results and what is no result; the waiting ones too where `all`.
async fn chart(database: Database, all: bool) -> House {
    let house = House::open(database).await;
    house.put(&patient("p")).await;
    house.put(&lab("old", "p", "a", "2026-05-01")).await;
    house.put(&report("old-report", "old")).await;
    house.clock.advance(DELAY_SECONDS);
    house.put(&supported("rx", "fresh")).await;
    if all {
        house.put(&lab("fresh", "p", "a", "2026-06-01")).await;
        house.put(&report("fresh-report", "fresh")).await;
        // A sample of long ago, found today: what counts is when it was found.
        house.put(&lab("slow", "p", "b", "2026-01-01")).await;
        house.put(&gene("gene")).await;
    }
    house
}

/// Whatever a person can ask of their results, in words.
async fn everything_told(house: &House, permit: &Permit) -> Vec<String> {
    let mut told = Vec::new();
    let searches: [(&str, &[(&str, &str)]); 9] = [
        ("Observation", &[]),
        ("Observation", &[("_total", "accurate"), ("_count", "1")]),
        ("Observation", &[("_summary", "count")]),
        ("Observation", &[("_sort", "date"), ("_count", "50")]),
        (
            "Observation",
            &[("code", "a"), ("_revinclude", "DiagnosticReport:result")],
        ),
        ("Observation", &[("_lastUpdated", "gt2026-01-01")]),
        (
            "DiagnosticReport",
            &[("result.code", "a"), ("_total", "accurate")],
        ),
        (
            "DiagnosticReport",
            &[("_include", "DiagnosticReport:result")],
        ),
        ("MedicationRequest", &[("_total", "accurate")]),
    ];
    for (kind, pairs) in searches {
        let query = SearchQuery::parse(ResourceType::named(kind).unwrap(), pairs).unwrap();
        let page = house.records.search(permit, query).await.unwrap();
        let names = |entries: &[Entry]| -> Vec<String> {
            entries
                .iter()
                .map(|entry| entry.address.to_string())
                .collect()
        };
        told.push(format!(
            "{kind} {pairs:?}: {:?} {:?} {:?} {}",
            names(&page.entries),
            names(&page.included),
            page.total,
            page.next.is_some(),
        ));
    }
    told.extend(house.whole_past(permit, HistoryOf::System, "2").await);
    let results = ResourceType::named("Observation").unwrap();
    told.extend(
        house
            .whole_past(permit, HistoryOf::Kind(results), "50")
            .await,
    );
    told.extend(house.all_of(permit, "Patient/p", "2").await);
    told
}

#[tokio::test]
async fn what_waits_is_told_by_no_search_count_order_history_or_everything() {
    let other = sqlite();
    let bare = chart(other.database.clone(), false).await;
    let expected = everything_told(&bare, &waiting(&bare, "Patient/p").await).await;
    on_each_async(async |database| {
        let house = chart(database, true).await;
        let permit = waiting(&house, "Patient/p").await;
        assert_eq!(everything_told(&house, &permit).await, expected);
        for id in [
            "Observation/fresh",
            "Observation/slow",
            "Observation/gene",
            "DiagnosticReport/fresh-report",
        ] {
            let read = house.records.read(&permit, &address(id)).await;
            assert!(matches!(read, Err(RecordsError::NotFound)), "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_waited_is_there_when_its_time_is_over_and_not_a_moment_sooner() {
    on_each_async(async |database| {
        let house = chart(database, true).await;
        let found = async || {
            let permit = waiting(&house, "Patient/p").await;
            let kind = ResourceType::named("Observation").unwrap();
            let query = SearchQuery::parse(kind, &[("_sort", "date")]).unwrap();
            let page = house.records.search(&permit, query).await.unwrap();
            page.entries.len()
        };
        house.clock.advance(DELAY_SECONDS - 1);
        assert_eq!(found().await, 1);
        house.clock.advance(1);
        assert_eq!(found().await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_corrected_result_waits_again() {
    let scratch = sqlite();
    let house = chart(scratch.database.clone(), false).await;
    let permit = waiting(&house, "Patient/p").await;
    let old = address("Observation/old");
    assert!(house.records.read(&permit, &old).await.is_ok());
    let mut corrected = lab("old", "p", "a", "2026-05-01");
    corrected["status"] = json!("corrected");
    house.put(&corrected).await;
    let read = house.records.read(&permit, &old).await;
    assert!(matches!(read, Err(RecordsError::NotFound)));
}

#[tokio::test]
async fn a_result_inside_another_resource_waits_with_it() {
    let scratch = sqlite();
    let house = chart(scratch.database.clone(), false).await;
    let mut holder = supported("holder", "old");
    let mut inner = lab("inner", "p", "a", "2026-06-01");
    inner["id"] = json!("i");
    holder["contained"] = json!([inner]);
    house.put(&holder).await;
    let permit = waiting(&house, "Patient/p").await;
    let read = house
        .records
        .read(&permit, &address("MedicationRequest/holder"))
        .await;
    assert!(matches!(read, Err(RecordsError::NotFound)));
}

#[tokio::test]
async fn staff_wait_for_nothing() {
    let scratch = sqlite();
    let house = chart(scratch.database.clone(), true).await;
    let mut found = house.find("Observation", &[]).await;
    found.sort();
    assert_eq!(found, ["fresh", "gene", "old", "slow"]);
}
