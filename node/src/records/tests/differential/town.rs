//! What is searched: people, their visits, results, prescriptions, reports and accounts, a room.

use serde_json::{Value, json};

use super::Draw;

/// A resource, and when it was written, in microseconds.
pub(super) struct Known {
    pub(super) value: Value,
    pub(super) at: i64,
}

impl Known {
    pub(super) fn id(&self) -> String {
        self.value["id"].as_str().unwrap().to_owned()
    }

    pub(super) fn is(&self, kind: &str, id: &str) -> bool {
        self.value["resourceType"] == kind && self.value["id"] == id
    }

    /// `Type/id`
    pub(super) fn address(&self) -> String {
        let kind = self.value["resourceType"].as_str().unwrap();
        format!("{kind}/{}", self.id())
    }
}

pub(super) const BEGINNING: i64 = 1_782_864_000;
pub(super) const CODES: [&str; 4] = ["2339-0", "29463-7", "8480-6", "3D046"];
pub(super) const LOINC: &str = "http://loinc.org";
/// Both spellings of one system.
pub(super) const JLAC10: [&str; 2] = [
    "urn:oid:1.2.392.200119.4.504",
    "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
];
pub(super) const UCUM: &str = "http://unitsofmeasure.org";
pub(super) const UNITS: [&str; 2] = ["mg/dL", "kg"];
const VALUES: [f64; 9] = [4.95, 5.0, 5.04, 7.25, 98.5, 99.4, 100.0, 100.6, 0.0];
const WHEN: [&str; 9] = [
    "2024-12-31",
    "2025-12",
    "2026",
    "2026-01-15",
    "2026-01-15T08:30+09:00",
    "2026-01-14T23:30:15Z",
    "2026-02-28T23:59:59.5+09:00",
    "2026-02-28T12:00:00-05:00",
    "2026-03-01",
];
pub(super) const BIRTHS: [&str; 4] = ["1960-05-05", "1960-05", "1999-12-31", "2001"];
/// A word as it is written, and as it is compared.
pub(super) const WORDS: [(&str, &str); 9] = [
    ("佐藤", "佐藤"),
    ("サトウ", "さとう"),
    ("ｻﾄｳ", "さとう"),
    ("がん", "かん"),
    ("カンマ", "かんま"),
    ("Yamada", "yamada"),
    ("ＹＡＭＡ", "yama"),
    ("陽性（＋）", "陽性"),
    ("腺癌", "腺癌"),
];
pub(super) const CLAIMS: [&str; 4] = ["http://p/a", "http://p/a|1", "http://p/a|2", "http://p/ab"];

fn coding(draw: &mut Draw) -> Value {
    let system = draw.one(&[LOINC, JLAC10[0], JLAC10[1]]);
    json!({"system": system, "code": draw.one(&CODES)})
}

fn quantity(draw: &mut Draw) -> Value {
    let (value, unit) = (draw.one(&VALUES), draw.one(&UNITS));
    if draw.chance(6) {
        json!({"value": value, "unit": "shown", "system": UCUM, "code": unit})
    } else {
        json!({"value": value, "unit": unit})
    }
}

/// One to three words, now and then many.
fn text(draw: &mut Draw) -> String {
    let mut words: Vec<&str> = (0..=draw.below(3)).map(|_| draw.one(&WORDS).0).collect();
    if draw.chance(2) {
        let first = words[0];
        words = [vec![first; 25], words].concat();
    }
    words.join(" ")
}

fn subject(draw: &mut Draw) -> Value {
    match draw.below(10) {
        0 => json!({"reference": format!("Location/l{}", draw.below(2))}),
        1 => json!({"identifier": {"system": "urn:p", "value": draw.below(3).to_string()}}),
        // One of them is nobody.
        _ => json!({"reference": format!("Patient/p{}", draw.below(7))}),
    }
}

fn put(one: &mut Value, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        one[name] = value;
    }
}

fn patient(draw: &mut Draw, number: usize) -> Value {
    let mut one = json!({
        "resourceType": "Patient", "id": format!("p{number}"),
        "name": [{"family": text(draw)}],
        "identifier": [{"system": draw.one(&["urn:p", "urn:q"]), "value": number.to_string()}]
    });
    let (born, sex) = (draw.one(&BIRTHS), draw.one(&["female", "male"]));
    put(&mut one, "birthDate", draw.chance(8).then(|| json!(born)));
    put(&mut one, "gender", draw.chance(8).then(|| json!(sex)));
    if draw.chance(5) {
        one["name"]
            .as_array_mut()
            .unwrap()
            .push(json!({"text": text(draw)}));
    }
    one
}

fn encounter(draw: &mut Draw, number: usize) -> Value {
    let mut period = json!({});
    let (start, end) = (draw.one(&WHEN), draw.one(&WHEN));
    put(&mut period, "start", draw.chance(8).then(|| json!(start)));
    put(&mut period, "end", draw.chance(5).then(|| json!(end)));
    json!({
        "resourceType": "Encounter", "id": format!("e{number}"),
        "status": draw.one(&["finished", "in-progress"]),
        "class": {"system": "urn:class", "code": draw.one(&["AMB", "IMP"])},
        "subject": {"reference": format!("Patient/p{}", draw.below(7))},
        "period": period
    })
}

fn observation(draw: &mut Draw, number: usize) -> Value {
    let codings: Vec<Value> = (0..=draw.below(2)).map(|_| coding(draw)).collect();
    let mut one = json!({
        "resourceType": "Observation", "id": format!("o{number}"), "status": "final",
        "code": {"coding": codings}, "subject": subject(draw)
    });
    let when = draw.one(&WHEN);
    put(
        &mut one,
        "effectiveDateTime",
        draw.chance(8).then(|| json!(when)),
    );
    if draw.chance(5) {
        one["valueQuantity"] = quantity(draw);
    } else if draw.chance(6) {
        one["valueString"] = json!(text(draw));
    }
    if draw.chance(4) {
        one["encounter"] = json!({"reference": format!("Encounter/e{}", draw.below(12))});
    }
    if draw.chance(4) {
        one["meta"] = json!({"profile": [draw.one(&CLAIMS)]});
    }
    let parts: Vec<Value> = (0..draw.below(3))
        .map(|_| json!({"code": {"coding": [coding(draw)]}, "valueQuantity": quantity(draw)}))
        .collect();
    put(
        &mut one,
        "component",
        (!parts.is_empty()).then(|| json!(parts)),
    );
    one
}

fn prescription(draw: &mut Draw, number: usize) -> Value {
    let mut one = json!({
        "resourceType": "MedicationRequest", "id": format!("m{number}"), "intent": "order",
        "status": draw.one(&["active", "stopped"]),
        "medicationCodeableConcept": {"coding": [coding(draw)]},
        "subject": {"reference": format!("Patient/p{}", draw.below(7))}
    });
    let when = draw.one(&WHEN);
    put(&mut one, "authoredOn", draw.chance(8).then(|| json!(when)));
    if draw.chance(5) {
        one["encounter"] = json!({"reference": format!("Encounter/e{}", draw.below(12))});
    }
    one
}

fn report(draw: &mut Draw, number: usize) -> Value {
    let results: Vec<Value> = (0..1 + draw.below(7))
        .map(|_| json!({"reference": format!("Observation/o{}", draw.below(70))}))
        .collect();
    json!({
        "resourceType": "DiagnosticReport", "id": format!("r{number}"),
        "status": draw.one(&["final", "partial"]), "result": results
    })
}

fn account(draw: &mut Draw, number: usize) -> Value {
    let subjects: Vec<Value> = (0..=draw.below(2))
        .map(|_| json!({"reference": format!("Patient/p{}", draw.below(6))}))
        .collect();
    json!({
        "resourceType": "Account", "id": format!("a{number}"),
        "status": draw.one(&["active", "inactive"]), "subject": subjects
    })
}

/// All of it, each written a minute after the one before.
pub(super) fn draw(draw: &mut Draw) -> Vec<Known> {
    let mut all: Vec<Value> = (0..6).map(|number| patient(draw, number)).collect();
    for number in 0..2 {
        let name = draw.one(&WORDS).0;
        all.push(json!({"resourceType": "Location", "id": format!("l{number}"), "name": name}));
    }
    all.extend((0..10).map(|number| encounter(draw, number)));
    all.extend((0..70).map(|number| observation(draw, number)));
    all.extend((0..20).map(|number| prescription(draw, number)));
    all.extend((0..8).map(|number| report(draw, number)));
    all.extend((0..6).map(|number| account(draw, number)));
    let written = (BEGINNING..).step_by(60).map(|second| second * 1_000_000);
    let known = all.into_iter().zip(written);
    known.map(|(value, at)| Known { value, at }).collect()
}
