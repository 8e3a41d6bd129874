//! Every way of asking: modifiers, composites, links, includes, order, totals.

use super::*;
use crate::database::testing::on_each_async;

const NONE: [&str; 0] = [];

/// Two people, their physician, their results: enough for every way of asking.
async fn ward(house: &House) {
    for resource in [
        json!({"resourceType": "Organization", "id": "minato", "name": "みなと病院"}),
        json!({"resourceType": "Practitioner", "id": "sato", "name": [{"family": "佐藤"}]}),
        json!({
            "resourceType": "Patient", "id": "hana", "birthDate": "1960-05-05",
            "gender": "female",
            "identifier": [{
                "type": {"coding": [{"system": "urn:t", "code": "MR"}]},
                "system": "urn:p", "value": "0012"
            }],
            "name": [{"text": "佐藤 花"}, {"text": "サトウ ハナ"}],
            "generalPractitioner": [{"reference": "Practitioner/sato"}],
            "managingOrganization": {"reference": "Organization/minato"}
        }),
        json!({
            "resourceType": "Patient", "id": "ken", "birthDate": "1999-12-31", "gender": "male",
            "identifier": [{"system": "urn:q", "value": "0012"}],
            "name": [{"text": "山田 健"}]
        }),
        measured("glucose", "hana", "2339-0", "2026-01-01", 98.5, "mg/dL"),
        measured("sugar", "ken", "2339-0", "2026-03-01", 140.0, "mg/dL"),
        measured("weight", "hana", "29463-7", "2026-02-01", 61.0, "kg"),
        json!({
            "resourceType": "Observation", "id": "pressure", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}],
                     "text": "血圧"},
            "subject": {"reference": "Patient/hana"},
            "effectiveDateTime": "2026-04-01",
            "component": [
                {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                 "valueQuantity": {"value": 150, "unit": "mmHg",
                    "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
                {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
                 "valueQuantity": {"value": 90, "unit": "mmHg",
                    "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}
            ]
        }),
        json!({
            "resourceType": "Observation", "id": "culture", "status": "preliminary",
            "code": {"text": "培養"}, "subject": {"reference": "Patient/ken"},
            "valueString": "陽性（＋）", "meta": {"profile": ["http://jpfhir.jp/a"]},
            "effectivePeriod": {"start": "2026-01-10", "end": "2026-01-20"}
        }),
        json!({
            "resourceType": "DiagnosticReport", "id": "report", "status": "final",
            "code": {"text": "検査報告"}, "subject": {"reference": "Patient/hana"},
            "result": [{"reference": "Observation/glucose"}, {"reference": "Observation/weight"}]
        }),
        json!({
            "resourceType": "Provenance", "id": "made",
            "target": [{"reference": "Observation/glucose"}], "recorded": "2026-01-01T00:00:00Z",
            "agent": [{"who": {"reference": "Practitioner/sato"}}]
        }),
    ] {
        house.put(&resource).await;
    }
}

fn measured(id: &str, patient: &str, code: &str, date: &str, value: f64, unit: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": id}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": date,
        "valueQuantity": {"value": value, "unit": unit,
            "system": "http://unitsofmeasure.org", "code": unit}
    })
}

/// Asks in any order; the ids sorted.
async fn sorted(house: &House, kind: &str, question: &str) -> Vec<String> {
    let mut found = ids(house, kind, question).await;
    found.sort();
    found
}

async fn ids(house: &House, kind: &str, question: &str) -> Vec<String> {
    let page = page(house, kind, question).await;
    page.entries
        .iter()
        .map(|entry| entry.address.id.to_string())
        .collect()
}

async fn page(house: &House, kind: &str, question: &str) -> Page {
    let pairs: Vec<(&str, &str)> = question
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    house.page(kind, &pairs).await.unwrap()
}

#[tokio::test]
async fn every_modifier_finds_what_it_says() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let observation = async |question: &str| sorted(&house, "Observation", question).await;
        assert_eq!(
            observation("code:not=2339-0").await,
            ["culture", "pressure", "weight"]
        );
        assert_eq!(observation("code:text=血圧").await, ["pressure"]);
        assert_eq!(observation("code:text=GLU").await, ["glucose"]);
        assert_eq!(observation("code=http://loinc.org|").await.len(), 4);
        assert_eq!(observation("code:missing=true").await, NONE);
        assert_eq!(
            observation("value-quantity:missing=true").await,
            ["culture", "pressure"]
        );
        assert_eq!(observation("value-quantity:missing=false").await.len(), 3);
        assert_eq!(observation("value-string=陽性").await, ["culture"]);
        assert_eq!(observation("value-string:contains=性").await, ["culture"]);
        assert_eq!(
            observation("value-string:exact=陽性（＋）").await,
            ["culture"]
        );
        assert_eq!(observation("value-string:exact=陽性(+)").await, NONE);
        assert_eq!(
            observation("_profile=http://jpfhir.jp/a").await,
            ["culture"]
        );
        assert_eq!(
            observation("_profile:below=http://jpfhir.jp/").await,
            ["culture"]
        );
        assert_eq!(observation("status=final,preliminary").await.len(), 5);
        let patient = async |question: &str| sorted(&house, "Patient", question).await;
        assert_eq!(patient("identifier=0012").await, ["hana", "ken"]);
        assert_eq!(patient("identifier=urn:q|0012").await, ["ken"]);
        assert_eq!(patient("identifier=urn:p|").await, ["hana"]);
        assert_eq!(patient("identifier:of-type=urn:t|MR|0012").await, ["hana"]);
        assert_eq!(patient("identifier:of-type=urn:t|XX|0012").await, NONE);
        assert_eq!(patient("name:exact=山田 健").await, ["ken"]);
        assert_eq!(patient("name:contains=花").await, ["hana"]);
        assert_eq!(patient("organization:missing=true").await, ["ken"]);
    })
    .await;
}

#[tokio::test]
async fn numbers_compare_as_precisely_as_they_are_written() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let find = async |question: &str| sorted(&house, "Observation", question).await;
        assert_eq!(find("value-quantity=98.5").await, ["glucose"]);
        assert_eq!(find("value-quantity=98").await, NONE);
        assert_eq!(find("value-quantity=99").await, ["glucose"]);
        assert_eq!(find("value-quantity=98.50").await, ["glucose"]);
        assert_eq!(find("value-quantity=gt98.5").await, ["sugar"]);
        assert_eq!(find("value-quantity=ge98.5").await, ["glucose", "sugar"]);
        assert_eq!(find("value-quantity=lt100||mg/dL").await, ["glucose"]);
        assert_eq!(
            find("value-quantity=lt100|http://unitsofmeasure.org|kg").await,
            ["weight"]
        );
        assert_eq!(find("value-quantity=lt100|urn:other|kg").await, NONE);
        assert_eq!(find("value-quantity=ap100").await, ["glucose"]);
        assert_eq!(find("value-quantity=ne140").await, ["glucose", "weight"]);
        assert_eq!(find("component-value-quantity=gt100").await, ["pressure"]);
        assert_eq!(
            find("combo-value-quantity=gt100").await,
            ["pressure", "sugar"]
        );
    })
    .await;
}

#[tokio::test]
async fn composites_want_their_parts_in_one_element() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let find = async |question: &str| sorted(&house, "Observation", question).await;
        assert_eq!(find("code-value-quantity=2339-0$gt100").await, ["sugar"]);
        assert_eq!(
            find("component-code-value-quantity=8480-6$gt140").await,
            ["pressure"]
        );
        // One part of it says the code, another the value.
        assert_eq!(
            find("component-code-value-quantity=8462-4$gt140").await,
            NONE
        );
        assert_eq!(
            find("combo-code-value-quantity=http://loinc.org|8480-6$150,2339-0$lt100").await,
            ["glucose", "pressure"]
        );
        assert_eq!(
            find("patient=hana&combo-code-value-quantity=8462-4$90").await,
            ["pressure"]
        );
    })
    .await;
}

#[tokio::test]
async fn links_are_followed_both_ways_and_twice() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let observation = async |question: &str| sorted(&house, "Observation", question).await;
        assert_eq!(observation("patient.name=やまだ").await, NONE);
        assert_eq!(observation("patient.name=山田").await, ["culture", "sugar"]);
        assert_eq!(
            observation("subject:Patient.birthdate=lt1990").await.len(),
            3
        );
        assert_eq!(
            observation("patient.identifier=urn:q|0012").await,
            ["culture", "sugar"]
        );
        assert_eq!(
            observation("patient.organization.name=みなと").await,
            ["glucose", "pressure", "weight"]
        );
        assert_eq!(
            observation("subject:Patient.general-practitioner:Practitioner.name=佐藤&code=29463-7")
                .await,
            ["weight"]
        );
        assert_eq!(
            observation("_has:DiagnosticReport:result:status=final").await,
            ["glucose", "weight"]
        );
        let patient = async |question: &str| sorted(&house, "Patient", question).await;
        assert_eq!(
            patient("_has:Observation:patient:code=29463-7").await,
            ["hana"]
        );
        assert_eq!(
            patient("_has:Observation:patient:value-quantity=gt120").await,
            ["ken"]
        );
        assert_eq!(
            patient("_has:Observation:subject:_has:DiagnosticReport:result:status=final").await,
            ["hana"]
        );
        assert_eq!(patient("general-practitioner=sato").await, ["hana"]);
        assert_eq!(patient("general-practitioner.name=佐").await, ["hana"]);
        assert_eq!(
            patient("_has:Observation:patient:code:text=血").await,
            ["hana"]
        );
        assert_eq!(observation("patient.name:exact=佐藤 花").await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn matches_bring_along_what_they_refer_to_and_what_refers_to_them() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let beside = async |kind: &str, question: &str| {
            let page = page(&house, kind, question).await;
            let mut found: Vec<_> = page
                .included
                .iter()
                .map(|entry| entry.address.to_string())
                .collect();
            found.sort();
            (page.entries.len(), found)
        };
        let (matches, found) =
            beside("Observation", "code=2339-0&_include=Observation:subject").await;
        assert_eq!(matches, 2);
        assert_eq!(found, ["Patient/hana", "Patient/ken"]);
        let iterate = "_id=weight&_include=Observation:patient&\
                       _include:iterate=Patient:general-practitioner";
        let (_, found) = beside("Observation", iterate).await;
        assert_eq!(found, ["Patient/hana", "Practitioner/sato"]);
        let once = "_id=weight&_include=Observation:patient&_include=Patient:general-practitioner";
        let (_, found) = beside("Observation", once).await;
        assert_eq!(found, ["Patient/hana"]);
        let (_, found) = beside(
            "Observation",
            "_id=glucose&_revinclude=Provenance:target&_revinclude=DiagnosticReport:result",
        )
        .await;
        assert_eq!(found, ["DiagnosticReport/report", "Provenance/made"]);
        let (_, found) = beside("Patient", "_id=ken&_revinclude=Observation:patient").await;
        assert_eq!(found, ["Observation/culture", "Observation/sugar"]);
        let (_, found) = beside("DiagnosticReport", "_include=DiagnosticReport:*").await;
        assert_eq!(
            found,
            ["Observation/glucose", "Observation/weight", "Patient/hana"]
        );
        let (_, found) = beside(
            "Patient",
            "_id=hana&_include=Patient:general-practitioner:\
                                            Organization",
        )
        .await;
        assert_eq!(found, NONE);
    })
    .await;
}

#[tokio::test]
async fn any_date_text_or_code_gives_an_order_whose_pages_fit_together() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let observation = async |question: &str| ids(&house, "Observation", question).await;
        let by_date = ["glucose", "culture", "weight", "sugar", "pressure"];
        assert_eq!(observation("_sort=date").await, by_date);
        let newest: Vec<_> = by_date.into_iter().rev().collect();
        assert_eq!(observation("_sort=-date").await, newest);
        assert_eq!(
            observation("_sort=-_id&_count=2").await,
            ["weight", "sugar"]
        );
        assert_eq!(
            observation("_sort=code,-date").await,
            ["sugar", "glucose", "weight", "pressure", "culture"]
        );
        assert_eq!(
            observation("_sort=-value-quantity").await[..3],
            ["sugar", "glucose", "weight"]
        );
        assert_eq!(
            ids(&house, "Patient", "_sort=birthdate").await,
            ["hana", "ken"]
        );
        assert_eq!(
            ids(&house, "Patient", "_sort=-birthdate").await,
            ["ken", "hana"]
        );
        let mut seen = Vec::new();
        let mut question = "_sort=status,_id&_count=2".to_owned();
        loop {
            let page = page(&house, "Observation", &question).await;
            seen.extend(
                page.entries
                    .iter()
                    .map(|entry| entry.address.id.to_string()),
            );
            // What is written now is of another search.
            let new = format!("new{}", seen.len());
            house
                .put(&measured(&new, "ken", "x", "2026-01-01", 1.0, "g"))
                .await;
            let Some(cursor) = page.next else { break };
            question = format!("_sort=status,_id&_count=2&_cursor={cursor}");
        }
        assert_eq!(seen, ["glucose", "pressure", "sugar", "weight", "culture"]);
    })
    .await;
}

#[tokio::test]
async fn a_date_sorts_by_what_fhir_calls_the_date_of_the_type() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        // The chart is sorted by the onset, `date` is when it was recorded.
        for (id, onset, recorded) in [
            ("early", "2001-01-01", "2026-03-01"),
            ("late", "2020-01-01", "2026-01-01"),
        ] {
            house
                .put(&json!({
                    "resourceType": "AllergyIntolerance", "id": id,
                    "patient": {"reference": "Patient/p"},
                    "onsetDateTime": onset, "recordedDate": recorded
                }))
                .await;
        }
        let allergies = async |question: &str| ids(&house, "AllergyIntolerance", question).await;
        assert_eq!(allergies("patient=p").await, ["late", "early"]);
        assert_eq!(allergies("patient=p&_sort=-date").await, ["early", "late"]);
        assert_eq!(allergies("patient=p&_sort=date").await, ["late", "early"]);
    })
    .await;
}

#[tokio::test]
async fn kana_sorts_a_register_of_patients() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        let extension = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";
        for (id, kanji, kana) in [
            ("1", "渡辺 一", "ワタナベ ハジメ"),
            ("2", "青木 二郎", "アオキ ジロウ"),
            ("3", "加藤 三郎", "カトウ サブロウ"),
        ] {
            let name = |text: &str, form: &str| {
                json!({"use": "usual", "text": text,
                       "extension": [{"url": extension, "valueCode": form}]})
            };
            house
                .put(&json!({
                    "resourceType": "Patient", "id": id,
                    "name": [name(kanji, "IDE"), name(kana, "SYL")]
                }))
                .await;
        }
        assert_eq!(
            ids(&house, "Patient", "_sort=jp-kana-sort").await,
            ["2", "3", "1"]
        );
        assert_eq!(
            ids(&house, "Patient", "_sort=-jp-kana-sort").await,
            ["1", "3", "2"]
        );
    })
    .await;
}

#[tokio::test]
async fn totals_count_every_match() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        ward(&house).await;
        let total = async |question: &str| page(&house, "Observation", question).await.total;
        assert_eq!(total("_count=1").await, None);
        assert_eq!(total("_count=1&_total=accurate").await, Some(5));
        assert_eq!(total("_count=0").await, Some(5));
        assert_eq!(total("_summary=count&code=2339-0").await, Some(2));
        assert_eq!(total("_summary=count&code:text=血").await, Some(1));
        assert_eq!(total("_count=1&_total=accurate&_sort=_id").await, Some(5));
    })
    .await;
}

#[tokio::test]
async fn later_pages_show_what_was_there_at_the_first() {
    on_each_async(async |database| {
        let house = House::open(database).await;
        house.put(&patient("p")).await;
        for n in 0..12 {
            house
                .put(&lab(&format!("o{n:02}"), "p", "c", "2026-01-01"))
                .await;
        }
        let pairs = [("patient", "p"), ("code", "c"), ("_count", "4")];
        let first = house.page("Observation", &pairs).await.unwrap();
        assert_eq!(first.entries.len(), 4);
        // One no longer matches, one goes to the front, one is deleted, one becomes another's.
        house.put(&lab("o03", "p", "other", "2026-01-01")).await;
        house.put(&lab("o02", "p", "c", "2026-09-01")).await;
        let gone = address("Observation/o01");
        house
            .records
            .delete(&house.permit, &gone, None)
            .await
            .unwrap();
        house.put(&patient("q")).await;
        house.put(&lab("o00", "q", "c", "2026-01-01")).await;
        let (mut seen, mut next) = (Vec::new(), first.next);
        while let Some(cursor) = next {
            let more = [pairs[0], pairs[1], pairs[2], ("_cursor", cursor.as_str())];
            let page = house.page("Observation", &more).await.unwrap();
            seen.extend(
                page.entries
                    .into_iter()
                    .map(|entry| (entry.address.id.to_string(), entry.version)),
            );
            next = page.next;
        }
        let expected: Vec<_> = (0..8).rev().map(|n| (format!("o{n:02}"), 1)).collect();
        assert_eq!(seen, expected);
    })
    .await;
}
