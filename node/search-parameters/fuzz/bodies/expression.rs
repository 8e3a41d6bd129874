//! Any text as an expression; one that compiles is evaluated, and so is a definition that holds it.

use fhir_search_parameters::{Catalogue, Element, Expression};
use serde_json::json;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let resource = json!({
        "resourceType": "Observation", "status": "final",
        "subject": {"reference": "Patient/1"},
        "component": [{"code": {"text": "a"}, "valueQuantity": {"value": 1}}, null]
    });
    if let Ok(expression) = Expression::parse(text, "Observation") {
        expression.elements(Element::untyped(&resource), &resource, &mut |_| {});
    }
    let definition = json!({
        "resourceType": "SearchParameter", "url": "http://minato.example/own", "code": "own",
        "base": ["Observation"], "type": "token", "expression": text
    });
    let _ = Catalogue::shipped().extended([&definition]);
}
