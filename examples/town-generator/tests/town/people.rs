//! Who lives in the town, and whether what is written about them fits together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{lines, town, word};

#[test]
fn a_person_is_the_same_person_at_every_hospital_under_another_number() {
    let town = town(100);
    let mut people: BTreeMap<u32, Vec<(Value, Value)>> = BTreeMap::new();
    for (resident, charts) in town.patients(1..=3) {
        for (_, chart) in charts {
            let [patient, coverage, ..] = chart.resources.as_slice() else {
                panic!("a chart has a Patient and a Coverage");
            };
            let patient: Value = serde_json::from_str(patient).unwrap();
            let coverage: Value = serde_json::from_str(coverage).unwrap();
            assert_eq!(word(&patient, "/id"), chart.patient_id);
            assert_eq!(
                word(&coverage, "/identifier/0/value"),
                resident.insured_person_id
            );
            people
                .entry(resident.number)
                .or_default()
                .push((patient, coverage));
        }
    }
    let several = people.values().filter(|charts| charts.len() > 1);
    let mut compared = 0;
    for charts in several {
        for pair in charts.windows(2) {
            let ((one, _), (other, _)) = (&pair[0], &pair[1]);
            for element in ["name", "birthDate", "gender", "address"] {
                assert_eq!(one[element], other[element]);
            }
            assert_ne!(one["identifier"], other["identifier"]);
            compared += 1;
        }
    }
    assert!(compared > 20);
}

#[test]
fn a_good_third_is_diabetic_and_has_a_hundred_to_two_hundred_resources() {
    let everybody: Vec<_> = town(400).patients(1..=3).collect();
    let diabetic: Vec<_> = everybody
        .iter()
        .filter(|(resident, _)| resident.diabetic)
        .collect();
    let share = diabetic.len() * 100 / everybody.len();
    assert!((36..=44).contains(&share), "{share} % are diabetic");

    let counts: Vec<usize> = diabetic
        .iter()
        .map(|(_, charts)| charts.iter().map(|(_, chart)| chart.resources.len()).sum())
        .collect();
    let mean = counts.iter().sum::<usize>() / counts.len();
    assert!((110..=190).contains(&mean), "{mean} resources a diabetic");

    let hospitals: BTreeSet<usize> = diabetic.iter().map(|(_, charts)| charts.len()).collect();
    assert_eq!(hospitals, BTreeSet::from([1, 2, 3]));

    let sensitive = everybody.iter().filter(|(resident, _)| resident.sensitive);
    let permille = sensitive.count() * 1000 / everybody.len();
    assert!((25..=90).contains(&permille), "{permille} ‰ are sensitive");
}

#[test]
fn what_is_sensitive_is_told_by_code_or_department() {
    let town = town(300);
    for (resident, charts) in town.patients(1..=3) {
        let texts = || charts.iter().flat_map(|(_, chart)| &chart.resources);
        let sensitive = texts().any(|text| {
            let condition = text.starts_with(r#"{"resourceType":"Condition""#);
            condition && (text.contains(r#""code":"F"#) || text.contains(r#""code":"B24""#))
        });
        assert_eq!(sensitive, resident.sensitive, "{}", resident.number);
    }
    let psychiatry = |text: &String| text.contains("精神科") && text.contains(r#""code":"02""#);
    let resources = (1..=3).flat_map(|hospital| lines(&town, hospital));
    assert!(resources.filter(psychiatry).count() > 20);
}

/// Value of the first coding with this JLAC10 code.
fn measured(resource: &Value, jlac10: &str) -> Option<f64> {
    let codings = resource.pointer("/code/coding")?.as_array()?;
    let is = codings.iter().any(|coding| coding["code"] == jlac10);
    is.then(|| resource["valueQuantity"]["value"].as_f64())
        .flatten()
}

#[test]
fn diagnoses_follow_the_laboratory() {
    const EGFR: &str = "8A065000002391901";
    const HBA1C: &str = "3D046000001906202";
    let mut with_disease = 0;
    for (resident, charts) in town(250).patients(1..=3) {
        for (_, chart) in charts {
            let resources: Vec<Value> = chart
                .resources
                .iter()
                .map(|text| serde_json::from_str(text).unwrap())
                .collect();
            let values = |code: &str| {
                resources
                    .iter()
                    .filter_map(|resource| measured(resource, code))
                    .collect::<Vec<f64>>()
            };
            let low = values(EGFR)
                .windows(2)
                .any(|two| two.iter().all(|egfr| *egfr < 59.5));
            let diagnosed = chart
                .resources
                .iter()
                .any(|text| text.contains(r#""code":"N18"#));
            assert!(
                !low || diagnosed,
                "{}: kidney disease unseen",
                chart.patient_id
            );
            let all_good = values(EGFR).iter().all(|egfr| *egfr > 60.0);
            assert!(
                !diagnosed || !all_good,
                "{}: kidneys are well",
                chart.patient_id
            );
            with_disease += u32::from(diagnosed);
            assert!(resident.diabetic || values(HBA1C).is_empty());
            for pair in values(HBA1C).windows(2) {
                assert!((pair[0] - pair[1]).abs() < 2.0, "{pair:?}");
            }
        }
    }
    assert!(with_disease > 10, "{with_disease}");
}
