//! Laboratory orders and results.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod common;

use common::{File, examination, has_code, of_type, only, results};
use serde_json::json;
use ssmix2::{Kind, Oddity};

const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";

#[test]
fn a_result_keeps_its_digits_codes_and_comments() {
    let chapter = results().chapter();
    let observations = of_type(&chapter, "Observation");
    let creatinine = &observations[0];
    assert!(has_code(&creatinine["code"], JLAC10, "3C015000002327101"));
    assert!(has_code(
        &creatinine["code"],
        "urn:musubi:ssmix2:0110000001:99LAB",
        "CRE"
    ));
    assert_eq!(creatinine["code"]["text"], "クレアチニン");
    assert!(
        chapter
            .resources
            .iter()
            .any(|one| one.json.contains("\"value\":0.80,\"unit\":\"mg/dL\""))
    );
    assert_eq!(
        creatinine["valueQuantity"]["system"],
        "http://unitsofmeasure.org"
    );
    assert_eq!(creatinine["referenceRange"][0]["high"]["value"], 0.8);
    assert_eq!(creatinine["interpretation"][0]["coding"][0]["code"], "H");
    assert_eq!(creatinine["effectiveDateTime"], "2026-04-01T08:45:00+09:00");
    assert_eq!(creatinine["note"][0]["text"], "溶血あり");
    let crp = &observations[1];
    assert_eq!(crp["valueQuantity"]["comparator"], "<");
    assert_eq!(crp["effectiveDateTime"], "2026-04-01T08:30:00+09:00");
    assert_eq!(observations[2]["valueString"], "(+-)");
    // NM that is no number is the text that it is.
    assert_eq!(observations[3]["valueString"], "検体不良");
    assert_eq!(observations[3]["status"], "cancelled");
}

#[test]
fn growth_amount_and_susceptibility_are_tied_together() {
    let observations = of_type(&results().chapter(), "Observation");
    let [organism, amount, susceptibility] = &observations[4..] else {
        unreachable!("three rows of culture");
    };
    assert_eq!(
        organism["valueCodeableConcept"]["coding"][0]["system"],
        "urn:musubi:ssmix2:JANIS"
    );
    let reference =
        |one: &serde_json::Value| format!("Observation/{}", one["id"].as_str().unwrap());
    assert_eq!(
        organism["hasMember"],
        json!([{"reference": reference(amount)}])
    );
    assert_eq!(
        susceptibility["derivedFrom"],
        json!([{"reference": reference(organism), "display": "E.coli"}])
    );
    assert_eq!(susceptibility["valueString"], "< 2");
    assert_eq!(susceptibility["status"], "preliminary");
}

#[test]
fn a_report_gathers_the_results_of_its_examination() {
    let chapter = results().chapter();
    let reports = of_type(&chapter, "DiagnosticReport");
    assert_eq!(reports.len(), 3);
    let chemistry = &reports[0];
    assert_eq!(chemistry["status"], "final");
    assert_eq!(chemistry["result"].as_array().unwrap().len(), 4);
    assert_eq!(chemistry["issued"], "2026-04-01T10:30:59+09:00");
    assert_eq!(chemistry["effectiveDateTime"], "2026-04-01T08:30:00+09:00");
    assert_eq!(chemistry["category"][1]["text"], "生化学的検査");
    assert_eq!(
        chemistry["basedOn"][0]["identifier"]["value"],
        "000000011000354"
    );
    let specimens = of_type(&chapter, "Specimen");
    let serum = format!("Specimen/{}", specimens[0]["id"].as_str().unwrap());
    assert_eq!(chemistry["specimen"], json!([{"reference": serum}]));
    assert_eq!(specimens[0]["type"]["text"], "血清");
    assert_eq!(specimens[0]["identifier"][0]["value"], "S-1");
    assert_eq!(reports[2]["status"], "registered");
}

#[test]
fn results_without_specimen_time_or_name_are_valid_or_left_out() {
    let lines = [
        "OBR|1",
        "OBX|1|NM|||5||||||F",
        "OBX|2|NM|^手書き項目||5||||||F",
        "OBX|3|NM|X^空^99LAB|||||||||F",
    ];
    let chapter = File::of(Kind::Oml11, "OUL^R22", &lines).chapter();
    let observations = of_type(&chapter, "Observation");
    assert_eq!(observations.len(), 2);
    assert_eq!(observations[0]["code"]["text"], "手書き項目");
    assert_eq!(observations[0]["effectiveDateTime"], "2026-04-01");
    assert_eq!(of_type(&chapter, "Specimen").len(), 0);
    let noted = |oddity| chapter.notes.iter().any(|note| note.oddity == oddity);
    assert!(noted(Oddity::SegmentMissing) && noted(Oddity::TimeSubstituted));
    assert!(noted(Oddity::CodeMissing));
}

#[test]
fn an_update_has_the_same_ids() {
    let first = results().chapter();
    let mut again = results();
    again.lines[5] = again.lines[5].replace("0.80|", "0.90|");
    let second = again.chapter();
    let ids = |chapter: &ssmix2::Chapter| -> Vec<String> {
        chapter.resources.iter().map(|one| one.id.clone()).collect()
    };
    assert_eq!((ids(&first), &first.key), (ids(&second), &second.key));
    assert_ne!(first.resources, second.resources);
}

#[test]
fn an_order_lists_what_is_to_be_examined() {
    let chapter = examination().chapter();
    let [order, cancelled] = &of_type(&chapter, "ServiceRequest")[..] else {
        unreachable!("two orders");
    };
    assert_eq!(
        (&order["status"], &cancelled["status"]),
        (&json!("active"), &json!("revoked"))
    );
    assert_eq!(order["code"]["text"], "生化学的検査");
    assert_eq!(order["orderDetail"].as_array().unwrap().len(), 2);
    assert_eq!(order["occurrenceDateTime"], "2026-04-02T08:30:00+09:00");
    let specimen = only(&chapter, "Specimen");
    let reference = format!("Specimen/{}", specimen["id"].as_str().unwrap());
    assert_eq!(order["specimen"][0]["reference"], reference.as_str());
}

#[test]
fn what_is_said_beside_the_results_is_kept_or_noted() {
    let mut file = results();
    let at = |file: &File, start: &str| {
        let found = file.lines.iter().position(|line| line.starts_with(start));
        found.unwrap() + 1
    };
    let order = at(&file, "ORC|SC");
    file.lines
        .insert(order, "NTE|1||検体溶血のため~再検要".to_owned());
    let left_out = |chapter: &ssmix2::Chapter, field: &str| {
        let mut notes = chapter.notes.iter();
        notes.any(|note| note.oddity == Oddity::LeftOut && note.field == field)
    };
    let chapter = file.chapter();
    let reports = of_type(&chapter, "DiagnosticReport");
    assert_eq!(reports[0]["conclusion"], "検体溶血のため\n再検要");
    assert!(reports[1]["conclusion"].is_null());
    assert!(!left_out(&chapter, "NTE") && !left_out(&chapter, "OBX"));

    let specimen = at(&file, "SPM|1");
    file.lines
        .insert(specimen, "OBX|1|ST|1^外観^99LAB||乳び||||||F".to_owned());
    file.lines.insert(1, "NTE|1||至急".to_owned());
    let chapter = file.chapter();
    assert!(left_out(&chapter, "OBX") && left_out(&chapter, "NTE"));

    let mut ordered = examination();
    let test = at(&ordered, "OBR|1");
    ordered.lines.insert(test, "NTE|1||空腹時".to_owned());
    let chapter = ordered.chapter();
    let requests = of_type(&chapter, "ServiceRequest");
    assert_eq!(requests[0]["note"], json!([{"text": "空腹時"}]));
    assert!(!left_out(&chapter, "NTE"));
}

#[test]
fn an_examination_without_results_is_only_registered() {
    let lines = ["SPM|1|S-1||023^血清^JC10", "OBR|1|7||3^生化学的検査^JC10"];
    let chapter = File::of(Kind::Oml11, "OUL^R22", &lines).chapter();
    assert_eq!(only(&chapter, "DiagnosticReport")["status"], "registered");
}

#[test]
fn a_code_that_was_padded_is_a_code() {
    let lines = [
        "SPM|1|S-1||023^血清^JC10|||||||||||||20260401083000",
        "OBR|1|7||3^生化学的検査^JC10",
        "OBX|1|NM|　A1  B^空^99LAB||5|mg/dL　^mg/dL^99U|||||F",
    ];
    let observation = only(
        &File::of(Kind::Oml11, "OUL^R22", &lines).chapter(),
        "Observation",
    );
    assert_eq!(observation["code"]["coding"][0]["code"], "A1 B");
}
