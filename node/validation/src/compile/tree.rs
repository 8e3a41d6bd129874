//! From a snapshot's flat list to a tree.
//!
//! An element's `id` says where it stands and in which slices: `Observation.category:first.coding`.

use serde_json::Value;

use crate::model::{Discriminator, DiscriminatorKind, Element, Invariant, Slice, TypeRule};
use crate::package::text;

/// Where the core types live; references to them are written without it.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// FHIRPath's own types, which `Element.id` and `Extension.url` have.
const SYSTEM: &str = "http://hl7.org/fhirpath/System.";
/// The extension that says which primitive such an element is in JSON.
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";

/// How many steps a path may have. R4's longest has 8; the written form nests 6 times as deep.
const MAX_DEPTH: usize = 16;

/// The tree of a definition's snapshot; None if it has none, or one deeper than any real one.
pub(super) fn grow(structure: &Value) -> Option<Element> {
    let elements = structure.get("snapshot")?.get("element")?.as_array()?;
    let mut root = Element::default();
    for element in elements {
        let id = element.get("id").or_else(|| element.get("path"));
        let steps: Vec<&str> = id?.as_str()?.split('.').skip(1).collect();
        if steps.len() > MAX_DEPTH {
            return None;
        }
        insert(&mut root, &steps, element);
    }
    // The root's own cardinality and type are about the resource as a whole.
    root.min = 0;
    root.max = None;
    root.types.clear();
    Some(root)
}

/// Walks to where the element stands, making what is not there yet, and writes its facts.
fn insert(at: &mut Element, steps: &[&str], element: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        return write_facts(at, element);
    };
    let (step, slice) = match step.split_once(':') {
        Some((step, slice)) => (step, Some(slice)),
        None => (*step, None),
    };
    let choice = step.ends_with("[x]");
    let name = step.strip_suffix("[x]").unwrap_or(step);
    if at.child(name).is_none() {
        at.children.push(Element::named(name, choice));
    }
    let child = at.children.iter_mut().find(|child| child.name == name);
    match (child, slice) {
        (Some(child), None) => insert(child, rest, element),
        (Some(child), Some(slice)) => insert_slice(child, slice, rest, element),
        (None, _) => (),
    }
}

fn insert_slice(sliced: &mut Element, name: &str, rest: &[&str], element: &Value) {
    let rule = Element::named(&sliced.name, sliced.choice);
    let slicing = sliced.slicing.get_or_insert_default();
    if !slicing.slices.iter().any(|slice| slice.name == name) {
        slicing.slices.push(Slice {
            name: name.to_owned(),
            rule,
        });
    }
    if let Some(slice) = slicing.slices.iter_mut().find(|slice| slice.name == name) {
        insert(&mut slice.rule, rest, element);
    }
}

fn write_facts(at: &mut Element, element: &Value) {
    let number = |member: &str| element.get(member).and_then(Value::as_u64);
    at.min = number("min").and_then(|n| n.try_into().ok()).unwrap_or(0);
    at.max = text(element, "max").and_then(|max| max.parse().ok());
    at.types = list(element, "type").iter().filter_map(type_rule).collect();
    at.fixed = polymorphic(element, "fixed");
    at.pattern = polymorphic(element, "pattern");
    at.binding = element.get("binding").and_then(required);
    at.content = text(element, "contentReference").map(|reference| {
        let after = reference.split_once('#').map(|(_, path)| path.to_owned());
        after.unwrap_or(reference)
    });
    let constraints = list(element, "constraint").iter();
    at.invariants = constraints.filter_map(invariant).collect();
    if let Some(slicing) = element.get("slicing") {
        let at = at.slicing.get_or_insert_default();
        let discriminators = list(slicing, "discriminator").iter();
        at.discriminators = discriminators.filter_map(discriminator).collect();
        at.closed = text(slicing, "rules").as_deref() == Some("closed");
    }
}

fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn type_rule(value: &Value) -> Option<TypeRule> {
    let code = text(value, "code")?;
    let code = match code.strip_prefix(SYSTEM) {
        Some(system) => json_type(value).unwrap_or_else(|| system.to_lowercase()),
        None => code.strip_prefix(CORE).unwrap_or(&code).to_owned(),
    };
    let urls = |member: &str| -> Vec<String> {
        let urls = list(value, member).iter().filter_map(Value::as_str);
        urls.map(|url| url.strip_prefix(CORE).unwrap_or(url).to_owned())
            .collect()
    };
    let profiles = list(value, "profile").iter().filter_map(Value::as_str);
    Some(TypeRule {
        code,
        profiles: profiles.map(str::to_owned).collect(),
        targets: urls("targetProfile"),
    })
}

fn json_type(value: &Value) -> Option<String> {
    let mut extensions = list(value, "extension").iter();
    let found = extensions.find(|e| e.get("url").and_then(Value::as_str) == Some(FHIR_TYPE))?;
    text(found, "valueUrl").or_else(|| text(found, "valueUri"))
}

/// The one member whose name begins so: `fixedUri`, `patternCodeableConcept`.
fn polymorphic(element: &Value, prefix: &str) -> Option<Value> {
    let mut members = element.as_object()?.iter();
    members
        .find(|(member, _)| member.starts_with(prefix))
        .map(|(_, value)| value.clone())
}

fn required(binding: &Value) -> Option<String> {
    if text(binding, "strength")? != "required" {
        return None;
    }
    let set = text(binding, "valueSet")?;
    Some(set.split('|').next().unwrap_or_default().to_owned())
}

fn invariant(constraint: &Value) -> Option<Invariant> {
    if text(constraint, "severity")? != "error" {
        return None;
    }
    Some(Invariant {
        key: text(constraint, "key")?,
        expression: text(constraint, "expression")?,
        parsed: None,
    })
}

fn discriminator(value: &Value) -> Option<Discriminator> {
    let kind = match text(value, "type")?.as_str() {
        "value" | "pattern" => DiscriminatorKind::Value,
        "exists" => DiscriminatorKind::Exists,
        "type" => DiscriminatorKind::Type,
        _ => DiscriminatorKind::Profile,
    };
    let path = text(value, "path")?;
    Some(Discriminator { kind, path })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn ids_say_where_an_element_and_a_slice_stand() {
        let root = grow(&json!({"snapshot": {"element": [
            {"id": "Patient", "min": 0, "max": "*"},
            {"id": "Patient.identifier", "min": 1, "max": "*", "slicing": {
                "discriminator": [{"type": "value", "path": "system"}], "rules": "closed"}},
            {"id": "Patient.identifier:mrn", "min": 1, "max": "1"},
            {"id": "Patient.identifier:mrn.system", "min": 1, "max": "1", "fixedUri": "urn:x"},
            {"id": "Patient.deceased[x]", "min": 0, "max": "1", "type": [{"code": "boolean"}]},
        ]}}))
        .unwrap();

        let identifier = root.child("identifier").unwrap();
        assert_eq!((identifier.min, identifier.max), (1, None));
        let slicing = identifier.slicing.as_ref().unwrap();
        assert!(slicing.closed);
        let mrn = slicing.slices.first().unwrap();
        assert_eq!((mrn.name.as_str(), mrn.rule.max), ("mrn", Some(1)));
        let system = mrn.rule.child("system").unwrap();
        assert_eq!(system.fixed, Some(json!("urn:x")));
        assert!(root.child("deceased").unwrap().choice);
    }

    #[test]
    fn only_required_bindings_and_errors_are_kept() {
        let root = grow(&json!({"snapshot": {"element": [{"id": "Patient"},
            {"id": "Patient.gender",
             "binding": {"strength": "required", "valueSet": "http://v|4.0.1"},
             "constraint": [{"key": "a", "severity": "warning", "expression": "true"},
                            {"key": "b", "severity": "error", "expression": "true"}]},
            {"id": "Patient.language",
             "binding": {"strength": "preferred", "valueSet": "http://w"}},
        ]}}))
        .unwrap();

        let gender = root.child("gender").unwrap();
        assert_eq!(gender.binding.as_deref(), Some("http://v"));
        assert_eq!(gender.invariants.first().unwrap().key, "b");
        assert_eq!(gender.invariants.len(), 1);
        assert_eq!(root.child("language").unwrap().binding, None);
    }
}
