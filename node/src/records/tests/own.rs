//! A hospital's own search parameters: defined, read for older resources while others write, asked,
//! changed, given up.

mod defining;

use super::*;
use crate::database::testing::{Scratch, on_each_async, postgres, sqlite};
use crate::records::Handling;

const NONE: [&str; 0] = [];
const URL: &str = "http://minato.example/ward";

/// Which ward an encounter is on.
fn ward_parameter() -> Value {
    defines(
        "ward",
        "Encounter",
        "token",
        &format!("Encounter.extension('{URL}').value.as(Coding)"),
    )
}

fn defines(code: &str, base: &str, kind: &str, expression: &str) -> Value {
    json!({
        "resourceType": "SearchParameter", "id": format!("own-{code}"), "status": "active",
        "url": format!("http://minato.example/SearchParameter/{code}"), "name": code,
        "description": code, "code": code, "base": [base], "type": kind, "expression": expression
    })
}

fn encounter(id: &str, ward: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "IMP"},
        "subject": {"reference": "Patient/hana"},
        "extension": [{"url": URL, "valueCoding": {"system": "urn:w", "code": ward}}]
    })
}

/// The sorted ids that a search with own parameters finds.
async fn ask(house: &House, kind: &str, question: &str) -> Result<Vec<String>, RecordsError> {
    let pairs: Vec<(&str, &str)> = question
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let kind = ResourceType::named(kind).unwrap();
    let query = house.records.query(kind, &pairs, Handling::Strict).await?;
    let page = house.records.search(&house.permit, query).await?;
    let entries = page.entries.into_iter().chain(page.included);
    let mut ids: Vec<String> = entries.map(|entry| entry.address.id.to_string()).collect();
    ids.sort();
    Ok(ids)
}

async fn found(house: &House, kind: &str, question: &str) -> Vec<String> {
    ask(house, kind, question).await.unwrap()
}

/// How far the reading of older resources is; `None`: done, or no such parameter.
async fn percent(house: &House, kind: &str, question: &str) -> Option<i64> {
    match ask(house, kind, question).await {
        Err(RecordsError::Query(QueryError::TooEarly { percent, .. })) => Some(percent),
        _ => None,
    }
}

async fn finish(house: &House) {
    while house.records.index_some().await.unwrap() {}
}

async fn delete(house: &House, place: &str) {
    let place = address(place);
    let gone = house.records.delete(&house.permit, &place, None).await;
    gone.unwrap();
}

/// Encounters `e0`, `e1`, … on ten wards.
async fn load(house: &House, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("e.ndjson");
    let lines: Vec<String> = (0..count)
        .map(|n| encounter(&format!("e{n}"), &format!("{}", n % 10)).to_string())
        .collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let load = house
        .records
        .load(&house.permit, &[file], LoadFormat::Auto, &mut |_| {})
        .await;
    assert_eq!(load.unwrap().created, count);
}

/// Makes the whole index anew: the rows must be those that were there.
async fn is_as_if_made_anew(house: &House) {
    let before = index_rows(house).await;
    house.database.transact(store::reindex).await.unwrap();
    assert_eq!(index_rows(house).await, before);
}

#[tokio::test]
async fn what_is_written_is_found_at_once_what_was_there_when_it_is_read() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&encounter("old", "3")).await;
        let unknown = ask(&house, "Encounter", "ward=3").await;
        assert!(matches!(
            unknown,
            Err(RecordsError::Query(QueryError::UnknownParameter { .. }))
        ));
        let rows = index_rows(&house).await;
        house.put(&ward_parameter()).await;
        let its_own = index_rows(&house).await - rows;
        house.put(&encounter("new", "3")).await;
        let early = ask(&house, "Encounter", "ward=3").await.unwrap_err().told();
        assert_eq!((early.status, early.code), (503, "transient"));
        assert!(early.diagnostics.contains("0 %"), "{}", early.diagnostics);
        // Everything else is answered meanwhile.
        assert_eq!(
            found(&house, "Encounter", "class=IMP").await,
            ["new", "old"]
        );
        finish(&house).await;
        assert_eq!(found(&house, "Encounter", "ward=3").await, ["new", "old"]);
        house.put(&encounter("old", "4")).await;
        assert_eq!(found(&house, "Encounter", "ward=urn:w|3").await, ["new"]);
        is_as_if_made_anew(&house).await;
        delete(&house, "Encounter/new").await;
        assert_eq!(found(&house, "Encounter", "ward=3").await, NONE);
        assert_eq!(found(&house, "Encounter", "ward=4").await, ["old"]);
        // Given up, it leaves nothing behind.
        delete(&house, "SearchParameter/own-ward").await;
        assert!(ask(&house, "Encounter", "ward=4").await.is_err());
        finish(&house).await;
        assert_eq!(index_rows(&house).await, rows);
        assert!(its_own > 0);
    })
    .await;
}

#[tokio::test]
async fn a_node_killed_in_the_middle_goes_on_where_it_was_and_writes_go_on_meanwhile() {
    for scratch in std::iter::once(sqlite()).chain(postgres()) {
        let Scratch { database, url, .. } = &scratch;
        let house = House::open(database.clone()).await;
        load(&house, 1_200).await;
        house.put(&ward_parameter()).await;
        let mut steps = Vec::new();
        let mut house = house;
        for round in 0..3 {
            // What was read already, what was not, what is new: all change.
            for n in [3, 103, 603, 1_103] {
                house
                    .put(&encounter(&format!("e{}", n + 10 * round), "moved"))
                    .await;
            }
            house.put(&encounter(&format!("n{round}"), "3")).await;
            for n in [13, 613, 1_113] {
                delete(&house, &format!("Encounter/e{}", n + 100 * round)).await;
            }
            steps.push(percent(&house, "Encounter", "ward=3").await);
            assert!(house.records.index_some().await.unwrap());
            drop(house);
            house = House::open(Database::open(url).unwrap()).await;
        }
        assert!(steps.is_sorted() && steps[0] < steps[2], "{steps:?}");
        finish(&house).await;
        let wanted: Vec<String> = {
            let kind = ResourceType::named("Encounter").unwrap();
            let mut all = Vec::new();
            let mut cursor = String::new();
            loop {
                let mut pairs = vec![("_count", "1000")];
                if !cursor.is_empty() {
                    pairs.push(("_cursor", cursor.as_str()));
                }
                let query = SearchQuery::parse(kind, &pairs).unwrap();
                let page = house.records.search(&house.permit, query).await.unwrap();
                let on_ward_3 = page.entries.iter().filter(|entry| {
                    let value: Value = serde_json::from_str(&entry.raw).unwrap();
                    value["extension"][0]["valueCoding"]["code"] == "3"
                });
                all.extend(on_ward_3.map(|entry| entry.address.id.to_string()));
                let Some(next) = page.next else { break };
                cursor = next;
            }
            all.sort();
            all
        };
        assert!(wanted.len() > 100);
        let asked = found(&house, "Encounter", "ward=3&_count=1000").await;
        assert_eq!(asked, wanted);
        assert_eq!(found(&house, "Encounter", "ward=moved").await.len(), 11);
        is_as_if_made_anew(&house).await;
        // Given up, and killed while the rows are taken out.
        delete(&house, "SearchParameter/own-ward").await;
        let rows = index_rows(&house).await;
        assert!(house.records.index_some().await.unwrap());
        assert!(index_rows(&house).await < rows);
        drop(house);
        let house = House::open(Database::open(url).unwrap()).await;
        finish(&house).await;
        is_as_if_made_anew(&house).await;
    }
}

#[tokio::test]
async fn a_task_reads_older_resources_by_itself_while_others_write() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        load(&house, 1_000).await;
        let indexing = house.records.keep_indexing();
        house.put(&ward_parameter()).await;
        for n in 0..40 {
            house
                .put(&encounter(&format!("e{}", n * 25), "moved"))
                .await;
        }
        for _ in 0..1_000 {
            if percent(&house, "Encounter", "ward=3").await.is_none() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let moved = found(&house, "Encounter", "ward=moved").await;
        assert_eq!(moved.len(), 40);
        drop(indexing);
        is_as_if_made_anew(&house).await;
    })
    .await;
}

#[tokio::test]
async fn every_type_of_parameter_can_be_a_hospitals_own() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for resource in [
            json!({"resourceType": "Practitioner", "id": "sato", "name": [{"family": "佐藤"}]}),
            json!({
                "resourceType": "Encounter", "id": "one", "status": "finished",
                "class": {"code": "IMP"}, "subject": {"reference": "Patient/hana"},
                "extension": [
                    {"url": "urn:bed", "valueString": "ヒガシ 12"},
                    {"url": "urn:round", "valueDateTime": "2026-03-01"},
                    {"url": "urn:stairs", "valueInteger": 3},
                    {"url": "urn:weight", "valueQuantity": {"value": 60.5, "unit": "kg"}},
                    {"url": "urn:plan", "valueUri": "http://minato.example/plan"},
                    {"url": "urn:nurse", "valueReference": {"reference": "Practitioner/sato"}}
                ]
            }),
            json!({
                "resourceType": "Encounter", "id": "two", "status": "planned",
                "class": {"code": "AMB"}, "subject": {"reference": "Patient/ken"},
                "extension": [{"url": "urn:bed", "valueString": "ｱｵﾊﾞ"}]
            }),
        ] {
            house.put(&resource).await;
        }
        for (code, kind) in [
            ("bed", "string"),
            ("round", "date"),
            ("stairs", "number"),
            ("weight", "quantity"),
            ("plan", "uri"),
            ("nurse", "reference"),
        ] {
            let mut own = defines(
                code,
                "Encounter",
                kind,
                &format!("Encounter.extension('urn:{code}').value"),
            );
            own["target"] = json!(["Practitioner"]);
            house.put(&own).await;
        }
        let mut both = defines("class-status", "Encounter", "composite", "Encounter");
        both["component"] = json!([
            {"definition": "http://hl7.org/fhir/SearchParameter/Encounter-class",
             "expression": "class"},
            {"definition": "http://hl7.org/fhir/SearchParameter/Encounter-status",
             "expression": "status"}
        ]);
        house.put(&both).await;
        // A composite stands on rows that are there already.
        assert_eq!(
            found(&house, "Encounter", "class-status=IMP$finished").await,
            ["one"]
        );
        finish(&house).await;
        for question in [
            "bed=ひがし",
            "bed:contains=12",
            "bed:missing=false&status=finished",
            "round=ge2026-02",
            "stairs=lt4",
            "weight=60.5||kg",
            "plan=http://minato.example/plan",
            "nurse=Practitioner/sato",
            "nurse=sato",
            "nurse.name=佐藤",
            "nurse:Practitioner.name=佐藤",
        ] {
            assert_eq!(
                found(&house, "Encounter", question).await,
                ["one"],
                "{question}"
            );
        }
        for question in ["stairs=gt3", "class-status=IMP$planned", "round=2025"] {
            assert_eq!(
                found(&house, "Encounter", question).await,
                NONE,
                "{question}"
            );
        }
        let has = "_has:Encounter:nurse:bed=ひがし";
        assert_eq!(found(&house, "Practitioner", has).await, ["sato"]);
        let include = "_include=Encounter:nurse&status=finished";
        assert_eq!(found(&house, "Encounter", include).await, ["one", "sato"]);
        let include = "_revinclude=Encounter:nurse";
        assert_eq!(
            found(&house, "Practitioner", include).await,
            ["one", "sato"]
        );
        let kind = ResourceType::named("Encounter").unwrap();
        let sorted = [("_sort", "bed")];
        let query = house
            .records
            .query(kind, &sorted, Handling::Strict)
            .await
            .unwrap();
        let page = house.records.search(&house.permit, query).await.unwrap();
        let ids: Vec<_> = page
            .entries
            .iter()
            .map(|one| one.address.id.as_str())
            .collect();
        assert_eq!(ids, ["two", "one"]);
        is_as_if_made_anew(&house).await;
    })
    .await;
}

#[tokio::test]
async fn pages_show_what_an_own_parameter_found_at_the_first() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&ward_parameter()).await;
        for id in ["a", "b", "c"] {
            house.put(&encounter(id, "3")).await;
        }
        finish(&house).await;
        let kind = ResourceType::named("Encounter").unwrap();
        let page = async |cursor: Option<&str>| {
            let mut pairs = vec![("ward", "3"), ("_count", "1")];
            pairs.extend(cursor.map(|cursor| ("_cursor", cursor)));
            let query = house
                .records
                .query(kind, &pairs, Handling::Strict)
                .await
                .unwrap();
            house.records.search(&house.permit, query).await.unwrap()
        };
        let first = page(None).await;
        assert_eq!(first.entries[0].address.id.as_str(), "c");
        house.put(&encounter("b", "4")).await;
        delete(&house, "Encounter/a").await;
        house.put(&encounter("d", "3")).await;
        let second = page(first.next.as_deref()).await;
        assert_eq!(second.entries[0].address.id.as_str(), "b");
        assert_eq!(second.entries[0].version, 1);
        let third = page(second.next.as_deref()).await;
        assert_eq!(third.entries[0].address.id.as_str(), "a");
        assert_eq!(third.next, None);
    })
    .await;
}
