//! What the parameters find in resources that nobody here wrote: JP Core's examples, and the three
//! patient bundles.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they skip"
)]

use fhir_search_parameters::{Catalogue, Element};
use serde_json::Value;

mod archive;

/// What a parameter finds: the type of each element and the word in it by which one knows it.
fn found(resource: &Value, code: &str) -> Vec<String> {
    let kind = resource["resourceType"].as_str().unwrap();
    let parameter = Catalogue::shipped().named(kind, code).unwrap();
    let mut found = Vec::new();
    parameter.elements(resource, &mut |Element { value, fhir_type }| {
        found.push(format!("{} {}", fhir_type.unwrap_or("?"), word(value)));
    });
    found
}

fn word(value: &Value) -> String {
    let places = [
        "/reference",
        "/code/coding/0/code",
        "/coding/0/code",
        "/code",
        "/value",
        "/start",
        "/text",
        "/postalCode",
    ];
    let telling = places.into_iter().find_map(|place| value.pointer(place));
    let telling = telling.unwrap_or(value);
    telling
        .as_str()
        .map_or_else(|| telling.to_string(), str::to_owned)
}

/// File, parameter, what it finds.
const EXPECTED: &[(&str, &str, &[&str])] = &[
    (
        "Patient-jp-patient-example-1",
        "_id",
        &["string jp-patient-example-1"],
    ),
    (
        "Patient-jp-patient-example-1",
        "identifier",
        &["Identifier 00000010"],
    ),
    (
        "Patient-jp-patient-example-1",
        "birthdate",
        &["date 1970-01-01"],
    ),
    ("Patient-jp-patient-example-1", "gender", &["code male"]),
    (
        "Patient-jp-patient-example-1",
        "family",
        &["string 山田", "string ヤマダ"],
    ),
    (
        "Patient-jp-patient-example-1",
        "phone",
        &["ContactPoint 0312345678"],
    ),
    ("Patient-jp-patient-example-1", "email", &[]),
    (
        "Patient-jp-patient-example-1",
        "address",
        &["Address 東京都新宿区"],
    ),
    (
        "Patient-jp-patient-example-1",
        "address-postalcode",
        &["string 1600023"],
    ),
    (
        "Patient-jp-patient-example-1",
        "deceased",
        &["boolean false"],
    ),
    (
        "Patient-jp-patient-example-1",
        "jp-kana-sort",
        &["string ヤマダ タロウ"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "status",
        &["code final"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "category",
        &["CodeableConcept laboratory"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "code",
        &["CodeableConcept 05104"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "date",
        &["dateTime 2021-10-19T17:39:00+09:00"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "patient",
        &["Reference Patient/jp-patient-example-1"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "based-on",
        &["Reference #jp-servicerequest-example-1"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "value-quantity",
        &["Quantity 3.5"],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "value-concept",
        &[],
    ),
    (
        "Observation-jp-observation-labresult-example-1",
        "code-value-quantity",
        &["Observation 05104"],
    ),
    (
        "Observation-jp-observation-physicalexam-example-1",
        "value-concept",
        &["CodeableConcept Y"],
    ),
    (
        "Observation-jp-observation-physicalexam-example-1",
        "combo-code",
        &[
            "CodeableConcept physical-findings",
            "CodeableConcept detailed-physical-findings",
        ],
    ),
    (
        "Observation-jp-observation-physicalexam-example-1",
        "component-code",
        &["CodeableConcept detailed-physical-findings"],
    ),
    (
        "Coverage-jp-coverage-example-1",
        "beneficiary",
        &["Reference Patient/jp-patient-example-1"],
    ),
    (
        "Coverage-jp-coverage-example-1",
        "payor",
        &["Reference Organization/jp-organization-example-payer"],
    ),
    (
        "Coverage-jp-coverage-example-1",
        "jp-insured-personnumber",
        &["string ５６７８"],
    ),
    (
        "Coverage-jp-coverage-example-1",
        "jp-insured-personsubnumber",
        &["string ００"],
    ),
    (
        "Organization-jp-organization-example-hospital",
        "address-state",
        &["string 東京都"],
    ),
    (
        "Organization-jp-organization-example-hospital",
        "jp-prefectureno",
        &["Coding 13"],
    ),
    (
        "Organization-jp-organization-example-hospital",
        "jp-insurance-organizationcategory",
        &["Coding 1"],
    ),
    (
        "Organization-jp-organization-example-hospital",
        "jp-insurance-organizationno",
        &["Identifier 9876543"],
    ),
    (
        "MedicationRequest-jp-medicationrequest-example-1",
        "code",
        &["CodeableConcept 103835401"],
    ),
    (
        "MedicationRequest-jp-medicationrequest-example-1",
        "medication",
        &[],
    ),
    (
        "MedicationRequest-jp-medicationrequest-example-1",
        "authoredon",
        &["dateTime 2020-04-01T12:28:17+09:00"],
    ),
    (
        "MedicationRequest-jp-medicationrequest-example-1",
        "jp-medication-start",
        &["dateTime 2020-04-01"],
    ),
    (
        "MedicationRequest-jp-medicationrequest-injection-example-1",
        "medication",
        &["Reference #jp-medicationrequest-injection-medication-example-1"],
    ),
    ("Condition-jp-condition-example-1", "onset-age", &["Age a"]),
    ("Condition-jp-condition-example-1", "onset-date", &[]),
    (
        "AllergyIntolerance-jp-allergyintolerance-example-1",
        "category",
        &["code food"],
    ),
    ("Encounter-jp-encounter-example-1", "class", &["Coding AMB"]),
    (
        "Encounter-jp-encounter-example-1",
        "date",
        &["Period 2022-05-08T13:08:24+09:00"],
    ),
    (
        "Encounter-jp-encounter-example-1",
        "practitioner",
        &["Reference Practitioner/jp-practitioner-example-female-1"],
    ),
    (
        "Immunization-jp-immunization-example-1",
        "date",
        &["dateTime 2021-07-01T10:30:00+09:00"],
    ),
    (
        "ImagingStudy-jp-imagingstudy-radiology-example-1",
        "modality",
        &["Coding CT"],
    ),
    (
        "Procedure-jp-procedure-example-1",
        "date",
        &["dateTime 2022-08-03"],
    ),
    (
        "FamilyMemberHistory-jp-familymemberhistory-example-1",
        "relationship",
        &["CodeableConcept MTH"],
    ),
    (
        "DiagnosticReport-jp-diagnosticreport-labresult-example-1",
        "result",
        &[
            "Reference #inner-observation-labresult-1",
            "Reference #inner-observation-labresult-2",
            "Reference #inner-observation-labresult-3",
        ],
    ),
    (
        "Specimen-jp-specimen-example-1",
        "container-id",
        &["Identifier 48736-15394-75465"],
    ),
];

#[test]
fn the_examples_are_found_by_what_they_say() {
    let Some(examples) = archive::resources("examples-jp-core-1.1.2.tgz") else {
        return;
    };
    for (file, code, expected) in EXPECTED {
        assert_eq!(found(&examples[*file], code), *expected, "{file} {code}");
    }
}

#[test]
fn the_patient_of_a_bundle_is_found_once_its_references_are_addresses() {
    let Some(bundles) = archive::resources("patient-bundles.tgz") else {
        return;
    };
    let mut observations = 0;
    for bundle in bundles.values() {
        for entry in bundle["entry"].as_array().unwrap() {
            let mut resource = entry["resource"].clone();
            if resource["resourceType"] != "Observation" {
                continue;
            }
            observations += 1;
            assert_eq!(found(&resource, "code").len(), 1);
            assert_eq!(found(&resource, "date").len(), 1);
            assert_eq!(found(&resource, "subject").len(), 1);
            assert_eq!(found(&resource, "patient"), [""; 0]); // urn:uuid: tells no type
            resource["subject"]["reference"] = "Patient/1".into();
            assert_eq!(found(&resource, "patient"), ["Reference Patient/1"]);
        }
    }
    assert_eq!(observations, 12);
}
