//! Matches as a searchset, the resources in their own bytes.

use serde_json::{Value, json};

use super::Match;
use crate::records::json::quoted;

const GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

/// The Bundle that answers a `$match`; `base` is where `/fhir` is, without a slash at the end.
///
/// Source: FHIR R4, Patient `$match`, "search.score" and the match-grade extension.
pub(in crate::records) fn searchset(base: &str, matches: &[Match]) -> String {
    let size: usize = matches.iter().map(|one| one.entry.raw.len() + 300).sum();
    let mut body = String::with_capacity(size + 128);
    let total = matches.len();
    body.push_str("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":");
    body.push_str(&total.to_string());
    for (number, found) in matches.iter().enumerate() {
        body.push_str(if number == 0 { ",\"entry\":[" } else { "," });
        let url = quoted(&format!("{base}/{}", found.entry.address));
        body.push_str(&format!("{{\"fullUrl\":{url},\"resource\":"));
        body.push_str(&found.entry.raw);
        body.push_str(&format!(
            ",\"search\":{{\"extension\":[{{\"url\":\"{GRADE}\",\"valueCode\":\"{}\"}}],\
             \"mode\":\"match\",\"score\":{}}}}}",
            found.grade.as_str(),
            decimal(found.points)
        ));
    }
    body.push_str(if matches.is_empty() { "}" } else { "]}" });
    body
}

/// Names the operation in a CapabilityStatement.
pub(in crate::records) fn list_in(statement: &mut Value) {
    let resources = statement.pointer_mut("/rest/0/resource");
    let resources = resources.and_then(Value::as_array_mut);
    let patient = resources
        .into_iter()
        .flatten()
        .find(|one| one.get("type") == Some(&json!("Patient")));
    if let Some(members) = patient.and_then(Value::as_object_mut) {
        let operations = members.entry("operation").or_insert_with(|| json!([]));
        if let Some(operations) = operations.as_array_mut() {
            operations.push(json!({
                "name": "match",
                "definition": "http://hl7.org/fhir/OperationDefinition/Patient-match"
            }));
        }
    }
}

/// Thousandths as a decimal, always with three digits.
fn decimal(points: u16) -> String {
    format!("{}.{:03}", points / 1_000, points % 1_000)
}
