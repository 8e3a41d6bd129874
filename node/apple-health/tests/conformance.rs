//! Every kind, held against FHIR R4 and JP Core 1.2.0.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use apple_health::{Kind, Meal, Moment, Pseudonyms, Reading, Source, Value, is_patient_generated};
use fhir_validation::{Definitions, validate};
use serde_json::Value as Json;

fn readings() -> Vec<Reading> {
    let start = Moment::parse("2026-01-14 07:00:58 +0900").unwrap();
    let watch = Pseudonyms::under(b"key").source("花子のApple Watch", "");
    let mut readings = Vec::new();
    for kind in Kind::ALL {
        let usual = kind.usual();
        let value = match kind {
            Kind::BloodPressure => Value::Pressure {
                systolic: 118.0,
                diastolic: 76.0,
            },
            _ => Value::Quantity((usual.least + usual.most) / 2.0),
        };
        for (end, source) in [(start, Source::hand()), (start.later(1_800), watch)] {
            readings.push(Reading::new(kind, (start, end), value, source).unwrap());
        }
    }
    let sugar = readings.iter().find(|one| one.kind() == Kind::BloodGlucose);
    let sugar = sugar.unwrap().at_meal(Meal::Before);
    readings.push(sugar);
    readings
}

#[test]
fn every_kind_conforms_to_the_profile_that_it_claims() {
    let definitions = Definitions::shipped();
    for reading in readings() {
        let observation = reading.observation("hana");
        let json: Json = serde_json::from_str(&observation.json).unwrap();
        let issues = validate(&definitions, &json);
        assert!(issues.is_empty(), "{}: {issues:?}", reading.kind());
        assert!(
            json["meta"]["profile"][0]
                .as_str()
                .unwrap()
                .contains("/JP_Observation_")
        );
    }
}

#[test]
fn every_kind_says_whose_it_is_that_nobody_verified_it_and_in_which_unit() {
    for reading in readings() {
        let observation = reading.observation("hana");
        let json: Json = serde_json::from_str(&observation.json).unwrap();
        assert!(is_patient_generated(&json));
        assert_eq!(json["id"], observation.id);
        assert!(observation.id.len() <= 64);
        assert_eq!(json["identifier"][0]["value"], observation.key);
        assert_eq!(json["subject"]["reference"], "Patient/hana");
        assert_eq!(json["status"], "preliminary");
        assert_eq!(
            json["category"][0]["coding"][0]["code"].as_str().unwrap(),
            match reading.kind() {
                Kind::BodyMass
                | Kind::Height
                | Kind::BodyMassIndex
                | Kind::BodyFat
                | Kind::WaistCircumference => "body-measurement",
                _ => "vital-signs",
            }
        );
        let quantities = match reading.kind() {
            Kind::BloodPressure => vec![
                &json["component"][0]["valueQuantity"],
                &json["component"][1]["valueQuantity"],
            ],
            _ => vec![&json["valueQuantity"]],
        };
        for quantity in quantities {
            assert_eq!(quantity["system"], "http://unitsofmeasure.org");
            assert!(quantity["value"].is_number() && quantity["code"].is_string());
        }
    }
}

#[test]
fn a_whole_number_claims_no_digits_after_the_point() {
    let at = Moment::parse("2026-01-14 07:00:58 +0900").unwrap();
    let weight = |value| {
        let reading = Reading::new(
            Kind::BodyMass,
            (at, at),
            Value::Quantity(value),
            Source::hand(),
        );
        let json = reading.unwrap().observation("hana").json;
        let json: Json = serde_json::from_str(&json).unwrap();
        json["valueQuantity"]["value"].to_string()
    };
    assert_eq!(weight(70.0), "70");
    assert_eq!(weight(70.4), "70.4");
}
