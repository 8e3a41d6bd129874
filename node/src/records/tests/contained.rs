//! What is contained is judged as if it stood by itself: by its own date and authors, too.

use super::former::denying;
use super::*;
use crate::database::testing::on_each_async;

fn report(id: &str, contained: Value) -> Value {
    json!({
        "resourceType": "DiagnosticReport", "id": id, "status": "final",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "LP29693-6"}]}],
        "code": {"text": "r"}, "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-01-01", "contained": contained
    })
}

fn by_nine(mut resource: Value) -> Value {
    resource["performer"] = json!([{"reference": "Practitioner/9/_history/2"}]);
    resource
}

async fn shown(house: &House, pairs: &[(&str, &str)]) -> Vec<String> {
    let peer = denying(house).await;
    let kind = ResourceType::named("DiagnosticReport").unwrap();
    let query = SearchQuery::parse(kind, pairs).unwrap();
    let page = house.records.search_as(&peer, query).await.unwrap();
    let ids = page
        .entries
        .iter()
        .map(|entry| entry.address.id.to_string());
    ids.collect()
}

#[tokio::test]
async fn what_is_contained_is_judged_by_its_own_date_and_authors() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        let result = |date| lab("in", "p", "c", date);
        let mut undated = result("2026-01-01");
        undated.as_object_mut().unwrap().remove("effectiveDateTime");
        let visit = json!({
            "resourceType": "Encounter", "id": "v", "status": "finished", "class": {"code": "AMB"},
            "period": {"start": "2011-01-01", "end": "2011-02-01"}
        });
        let role = json!({
            "resourceType": "PractitionerRole", "id": "v", "period": {"start": "2011-01-01"}
        });
        let nested = json!({"resourceType": "Organization", "id": "h", "contained": [
            {"resourceType": "Condition", "id": "c", "code": {"text": "himitsu"}}
        ]});
        let inside = json!({"resourceType": "Organization", "id": "h", "extension": [
            {"valueX": {"resourceType": "Condition", "id": "c", "code": {"text": "himitsu"}}}
        ]});
        for (id, contained) in [
            ("a-plain", json!([])),
            ("b-same-year", json!([result("2026-01-01")])),
            ("c-undated", json!([undated])),
            ("d-role", json!([role])),
            ("w-2011", json!([result("2011-03-01")])),
            ("w-by-nine", json!([by_nine(result("2026-01-01"))])),
            (
                "w-both",
                json!([result("2026-01-01"), by_nine(result("2026-01-01"))]),
            ),
            ("w-visit", json!([visit])),
            ("w-nested", json!([nested])),
            ("w-inside", json!([inside])),
            ("w-object", result("2011-03-01")),
        ] {
            house.put(&report(id, contained)).await;
        }
        let all = ["a-plain", "b-same-year", "c-undated", "d-role"];
        assert_eq!(shown(&house, &[("_sort", "_id")]).await, all);
        let mut newest_first = shown(&house, &[]).await;
        newest_first.sort();
        assert_eq!(newest_first, all);
        // As it was judged when it was written, so it is when all are read anew.
        let database = house.database.clone();
        let anew = tokio::task::spawn_blocking(move || super::super::reindex(&database));
        anew.await.unwrap().unwrap();
        assert_eq!(shown(&house, &[("_sort", "_id")]).await, all);
    })
    .await;
}
