#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use encoding_rs::SHIFT_JIS;
use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

use super::symbols::parts;
use super::*;
use crate::patient::fhir::Held;
use crate::patient::medicines::prescriptions;
use crate::patient::testing::{any_resource, prescription};

const ID: &str = "20261130185300";

fn owner() -> Owner {
    Owner {
        name: "佐藤 花".into(),
        kana: "サトウ ハナ".into(),
        gender: "female".into(),
        born: Some(date(1958, 3, 14)),
    }
}

fn hospitals() -> Vec<Institution> {
    vec![Institution {
        name: "みなと病院".into(),
        number: "0110000001".into(),
    }]
}

fn of(resources: Vec<serde_json::Value>) -> Vec<Line> {
    let held: Vec<Held> = resources
        .into_iter()
        .map(|resource| Held {
            hospital: 0,
            resource,
        })
        .collect();
    records(&owner(), &hospitals(), &prescriptions(&held))
}

#[test]
fn a_prescription_becomes_the_records_of_the_format() {
    let mut said = prescription("【般】メトホルミン塩酸塩錠２５０ｍｇ：ＭＴ", "2026-11-20");
    said["medicationCodeableConcept"]["coding"] = json!([{
        "system": "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode",
        "code": "3962002F2ZZZ",
    }]);
    let records = of(vec![said]);
    let lines: Vec<&str> = records.iter().map(Line::as_str).collect();
    assert_eq!(
        lines,
        [
            "JAHISTC08,1",
            "1,佐藤 花,2,19580314,,,,,,,サトウ ハナ",
            "5,20261120,1",
            "11,みなと病院,01,1,0000001,,,,1",
            "51,みなと病院,01,1,0000001,1",
            "55,林 恵子,,1",
            "201,1,【般】メトホルミン塩酸塩錠２５０ｍｇ：ＭＴ,2,錠,1,,1,【般】メトホルミン塩酸塩錠２５０ｍｇ：ＭＴ,2,3962002F2ZZZ",
            "301,1,内服・経口・１日２回朝夕食後,14,日分,1,2,1012040400000000,1",
            "501,病院の処方の情報です。薬局で受け取った薬とは、名前や日数が違うことがあります。,1",
        ]
    );
}

#[test]
fn medicines_of_one_group_share_their_usage() {
    let grouped = |name: &str, group: &str| {
        let mut said = prescription(name, "2026-11-20");
        said["identifier"] = json!([{
            "system": "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber", "value": group,
        }]);
        said
    };
    let records = of(vec![
        grouped("甲", "1"),
        grouped("乙", "1"),
        grouped("丙", "2"),
    ]);
    let count = |number: &str| {
        records
            .iter()
            .filter(|line| line.as_str().starts_with(number))
            .count()
    };
    assert_eq!((count("201,"), count("301,")), (3, 2));
}

#[test]
fn an_amount_that_is_known_by_dose_alone_is_not_given_as_a_days() {
    let mut said = prescription("薬", "2026-11-20");
    said["dispenseRequest"] = json!({"quantity": {"value": 10, "unit": "錠"}});
    let records = of(vec![said]);
    let lines: Vec<&str> = records.iter().map(Line::as_str).collect();
    assert!(lines.contains(&"201,1,薬,,,1,,1,,,"), "{lines:?}");
    assert!(lines.contains(&"281,1,1回量 1錠,1"), "{lines:?}");
}

#[test]
fn a_name_cannot_part_its_field_or_end_its_line() {
    let records = of(vec![prescription("薬,1\r\n201,9,偽の薬", "2026-11-20")]);
    let drugs: Vec<&str> = records
        .iter()
        .map(Line::as_str)
        .filter(|line| line.starts_with("201,"))
        .collect();
    assert_eq!(drugs.len(), 1);
    assert!(drugs[0].starts_with("201,1,薬，1"), "{drugs:?}");
    assert!(!drugs[0].contains(['\r', '\n']));
}

#[test]
fn what_shift_jis_lacks_is_a_geta_and_a_variant_keeps_its_base() {
    let mut owner = owner();
    owner.name = "髙橋\u{e0101} 𠮷美 é".into();
    let records = records(&owner, &hospitals(), &[]);
    assert!(
        records[1].as_str().starts_with("1,髙橋 〓美 〓,"),
        "{:?}",
        records[1]
    );
}

#[test]
fn a_long_notebook_is_split_by_records_and_each_part_says_which_it_is() {
    let many = (0..12).map(|at| prescription(&format!("薬{at}"), "2026-11-20"));
    let records = of(many.collect());
    let parts = parts(&records, ID).unwrap();
    assert!(parts.len() > 1);
    let mut body = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        assert!(part.len() <= 600, "{}", part.len());
        let (text, _, lost) = SHIFT_JIS.decode(part);
        assert!(!lost);
        let lines: Vec<&str> = text.trim_end().split("\r\n").collect();
        assert_eq!(lines[0], "JAHISTC08,1");
        assert_eq!(
            *lines.last().unwrap(),
            format!("911,{ID},{},{}", parts.len(), at + 1)
        );
        body.extend(lines[1..lines.len() - 1].iter().map(ToString::to_string));
    }
    let whole: Vec<&str> = records[1..].iter().map(Line::as_str).collect();
    assert_eq!(body, whole);
}

#[test]
fn a_short_notebook_is_one_symbol_without_a_control_record() {
    let parts = parts(&of(vec![prescription("薬", "2026-11-20")]), ID).unwrap();
    assert_eq!(parts.len(), 1);
    let (text, _, _) = SHIFT_JIS.decode(&parts[0]);
    assert!(!text.contains("911,"));
}

#[test]
fn more_symbols_than_anybody_scans_are_a_file() {
    let many = (0..200).map(|at| prescription(&format!("薬{at}"), "2026-11-20"));
    assert_eq!(symbols(&of(many.collect()), ID), Symbols::TooMany);
}

#[test]
fn a_symbol_is_a_drawing_without_script() {
    let Symbols::Codes(codes) = symbols(&of(vec![prescription("薬", "2026-11-20")]), ID) else {
        panic!("one code");
    };
    assert!(
        codes[0].starts_with("<svg")
            && !codes[0].contains("script")
            && !codes[0].contains("style=")
    );
}

proptest! {
    #[test]
    fn whatever_is_prescribed_every_record_is_one_line_of_the_format(
        resources in prop::collection::vec(any_resource("MedicationRequest"), 0..8),
        name in "\\PC{0,60}",
    ) {
        let held: Vec<Held> = resources
            .into_iter()
            .map(|resource| Held { hospital: 0, resource })
            .collect();
        let mut owner = owner();
        owner.name = name;
        let records = records(&owner, &hospitals(), &prescriptions(&held));
        for record in &records {
            let bytes = record.bytes();
            let (text, _, lost) = SHIFT_JIS.decode(&bytes);
            prop_assert!(!lost);
            prop_assert!(!text.contains(['\r', '\n']));
            let fields = text.split(',').count();
            let expected = match text.split(',').next().unwrap() {
                "JAHISTC08" => 2, "1" => 11, "5" => 3, "11" => 9, "51" => 6, "55" => 4,
                "201" => 11, "281" | "311" => 4, "301" => 9, "501" => 3,
                _ => 0,
            };
            prop_assert_eq!(fields, expected, "{}", text);
        }
        if let Some(parts) = parts(&records, ID) {
            for part in parts {
                prop_assert!(part.len() <= 1_200);
            }
        }
    }
}
