//! A reading as a JP Core 1.2.0 Observation.
//!
//! JP Core says nothing about what people measure at home, so this is our choice: vital signs are
//! `JP_Observation_VitalSigns`, body measurements `JP_Observation_BodyMeasurement`, blood sugar,
//! steps and sleep `JP_Observation_Common` under the category `vital-signs` (the profile of
//! laboratory results demands a specimen, which nobody has). All are `preliminary`: nobody has
//! verified them. All carry the tag `patient-generated`.
//!
//! Source: facts section 5.

use serde_json::{Number, Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::reading::{Meal, Reading, Value};
use crate::systems::{
    HL7_CATEGORY, JP_BODY, JP_CATEGORY, KEY_SYSTEM, LOINC, MEDIS_NURSING, PROFILE, UCUM,
};
use crate::{Kind, unit};

/// The system of the tag that tells what people measured from what hospitals did.
pub const TAG_SYSTEM: &str = "urn:musubi:origin";

/// The tag's code.
pub const TAG_CODE: &str = "patient-generated";

/// A reading as a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Its logical id: the same for the same measurement of the same person, at every upload.
    pub id: String,
    /// The SHA-256 of what makes it that measurement, in hexadecimal: its `identifier` too.
    pub key: String,
    /// The resource.
    pub json: String,
}

/// Whether a resource carries the tag.
#[must_use]
pub fn is_patient_generated(resource: &Json) -> bool {
    let tags = resource.pointer("/meta/tag").and_then(Json::as_array);
    tags.is_some_and(|tags| {
        tags.iter().any(|tag| {
            tag.get("system").and_then(Json::as_str) == Some(TAG_SYSTEM)
                && tag.get("code").and_then(Json::as_str) == Some(TAG_CODE)
        })
    })
}

impl Reading {
    /// The resource about the patient with this logical id.
    #[must_use]
    pub fn observation(&self, patient: &str) -> Observation {
        let key = self.key(patient);
        let digits: String = key.chars().take(40).collect();
        let id = format!("vital-{digits}");
        let json = self.resource(patient, &id, &key).to_string();
        Observation { id, key, json }
    }

    /// Type, times, value, unit and source, of one person. The total of a day is one whatever it
    /// says: a later export knows the whole day.
    fn key(&self, patient: &str) -> String {
        let row = self.kind().row();
        let decimals = usize::from(row.decimals);
        let said = match (self.kind(), self.value()) {
            (Kind::Steps, _) => self.start().date(),
            (_, Value::Quantity(value)) => format!("{value:.decimals$}"),
            (
                _,
                Value::Pressure {
                    systolic,
                    diastolic,
                },
            ) => format!("{systolic:.0}/{diastolic:.0}"),
        };
        let (start, end, source) = match self.kind() {
            Kind::Steps => (0, 0, String::new()),
            _ => (
                self.start().seconds(),
                self.end().seconds(),
                self.source().to_string(),
            ),
        };
        let text = format!(
            "musubi vital 1\n{patient}\n{}\n{start}\n{end}\n{said}\n{}\n{source}",
            row.word,
            row.measure.ucum()
        );
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn resource(&self, patient: &str, id: &str, key: &str) -> Json {
        let (kind, about) = (self.kind(), format!("Patient/{patient}"));
        let mut resource = json!({
            "resourceType": "Observation",
            "id": id,
            "meta": {
                "profile": [format!("{PROFILE}{}", profile(kind))],
                "tag": [{"system": TAG_SYSTEM, "code": TAG_CODE, "display": "本人による記録"}],
            },
            "identifier": [{"system": KEY_SYSTEM, "value": key}],
            "status": "preliminary",
            "category": categories(kind),
            "code": code(kind),
            "subject": {"reference": about},
            "performer": [{"reference": about}],
            "device": {"display": self.source().to_string()},
        });
        if let Some(members) = resource.as_object_mut() {
            members.extend(self.when());
            members.extend(self.outcome());
            if let Some(meal) = self.meal() {
                members.insert("note".to_owned(), json!([{"text": said(meal)}]));
            }
        }
        resource
    }

    fn when(&self) -> Vec<(String, Json)> {
        let at = |name: &str, value: Json| vec![(name.to_owned(), value)];
        let (start, end) = (self.start(), self.end());
        match self.kind() {
            Kind::Steps => at("effectiveDateTime", json!(start.date())),
            _ if start.seconds() == end.seconds() => {
                at("effectiveDateTime", json!(start.date_time()))
            }
            _ => at(
                "effectivePeriod",
                json!({"start": start.date_time(), "end": end.date_time()}),
            ),
        }
    }

    fn outcome(&self) -> Vec<(String, Json)> {
        let row = self.kind().row();
        match self.value() {
            Value::Quantity(value) => vec![(
                "valueQuantity".to_owned(),
                quantity(value, row.measure, row.decimals),
            )],
            Value::Pressure {
                systolic,
                diastolic,
            } => {
                let part = |(code, display, text): (&str, &str, &str), value| {
                    json!({
                        "code": {
                            "coding": [{"system": LOINC, "code": code, "display": display}],
                            "text": text,
                        },
                        "valueQuantity": quantity(value, unit::Measure::Pressure, 0),
                    })
                };
                let parts = json!([part(SYSTOLIC, systolic), part(DIASTOLIC, diastolic)]);
                vec![("component".to_owned(), parts)]
            }
        }
    }
}

const SYSTOLIC: (&str, &str, &str) = ("8480-6", "Systolic blood pressure", "最高血圧");
const DIASTOLIC: (&str, &str, &str) = ("8462-4", "Diastolic blood pressure", "最低血圧");

fn profile(kind: Kind) -> &'static str {
    match kind {
        Kind::BodyMass
        | Kind::Height
        | Kind::BodyMassIndex
        | Kind::BodyFat
        | Kind::WaistCircumference => "JP_Observation_BodyMeasurement",
        Kind::BloodGlucose | Kind::Steps | Kind::Sleep => "JP_Observation_Common",
        _ => "JP_Observation_VitalSigns",
    }
}

/// JP Core's category first; HL7's beside it, by which clients elsewhere search.
fn categories(kind: Kind) -> Json {
    let (ours, theirs) = match (profile(kind), kind) {
        ("JP_Observation_BodyMeasurement", _) => ("body-measurement", "vital-signs"),
        (_, Kind::Steps | Kind::Sleep) => ("vital-signs", "activity"),
        _ => ("vital-signs", "vital-signs"),
    };
    json!([
        {"coding": [{"system": JP_CATEGORY, "code": ours}]},
        {"coding": [{"system": HL7_CATEGORY, "code": theirs}]},
    ])
}

fn code(kind: Kind) -> Json {
    let row = kind.row();
    let japanese = row.japanese.map(|(code, display)| {
        let system = if profile(kind) == "JP_Observation_BodyMeasurement" {
            JP_BODY
        } else {
            MEDIS_NURSING
        };
        json!({"system": system, "code": code, "display": display})
    });
    let loinc = row
        .loinc
        .iter()
        .map(|(code, display)| json!({"system": LOINC, "code": code, "display": display}));
    let codings: Vec<Json> = japanese.into_iter().chain(loinc).collect();
    json!({"coding": codings, "text": row.text})
}

fn quantity(value: f64, measure: unit::Measure, decimals: u8) -> Json {
    json!({
        "value": number(value, decimals),
        "unit": measure.unit(),
        "system": UCUM,
        "code": measure.ucum(),
    })
}

/// 72 and not 72.0, which would claim a precision.
fn number(value: f64, decimals: u8) -> Json {
    let digits = usize::from(decimals);
    let text = format!("{value:.digits$}");
    let text = match text.split_once('.') {
        Some((whole, part)) => match part.trim_end_matches('0') {
            "" => whole.to_owned(),
            part => format!("{whole}.{part}"),
        },
        None => text,
    };
    let number = text
        .parse::<i64>()
        .map(Number::from)
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?));
    number.map_or(Json::Null, Json::Number)
}

fn said(meal: Meal) -> &'static str {
    match meal {
        Meal::Before => "食前 (before a meal)",
        Meal::After => "食後 (after a meal)",
    }
}
