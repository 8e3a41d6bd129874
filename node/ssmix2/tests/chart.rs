//! Demographics, allergies, problems and encounters.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod common;

use common::{ADMISSION, File, PATIENT_ID, allergies, basic, has_code, of_type, only, problems};
use serde_json::json;
use ssmix2::{Kind, Oddity};

const DEPARTMENT: &str = "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment";

#[test]
fn basic_data_make_a_patient_with_all_that_hangs_on_it() {
    let chapter = basic().chapter();
    assert_eq!(chapter.patient, PATIENT_ID);
    let patient = only(&chapter, "Patient");
    assert_eq!(
        patient["identifier"],
        json!([{
            "use": "usual",
            "system": "urn:oid:1.2.392.100495.20.3.51.10110000001",
            "value": "00079013",
        }])
    );
    assert_eq!(
        (&patient["gender"], &patient["birthDate"]),
        (&json!("female"), &json!("1975-08-28"))
    );
    assert_eq!(patient["name"].as_array().unwrap().len(), 2);
    assert_eq!(
        patient["address"][0]["text"],
        "北海道雪見市白樺町１\u{2212}２"
    );
    assert_eq!(patient["address"][0]["state"], "北海道");
    let contact = &patient["contact"][0];
    assert_eq!(contact["relationship"][0]["text"], "配偶者");
    assert_eq!(contact["organization"]["display"], "白樺農園");
    assert_eq!(
        patient["extension"][0]["valueCodeableConcept"]["text"],
        "身体障害あり"
    );

    let coverage = only(&chapter, "Coverage");
    assert_eq!(
        coverage["identifier"][0]["value"],
        "06331011:あいう:１８７:05"
    );
    assert_eq!(
        coverage["identifier"][1]["value"],
        "\"あいう\",\"１８７\",\"05\""
    );
    assert_eq!(
        coverage["period"],
        json!({"start": "2026-04-01", "end": "2027-03-31"})
    );
    assert_eq!(coverage["payor"][0]["display"], "湊健保");

    let allergies = of_type(&chapter, "AllergyIntolerance");
    assert_eq!(allergies[0]["category"], json!(["food"]));
    assert_eq!(allergies[0]["reaction"][0]["severity"], "moderate");
    assert_eq!(allergies[1]["code"]["text"], "ペニシリン");

    let observations = of_type(&chapter, "Observation");
    let nursing = "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS";
    assert!(has_code(&observations[0], nursing, "31000298"));
    assert!(
        chapter
            .resources
            .iter()
            .any(|one| one.json.contains("\"value\":151.0"))
    );
    assert_eq!(observations[1]["valueCodeableConcept"]["text"], "AB");
    // PV1 says where the patient is, not where this comes from: psychiatry here hides nothing.
    assert!(observations.iter().all(|one| one["meta"]["tag"].is_null()));
}

#[test]
fn basic_data_taken_back_leave_nothing() {
    let chapter = File {
        event: "ADT^A23",
        ..basic()
    }
    .chapter();
    assert_eq!(chapter.resources, []);
    assert_eq!(chapter.key, basic().chapter().key);
}

#[test]
fn only_basic_data_set_demographics() {
    let kinds: Vec<Kind> = common::samples().iter().map(|file| file.kind).collect();
    let read = Kind::ALL.iter().filter(|kind| kind.is_read());
    assert!(read.clone().count() == 13 && read.clone().all(|kind| kinds.contains(kind)));
    for file in common::samples()
        .into_iter()
        .filter(|file| file.kind != Kind::Adt00)
    {
        assert_eq!(
            of_type(&file.chapter(), "Patient"),
            Vec::<serde_json::Value>::new()
        );
    }
}

#[test]
fn allergies_say_what_is_known_of_them() {
    let chapter = allergies().chapter();
    assert!(chapter.key.as_str().ends_with("/00079013/ADT-61"));
    let [first, second, third] = &of_type(&chapter, "AllergyIntolerance")[..] else {
        unreachable!("three allergies");
    };
    assert_eq!(
        first["verificationStatus"]["coding"][0]["code"],
        "confirmed"
    );
    assert_eq!(first["reaction"][0]["manifestation"][0]["text"], "呼吸困難");
    assert_eq!(first["asserter"]["display"], "白樺 一郎");
    assert_eq!(
        second["verificationStatus"]["coding"][0]["code"],
        "entered-in-error"
    );
    assert_eq!(third["code"], json!({"text": "ラテックス"}));
    assert_eq!(third["onsetString"], "子どものころ");
    assert_eq!(
        third["verificationStatus"]["coding"][0]["code"],
        "unconfirmed"
    );
}

#[test]
fn the_problem_list_is_one_unit() {
    let chapter = problems().chapter();
    assert!(chapter.key.as_str().ends_with("/00079013/PPR-01"));
    let [diabetes, suspected, wrong] = &of_type(&chapter, "Condition")[..] else {
        unreachable!("three problems");
    };
    let icd10 = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
    assert!(has_code(diabetes, icd10, "E119"));
    assert!(has_code(
        diabetes,
        "http://medis.or.jp/CodeSystem/master-disease-keyNumber",
        "20061794"
    ));
    assert!(has_code(
        diabetes,
        "http://jpfhir.jp/fhir/core/CodeSystem/HL70241",
        "F"
    ));
    assert_eq!(diabetes["clinicalStatus"]["coding"][0]["code"], "resolved");
    assert_eq!(diabetes["abatementDateTime"], "2026-06-01");
    assert_eq!(diabetes["onsetDateTime"], "2020-04-01");
    assert_eq!(diabetes["note"][0]["text"], "口渇で発症");
    assert_eq!(diabetes["recorder"]["identifier"]["value"], "0012");
    // The code as sent, the department it is a part of, and the name: all are looked at.
    let tags = &diabetes["meta"]["tag"];
    assert!(has_code(tags, DEPARTMENT, "033") && has_code(tags, DEPARTMENT, "03"));
    assert_eq!(tags[0]["display"], "心療内科");

    assert_eq!(
        suspected["verificationStatus"]["coding"][0]["code"],
        "provisional"
    );
    let old = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2003-full";
    assert!(has_code(suspected, old, "E112") && has_code(suspected, old, "N083"));
    let extensions = suspected["code"]["extension"].as_array().unwrap();
    assert_eq!(extensions.len(), 3);
    assert!(has_code(
        &extensions[1],
        "http://medis.or.jp/CodeSystem/master-disease-modExCode",
        "ABC2"
    ));
    assert_eq!(extensions[2]["valueCodeableConcept"]["text"], "の疑い");

    assert_eq!(
        wrong["verificationStatus"]["coding"][0]["code"],
        "entered-in-error"
    );
}

#[test]
fn an_empty_problem_list_empties_the_unit() {
    let chapter = File::of(Kind::Ppr01, "PPR^ZD1", &[]).chapter();
    assert_eq!(
        (chapter.resources.len(), chapter.key),
        (0, problems().chapter().key)
    );
}

#[test]
fn one_admission_is_one_encounter_to_its_end() {
    let admitted = File::of(Kind::Adt22, "ADT^A01", &[ADMISSION]).chapter();
    let end = format!("{ADMISSION}|20260410101500");
    let moved = File::of(Kind::Adt42, "ADT^A02", &[ADMISSION]).chapter();
    let ended = File {
        date: "20260410",
        ..File::of(Kind::Adt52, "ADT^A03", &[&end])
    };
    let discharged = ended.chapter();
    assert_eq!(
        (&admitted.key, &moved.key),
        (&discharged.key, &discharged.key)
    );
    assert!(admitted.precedence < moved.precedence && moved.precedence < discharged.precedence);
    let (first, last) = (only(&admitted, "Encounter"), only(&discharged, "Encounter"));
    assert_eq!(first["id"], last["id"]);
    assert_eq!(
        (&first["status"], &last["status"]),
        (&json!("arrived"), &json!("finished"))
    );
    assert_eq!(last["class"]["code"], "IMP");
    assert_eq!(
        last["period"],
        json!({"start": "2026-04-01T14:00:00+09:00", "end": "2026-04-10T10:15:00+09:00"})
    );
    assert_eq!(last["participant"][1]["individual"]["display"], "湊 二郎");
    assert_eq!(last["location"][0]["location"]["display"], "10E-5-3");
    assert!(has_code(&last["serviceType"], DEPARTMENT, "01"));
    let back = File {
        event: "ADT^A13",
        ..ended
    }
    .chapter();
    let back = only(&back, "Encounter");
    assert_eq!(back["status"], "in-progress");
    assert_eq!(
        back["period"],
        json!({"start": "2026-04-01T14:00:00+09:00"})
    );
    assert_eq!(back["location"][0]["status"], "active");
    let never = File::of(Kind::Adt22, "ADT^A11", &[ADMISSION]).chapter();
    assert_eq!(only(&never, "Encounter")["status"], "cancelled");
}

#[test]
fn a_discharge_that_names_no_admission_stands_alone() {
    let alone = ADMISSION.replace("20260401140000", "|20260410101500");
    let file = File {
        date: "20260410",
        ..File::of(Kind::Adt52, "ADT^A03", &[&alone])
    };
    let chapter = file.chapter();
    assert!(
        chapter
            .notes
            .iter()
            .any(|note| note.oddity == Oddity::AdmissionTime)
    );
    assert!(chapter.key.as_str().contains("ADT-52"));
}

#[test]
fn two_visits_of_one_day_are_two() {
    let visit = |department| {
        let file = File::of(Kind::Adt12, "ADT^A04", &["PV1|0001|O|01^^^^^C"]);
        File {
            order: "999999999999999",
            department,
            ..file
        }
        .chapter()
    };
    assert_ne!(visit("01").key, visit("02").key);
    let encounter = only(&visit("02"), "Encounter");
    assert_eq!(
        (&encounter["status"], &encounter["class"]["code"]),
        (&json!("arrived"), &json!("AMB"))
    );
    assert!(has_code(&encounter["meta"]["tag"], DEPARTMENT, "02"));
}

#[test]
fn what_ends_before_it_begins_has_no_end() {
    let noted = |chapter: &ssmix2::Chapter, field: &str| {
        let reversed = |note: &&ssmix2::Note| note.oddity == Oddity::Reversed;
        let mut notes = chapter.notes.iter().filter(reversed);
        notes.any(|note| note.field == field)
    };
    let mut insured = basic();
    for line in &mut insured.lines {
        *line = line.replace("20270331", "20250331");
    }
    let chapter = insured.chapter();
    assert_eq!(
        only(&chapter, "Coverage")["period"],
        json!({"start": "2026-04-01"})
    );
    assert!(noted(&chapter, "IN1-13"));

    let ended = format!("{ADMISSION}|20260401133000");
    let chapter = File::of(Kind::Adt52, "ADT^A03", &[&ended]).chapter();
    assert!(noted(&chapter, "PV1-45"));
    assert!(only(&chapter, "Encounter")["period"]["end"].is_null());

    let mut infused = common::infusion();
    for line in &mut infused.lines {
        *line = line.replace("20260401193000", "20260401133000");
    }
    let chapter = infused.chapter();
    assert!(noted(&chapter, "RXA-4"));
    let given = of_type(&chapter, "MedicationAdministration");
    assert_eq!(given[0]["effectiveDateTime"], "2026-04-01T14:30:00+09:00");

    let mut ordered = common::injection();
    for line in &mut ordered.lines {
        *line = line.replace("202604011930", "202603311930");
    }
    assert!(noted(&ordered.chapter(), "TQ1-8"));

    let mut examined = common::results();
    for line in &mut examined.lines {
        *line = line.replace(
            "20260401083000|20260401083000|",
            "20260401083000|20260401082900|",
        );
    }
    assert!(noted(&examined.chapter(), "OBR-8"));
}

#[test]
fn an_entry_in_error_has_no_end_and_a_note_is_kept() {
    let lines = [
        "PRB|DE|20260401|9^x^99XYZ|P3|||||20260401",
        "PRB|AD|20260401|8^頭痛^99XYZ|P4|||20260401",
        "NTE|1||経過観察",
    ];
    let conditions = of_type(
        &File::of(Kind::Ppr01, "PPR^ZD1", &lines).chapter(),
        "Condition",
    );
    assert!(conditions[0]["abatementDateTime"].is_null());
    assert_eq!(conditions[1]["note"], json!([{"text": "経過観察"}]));
}
