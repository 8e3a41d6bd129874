//! The hard rules of FHIR R4 and JP Core 1.2.0 for the profiles that this package claims.

use std::collections::BTreeSet;

use serde_json::Value;

const PROFILE: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/";
const RP: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber";
const IN_RP: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex";
const CATEGORY: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";

/// Panics, naming the rule, if a resource breaks one. `patient` is the id of whose it is.
pub(crate) fn check(resource: &Value, patient: &str) {
    let id = resource["id"].as_str().expect("id");
    let sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.');
    assert!(
        (1..=64).contains(&id.len()) && id.chars().all(sign),
        "id {id}"
    );
    let profiles = resource["meta"]["profile"].as_array().expect("profile");
    assert_eq!(profiles.len(), 1);
    let profile = profiles[0]
        .as_str()
        .unwrap()
        .strip_prefix(PROFILE)
        .expect("profile");
    no_empty_value(resource);
    contained(resource);
    quantities(resource);
    let must = |path: &str| {
        let found = path.split('.').fold(resource, |value, name| &value[name]);
        assert!(!found.is_null(), "{profile}: {path} is mandatory");
    };
    let subject = match profile {
        "JP_Patient" => None,
        "JP_Coverage" => Some("beneficiary"),
        "JP_AllergyIntolerance" => Some("patient"),
        _ => Some("subject"),
    };
    if let Some(subject) = subject {
        let reference = &resource[subject]["reference"];
        assert_eq!(
            reference,
            format!("Patient/{patient}").as_str(),
            "{profile}: {subject}"
        );
    }
    match profile {
        "JP_Patient" => {
            assert_eq!(id, patient);
            let identifiers = resource["identifier"].as_array().expect("identifier");
            assert!(identifiers.iter().all(|one| one["value"].is_string()));
        }
        "JP_Coverage" => ["status", "payor"].into_iter().for_each(must),
        "JP_Encounter" => ["status", "class.code", "class.system"]
            .into_iter()
            .for_each(must),
        "JP_AllergyIntolerance" => clinical_status(resource),
        "JP_Condition" | "JP_Condition_Diagnosis" => condition(resource, profile),
        "JP_MedicationRequest" | "JP_MedicationRequest_Injection" => {
            ["status", "intent", "authoredOn"]
                .into_iter()
                .for_each(must);
            medicine(resource, profile);
        }
        "JP_MedicationAdministration" | "JP_MedicationAdministration_Injection" => {
            must("status");
            assert_eq!(count(resource, "effective"), 1, "{profile}: effective[x]");
            let dosage = &resource["dosage"];
            let measured = dosage["dose"].is_object() || dosage["rateRatio"].is_object();
            assert!(dosage.is_null() || measured, "mad-1");
            medicine(resource, profile);
        }
        "JP_Observation_LabResult" => {
            ["status", "code.coding", "code.text", "specimen"]
                .into_iter()
                .for_each(must);
            assert_eq!(count(resource, "effective"), 1, "{profile}: effective[x]");
            observation(resource, "laboratory");
        }
        "JP_Observation_BodyMeasurement" => observation(resource, "body-measurement"),
        "JP_Observation_Common" => {
            let category = resource["category"][0]["coding"][0]["code"]
                .as_str()
                .unwrap();
            observation(resource, category);
        }
        "JP_DiagnosticReport_LabResult" => report(resource),
        "JP_Specimen_Common" => {}
        "JP_ServiceRequest_Common" => {
            ["status", "intent"].into_iter().for_each(must);
            assert!(
                resource["orderDetail"].is_null() || resource["code"].is_object(),
                "prr-1"
            );
        }
        other => panic!("unexpected profile {other}"),
    }
}

/// FHIR knows no empty text, list or object, no null, and no text with control signs or padding.
fn no_empty_value(value: &Value) {
    match value {
        Value::Null => panic!("null"),
        Value::String(text) => {
            assert!(!text.trim().is_empty(), "empty text");
            let odd = |sign: char| sign.is_control() && !matches!(sign, '\n' | '\r' | '\t');
            assert!(!text.contains(odd), "control sign");
        }
        Value::Array(items) => {
            assert!(!items.is_empty(), "empty list");
            items.iter().for_each(no_empty_value);
        }
        Value::Object(members) => {
            assert!(!members.is_empty(), "empty object");
            members.values().for_each(no_empty_value);
        }
        _ => {}
    }
}

/// dom-3: each contained resource is referred to, and each `#` reference is contained.
fn contained(resource: &Value) {
    let mut referred = BTreeSet::new();
    references(resource, &mut referred);
    let contained = resource["contained"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let held: BTreeSet<String> = contained
        .iter()
        .map(|inner| format!("#{}", inner["id"].as_str().unwrap()))
        .collect();
    assert_eq!(referred, held, "dom-3");
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            let text = members.get("reference").and_then(Value::as_str);
            found.extend(text.filter(|text| text.starts_with('#')).map(str::to_owned));
            members.values().for_each(|inner| references(inner, found));
        }
        _ => {}
    }
}

/// qty-3: a coded unit has a system. Doses: value and code.
fn quantities(value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(quantities),
        Value::Object(members) => {
            if value["value"].is_number() && !value["code"].is_null() {
                assert!(value["system"].is_string(), "qty-3");
            }
            for (name, inner) in members {
                if matches!(
                    name.as_str(),
                    "doseQuantity" | "dose" | "numerator" | "quantity"
                ) {
                    assert!(inner["value"].is_number(), "{name}.value");
                    assert!(inner["code"].is_string(), "{name}.code");
                }
                quantities(inner);
            }
        }
        _ => {}
    }
}

fn count(resource: &Value, choice: &str) -> usize {
    let members = resource.as_object().unwrap();
    members
        .keys()
        .filter(|name| name.trim_start_matches('_').starts_with(choice))
        .count()
}

fn identifiers<'r>(resource: &'r Value, system: &str) -> Vec<&'r Value> {
    let all = resource["identifier"].as_array().expect("identifier");
    all.iter().filter(|one| one["system"] == system).collect()
}

fn in_error(resource: &Value) -> bool {
    resource["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
}

/// ait-1, ait-2; con-3, con-5.
fn clinical_status(resource: &Value) {
    assert_ne!(
        resource["clinicalStatus"].is_object(),
        in_error(resource),
        "clinicalStatus"
    );
}

fn condition(resource: &Value, profile: &str) {
    clinical_status(resource);
    let clinical = &resource["clinicalStatus"]["coding"][0]["code"];
    let over = ["inactive", "resolved", "remission"]
        .iter()
        .any(|code| clinical == code);
    assert!(count(resource, "abatement") == 0 || over, "con-4");
    let codings = resource["code"]["coding"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let systems: Vec<_> = codings
        .iter()
        .map(|coding| coding["system"].as_str())
        .collect();
    let distinct: BTreeSet<_> = systems.iter().collect();
    assert!(
        profile == "JP_Condition" || distinct.len() == systems.len(),
        "one of each system"
    );
}

fn medicine(resource: &Value, profile: &str) {
    let injected = profile.ends_with("_Injection");
    assert_eq!(identifiers(resource, RP).len(), 1, "{profile}: rpNumber");
    let ordered = usize::from(!injected);
    assert_eq!(
        identifiers(resource, IN_RP).len(),
        ordered,
        "{profile}: orderInRp"
    );
    let kept = if injected {
        "medicationReference"
    } else {
        "medicationCodeableConcept"
    };
    assert!(
        resource[kept].is_object() && count(resource, "medication") == 1,
        "medication[x]"
    );
    for identifier in resource["identifier"].as_array().unwrap() {
        let system = identifier["system"].as_str().unwrap();
        if let Some(rest) = system.strip_prefix("urn:oid:1.2.392.100495.20.3.11.") {
            let prefecture: u8 = rest[1..3].parse().unwrap();
            let right = rest.len() == 11 && rest.starts_with('1') && (1..=47).contains(&prefecture);
            assert!(right, "jp-inv-local-prescriptionid: {system}");
        }
    }
    for medication in resource["contained"].as_array().into_iter().flatten() {
        for ingredient in medication["ingredient"].as_array().into_iter().flatten() {
            let strength = &ingredient["strength"];
            assert!(strength.is_object(), "ingredient.strength");
            let denominator = &strength["denominator"];
            assert!(
                denominator.is_null() || denominator["code"] == "TIME",
                "per 回"
            );
            assert_eq!(
                denominator.is_null(),
                strength["numerator"].is_null(),
                "rat-1"
            );
        }
    }
    for dosage in resource["dosageInstruction"]
        .as_array()
        .into_iter()
        .flatten()
    {
        for extension in dosage["extension"].as_array().into_iter().flatten() {
            let period = &extension["valuePeriod"];
            assert!(
                period.is_null() || period["start"].is_string(),
                "PeriodOfUse.start"
            );
        }
    }
}

fn observation(resource: &Value, category: &str) {
    let first = &resource["category"][0]["coding"][0];
    assert_eq!(
        (&first["system"], &first["code"]),
        (&CATEGORY.into(), &category.into())
    );
    assert!(resource["status"].is_string() && resource["code"].is_object());
    let both = count(resource, "value") > 0 && !resource["dataAbsentReason"].is_null();
    assert!(!both && count(resource, "value") <= 1, "obs-6");
    for range in resource["referenceRange"].as_array().into_iter().flatten() {
        assert!(
            ["low", "high", "text"]
                .iter()
                .any(|part| !range[*part].is_null()),
            "obs-3"
        );
    }
}

fn report(resource: &Value) {
    let category = &resource["category"][0]["coding"][0];
    assert_eq!(category["system"], "http://loinc.org");
    assert_eq!(category["code"], "LP29693-6");
    let codings = resource["code"]["coding"].as_array().expect("code.coding");
    let document = |coding: &&Value| {
        coding["system"] == "http://jpfhir.jp/fhir/core/CodeSystem/JP_DocumentCodes_CS"
    };
    let documents: Vec<_> = codings.iter().filter(document).collect();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0]["code"], "11502-2");
    assert!(resource["status"].is_string());
    assert!(count(resource, "effective") <= 1);
}
