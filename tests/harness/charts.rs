//! Small synthetic charts: invented people, a few resources of each kind.

use serde_json::{Value, json};

/// The system of JP Core's simple observation categories.
const OBSERVATION_CATEGORY: &str =
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
/// ICD-10 2013, the Japanese edition.
const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
/// JLAC10 lab codes.
const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";

/// A transaction that puts `resources` under their own ids.
#[must_use]
pub fn bundle(resources: &[Value]) -> Value {
    let entries: Vec<Value> = resources
        .iter()
        .map(|resource| {
            let kind = resource["resourceType"].as_str().unwrap();
            let id = resource["id"].as_str().unwrap();
            json!({
                "resource": resource,
                "request": { "method": "PUT", "url": format!("{kind}/{id}") },
            })
        })
        .collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

/// A Patient.
#[must_use]
pub fn patient(id: &str, family: &str, given: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "active": true,
        "identifier": [{ "system": "urn:oid:1.2.392.100495.20.3.51.10110000001", "value": id }],
        "name": [{ "use": "official", "family": family, "given": [given] }],
        "gender": "female", "birthDate": "1958-03-14",
    })
}

/// A laboratory result: HbA1c in percent, on a day.
#[must_use]
pub fn hba1c(id: &str, patient: &str, day: &str, percent: &str) -> Value {
    let percent: serde_json::Number = serde_json::from_str(percent).unwrap();
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{ "coding": [{ "system": OBSERVATION_CATEGORY, "code": "laboratory" }] }],
        "code": {
            "coding": [{ "system": JLAC10, "code": "3D046000001906202" }],
            "text": "HbA1c(NGSP)",
        },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": day,
        "valueQuantity": { "value": percent, "unit": "%" },
    })
}

/// A blood pressure.
#[must_use]
pub fn blood_pressure(id: &str, patient: &str, day: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{ "coding": [{ "system": OBSERVATION_CATEGORY, "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "85354-9" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": day,
        "component": [{
            "code": { "coding": [{ "system": "http://loinc.org", "code": "8480-6" }] },
            "valueQuantity": { "value": 132, "unit": "mmHg" },
        }],
    })
}

/// A prescription.
#[must_use]
pub fn prescription(id: &str, patient: &str, day: &str, drug: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "identifier": [
            {
                "system": "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber",
                "value": "1",
            },
            {
                "system":
                    "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex",
                "value": "1",
            },
        ],
        "medicationCodeableConcept": { "text": drug },
        "subject": { "reference": format!("Patient/{patient}") },
        "authoredOn": day,
    })
}

/// A diagnosis by its ICD-10 code; `F32` and its like are psychiatric.
#[must_use]
pub fn condition(id: &str, patient: &str, icd10: &str) -> Value {
    json!({
        "resourceType": "Condition", "id": id,
        "code": { "coding": [{ "system": ICD10, "code": icd10 }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "recordedDate": "2025-12-01",
    })
}

/// The same resource, marked as psychiatric by the department that wrote it.
#[must_use]
pub fn psychiatric(mut resource: Value) -> Value {
    resource["meta"] = json!({
        "security": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY",
        }],
    });
    resource
}

/// One resource of each type that may be asked for between members, with ids that begin with the
/// patient's.
#[must_use]
pub fn one_of_each(patient: &str) -> Vec<Value> {
    let id = |number: u32| format!("{patient}-{number}");
    let subject = json!({ "reference": format!("Patient/{patient}") });
    let day = "2026-04-01";
    vec![
        hba1c(&id(1), patient, day, "6.9"),
        condition(&id(2), patient, "E11"),
        prescription(&id(3), patient, day, "メトホルミン"),
        json!({
            "resourceType": "AllergyIntolerance", "id": id(4), "patient": subject,
            "code": { "text": "そば" }, "recordedDate": day,
        }),
        json!({
            "resourceType": "DiagnosticReport", "id": id(5), "status": "final",
            "category": [{
                "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB",
                }],
            }],
            "code": { "text": "血液検査" }, "subject": subject, "effectiveDateTime": day,
        }),
        json!({
            "resourceType": "Immunization", "id": id(6), "status": "completed",
            "vaccineCode": { "text": "インフルエンザ" }, "patient": subject,
            "occurrenceDateTime": day,
        }),
        json!({
            "resourceType": "Procedure", "id": id(7), "status": "completed",
            "code": { "text": "白内障手術" }, "subject": subject, "performedDateTime": day,
        }),
        json!({
            "resourceType": "Specimen", "id": id(8), "subject": subject,
            "collection": { "collectedDateTime": day },
        }),
    ]
}
