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
pub(super) fn statement(door: Door, base: &str, now: Timestamp) -> Value {
    let resources: Vec<Value> = ResourceType::all()
        .map(|kind| resource(door, kind))
        .chain([consent()])
        .collect();
    let interactions: &[&str] = match door {
        Door::Hospital => &["transaction", "batch", "history-system"],
        Door::OwnChart => &["history-system"],
    };
    let mut told = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now.to_string(),
        "kind": "instance",
        "software": {"name": "Musubi", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Musubi node", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "security": {"description": "Bearer tokens of this node"},
            "resource": resources,
            "interaction": coded(interactions)
        }]
    });
    // FHIR has no empty lists.
    if door == Door::Hospital
        && let Some(members) = told.as_object_mut()
    {
        let formats = json!(["application/json-patch+json"]);
        members.insert("patchFormat".to_owned(), formats);
    }
    told
}

fn resource(door: Door, kind: ResourceType) -> Value {
    let reads = [
        "read",
        "vread",
        "search-type",
        "history-instance",
        "history-type",
    ];
    let writes: &[&str] = match door {
        Door::Hospital => &["create", "update", "patch", "delete"],
        Door::OwnChart => &[],
    };
    let interactions = coded(&[&reads, writes].concat());
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
        "versioning": "versioned",
        "readHistory": true,
        "conditionalRead": "full-support",
        "searchParam": parameters
    });
    let Some(members) = told.as_object_mut() else {
        return told;
    };
    let mut tell = |name: &str, value: Value| members.insert(name.to_owned(), value);
    tell("updateCreate", json!(door == Door::Hospital));
    if door == Door::Hospital {
        tell("conditionalCreate", json!(true));
        tell("conditionalUpdate", json!(true));
        tell("conditionalDelete", json!("single"));
        tell("referencePolicy", json!(["literal", "logical"]));
    }
    let operations = operations(door, kind);
    if !operations.is_empty() {
        tell("operation", json!(operations));
    }
    told
}

/// Directives, which the consent room keeps: to read, whoever asks.
fn consent() -> Value {
    json!({
        "type": "Consent",
        "interaction": coded(&["read", "search-type"]),
        "versioning": "no-version",
        "searchParam": [{"name": "patient", "type": "reference"}]
    })
}

fn coded(codes: &[&str]) -> Vec<Value> {
    codes.iter().map(|code| json!({"code": code})).collect()
}

fn operations(door: Door, kind: ResourceType) -> Vec<Value> {
    let everything = everything_of(kind)
        .map(|definition| json!({"name": "everything", "definition": definition}));
    let export = export_of(kind).filter(|_| door == Door::Hospital);
    everything.into_iter().chain(export).collect()
}

fn everything_of(kind: ResourceType) -> Option<&'static str> {
    match kind.name() {
        "Patient" => Some("http://hl7.org/fhir/OperationDefinition/Patient-everything"),
        "Encounter" => Some("http://hl7.org/fhir/OperationDefinition/Encounter-everything"),
        _ => None,
    }
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
