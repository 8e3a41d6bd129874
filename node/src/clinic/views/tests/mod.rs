#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

mod real;
pub(in crate::clinic) mod strangers;

use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::pages::when::Day;

pub(in crate::clinic) fn today() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-30T10:00:00+09:00").unwrap()
}

fn everybody(_source: usize) -> bool {
    true
}

/// Resources of みなと病院 (0) and ゆきみ診療所 (1).
fn chart(resources: &[(usize, Value)]) -> Chart {
    let taken = resources.iter().map(|(source, value)| {
        std::sync::Arc::new(Taken::read(*source, &value.to_string()).unwrap())
    });
    Chart {
        sources: vec![
            Source::new("urn:musubi:member:0110000001", "みなと病院", true),
            Source::new(
                "urn:musubi:member:0110000002",
                "医療法人 ゆきみ診療所",
                false,
            ),
        ],
        taken: taken.collect(),
    }
}

const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";

fn result(code: &str, day: &str, value: f64, unit: &str, range: Value) -> Value {
    json!({
        "resourceType": "Observation", "id": "o", "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": JLAC10, "code": code}], "text": "HbA1c(NGSP)"},
        "effectiveDateTime": day, "valueQuantity": {"value": value, "unit": unit},
        "referenceRange": [range],
    })
}

fn own_range(low: f64, high: f64, unit: &str) -> Value {
    json!({"low": {"value": low, "unit": unit}, "high": {"value": high, "unit": unit}})
}

#[test]
fn a_hospital_is_called_by_what_tells_it_apart() {
    let chart = chart(&[]);
    assert_eq!((chart.short(0), chart.short(1)), ("みなと", "ゆきみ"));
    assert_eq!(Source::new("m", "病院", false).short, "病院");
}

#[test]
fn one_item_of_two_hospitals_is_one_row_with_each_ones_own_range() {
    let chart = chart(&[
        (
            0,
            result(
                "3D046000001906202",
                "2026-11-02",
                6.1,
                "%",
                own_range(4.9, 6.0, "%"),
            ),
        ),
        (
            1,
            result(
                "3D046000001927102",
                "2026-11-09",
                6.1,
                "%",
                own_range(4.6, 6.2, "%"),
            ),
        ),
    ]);
    let labs = Labs::of(&chart, None, &everybody);
    let rows: Vec<_> = labs.rows().collect();
    assert_eq!((rows.len(), labs.groups[0].key), (1, "3"));
    assert!(rows[0].has_other_method, "the codes name two methods");
    let marks: Vec<_> = rows[0].cells.iter().map(|cells| cells[0].mark).collect();
    assert_eq!(
        marks,
        [None, Some(Mark::High)],
        "each is judged by its own hospital's range"
    );
    assert!(rows[0].cells[1][0].is_mark_ours);
    let ranges: Vec<_> = rows[0]
        .series(&chart)
        .iter()
        .map(|one| one.range.unwrap().text())
        .collect();
    assert_eq!(ranges, ["4.9–6.0", "4.6–6.2"]);
}

#[test]
fn values_of_two_units_are_never_in_one_row() {
    let none = json!({});
    let chart = chart(&[
        (
            0,
            result(
                "3C015000002327101",
                "2026-11-02",
                0.9,
                "mg/dL",
                none.clone(),
            ),
        ),
        (
            1,
            result("3C015000002327101", "2026-11-09", 79.6, "umol/L", none),
        ),
    ]);
    let labs = Labs::of(&chart, None, &everybody);
    let rows: Vec<_> = labs.rows().collect();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row.has_other_unit && row.readings.len() == 1)
    );
    assert_eq!(
        labs.row(&rows[0].id).len(),
        2,
        "both panels stand on the item's page"
    );
}

#[test]
fn a_number_is_shown_as_its_hospital_wrote_it() {
    let raw = r#"{"resourceType":"Observation","status":"final","code":{"text":"K"},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":4.10,"unit":"mmol/L"}}"#;
    let readings = reading::readings(&Taken::read(0, raw).unwrap());
    assert_eq!(
        (readings[0].text.as_str(), readings[0].number),
        ("4.10", Some(4.1))
    );
    let below = raw.replace("\"value\":4.10", "\"comparator\":\"<\",\"value\":0.05");
    let readings = reading::readings(&Taken::read(0, &below).unwrap());
    assert_eq!(
        (readings[0].text.as_str(), readings[0].number),
        ("<0.05", None)
    );
}

#[test]
fn what_a_hospital_says_of_a_result_goes_before_what_its_range_says() {
    let mut observation = result(
        "3D046000001906202",
        "2026-11-02",
        6.1,
        "%",
        own_range(4.9, 6.0, "%"),
    );
    observation["interpretation"] = json!([{"coding": [{"code": "N"}]}]);
    let readings = reading::readings(&Taken::read(0, &observation.to_string()).unwrap());
    assert_eq!(readings[0].mark, None);
    observation["interpretation"] = json!([{"coding": [{"code": "LL"}]}]);
    let readings = reading::readings(&Taken::read(0, &observation.to_string()).unwrap());
    assert_eq!(
        (readings[0].mark, readings[0].is_mark_ours),
        (Some(Mark::CriticalLow), false)
    );
}

#[test]
fn a_range_of_another_unit_judges_nothing() {
    let observation = result(
        "3C015000002327101",
        "2026-11-02",
        79.6,
        "umol/L",
        own_range(0.6, 1.1, "mg/dL"),
    );
    let readings = reading::readings(&Taken::read(0, &observation.to_string()).unwrap());
    assert_eq!((readings[0].range, readings[0].mark), (None, None));
}

#[test]
fn what_was_taken_back_is_shown_nowhere() {
    let mut observation = result("3D046000001906202", "2026-11-02", 6.1, "%", json!({}));
    observation["status"] = json!("entered-in-error");
    let mut allergy = allergy("ペニシリン");
    allergy["verificationStatus"] = json!({"coding": [{"code": "entered-in-error"}]});
    let chart = chart(&[(0, observation), (0, allergy)]);
    assert!(Labs::of(&chart, None, &everybody).is_empty());
    assert!(Allergies::of(&chart).recorded.is_empty());
}

fn request(system: &str, code: &str, name: &str, from: &str, days: i64) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": "m", "status": "completed", "authoredOn": from,
        "medicationCodeableConcept": {"coding": [{"system": system, "code": code}], "text": name},
        "dosageInstruction": [{"text": "1日1回朝食後 30日分", "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "錠"}}]}],
        "dispenseRequest": {"expectedSupplyDuration": {"value": days, "unit": "日", "code": "d"}},
    })
}

const GENERAL: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode";
const YJ: &str = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";

#[test]
fn one_ingredient_of_two_hospitals_is_one_medicine_and_said_to_be_of_two() {
    let chart = chart(&[
        (
            0,
            request(
                GENERAL,
                "2171022F2ZZZ",
                "【般】アムロジピン錠5mg",
                "2026-11-10",
                28,
            ),
        ),
        (
            1,
            request(YJ, "2171022F2100", "ノルバスク錠5mg", "2026-11-20", 30),
        ),
        (
            1,
            request(
                YJ,
                "3399007H1021",
                "バイアスピリン錠100mg",
                "2026-01-20",
                30,
            ),
        ),
    ]);
    let medicines = Medicines::of(&chart, None, today(), &everybody);
    assert_eq!((medicines.current.len(), medicines.past.len()), (1, 1));
    let amlodipine = &medicines.current[0];
    assert_eq!(amlodipine.by_several, [0, 1]);
    assert!(amlodipine.overlaps);
    assert_eq!(amlodipine.supplies[0].dose, "1回1錠 1日1回朝食後");
    assert!(medicines.past[0].by_several.is_empty());
}

#[test]
fn a_medicine_is_current_as_long_as_it_was_supplied_for_and_nobody_stopped_it() {
    let current = |from: &str, days: i64, status: &str| {
        let mut request = request(YJ, "2171022F2100", "アムロジピン", from, days);
        request["status"] = json!(status);
        Medicines::of(&chart(&[(0, request)]), None, today(), &everybody)
            .current
            .len()
    };
    assert_eq!(
        current("2026-11-03", 28, "completed"),
        1,
        "its last day is today"
    );
    assert_eq!(current("2026-11-02", 28, "completed"), 0);
    assert_eq!(current("2026-11-03", 28, "stopped"), 0);
    assert_eq!(current("2026-12-03", 28, "active"), 0, "not yet");
}

#[test]
fn a_medicine_without_a_code_is_compared_by_its_name_and_that_is_said() {
    let mut plain = request("", "", "アムロジピン　錠５ｍｇ", "2026-11-20", 30);
    plain["medicationCodeableConcept"]
        .as_object_mut()
        .unwrap()
        .remove("coding");
    let mut other = plain.clone();
    other["medicationCodeableConcept"]["text"] = json!("アムロジピン 錠5mg");
    let medicines = Medicines::of(&chart(&[(0, plain), (1, other)]), None, today(), &everybody);
    assert_eq!(
        (medicines.current.len(), medicines.current[0].is_by_name),
        (1, true)
    );
}

fn allergy(to: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": "a", "criticality": "high", "category": ["medication"],
        "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": to},
        "reaction": [{"manifestation": [{"text": "じんま疹"}]}],
    })
}

#[test]
fn no_allergy_recorded_is_something_else_than_no_allergy() {
    let none = json!({"resourceType": "AllergyIntolerance", "code": {"coding": [{"code": "716186003"}], "text": "なし"}});
    let allergies = Allergies::of(&chart(&[(0, allergy("ペニシリン")), (1, none)]));
    assert_eq!(
        (allergies.recorded.len(), allergies.none_known.as_slice()),
        (1, &[1][..])
    );
    assert_eq!(allergies.recorded[0].reaction.as_deref(), Some("じんま疹"));
    assert!(allergies.recorded[0].is_grave);
    let mut over = allergy("そば");
    over["clinicalStatus"] = json!({"coding": [{"code": "resolved"}]});
    assert!(Allergies::of(&chart(&[(0, over)])).recorded.is_empty());
}

#[test]
fn a_day_of_a_hospital_is_one_event_in_each_lane() {
    let visit = json!({"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"},
        "period": {"start": "2026-11-02T09:00:00+09:00", "end": "2026-11-05"}, "serviceType": {"text": "内科"}});
    let chart = chart(&[
        (
            0,
            result(
                "3D046000001906202",
                "2026-11-02T09:15:00+09:00",
                8.1,
                "%",
                own_range(4.9, 6.0, "%"),
            ),
        ),
        (
            0,
            result(
                "3C015000002327101",
                "2026-11-02T09:15:00+09:00",
                0.9,
                "mg/dL",
                json!({}),
            ),
        ),
        (
            1,
            request(YJ, "2171022F2100", "アムロジピン", "2026-11-02", 28),
        ),
        (0, visit),
    ]);
    let timeline = Timeline::of(&chart, None, &everybody, &LANES);
    let seen: Vec<_> = timeline
        .events()
        .map(|one| (one.source, one.what, one.count, one.outside))
        .collect();
    assert_eq!(
        seen,
        [
            (0, "inpatient", 1, 0),
            (0, "results", 2, 1),
            (1, "prescription", 1, 0)
        ]
    );
    assert_eq!(
        timeline.events().next().unwrap().until,
        Day::parse("2026-11-05")
    );
    let labs_alone = Timeline::of(&chart, None, &everybody, &[Lane::Lab]);
    assert_eq!(labs_alone.events().count(), 1);
    let of_other = Timeline::of(&chart, None, &|source| source == 1, &LANES);
    assert_eq!(of_other.events().count(), 1);
    let since = Timeline::of(&chart, Day::parse("2026-11-03"), &everybody, &LANES);
    assert_eq!(
        since.events().count(),
        1,
        "a stay that reaches into the period is in it"
    );
}

#[test]
fn a_month_begins_on_sunday_and_marks_its_days() {
    let chart = chart(&[(
        1,
        request(YJ, "2171022F2100", "アムロジピン", "2026-11-18", 28),
    )]);
    let timeline = Timeline::of(&chart, None, &everybody, &LANES);
    let month = Month::of(&timeline, None, Day::of(today()));
    assert_eq!((month.name.as_str(), month.weeks.len()), ("2026-11", 5));
    assert_eq!(
        (month.before.as_str(), month.after.as_str()),
        ("2026-10", "2026-12")
    );
    assert_eq!(
        (month.weeks[0][0].iso.as_str(), month.weeks[0][0].is_within),
        ("2026-11-01", true)
    );
    let marked: Vec<_> = month
        .weeks
        .iter()
        .flatten()
        .filter(|day| !day.marks.is_empty())
        .collect();
    assert_eq!(marked[0].iso, "2026-11-18");
    assert_eq!(marked[0].marks, [(Lane::Rx, vec![1])]);
}

#[test]
fn a_patient_is_named_as_the_chart_writes_them() {
    let patient = json!({
        "resourceType": "Patient", "gender": "female", "birthDate": "1958-12-01",
        "identifier": [{"system": "urn:oid:1.2.392.100495.20.3.51.10110000001", "value": "00012045"}],
        "name": [
            {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "IDE"}], "text": "佐藤 花"},
            {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "SYL"}], "family": "サトウ", "given": ["ハナ"]},
        ],
    });
    let person = Person::of(&patient, today());
    assert_eq!(
        (person.name.as_str(), person.kana.as_str()),
        ("佐藤 花", "サトウ ハナ")
    );
    assert_eq!(
        (person.age, person.chart_number.as_str()),
        (Some(67), "00012045")
    );
}
