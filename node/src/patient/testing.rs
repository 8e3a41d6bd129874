//! Resources for the tests of this room: some sound, some of any shape at all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A laboratory result.
pub(super) fn lab(name: &str, day: &str, value: f64) -> Value {
    json!({
        "resourceType": "Observation",
        "id": "lab-1",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"text": name},
        "effectiveDateTime": day,
        "valueQuantity": {"value": value, "unit": "u"},
    })
}

/// A prescription of 14 days from `day` on.
pub(super) fn prescription(name: &str, day: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest",
        "id": "rx-1",
        "status": "completed",
        "intent": "order",
        "medicationCodeableConcept": {"text": name},
        "authoredOn": day,
        "requester": {"display": "林 恵子"},
        "dosageInstruction": [{
            "extension": [
                {"url": "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_MedicationDosage_PeriodOfUse", "valuePeriod": {"start": day}},
                {"url": "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_MedicationDosage_UsageDuration", "valueDuration": {"value": 14, "unit": "日"}},
            ],
            "text": "内服・経口・１日２回朝夕食後 14日分",
            "timing": {"code": {"coding": [{"system": "http://jami.jp/CodeSystem/MedicationUsage", "code": "1012040400000000"}], "text": "内服・経口・１日２回朝夕食後"}},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "錠"}}],
        }],
        "dispenseRequest": {"quantity": {"value": 28, "unit": "錠"}, "expectedSupplyDuration": {"value": 14, "unit": "日"}},
    })
}

/// Words that mean something to somebody in this room, so that random resources reach further.
const WORDS: [&str; 40] = [
    "resourceType",
    "id",
    "status",
    "category",
    "coding",
    "code",
    "system",
    "text",
    "display",
    "effectiveDateTime",
    "issued",
    "valueQuantity",
    "value",
    "unit",
    "comparator",
    "referenceRange",
    "low",
    "high",
    "interpretation",
    "medicationCodeableConcept",
    "authoredOn",
    "dosageInstruction",
    "timing",
    "extension",
    "url",
    "valuePeriod",
    "start",
    "end",
    "doseAndRate",
    "doseQuantity",
    "dispenseRequest",
    "quantity",
    "expectedSupplyDuration",
    "period",
    "type",
    "content",
    "attachment",
    "title",
    "date",
    "reaction",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&WORDS[..]).prop_map(ToOwned::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "laboratory",
            "final",
            "entered-in-error",
            "H",
            "L",
            "2026-11-20",
            "2026-11-20T09:00:00+09:00",
            "9999-12-31",
            "0001",
            "-",
            "<",
            "completed",
            "active",
            "1012040400000000",
            "頓用",
        ])
        .prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A resource of a type: a sound one with some members replaced by anything, or any tree at all.
pub(super) fn any_resource(kind: &'static str) -> impl Strategy<Value = Value> {
    let sound = match kind {
        "Observation" => lab("HbA1c", "2026-11-20", 7.1),
        _ => prescription("薬", "2026-11-20"),
    };
    let replaced = prop::collection::vec((word(), tree()), 0..6);
    (replaced, any::<bool>()).prop_map(move |(members, keep)| {
        let mut resource = if keep { sound.clone() } else { json!({}) };
        for (name, value) in members {
            resource[name] = value;
        }
        if keep {
            resource["resourceType"] = json!(kind);
        }
        resource
    })
}
