//! Resources of invented people, and a small package of invented profiles.

use fhir_validation::{Issue, Severity};
use serde_json::{Value, json};

const LABORATORY: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";

/// Hana of Yukimi, by JP Core.
pub(crate) fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "hana",
        "meta": {"profile": ["http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient"]},
        "identifier": [{
            "system": "urn:oid:1.2.392.100495.20.3.51.10110000001", "value": "00000010"}],
        "name": [
            {"extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
                "valueCode": "IDE"}],
             "use": "official", "text": "雪見　花", "family": "雪見", "given": ["花"]},
        ],
        "gender": "female",
        "birthDate": "1961-02-03",
    })
}

/// A creatinine of hers, by JP Core, spelled as 1.2.0 spells systems.
pub(crate) fn observation() -> Value {
    json!({
        "resourceType": "Observation",
        "meta": {"profile": [
            "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_LabResult"]},
        "status": "final",
        "category": [{"coding": [{"system": LABORATORY, "code": "laboratory"}]}],
        "code": {
            "coding": [{
                "system": "http://medis.or.jp/CodeSystem/master-JLAC10-17digits",
                "code": "3C015000002327101"}],
            "text": "クレアチニン"},
        "subject": {"reference": "Patient/hana"},
        "effectiveDateTime": "2026-04-01T09:00:00+09:00",
        "valueQuantity": {"value": 0.61, "unit": "mg/dL"},
        "specimen": {"reference": "Specimen/s1"},
    })
}

/// A prescription of hers; `systems` are those of the RP number and of the order in it.
pub(crate) fn prescription(systems: [&str; 2]) -> Value {
    let [rp, order] = systems;
    json!({
        "resourceType": "MedicationRequest",
        "meta": {"profile": [
            "http://jpfhir.jp/fhir/core/StructureDefinition/JP_MedicationRequest"]},
        "identifier": [{"system": rp, "value": "1"}, {"system": order, "value": "1"}],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "結び錠 5mg"},
        "subject": {"reference": "Patient/hana"},
        "authoredOn": "2026-04-01",
    })
}

/// Each issue that means the resource does not conform: code and expression.
pub(crate) fn errors(issues: &[Issue]) -> Vec<String> {
    let errors = issues.iter().filter(|i| i.severity == Severity::Error);
    let lines = errors.map(|i| format!("{} {}", i.code.as_str(), i.expression));
    lines.collect()
}

/// A `.tgz` of these files.
pub(crate) fn tgz(files: &[(&str, Value)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(encoder);
    for (path, content) in files {
        let content = content.to_string();
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap());
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_bytes())
            .unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A profile of a type, by the elements of its snapshot.
pub(crate) fn profile(url: &str, of: &str, elements: Value) -> Value {
    json!({"resourceType": "StructureDefinition", "url": url, "type": of, "kind": "resource",
        "derivation": "constraint", "snapshot": {"element": elements}})
}
