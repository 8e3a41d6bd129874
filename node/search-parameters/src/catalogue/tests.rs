//! What the shipped catalogue says, and how a hospital extends it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use serde_json::{Value, json};

use super::Catalogue;
use crate::definition::DefinitionError;
use crate::element::Element;
use crate::parameter::{Component, ParameterType, SearchParameter};

fn shipped(resource_type: &str, code: &str) -> &'static SearchParameter {
    Catalogue::shipped().named(resource_type, code).unwrap()
}

/// What the components find at each base element, as JSON.
fn composed(parameter: &SearchParameter, resource: &Value) -> Vec<Vec<Vec<Value>>> {
    let at = |component: &Component, base: Element<'_>| {
        let mut found = Vec::new();
        component.elements(base, resource, &mut |one| found.push(one.value.clone()));
        found
    };
    let mut all = Vec::new();
    parameter.elements(resource, &mut |base| {
        let components = parameter.components().iter();
        all.push(components.map(|component| at(component, base)).collect());
    });
    all
}

#[test]
fn every_type_has_the_parameters_of_all_types() {
    assert_eq!(Catalogue::types().count(), 146);
    assert!(Catalogue::types().is_sorted());
    for name in Catalogue::types() {
        let of = Catalogue::shipped().of(name);
        assert!(of.is_sorted_by(|a, b| a.code() < b.code()), "{name}");
        for code in [
            "_id",
            "_lastUpdated",
            "_profile",
            "_security",
            "_source",
            "_tag",
        ] {
            assert!(of.iter().any(|one| one.code() == code), "{name} {code}");
        }
    }
    assert!(Catalogue::shipped().of("Resource").is_empty());
    assert!(Catalogue::shipped().of("Ward").is_empty());
}

#[test]
fn a_parameter_says_how_its_values_are_compared() {
    for (on, code, kind, types) in [
        (
            "Observation",
            "_lastUpdated",
            ParameterType::Date,
            &["instant"][..],
        ),
        ("Patient", "name", ParameterType::String, &["HumanName"]),
        (
            "RiskAssessment",
            "probability",
            ParameterType::Number,
            &["Range", "decimal"],
        ),
        ("ValueSet", "url", ParameterType::Uri, &["uri"]),
        (
            "Location",
            "near",
            ParameterType::Special,
            &["Location.position"],
        ),
        (
            "Coverage",
            "jp-insured-personsymbol",
            ParameterType::String,
            &["string"],
        ),
    ] {
        let parameter = shipped(on, code);
        assert_eq!(
            (parameter.kind(), parameter.element_types()),
            (kind, types),
            "{on} {code}"
        );
    }
    let subject = shipped("Observation", "subject");
    assert_eq!(
        subject.targets(),
        ["Group", "Device", "Patient", "Location"]
    );
    assert_eq!(
        subject.url(),
        "http://hl7.org/fhir/SearchParameter/Observation-subject"
    );
    assert_eq!(subject.expression(), "Observation.subject");
}

#[test]
fn only_tokens_without_a_system_of_their_own_are_bare_codes() {
    for (on, code, bare) in [
        ("Observation", "status", true),
        ("Patient", "active", true),
        ("Patient", "deceased", true),
        ("Patient", "_id", true),
        ("Observation", "code", false),
        ("Patient", "identifier", false),
        ("Patient", "phone", false),
        ("Group", "value", false), // CodeableConcept or boolean
        ("Observation", "value-string", false),
    ] {
        assert_eq!(shipped(on, code).bare_code(), bare, "{on} {code}");
    }
}

#[test]
fn a_compartment_is_entered_by_named_parameters_that_exist() {
    assert_eq!(
        Catalogue::patient_compartment("Observation"),
        ["subject", "performer"]
    );
    assert_eq!(Catalogue::patient_compartment("Patient"), ["link"]);
    assert!(Catalogue::patient_compartment("Organization").is_empty());
    for name in Catalogue::types() {
        for code in Catalogue::patient_compartment(name) {
            assert_eq!(
                shipped(name, code).kind(),
                ParameterType::Reference,
                "{name} {code}"
            );
        }
    }
}

#[test]
fn a_composite_pairs_what_stands_together() {
    let pressure = json!({
        "resourceType": "Observation", "code": {"text": "pressure"},
        "component": [
            {"code": {"text": "systolic"}, "valueQuantity": {"value": 120}},
            {"code": {"text": "diastolic"}, "valueQuantity": {"value": 80}}
        ]
    });
    assert_eq!(
        composed(
            shipped("Observation", "combo-code-value-quantity"),
            &pressure
        ),
        [
            [vec![json!({"text": "pressure"})], vec![]],
            [
                vec![json!({"text": "systolic"})],
                vec![json!({"value": 120})]
            ],
            [
                vec![json!({"text": "diastolic"})],
                vec![json!({"value": 80})]
            ],
        ]
    );
    let sequence = json!({
        "resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": {"text": "X"}},
        "variant": [{"start": 1, "end": 2}]
    });
    let coordinate = shipped("MolecularSequence", "chromosome-variant-coordinate");
    assert_eq!(
        composed(coordinate, &sequence),
        [[vec![json!({"text": "X"})], vec![json!(1)], vec![json!(2)]]]
    );
}

fn own() -> Value {
    json!({
        "resourceType": "SearchParameter", "url": "http://minato.example/ward", "code": "ward",
        "base": ["Encounter", "Patient"], "type": "token", "target": ["Location"],
        "expression": "Encounter.extension('http://minato.example/ward').value.as(Coding) | \
                       Patient.extension('http://minato.example/ward').value.as(Coding)"
    })
}

/// The refusal of our own definition with one member changed.
fn refused(member: &str, value: Value) -> DefinitionError {
    let mut definition = own();
    definition[member] = value;
    Catalogue::shipped().extended([&definition]).unwrap_err()
}

#[test]
fn a_hospitals_own_parameter_finds_what_it_defines() {
    let composite = json!({
        "resourceType": "SearchParameter", "url": "http://minato.example/both", "code": "both",
        "base": ["Encounter"], "type": "composite", "expression": "Encounter",
        "component": [
            {"definition": "http://minato.example/ward",
             "expression": "extension('http://minato.example/ward').value.as(Coding)"},
            {"definition": "http://hl7.org/fhir/SearchParameter/Encounter-class",
             "expression": "class"}
        ]
    });
    let catalogue = Catalogue::shipped().extended([&composite, &own()]).unwrap();
    let encounter = json!({
        "resourceType": "Encounter", "class": {"code": "IMP"},
        "extension": [{"url": "http://minato.example/ward", "valueCoding": {"code": "3"}}]
    });
    let ward = catalogue.named("Encounter", "ward").unwrap();
    assert_eq!(
        (ward.element_types(), ward.targets()),
        (&["Coding"][..], &["Location"][..])
    );
    let both = catalogue.named("Encounter", "both").unwrap();
    assert_eq!(
        composed(both, &encounter),
        [[vec![json!({"code": "3"})], vec![json!({"code": "IMP"})]]]
    );
    assert!(
        both.components()
            .iter()
            .all(|one| one.kind() == ParameterType::Token)
    );
    assert!(catalogue.named("Patient", "ward").is_some());
    assert!(catalogue.named("Observation", "ward").is_none());
    assert!(Catalogue::shipped().named("Encounter", "ward").is_none());
}

#[test]
fn a_hospitals_own_parameter_takes_the_place_of_one_with_its_code() {
    let mut definition = own();
    definition["code"] = json!("status");
    let catalogue = Catalogue::shipped().extended([&definition]).unwrap();
    let status = catalogue.named("Encounter", "status").unwrap();
    assert_eq!(status.url(), "http://minato.example/ward");
    let before = Catalogue::shipped().of("Encounter").len();
    assert_eq!(catalogue.of("Encounter").len(), before);
}

#[test]
fn a_definition_that_cannot_be_used_says_why() {
    for (member, value, says) in [
        (
            "resourceType",
            json!("Patient"),
            "not a SearchParameter resource",
        ),
        (
            "url",
            json!(null),
            "url is missing or not of the right shape",
        ),
        (
            "base",
            json!([]),
            "base is missing or not of the right shape",
        ),
        (
            "base",
            json!(["Ward"]),
            "\"Ward\" is not a resource type of FHIR R4",
        ),
        (
            "base",
            json!(["Coding"]),
            "\"Coding\" is not a resource type of FHIR R4",
        ),
        (
            "base",
            json!(["Group"]),
            "the expression says nothing of Group",
        ),
        (
            "target",
            json!(["Ward"]),
            "\"Ward\" is not a resource type of FHIR R4",
        ),
        (
            "type",
            json!("special"),
            "type \"special\" is not one that can be searched by",
        ),
        (
            "code",
            json!("_id"),
            "code \"_id\" must be letters, digits, - and _, and not begin with _",
        ),
        (
            "code",
            json!("a:b"),
            "code \"a:b\" must be letters, digits, - and _, and not begin with _",
        ),
        (
            "expression",
            json!("a.where("),
            "expression for Encounter: a name needed at byte 8",
        ),
        (
            "type",
            json!("composite"),
            "a composite on Encounter needs components whose definitions are known",
        ),
    ] {
        assert_eq!(refused(member, value).to_string(), says);
    }
}
