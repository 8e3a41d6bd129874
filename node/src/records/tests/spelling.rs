//! What one thing may be called: profiles with and without their version, long texts, values that
//! stand in extensions, URIs above and below each other.

use super::*;
use crate::database::testing::on_each_async;

const NONE: [&str; 0] = [];

/// The ids that one parameter finds, sorted.
async fn found(house: &House, kind: &str, name: &str, value: &str) -> Vec<String> {
    let mut found = house.find(kind, &[(name, value)]).await;
    found.sort();
    found
}

#[tokio::test]
async fn a_profile_is_found_with_and_without_the_version_that_was_claimed() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let ecs = "http://jpfhir.jp/fhir/eCS/StructureDefinition/JP_Condition_eCS";
        for (id, claim) in [("old", "|1"), ("new", "|2"), ("any", "")] {
            house
                .put(&json!({
                    "resourceType": "Condition", "id": id,
                    "meta": {"profile": [format!("{ecs}{claim}")],
                             "source": format!("http://his.example/a/{id}")}
                }))
                .await;
        }
        let condition =
            async |name: &str, value: &str| found(&house, "Condition", name, value).await;
        assert_eq!(condition("_profile", ecs).await, ["any", "new", "old"]);
        assert_eq!(condition("_profile", &format!("{ecs}|1")).await, ["old"]);
        assert_eq!(condition("_profile", &format!("{ecs}|3")).await, NONE);
        assert_eq!(
            condition("_source", "http://his.example/a/new").await,
            ["new"]
        );
        assert_eq!(condition("_source", "http://his.example/a").await, NONE);
        let below = condition("_source:below", "http://his.example/a").await;
        assert_eq!(below, ["any", "new", "old"]);
        let above = condition("_source:above", "http://his.example/a/old/b").await;
        assert_eq!(above, ["old"]);
        assert_eq!(condition("_source:above", "http://his.example").await, NONE);
    })
    .await;
}

#[tokio::test]
async fn what_is_marked_is_found_by_its_mark() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        house.put(&untold(lab("a", "p", "c", "2026-01-01"))).await;
        house.put(&lab("b", "p", "c", "2026-01-01")).await;
        let code = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        for value in ["TBOO", &format!("{code}|TBOO"), &format!("{code}|")] {
            assert_eq!(
                found(&house, "Observation", "_security", value).await,
                ["a"]
            );
        }
        assert_eq!(
            found(&house, "Observation", "_security:not", "TBOO").await,
            ["b"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_text_is_found_by_whatever_stands_in_it_however_long_it_is() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let said = |id: &str, text: &str| {
            let mut one = lab(id, "p", "c", "2026-01-01");
            one["valueString"] = json!(text);
            one
        };
        let long = format!("{}腺癌、{}", "胃".repeat(80), "生検".repeat(40));
        house.put(&said("long", &long)).await;
        house.put(&said("short", "大腸腺癌")).await;
        house.put(&said("exact", &"胃".repeat(64))).await;
        house.put(&said("other", &"胃".repeat(70))).await;
        let text = async |name: &str, value: &str| found(&house, "Observation", name, value).await;
        assert_eq!(
            text("value-string:contains", "腺癌").await,
            ["long", "short"]
        );
        assert_eq!(text("value-string:contains", "癌、生検").await, ["long"]);
        assert_eq!(text("value-string:contains", "肺癌,大腸").await, ["short"]);
        assert_eq!(text("value-string:contains", "肺").await, NONE);
        let stomachs = "胃".repeat(65);
        assert_eq!(text("value-string", &stomachs).await, ["long", "other"]);
        assert_eq!(
            text("value-string", &format!("{}腺", "胃".repeat(80))).await,
            ["long"]
        );
        assert_eq!(text("value-string", &"胃".repeat(64)).await.len(), 3);
        let needle = format!("{}腺癌", "胃".repeat(70));
        assert_eq!(text("value-string:contains", &needle).await, ["long"]);
        assert_eq!(text("value-string:exact", &long).await, ["long"]);
        // As it was, too.
        let pairs = [("value-string:contains", "腺癌"), ("_count", "1")];
        let first = house.page("Observation", &pairs).await.unwrap();
        house.put(&said("long", "なし")).await;
        house.put(&said("short", "なし")).await;
        let cursor = first.next.unwrap();
        let more = [pairs[0], pairs[1], ("_cursor", cursor.as_str())];
        let second = house.page("Observation", &more).await.unwrap();
        assert_eq!(second.entries.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_an_extension_says_is_found() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let genetics = "http://hl7.org/fhir/StructureDefinition/observation-genetics";
        let mut variant = lab("variant", "p", "c", "2026-01-01");
        variant["extension"] = json!([
            {"url": format!("{genetics}Gene"), "valueCodeableConcept": {
                "coding": [{"system": "http://www.genenames.org", "code": "HGNC:1100"}]}},
            {"url": format!("{genetics}AminoAcidChangeName"), "valueString": "Ｐｒｏ２０４"},
            {"url": format!("{genetics}DnaVariant"), "extension": [{"url": "x", "valueString": "y"}]}
        ]);
        house.put(&variant).await;
        house
            .put(&json!({
                "resourceType": "DiagnosticReport", "id": "report", "status": "final",
                "extension": [{
                    "url": "http://hl7.org/fhir/StructureDefinition/DiagnosticReport-geneticsAssessedCondition",
                    "valueReference": {"reference": "Condition/cancer"}
                }]
            }))
            .await;
        let observation = async |name: &str, value: &str| found(&house, "Observation", name, value).await;
        for (name, value) in [
            ("gene-identifier", "http://www.genenames.org|HGNC:1100"),
            ("amino-acid-change", "pro2"),
            ("gene-amino-acid-change:exact", "Ｐｒｏ２０４"),
        ] {
            assert_eq!(observation(name, value).await, ["variant"], "{name}");
        }
        assert_eq!(observation("dna-variant", "y").await, NONE);
        assert_eq!(observation("gene-identifier:missing", "false").await, ["variant"]);
        let report = async |name: &str, value: &str| found(&house, "DiagnosticReport", name, value).await;
        assert_eq!(report("assessed-condition", "Condition/cancer").await, ["report"]);
        // What stands whole within a Bundle is no reference to be followed.
        for name in ["composition", "message", "composition.title"] {
            let refused = house.page("Bundle", &[(name, "x")]).await;
            assert!(refused.is_err(), "{name}");
        }
        // Nor does the CapabilityStatement name what is refused.
        let bundle = ResourceType::named("Bundle").unwrap();
        for name in ["composition", "message"] {
            let role = &bundle.parameter(name).unwrap().role;
            assert_eq!(*role, types::Role::Refused, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn about_a_date_is_the_stretch_and_its_own_length_on_either_side() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for (id, date) in [
            ("before", "2026-02-08"),
            ("eve", "2026-02-09"),
            ("day", "2026-02-10T08:00:00+09:00"),
            ("morrow", "2026-02-11"),
            ("after", "2026-02-12T00:00:01+09:00"),
            ("month", "2026-02"),
        ] {
            house.put(&lab(id, "p", "c", date)).await;
        }
        let about = async |value: &str| found(&house, "Observation", "date", value).await;
        assert_eq!(
            about("ap2026-02-10").await,
            ["day", "eve", "month", "morrow"]
        );
        assert_eq!(about("ap2026-02").await.len(), 6);
        assert_eq!(about("ap2025-12").await, NONE);
        assert_eq!(about("ap2026-01").await.len(), 6);
    })
    .await;
}

/// A result, and `long` others, each derived from the one before.
async fn row(house: &House, long: usize) {
    house.put(&lab("o0", "p", "c", "2026-01-01")).await;
    for n in 1..=long {
        let mut one = lab(&format!("o{n}"), "p", "other", "2026-01-01");
        one["derivedFrom"] = json!([{"reference": format!("Observation/o{}", n - 1)}]);
        house.put(&one).await;
    }
}

#[tokio::test]
async fn iteration_goes_eight_steps_beyond_a_match_and_says_when_there_was_more() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let beside = async |question: (&str, &str), how: &str| {
            let pairs = [question, (how, "Observation:derived-from")];
            let page = house.page("Observation", &pairs).await.unwrap();
            (page.included.len(), page.cut, page.notes.len())
        };
        let back = "_revinclude:iterate";
        row(&house, 3).await;
        assert_eq!(beside(("code", "c"), back).await, (3, false, 0));
        assert_eq!(beside(("code", "c"), "_revinclude").await, (1, false, 0));
        row(&house, 8).await;
        assert_eq!(beside(("code", "c"), back).await, (8, false, 0));
        row(&house, 9).await;
        assert_eq!(beside(("code", "c"), back).await, (8, true, 1));
        let onward = "_include:iterate";
        assert_eq!(beside(("_id", "o8"), onward).await, (8, false, 0));
        assert_eq!(beside(("_id", "o9"), onward).await, (8, true, 1));
    })
    .await;
}

#[tokio::test]
async fn a_count_is_a_hint_and_a_total_is_of_the_first_page() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        for n in 0..5 {
            house.put(&patient(&format!("p{n}"))).await;
        }
        for count in ["5000", "99999999999999999999999"] {
            let page = house.page("Patient", &[("_count", count)]).await.unwrap();
            assert_eq!(page.entries.len(), 5);
        }
        let pairs = [("_total", "accurate"), ("_count", "2")];
        let first = house.page("Patient", &pairs).await.unwrap();
        assert_eq!(first.total, Some(5));
        house.put(&patient("later")).await;
        let cursor = first.next.unwrap();
        let more = [pairs[0], pairs[1], ("_cursor", cursor.as_str())];
        assert_eq!(house.page("Patient", &more).await.unwrap().total, None);
        let sorted = [pairs[0], pairs[1], ("_sort", "_id")];
        let first = house.page("Patient", &sorted).await.unwrap();
        let cursor = first.next.unwrap();
        house.put(&patient("latest")).await;
        let more = [
            sorted[0],
            sorted[1],
            sorted[2],
            ("_cursor", cursor.as_str()),
        ];
        assert_eq!(house.page("Patient", &more).await.unwrap().total, Some(6));
    })
    .await;
}

#[tokio::test]
async fn a_reference_by_our_own_address_stands_in_the_chart_that_it_names() {
    on_each_async(async |database| {
        let known = Validator::off().known_at("https://minato.example");
        let house = House::open_with(database, known).await;
        house.put(&patient("p")).await;
        let observed = |id: &str, base: &str| {
            let mut one = lab(id, "p", "c", "2026-01-01");
            one["subject"] = json!({"reference": format!("{base}/fhir/Patient/p")});
            one
        };
        house.put(&observed("ours", "https://minato.example")).await;
        house
            .put(&observed("theirs", "https://yukimi.example"))
            .await;
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{
            "resource": observed("brought", "https://minato.example"),
            "request": {"method": "PUT", "url": "Observation/brought"}
        }]});
        house
            .records
            .transaction(&house.permit, bundle.to_string().as_bytes())
            .await
            .unwrap();
        let ours = ["brought", "ours"];
        for (name, value) in [
            ("patient", "p"),
            ("subject", "Patient/p"),
            ("patient.identifier", "p"),
        ] {
            assert_eq!(
                found(&house, "Observation", name, value).await,
                ours,
                "{name}"
            );
        }
        let permit = own_permit(&house, "Patient/p").await;
        let query = SearchQuery::parse(
            ResourceType::named("Observation").unwrap(),
            &[("code", "c")],
        );
        let seen = house.records.search(&permit, query.unwrap()).await.unwrap();
        assert_eq!(seen.entries.len(), 2);
        let elsewhere = "https://yukimi.example/fhir/Patient/p";
        assert_eq!(
            found(&house, "Observation", "subject", elsewhere).await,
            ["theirs"]
        );
    })
    .await;
}
