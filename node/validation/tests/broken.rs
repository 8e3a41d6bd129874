//! Published examples, each broken in one place: the issue is found where it is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

use fhir_validation::{Definitions, IssueCode, Severity, validate};
use serde_json::{Value, json};

mod shared;

use IssueCode::{CodeInvalid, Invariant, Required, Structure, Value as Form};

/// What is done to an example.
enum Damage {
    /// Put in place of what stands at the JSON pointer, or beside what is there.
    Put(&'static str, Value),
    /// Taken away.
    Take(&'static str),
}
use Damage::{Put, Take};

impl Damage {
    fn to(&self, resource: &mut Value) {
        let pointer = match self {
            Put(pointer, _) | Take(pointer) => pointer,
        };
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = resource
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("{pointer}"));
        match (self, parent) {
            (Put(_, value), Value::Object(object)) => {
                object.insert(member.to_owned(), value.clone());
            }
            (Take(_), Value::Object(object)) => {
                object.remove(member).unwrap_or_else(|| panic!("{pointer}"));
            }
            (Put(_, value), Value::Array(items)) => {
                *items.get_mut(member.parse::<usize>().unwrap()).unwrap() = value.clone();
            }
            (Take(_), Value::Array(items)) => {
                items.remove(member.parse().unwrap());
            }
            _ => panic!("{pointer}"),
        }
    }
}

type Case = (&'static str, Damage, IssueCode, &'static str);

fn each_is_found(definitions: &Definitions, archive: &str, cases: &[Case]) {
    let examples = shared::resources(archive).unwrap();
    let mut wrong = Vec::new();
    for (number, (name, damage, code, expression)) in cases.iter().enumerate() {
        let mut resource = examples
            .get(*name)
            .unwrap_or_else(|| panic!("{name}"))
            .clone();
        assert_eq!(
            shared::errors(&validate(definitions, &resource)).len(),
            0,
            "{name}"
        );
        damage.to(&mut resource);
        let said = validate(definitions, &resource);
        let found = said.iter().any(|issue| {
            let error = issue.severity == Severity::Error;
            error && issue.code == *code && issue.expression == *expression
        });
        if !found {
            wrong.push(format!(
                "{number} {name}: {code:?} {expression}, but {said:#?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_base_r4_demands_is_missed() {
    if shared::archives().is_none() {
        return;
    }
    let patient = "Patient-jp-patient-example-1";
    let lab = "Observation-jp-observation-labresult-example-1";
    let condition = "Condition-jp-condition-example-1";
    let cases = [
        (lab, Take("/status"), Required, "Observation"),
        (
            lab,
            Put("/status", json!("done")),
            CodeInvalid,
            "Observation.status",
        ),
        (
            lab,
            Put("/status", json!(["final"])),
            Structure,
            "Observation.status",
        ),
        (
            lab,
            Put("/valueQuantity/value", json!("3.5")),
            Structure,
            "Observation.value.value",
        ),
        (
            lab,
            Put("/valueQuantity/precision", json!(1)),
            Structure,
            "Observation.value",
        ),
        (
            lab,
            Put("/valueString", json!("a")),
            Structure,
            "Observation",
        ),
        (
            lab,
            Put("/effectiveDateTime", json!("2021-02-30")),
            Form,
            "Observation.effective",
        ),
        (
            lab,
            Put("/effectiveDateTime", json!("2021-10-19T17:39+09:00")),
            Form,
            "Observation.effective",
        ),
        (
            lab,
            Put("/code/text", json!("")),
            Form,
            "Observation.code.text",
        ),
        (
            lab,
            Put("/code/coding", json!([])),
            Structure,
            "Observation.code.coding",
        ),
        (
            lab,
            Put("/code/coding/0", json!({})),
            Structure,
            "Observation.code.coding[0]",
        ),
        (
            lab,
            Put("/subject/reference", json!("Medication/m")),
            Structure,
            "Observation.subject",
        ),
        (
            lab,
            Put("/dataAbsentReason", json!({"text": "?"})),
            Invariant,
            "Observation",
        ),
        (
            lab,
            Put("/referenceRange/0", json!({"appliesTo": [{"text": "a"}]})),
            Invariant,
            "Observation.referenceRange[0]",
        ),
        (
            lab,
            Put(
                "/referenceRange/0/low",
                json!({"value": 3, "comparator": "<"}),
            ),
            Invariant,
            "Observation.referenceRange[0].low",
        ),
        (
            lab,
            Put("/contained/0/id", json!("nobody-refers-to-me")),
            Invariant,
            "Observation.contained[0]",
        ),
        (
            lab,
            Take("/contained/0/intent"),
            Required,
            "Observation.contained[0]",
        ),
        (
            patient,
            Put("/birthDate", json!("1970/05/07")),
            Form,
            "Patient.birthDate",
        ),
        (
            patient,
            Put("/gender", json!("m")),
            CodeInvalid,
            "Patient.gender",
        ),
        (
            patient,
            Put("/name/0/family", json!(null)),
            Structure,
            "Patient.name[0].family",
        ),
        (patient, Put("/id", json!("患者")), Form, "Patient.id"),
        (
            patient,
            Put("/extension/0", json!({"url": "http://example.org/e"})),
            Invariant,
            "Patient.extension[0]",
        ),
        (
            condition,
            Put("/verificationStatus/coding/0/code", json!("sure")),
            CodeInvalid,
            "Condition.verificationStatus",
        ),
    ];
    each_is_found(
        &Definitions::shipped(),
        "examples-jp-core-1.1.2.tgz",
        &cases,
    );
}

#[test]
fn what_jp_core_demands_is_missed() {
    if shared::archives().is_none() {
        return;
    }
    let patient = "Patient-jp-patient-example-1";
    let lab = "Observation-jp-observation-labresult-example-1";
    let vitals = "Observation-jp-observation-vitalsigns-example-1";
    let request = "MedicationRequest-jp-medicationrequest-example-1";
    let medication = "Medication-jp-medication-example-1";
    let dispense = "MedicationDispense-jp-medicationdispense-example-1";
    let cases = [
        (lab, Take("/specimen"), Required, "Observation"),
        (lab, Take("/effectiveDateTime"), Required, "Observation"),
        (lab, Take("/code/text"), Required, "Observation.code"),
        (
            lab,
            Put("/valueQuantity", json!({"id": "x"})),
            Structure,
            "Observation.value",
        ),
        (
            lab,
            Put("/category/0/coding/0/code", json!("exam")),
            Form,
            "Observation.category[0].coding[0].code",
        ),
        (
            lab,
            Put("/category/0/coding/0/system", json!("http://loinc.org")),
            Required,
            "Observation",
        ),
        (vitals, Take("/subject"), Required, "Observation"),
        (vitals, Take("/category"), Required, "Observation"),
        (patient, Take("/identifier"), Required, "Patient"),
        (
            patient,
            Take("/identifier/0/value"),
            Required,
            "Patient.identifier[0]",
        ),
        (request, Take("/authoredOn"), Required, "MedicationRequest"),
        (
            request,
            Take("/identifier/0"),
            Required,
            "MedicationRequest",
        ),
        (
            request,
            Put("/identifier/0/system", json!("urn:oid:1.2.3")),
            Required,
            "MedicationRequest",
        ),
        (
            request,
            Put("/dispenseRequest/expectedSupplyDuration/code", json!("wk")),
            Form,
            "MedicationRequest.dispenseRequest.expectedSupplyDuration.code",
        ),
        (
            medication,
            Take("/ingredient/0/strength"),
            Required,
            "Medication.ingredient[0]",
        ),
        (dispense, Take("/quantity"), Required, "MedicationDispense"),
        (
            dispense,
            Take("/whenHandedOver"),
            Required,
            "MedicationDispense",
        ),
    ];
    each_is_found(
        &Definitions::shipped(),
        "examples-jp-core-1.1.2.tgz",
        &cases,
    );
}

#[test]
fn what_an_added_package_demands_is_missed() {
    let Some(definitions) = shared::with_clins() else {
        return;
    };
    let lab = "Observation-Example-JP-Obs-LabResult-eCS-K";
    let cases = [
        (lab, Take("/meta/lastUpdated"), Required, "Observation.meta"),
        (lab, Take("/identifier"), Required, "Observation"),
        (
            lab,
            Put("/code/coding/1/code", json!("3H0150000023261")),
            CodeInvalid,
            "Observation.code.coding[1].code",
        ),
        (
            lab,
            Put("/extension/0/valueIdentifier/value", json!("9918814790")),
            Invariant,
            "Observation.extension[0]",
        ),
    ];
    each_is_found(&definitions, "examples-jp-clins-single.tgz", &cases);
}
