//! One function a profile: what JP Core 1.2.0 asks of the resources of this town, in the order of
//! FHIR's elements. Never decides what happens to anybody.
//!
//! Source: JP Core 1.2.0 (<http://jpfhir.jp/fhir/core>), profiles named at each function.

pub(crate) mod clinical;
pub(crate) mod house;
pub(crate) mod laboratory;
pub(crate) mod patient;
pub(crate) mod prescription;
pub(crate) mod vitals;

use crate::json::{Number, Object, object};

/// Where codes and numbers come from.
pub(crate) mod system {
    pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
    pub(crate) const LOINC: &str = "http://loinc.org";
    pub(crate) const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
    pub(crate) const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
    pub(crate) const DEPARTMENT: &str = "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment";
    pub(crate) const GENERAL_NAME: &str =
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationGeneralOrderCode";
    pub(crate) const MERIT9: &str =
        "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/MedicationUnitMERIT9Code";
    pub(crate) const OBSERVATION_CATEGORY: &str =
        "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
    pub(crate) const BODY_MEASUREMENT: &str =
        "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS";
    pub(crate) const DOCUMENT: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_DocumentCodes_CS";
    pub(crate) const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    pub(crate) const INSTANCE: &str =
        "http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier";
    pub(crate) const INSURER_NUMBER: &str =
        "http://jpfhir.jp/fhir/core/mhlw/IdSystem/InsurerNumber";
    pub(crate) const INSTITUTION: &str =
        "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no";
}

const PROFILES: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/";
const EXTENSIONS: &str = "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/";

/// `meta` with the profile that the resource follows.
fn meta(profile: &str) -> Object {
    object! { "profile": [format!("{PROFILES}{profile}")] }
}

fn extension_url(name: &str) -> String {
    format!("{EXTENSIONS}{name}")
}

fn coding(system: &str, code: &str, display: Option<&str>) -> Object {
    object! { "system": system, "code": code, "display": display }
}

fn coded(system: &str, code: &str) -> Object {
    object! { "coding": [coding(system, code, None)] }
}

fn concept(system: &str, code: &str, text: &str) -> Object {
    object! { "coding": [coding(system, code, Some(text))], "text": text }
}

fn text(text: &str) -> Object {
    object! { "text": text }
}

/// `HL7 terminology`'s own systems have this beginning.
fn hl7(name: &str) -> String {
    format!("http://terminology.hl7.org/CodeSystem/{name}")
}

fn reference(to: &str) -> Object {
    object! { "reference": to }
}

fn named(to: &str, display: &str) -> Object {
    object! { "reference": to, "display": display }
}

/// A unit as it is printed, and its UCUM code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) printed: &'static str,
    pub(crate) ucum: &'static str,
}

fn quantity(value: Number, unit: Unit) -> Object {
    object! {
        "value": value,
        "unit": unit.printed,
        "system": system::UCUM,
        "code": unit.ucum,
    }
}

/// The hospital's number of this resource.
fn instance(institution: &str, id: &str) -> Object {
    object! { "system": system::INSTANCE, "value": format!("{institution}.{id}") }
}

/// A name twice, in kanji and in katakana.
fn names(family: crate::names::Written, given: crate::names::Written) -> [Object; 2] {
    let written = |how: &str, family: &str, given: &str| {
        let how = object! {
            "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
            "valueCode": how,
        };
        object! {
            "extension": [how],
            "use": "usual",
            "text": format!("{family} {given}"),
            "family": family,
            "given": [given],
        }
    };
    [
        written("IDE", family.kanji, given.kanji),
        written("SYL", family.kana, given.kana),
    ]
}
