//! What a reference leads to, judged by its own text: nothing is looked up outside the resource.

use serde_json::Value;

/// The name of the type that `reference` leads to: its `type`, or that of `Type/id` (absolute or
/// not, with or without a version), or that of the contained resource `#id`. Nothing is told by
/// `urn:uuid:…`, nor by an identifier alone.
pub(super) fn leads_to<'v>(reference: &'v Value, resource: &'v Value) -> Option<&'v str> {
    if let Some(told) = reference.get("type").and_then(Value::as_str) {
        return Some(told.strip_prefix(CORE).unwrap_or(told));
    }
    let text = match reference {
        Value::String(canonical) => canonical,
        reference => reference.get("reference")?.as_str()?,
    };
    match text.strip_prefix('#') {
        Some(id) => contained(id, resource),
        None => type_in(text),
    }
}

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

fn contained<'v>(id: &str, resource: &'v Value) -> Option<&'v str> {
    let is = |inner: &&Value| inner.get("id").and_then(Value::as_str) == Some(id);
    let inner = resource.get("contained")?.as_array()?.iter().find(is)?;
    inner.get("resourceType")?.as_str()
}

fn type_in(text: &str) -> Option<&str> {
    let (address, _version) = text.split_once("/_history/").unwrap_or((text, ""));
    let mut parts = address.rsplit('/');
    let _id = parts.next().filter(|id| !id.is_empty())?;
    parts.next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_tells_its_type_by_type_or_text() {
        let resource = json!({"contained": [{"resourceType": "Patient", "id": "p"}]});
        for (reference, told) in [
            (json!({"reference": "Patient/1"}), Some("Patient")),
            (
                json!({"reference": "https://a.example/fhir/Group/1/_history/2"}),
                Some("Group"),
            ),
            (json!({"reference": "#p"}), Some("Patient")),
            (json!({"reference": "#q"}), None),
            (
                json!({"reference": "urn:uuid:c4cd2b1b-0d6e-4c9f-a7ad-8b32b5a1c9f0"}),
                None,
            ),
            (
                json!({"type": "Device", "identifier": {"value": "1"}}),
                Some("Device"),
            ),
            (json!({"identifier": {"value": "1"}}), None),
            (json!({"reference": "Patient/"}), None),
            (json!({"reference": 3}), None),
        ] {
            assert_eq!(leads_to(&reference, &resource), told, "{reference}");
        }
    }
}
