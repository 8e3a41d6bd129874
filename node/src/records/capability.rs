//! What this node can do, told from the table that makes it do it.

use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::ResourceType;
use super::types::Kind;

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
    let own = kind
        .parameters()
        .map(|(_, parameter)| json!({"name": parameter.name, "type": type_of(parameter.kind)}));
    let common = [
        json!({"name": "_id", "type": "token"}),
        json!({"name": "_lastUpdated", "type": "date"}),
    ];
    let parameters: Vec<Value> = common.into_iter().chain(own).collect();
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
    }
    told
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Token | Kind::Code => "token",
        Kind::Date | Kind::When => "date",
        Kind::Text => "string",
        Kind::Reference | Kind::Patient => "reference",
    }
}
