//! What this node can do, told from the table that makes it do it.

use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::ResourceType;
use super::types::Role;

/// Who may ask: staff and systems, or a person for their own chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Hospital,
    OwnChart,
}

/// The CapabilityStatement of one listener.
pub(super) fn statement(door: Door, now: Timestamp) -> Value {
    let resources: Vec<Value> = ResourceType::all()
        .map(|kind| resource(door, kind))
        .collect();
    let interactions: &[Value] = match door {
        Door::Hospital => &[json!({"code": "transaction"})],
        Door::OwnChart => &[],
    };
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now.to_string(),
        "kind": "instance",
        "software": {"name": "Musubi", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Musubi node"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "security": {"description": "Bearer tokens of this node"},
            "resource": resources,
            "interaction": interactions
        }]
    })
}

fn resource(door: Door, kind: ResourceType) -> Value {
    let codes: &[&str] = match door {
        Door::Hospital => &["read", "vread", "search-type", "create", "update", "delete"],
        Door::OwnChart => &["read", "vread", "search-type"],
    };
    let interactions: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
    let parameters: Vec<Value> = kind
        .parameters()
        .iter()
        .filter(|parameter| parameter.role != Role::Refused)
        .map(|parameter| {
            let definition = parameter.definition;
            json!({
                "name": definition.code(),
                "definition": definition.url(),
                "type": definition.kind().as_str()
            })
        })
        .collect();
    let mut told = json!({
        "type": kind.name(),
        "interaction": interactions,
        "versioning": "versioned-update",
        "readHistory": true,
        "searchParam": parameters
    });
    if door == Door::Hospital
        && let Some(members) = told.as_object_mut()
    {
        members.insert("updateCreate".to_owned(), json!(true));
        members.insert("conditionalCreate".to_owned(), json!(true));
        if let Some(operation) = export_of(kind) {
            members.insert("operation".to_owned(), json!([operation]));
        }
    }
    told
}

/// The export of charts that is asked for under this type.
///
/// Source: Bulk Data Access 2.0.0.
fn export_of(kind: ResourceType) -> Option<Value> {
    let level = match kind.name() {
        "Patient" => "patient",
        "Group" => "group",
        _ => return None,
    };
    let definition = format!("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{level}-export");
    Some(json!({"name": "export", "definition": definition}))
}
