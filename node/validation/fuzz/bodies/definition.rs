//! Any JSON as a snapshot's elements, and a resource judged by what was made of it.

use fhir_validation::{Definitions, validate_against};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

const URL: &str = "http://example.org/any";

pub(crate) fn run(data: &[u8]) {
    let Ok(elements) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let definition = json!({"resourceType": "StructureDefinition", "url": URL, "type": "Basic",
        "kind": "resource", "derivation": "constraint", "snapshot": {"element": elements}});
    let mut definitions = Definitions::default();
    let added = packed(&definition).map(|p| definitions.add(&p, Some("any"), Some("1")));
    if matches!(added, Some(Ok(_))) {
        let resource = json!({"resourceType": "Basic", "id": "a", "code": {"text": "b"},
            "identifier": [{"system": "c", "value": "d"}, {"system": "e"}]});
        let _ = validate_against(&definitions, &resource, URL);
    }
}

fn packed(definition: &Value) -> Option<Vec<u8>> {
    let content = definition.to_string();
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len().try_into().ok()?);
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    tar.append_data(&mut header, "a.json", content.as_bytes())
        .ok()?;
    tar.into_inner().ok()?.finish().ok()
}
