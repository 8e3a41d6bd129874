//! What is said, and what is not said, about resources of our own invention.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use fhir_validation::{Definitions, IssueCode, Severity, validate, validate_against};
use proptest::prelude::*;
use serde_json::{Value, json};

#[allow(dead_code, reason = "not every test needs everything that is made")]
mod made;

use made::{errors, observation, patient, prescription};

fn said(resource: &Value) -> Vec<String> {
    errors(&validate(&Definitions::shipped(), resource))
}

#[test]
fn what_conforms_is_left_alone() {
    assert_eq!(said(&patient()), Vec::<String>::new());
    assert_eq!(said(&observation()), Vec::<String>::new());
}

#[test]
fn both_spellings_of_the_prescription_systems_conform() {
    let oids = [
        "urn:oid:1.2.392.100495.20.3.81",
        "urn:oid:1.2.392.100495.20.3.82",
    ];
    let urls = [
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex",
    ];
    assert_eq!(said(&prescription(oids)), Vec::<String>::new());
    assert_eq!(said(&prescription(urls)), Vec::<String>::new());
    assert_eq!(
        said(&prescription([oids[0], "urn:x"])),
        ["required MedicationRequest"]
    );
}

#[test]
fn data_absent_reason_carries_a_mandatory_element() {
    let reason = json!({"extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "valueCode": "unknown"}]});
    let mut resource = observation();
    let object = resource.as_object_mut().unwrap();
    object.remove("effectiveDateTime");
    object.insert("_effectiveDateTime".to_owned(), reason.clone());
    object.remove("status");
    object.insert("_status".to_owned(), reason);
    assert_eq!(said(&resource), Vec::<String>::new());

    resource["_status"]["extension"][0]["valueCode"] = json!("no-such-reason");
    assert_eq!(said(&resource).len(), 1, "{:?}", said(&resource));
}

#[test]
fn a_version_that_is_claimed_is_the_one_that_counts() {
    let url = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_LabResult";
    let definitions = Definitions::shipped();
    let mut resource = observation();
    resource.as_object_mut().unwrap().remove("specimen");
    for version in ["1.1.2", "1.2.0"] {
        resource["meta"]["profile"] = json!([format!("{url}|{version}")]);
        let issues = validate(&definitions, &resource);
        assert_eq!(errors(&issues), ["required Observation"]);
        assert!(issues[0].message.contains(version), "{}", issues[0]);
    }
    resource["meta"]["profile"] = json!([format!("{url}|0.9")]);
    let issues = validate(&definitions, &resource);
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].severity, Severity::Information);
    assert_eq!(issues[0].expression, "Observation.meta.profile[0]");
}

/// What JP Core 1.2.0 demands and 1.1.2 did not: the resource, and where which issue is.
fn broken_by_the_newest() -> Vec<(Value, &'static str)> {
    let rule = "http://jpfhir.jp/fhir/core/StructureDefinition/";
    let mut common = observation();
    common["meta"]["profile"] = json!([format!("{rule}JP_Observation_Common")]);
    let mut unsorted = common.clone();
    unsorted.as_object_mut().unwrap().remove("category");
    let mut missorted = common.clone();
    missorted["category"][0]["coding"][0]["code"] = json!("no-such-category");
    let systems = [
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber",
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/MedicationAdministrationIndex",
    ];
    let mut nowhere = prescription(systems);
    let numbers = nowhere["identifier"].as_array_mut().unwrap();
    // Prefecture 48.
    numbers.push(json!({"system": "urn:oid:1.2.392.100495.20.3.11.14810000001", "value": "7"}));
    let unit = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code";
    let twice = json!({"value": 2, "unit": "回", "system": unit, "code": "TIME"});
    let medicine = json!({"resourceType": "Medication",
        "meta": {"profile": [format!("{rule}JP_Medication")]}, "status": "active",
        "ingredient": [{"itemCodeableConcept": {"text": "結び錠"}, "strength": {
            "numerator": {"value": 1, "unit": "錠", "system": unit, "code": "TAB"},
            "denominator": twice}}]});
    vec![
        (unsorted, "required Observation"),
        (missorted, "code-invalid Observation.category[0]"),
        (nowhere, "invariant MedicationRequest.identifier[2]"),
        (
            medicine,
            "value Medication.ingredient[0].strength.denominator",
        ),
    ]
}

#[test]
fn what_only_the_newest_version_demands_is_demanded_by_its_claim_alone() {
    let definitions = Definitions::shipped();
    let mut missed = Vec::new();
    for (mut resource, fault) in broken_by_the_newest() {
        let url = resource["meta"]["profile"][0].as_str().unwrap().to_owned();
        let hinted = validate(&definitions, &resource);
        assert_eq!(errors(&hinted), Vec::<String>::new(), "{fault}");
        let [hint] = &hinted[..] else {
            unreachable!("one hint: {hinted:?}");
        };
        assert_eq!(hint.severity, Severity::Information);
        assert!(hint.message.contains("1.2.0"), "{hint}");

        resource["meta"]["profile"] = json!([format!("{url}|1.1.2")]);
        assert_eq!(validate(&definitions, &resource), [], "{fault}");
        resource["meta"]["profile"] = json!([format!("{url}|1.2.0")]);
        let said = errors(&validate(&definitions, &resource));
        if !said.iter().any(|one| one == fault) {
            missed.push(format!("{fault}, but {said:?}"));
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn a_profile_of_another_type_or_of_nobody_is_told() {
    let mut resource = patient();
    resource["meta"]["profile"] = json!([
        "http://example.org/p",
        "http://hl7.org/fhir/StructureDefinition/Patient",
        "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Encounter"
    ]);
    let issues = validate(&Definitions::shipped(), &resource);
    assert_eq!(issues.len(), 2);
    assert_eq!(issues[0].code, IssueCode::NotSupported);
    assert_eq!(errors(&issues), ["structure Patient.meta.profile[2]"]);
}

#[test]
fn a_profile_can_be_asked_for_that_the_resource_does_not_claim() {
    let bare = json!({"resourceType": "Patient", "id": "p"});
    let url = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient";
    let definitions = Definitions::shipped();
    assert_eq!(validate(&definitions, &bare), []);
    let issues = validate_against(&definitions, &bare, url);
    assert_eq!(errors(&issues), ["required Patient"]);
}

#[test]
fn extensions_are_judged_by_their_definition_if_there_is_one() {
    let mut resource = patient();
    resource["extension"] = json!([{"url": "http://example.org/unknown", "valueString": "a"}]);
    assert_eq!(said(&resource), Vec::<String>::new());

    let representation = "/name/0/extension/0";
    let mut resource = patient();
    let extension = resource.pointer_mut(representation).unwrap();
    extension.as_object_mut().unwrap().remove("valueCode");
    extension["valueString"] = json!("IDE");
    assert_eq!(
        said(&resource),
        ["structure Patient.name[0].extension[0].value"]
    );
}

#[test]
fn entries_and_contained_resources_are_judged_by_their_own_claims() {
    let mut broken = observation();
    broken["status"] = json!("done");
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": patient()}, {"resource": broken}]});
    assert_eq!(
        said(&bundle),
        ["code-invalid Bundle.entry[1].resource.status"]
    );

    let mut holder = observation();
    holder["contained"] = json!([{"resourceType": "Specimen", "id": "s", "status": "old"}]);
    holder["specimen"] = json!({"reference": "#s"});
    assert_eq!(
        said(&holder),
        ["code-invalid Observation.contained[0].status"]
    );
}

#[test]
fn references_are_judged_by_what_they_say() {
    for (reference, allowed) in [
        ("Patient/hana", true),
        ("Patient/hana/_history/2", true),
        ("https://yukimi.example/fhir/Patient/hana", true),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", true),
        ("Encounter/e", false),
        ("https://yukimi.example/fhir/Encounter/e", false),
    ] {
        let mut resource = observation();
        resource["subject"]["reference"] = json!(reference);
        assert_eq!(said(&resource).is_empty(), allowed, "{reference}");
    }
}

#[test]
fn messages_hold_nothing_of_the_person() {
    let mut resource = patient();
    resource["birthDate"] = json!("三月三日");
    resource["gender"] = json!("雪見");
    resource["雪見花"] = json!("雪見");
    resource["identifier"][0]["value"] = json!(["雪見"]);
    let issues = validate(&Definitions::shipped(), &resource);
    assert_eq!(issues.len(), 4, "{issues:#?}");
    for issue in issues {
        assert!(issue.to_string().is_ascii(), "{issue}");
    }
}

#[test]
fn what_is_no_resource_is_told() {
    for (value, expression) in [
        (json!(null), "Resource"),
        (json!([]), "Resource"),
        (json!({}), "Resource"),
        (json!({"resourceType": "雪見"}), "Resource"),
        (json!({"resourceType": "Resource"}), "Resource"),
        (json!({"resourceType": "HumanName"}), "HumanName"),
    ] {
        assert_eq!(said(&value), [format!("structure {expression}")], "{value}");
    }
}

#[test]
fn a_judgement_ends_however_much_is_wrong() {
    let codings: Vec<Value> = (0..5_000).map(|_| json!({"kode": "a"})).collect();
    let wrong = json!({"resourceType": "Basic", "code": {"coding": codings}});
    assert_eq!(validate(&Definitions::shipped(), &wrong).len(), 200);

    let mut deep = json!({"linkId": "1", "type": "group"});
    for _ in 0..100 {
        deep = json!({"linkId": "1", "type": "group", "item": [deep]});
    }
    let deep = json!({"resourceType": "Questionnaire", "status": "draft", "item": [deep]});
    let issues = validate(&Definitions::shipped(), &deep);
    assert!(issues.iter().any(|i| i.code == IssueCode::TooCostly));
}

/// Any JSON, in the words of FHIR more often than not.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "resourceType",
        "Patient",
        "Observation",
        "Bundle",
        "Extension",
        "meta",
        "profile",
        "id",
        "extension",
        "url",
        "valueString",
        "valueQuantity",
        "_birthDate",
        "birthDate",
        "name",
        "contained",
        "entry",
        "resource",
        "coding",
        "system",
        "code",
        "category",
        "reference",
        "#",
        "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient",
        "2026-02-30",
        "結",
        "\u{0}",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..8).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

fn definitions() -> &'static Definitions {
    static SHIPPED: std::sync::LazyLock<Definitions> =
        std::sync::LazyLock::new(Definitions::shipped);
    &SHIPPED
}

/// Every place in a resource, as a JSON pointer.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                places(value, &format!("{at}/{}", name.replace('/', "~1")), into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), into);
            }
        }
        _ => (),
    }
}

proptest! {
    #[test]
    fn any_json_gets_a_verdict(value in any_json()) {
        let issues = validate(definitions(), &value);
        prop_assert!(issues.len() <= 200);
    }

    #[test]
    fn a_resource_with_anything_anywhere_gets_a_verdict(
        which in 0..3_usize, place in any::<prop::sample::Index>(), value in any_json(),
    ) {
        let mut resource = [patient(), observation(), prescription(["a", "b"])][which].clone();
        let mut all = Vec::new();
        places(&resource, "", &mut all);
        *resource.pointer_mut(place.get::<String>(&all)).unwrap() = value;
        prop_assert!(validate(definitions(), &resource).len() <= 200);
    }
}
