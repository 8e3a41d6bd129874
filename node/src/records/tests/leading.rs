//! Links from one resource to another: whom they lead to, and that all pages go along the same.

use super::*;
use crate::database::testing::on_each_async;

const NONE: [&str; 0] = [];

fn observed(id: &str, subject: &str, code: &str) -> Value {
    let mut one = lab(id, "nobody", code, "2026-01-01");
    one["subject"] = json!({"reference": subject});
    one
}

fn named(id: &str, family: &str) -> Value {
    let mut one = patient(id);
    one["name"] = json!([{"family": family}]);
    one
}

fn report(id: &str, patient: &str, status: &str, results: std::ops::Range<usize>) -> Value {
    let results: Vec<Value> = results
        .map(|n| json!({"reference": format!("Observation/o{n:02}")}))
        .collect();
    json!({
        "resourceType": "DiagnosticReport", "id": id, "status": status, "code": {"text": "r"},
        "subject": {"reference": format!("Patient/{patient}")}, "result": results
    })
}

#[tokio::test]
async fn what_is_no_patient_is_found_by_what_is_about_it() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for one in [
            json!({"resourceType": "Location", "id": "room"}),
            json!({"resourceType": "Location", "id": "hall"}),
            json!({"resourceType": "Group", "id": "p1", "type": "person", "actual": true}),
            json!({"resourceType": "Group", "id": "p2", "type": "person", "actual": true}),
            patient("p1"),
            patient("p2"),
            observed("air", "Location/room", "c"),
            observed("hers", "Patient/p1", "c"),
            observed("theirs", "Group/p2", "c"),
        ] {
            house.put(&one).await;
        }
        for inner in ["code", "code:not"] {
            let has = format!("_has:Observation:subject:{inner}");
            let value = if inner == "code" { "c" } else { "other" };
            let find = async |kind: &str| house.find(kind, &[(&has, value)]).await;
            assert_eq!(find("Location").await, ["room"], "{inner}");
            assert_eq!(find("Group").await, ["p2"], "{inner}");
            assert_eq!(find("Patient").await, ["p1"], "{inner}");
        }
        let looked_at = [("_has:Observation:subject:_tag:missing", "true")];
        assert_eq!(house.find("Location", &looked_at).await, ["room"]);
        assert_eq!(house.find("Group", &looked_at).await, ["p2"]);
    })
    .await;
}

#[tokio::test]
async fn who_is_named_second_is_found_too_and_the_first_ones_chart_has_it() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&named("first", "佐藤")).await;
        house.put(&named("second", "山田")).await;
        house
            .put(&json!({
                "resourceType": "Account", "id": "shared", "status": "active",
                "subject": [{"reference": "Patient/first"}, {"reference": "Patient/second"},
                            {"reference": "Location/room"}]
            }))
            .await;
        let account = async |name: &str, value: &str| house.find("Account", &[(name, value)]).await;
        for (name, value) in [
            ("patient", "first"),
            ("patient", "second"),
            ("subject", "Patient/second"),
            ("subject", "Location/room"),
            ("patient.family", "山田"),
            ("subject:Patient.family", "佐藤"),
        ] {
            assert_eq!(account(name, value).await, ["shared"], "{name}={value}");
        }
        assert_eq!(account("patient", "third").await, NONE);
        let mut has = house
            .find("Patient", &[("_has:Account:patient:status", "active")])
            .await;
        has.sort();
        assert_eq!(has, ["first", "second"]);
        let beside = [("_id", "second"), ("_revinclude", "Account:patient")];
        let page = house.page("Patient", &beside).await.unwrap();
        assert_eq!(page.included.len(), 1);
        // Whose chart it is in stays what the decision goes by.
        for (whose, expected) in [("first", 1), ("second", 0)] {
            let permit = own_permit(&house, &format!("Patient/{whose}")).await;
            let query = || {
                let pairs: [(&str, &str); 0] = [];
                SearchQuery::parse(ResourceType::named("Account").unwrap(), &pairs).unwrap()
            };
            let found = house.records.search(&permit, query()).await.unwrap();
            assert_eq!(found.entries.len(), expected, "{whose}");
        }
        house
            .put(&json!({
                "resourceType": "Account", "id": "shared", "status": "active",
                "subject": [{"reference": "Patient/second"}]
            }))
            .await;
        assert_eq!(account("patient", "first").await, NONE);
        assert_eq!(account("patient", "second").await, ["shared"]);
    })
    .await;
}

/// The further pages of a search, put together.
async fn rest(
    house: &House,
    permit: &Permit,
    pairs: &[(&str, &str)],
    first: Page,
) -> Result<Vec<String>, RecordsError> {
    let (mut seen, mut next) = (Vec::new(), first.next);
    while let Some(cursor) = next {
        let more: Vec<_> = pairs
            .iter()
            .copied()
            .chain([("_cursor", &*cursor)])
            .collect();
        let query = SearchQuery::parse(ResourceType::named("Observation").unwrap(), &more)?;
        let page = house.records.search(permit, query).await?;
        seen.extend(page.entries.iter().map(|one| one.address.id.to_string()));
        next = page.next;
    }
    Ok(seen)
}

async fn first(house: &House, permit: &Permit, pairs: &[(&str, &str)]) -> Page {
    let query = SearchQuery::parse(ResourceType::named("Observation").unwrap(), pairs).unwrap();
    house.records.search(permit, query).await.unwrap()
}

/// Ten results of one person, six of them in a final report.
async fn ten_results(house: &House) {
    house.put(&named("p", "山田")).await;
    house.put(&named("q", "鈴木")).await;
    for n in 0..10 {
        house
            .put(&lab(&format!("o{n:02}"), "p", "c", "2026-01-01"))
            .await;
    }
    house.put(&lab("hers", "q", "c", "2026-01-01")).await;
    house.put(&report("r", "p", "final", 0..6)).await;
}

#[tokio::test]
async fn all_pages_go_along_the_links_of_the_first() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ten_results(&house).await;
        let by_name = [("patient.family", "山田"), ("_count", "4")];
        let by_looks = [("patient.family:exact", "山田"), ("_count", "4")];
        let by_report = [
            ("_has:DiagnosticReport:result:status", "final"),
            ("_count", "4"),
        ];
        let mut firsts = Vec::new();
        for pairs in [&by_name, &by_looks, &by_report] {
            let page = first(&house, &house.permit, pairs).await;
            assert_eq!(page.entries.len(), 4, "{pairs:?}");
            firsts.push((pairs, page));
        }
        // The name leads to another, the report is no longer final, a result is another's.
        house.put(&named("p", "佐藤")).await;
        house.put(&named("q", "山田")).await;
        house.put(&report("r", "p", "amended", 6..10)).await;
        house.put(&lab("o01", "q", "c", "2026-01-01")).await;
        let expected = [6, 6, 2];
        for ((pairs, page), expected) in firsts.into_iter().zip(expected) {
            let found = rest(&house, &house.permit, pairs, page).await.unwrap();
            let wanted: Vec<_> = (0..expected).rev().map(|n| format!("o{n:02}")).collect();
            assert_eq!(found, wanted, "{pairs:?}");
        }
        let anew = first(&house, &house.permit, &by_name).await;
        assert_eq!(anew.entries.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_link_through_what_is_withheld_by_now_has_no_further_page() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ten_results(&house).await;
        let permit = own_permit(&house, "Patient/p").await;
        let pairs = [
            ("_has:DiagnosticReport:result:status", "final"),
            ("_count", "4"),
        ];
        let page = first(&house, &permit, &pairs).await;
        house.put(&report("r", "p", "amended", 6..10)).await;
        let found = rest(&house, &permit, &pairs, page.clone()).await;
        assert_eq!(found.unwrap(), ["o01", "o00"]);
        house.put(&untold(report("r", "p", "amended", 6..10))).await;
        let found = rest(&house, &permit, &pairs, page).await;
        assert!(matches!(
            found,
            Err(RecordsError::Cursor(CursorError::Expired))
        ));
    })
    .await;
}

#[tokio::test]
async fn where_links_lead_to_too_many_a_write_among_them_ends_the_pages() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for n in 0..1_030 {
            house.put(&named(&format!("p{n}"), "山田")).await;
        }
        for n in 0..6 {
            let (id, whose) = (format!("o{n:02}"), format!("p{n}"));
            house.put(&lab(&id, &whose, "c", "2026-01-01")).await;
        }
        let pairs = [("patient.family", "山田"), ("_count", "4")];
        let page = first(&house, &house.permit, &pairs).await;
        house.put(&lab("o00", "p0", "other", "2026-01-01")).await;
        let found = rest(&house, &house.permit, &pairs, page.clone()).await;
        assert_eq!(found.unwrap(), ["o01", "o00"]);
        house.put(&named("p1", "佐藤")).await;
        let found = rest(&house, &house.permit, &pairs, page).await;
        assert!(matches!(
            found,
            Err(RecordsError::Cursor(CursorError::Expired))
        ));
    })
    .await;
}
