//! Prescriptions, injections, and what was given.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod common;

use common::{File, given, has_code, infusion, injection, of_type, only, prescription};
use serde_json::{Value, json};
use ssmix2::{Kind, Oddity};

const RP: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber";
const IN_RP: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex";
const MERIT9: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code";

fn number(resource: &Value, system: &str) -> Value {
    let identifiers = resource["identifier"].as_array().unwrap();
    let found = identifiers.iter().find(|one| one["system"] == system);
    found.map(|one| one["value"].clone()).unwrap_or_default()
}

#[test]
fn each_medicine_of_a_prescription_is_a_request() {
    let chapter = prescription().chapter();
    let [tablet, powder, ointment] = &of_type(&chapter, "MedicationRequest")[..] else {
        unreachable!("three medicines");
    };
    let places = [tablet, powder, ointment].map(|one| (number(one, RP), number(one, IN_RP)));
    let place = |rp: &str, order: &str| (json!(rp), json!(order));
    assert_eq!(places, [place("1", "1"), place("1", "2"), place("2", "1")]);
    let national = "urn:oid:1.2.392.100495.20.3.11.10110000001";
    assert_eq!(number(tablet, national), "RX-77");
    assert_eq!(tablet["authoredOn"], "2026-04-01T10:30:00+09:00");
    assert_eq!(tablet["requester"]["display"], "白樺 一郎");
    let yj = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";
    assert!(has_code(
        &tablet["medicationCodeableConcept"],
        yj,
        "2149001F1ZZZ"
    ));
    assert_eq!(
        tablet["medicationCodeableConcept"]["text"],
        "白樺錠２５０ｍｇ"
    );
    assert_eq!(tablet["category"][1]["text"], "院外処方");
    assert_eq!(tablet["dispenseRequest"]["quantity"]["value"], 18);
    assert_eq!(
        tablet["dispenseRequest"]["expectedSupplyDuration"]["code"],
        "d"
    );
    let pounded = &tablet["dispenseRequest"]["extension"][0]["valueCodeableConcept"];
    assert_eq!(pounded["text"], "粉砕");
    assert_eq!(ointment["status"], "cancelled");
}

#[test]
fn a_dosage_says_how_much_when_and_which_way() {
    let chapter = prescription().chapter();
    let requests = of_type(&chapter, "MedicationRequest");
    let dosage = &requests[0]["dosageInstruction"][0];
    assert_eq!(
        dosage["text"],
        "内服・経口・１日３回朝昼夕食後 医師の指示通り"
    );
    assert!(has_code(
        &dosage["timing"],
        "http://jami.jp/CodeSystem/MedicationUsage",
        "1013044400000000"
    ));
    let more = "http://jami.jp/CodeSystem/MedicationUsageAdditional";
    assert!(has_code(&dosage["additionalInstruction"], more, "I1100000"));
    assert_eq!(
        dosage["extension"][0]["valuePeriod"]["start"],
        "2026-04-01T00:00:00+09:00"
    );
    assert_eq!(dosage["extension"][1]["valueDuration"]["value"], 3);
    let amounts = &dosage["doseAndRate"][0];
    let two = json!({"value": 2, "unit": "錠", "system": MERIT9, "code": "TAB"});
    assert_eq!(amounts["doseQuantity"], two);
    assert_eq!(amounts["rateRatio"]["numerator"]["value"], 6);
    assert_eq!(amounts["rateRatio"]["denominator"]["code"], "d");
    // 適量 is no quantity, and must not be lost.
    assert_eq!(
        requests[1]["dosageInstruction"][0]["text"],
        "内服 適量グラム"
    );
    assert!(
        chapter
            .notes
            .iter()
            .any(|note| note.oddity == Oddity::Amount)
    );
    let ointment = &requests[2]["dosageInstruction"][0];
    assert!(has_code(
        &ointment["method"],
        "http://jami.jp/CodeSystem/MedicationMethodDetailUsage",
        "10"
    ));
    assert!(has_code(
        &ointment["site"],
        "http://jami.jp/CodeSystem/MedicationBodySiteExternal",
        "77L"
    ));
}

#[test]
fn a_prescription_without_numbers_and_times_is_still_valid() {
    let chapter = File::of(Kind::Omp01, "RDE^O11", &["ORC|NW|7", "RXE||^手書きの薬"]).chapter();
    let request = only(&chapter, "MedicationRequest");
    assert_eq!(
        (number(&request, RP), number(&request, IN_RP)),
        (json!("1"), json!("1"))
    );
    assert_eq!(request["authoredOn"], "2026-04-01T10:30:59+09:00");
    let noted = |oddity| chapter.notes.iter().any(|note| note.oddity == oddity);
    assert!(noted(Oddity::RpNumber) && noted(Oddity::TimeSubstituted));
}

#[test]
fn an_injection_is_one_request_of_a_mixture() {
    let request = only(&injection().chapter(), "MedicationRequest");
    assert_eq!(request["medicationReference"]["reference"], "#medication");
    let ingredients = request["contained"][0]["ingredient"].as_array().unwrap();
    assert_eq!(
        ingredients[0]["itemCodeableConcept"]["text"],
        "雪見輸液５００ｍＬ"
    );
    assert_eq!(ingredients[1]["strength"]["numerator"]["code"], "AMP");
    assert_eq!(request["contained"][0]["form"]["text"], "注射剤");
    assert_eq!(request["contained"][1]["resourceType"], "Device");
    assert_eq!(request["category"][1]["text"], "一般");
    assert!(
        request["encounter"]["reference"]
            .as_str()
            .unwrap()
            .ends_with("IMP.202604011400")
    );
    let dosage = &request["dosageInstruction"][0];
    let rate = &dosage["doseAndRate"][0]["rateRatio"];
    assert_eq!(
        (&rate["numerator"]["value"], &rate["denominator"]["code"]),
        (&json!(102), &json!("h"))
    );
    let bounds = &dosage["timing"]["repeat"]["boundsPeriod"];
    assert_eq!(bounds["end"], "2026-04-01T19:30:00+09:00");
    assert!(has_code(
        &dosage["route"],
        "http://jpfhir.jp/fhir/core/CodeSystem/route-codes",
        "IV"
    ));
}

#[test]
fn what_was_given_names_its_order_and_its_department() {
    let administration = only(&given().chapter(), "MedicationAdministration");
    assert_eq!(administration["status"], "completed");
    assert_eq!(
        administration["effectiveDateTime"],
        "2026-04-01T08:30:00+09:00"
    );
    assert_eq!(administration["dosage"]["dose"]["code"], "TAB");
    assert_eq!(
        administration["request"]["identifier"]["value"],
        "000000011000354"
    );
    assert_eq!(
        administration["performer"][0]["actor"]["display"],
        "看護 花子"
    );
    assert_eq!(administration["note"][0]["text"], "食後");
    assert_eq!(
        administration["extension"][0]["valueCodeableConcept"]["text"],
        "精神科"
    );
    let department = "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment";
    assert!(has_code(&administration["meta"]["tag"], department, "02"));
}

#[test]
fn an_injection_given_keeps_mixture_and_rate() {
    let chapter = infusion().chapter();
    let [mixture, refused] = &of_type(&chapter, "MedicationAdministration")[..] else {
        unreachable!("two administrations");
    };
    assert_eq!(
        mixture["contained"][0]["ingredient"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(mixture["status"], "stopped");
    assert_eq!(
        mixture["effectivePeriod"]["end"],
        "2026-04-01T19:30:00+09:00"
    );
    assert_eq!(mixture["dosage"]["rateRatio"]["numerator"]["code"], "mL");
    assert_eq!(refused["status"], "not-done");
    assert_eq!(
        refused["contained"][0]["ingredient"][0]["itemCodeableConcept"]["text"],
        "白樺注"
    );
}

#[test]
fn what_is_said_of_a_medicine_is_kept_with_it() {
    let note = |file: &mut File, behind: &str, text: &str| {
        let at = file.lines.iter().position(|line| line.starts_with(behind));
        file.lines.insert(at.unwrap() + 1, format!("NTE|1||{text}"));
    };
    let mut prescribed = prescription();
    note(&mut prescribed, "RXE", "粉砕不可");
    let requests = of_type(&prescribed.chapter(), "MedicationRequest");
    assert_eq!(requests[0]["note"], json!([{"text": "粉砕不可"}]));
    assert!(requests[1]["note"].is_null());

    let mut ordered = injection();
    note(&mut ordered, "RXC", "遮光");
    let request = only(&ordered.chapter(), "MedicationRequest");
    assert_eq!(request["note"], json!([{"text": "遮光"}]));

    let mut infused = infusion();
    note(&mut infused, "ORC", "緩徐に");
    note(&mut infused, "RXA|0|2", "拒否");
    let chapter = infused.chapter();
    let given = of_type(&chapter, "MedicationAdministration");
    assert_eq!(given[0]["note"], json!([{"text": "緩徐に"}]));
    assert_eq!(
        given[1]["note"],
        json!([{"text": "拒否"}, {"text": "緩徐に"}])
    );
    assert!(
        chapter
            .notes
            .iter()
            .all(|note| note.oddity != Oddity::LeftOut)
    );
}
