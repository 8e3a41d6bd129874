//! Parameters whose expression ends at an extension tell what it says.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use fhir_search_parameters::Catalogue;
use serde_json::{Value, json};

/// What a parameter finds, each with its type.
fn found(kind: &str, code: &str, resource: &Value) -> Vec<(Value, Option<&'static str>)> {
    let mut found = Vec::new();
    let parameter = Catalogue::shipped().named(kind, code).unwrap();
    parameter.elements(resource, &mut |element| {
        found.push((element.value.clone(), element.fhir_type));
    });
    found
}

#[test]
fn the_value_of_an_extension_is_found_with_its_type() {
    let genetics = "http://hl7.org/fhir/StructureDefinition/observation-genetics";
    let gene = json!({"coding": [{"system": "http://www.genenames.org", "code": "HGNC:1100"}]});
    let resource = json!({
        "resourceType": "Observation",
        "extension": [
            {"url": format!("{genetics}Gene"), "valueCodeableConcept": gene},
            {"url": format!("{genetics}AminoAcidChangeName"), "valueString": "Pro204"},
            {"url": format!("{genetics}DnaVariant"), "extension": [{"url": "x", "valueCode": "y"}]},
            {"url": "urn:other", "valueString": "z"}
        ]
    });
    let of = |code: &str| found("Observation", code, &resource);
    assert_eq!(of("gene-identifier"), [(gene, Some("CodeableConcept"))]);
    assert_eq!(of("amino-acid-change"), [(json!("Pro204"), Some("string"))]);
    assert_eq!(of("dna-variant"), []);
}
