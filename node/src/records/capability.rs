//! What this node can do, told from the table that makes it do it.

use std::collections::{BTreeMap, BTreeSet};

use federation_protocol::time::Timestamp;
use fhir_search_parameters::ParameterType;
use serde_json::{Value, json};

use super::types::{Parameter, Role};
use super::{ResourceType, Validator};

/// Who may ask: staff and systems, or a person for their own chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Hospital,
    OwnChart,
}

/// The CapabilityStatement of one listener.
pub(super) fn statement(door: Door, base: &str, now: Timestamp, validator: &Validator) -> Value {
    let profiles = profiles(validator);
    let resources: Vec<Value> = ResourceType::all()
        .map(|kind| resource(door, kind, profiles.get(kind.name())))
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
        // No `instantiates`: JP Core's own statement wants XML too.
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "security": {"description": "Bearer tokens of this node"},
            "resource": resources,
            "interaction": coded(interactions)
        }]
    });
    let guides = guides(validator);
    if let Some(members) = told.as_object_mut()
        && !guides.is_empty()
    {
        members.insert("implementationGuide".to_owned(), json!(guides));
    }
    // FHIR has no empty lists.
    if door == Door::Hospital
        && let Some(members) = told.as_object_mut()
    {
        let formats = json!(["application/json-patch+json"]);
        members.insert("patchFormat".to_owned(), formats);
    }
    told
}

/// The guides whose profiles ship, each with its version.
///
/// Source: `ImplementationGuide.url` in the packages of JP Core 1.1.2 and 1.2.0.
fn guides(validator: &Validator) -> Vec<String> {
    let guide = "http://jpfhir.jp/fhir/core/ImplementationGuide/jpfhir.jp.core";
    let packages = validator.packages();
    packages
        .filter(|(name, _)| matches!(*name, "jp-core.r4" | "jpfhir.jp.core"))
        .map(|(_, version)| format!("{guide}|{version}"))
        .collect()
}

/// Canonical URLs by type.
fn profiles(validator: &Validator) -> BTreeMap<&str, BTreeSet<String>> {
    let mut profiles: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in validator.profiles() {
        let canonical = format!("{}|{}", one.url, one.version);
        profiles.entry(one.type_name).or_default().insert(canonical);
    }
    profiles
}

fn resource(door: Door, kind: ResourceType, profiles: Option<&BTreeSet<String>>) -> Value {
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
    let includes = includes(kind);
    if !includes.is_empty() {
        tell("searchInclude", json!(includes));
    }
    let including = including(kind);
    if !including.is_empty() {
        tell("searchRevInclude", json!(including));
    }
    tell("updateCreate", json!(door == Door::Hospital));
    if door == Door::Hospital {
        tell("conditionalCreate", json!(true));
        tell("conditionalUpdate", json!(true));
        tell("conditionalDelete", json!("single"));
        tell("referencePolicy", json!(["literal", "logical"]));
    }
    if let Some(profiles) = profiles {
        tell("supportedProfile", json!(profiles));
    }
    let operations = operations(door, kind);
    if !operations.is_empty() {
        tell("operation", json!(operations));
    }
    told
}

/// What `_include` takes for matches of a type.
fn includes(kind: ResourceType) -> Vec<String> {
    let each = references(kind).map(|by| format!("{kind}:{}", by.definition.code()));
    each.collect()
}

/// What `_revinclude` takes for matches of a type.
fn including(kind: ResourceType) -> Vec<String> {
    let leads_here = |by: &&Parameter| by.definition.targets().contains(&kind.name());
    let each = ResourceType::all().flat_map(|from| {
        let references = references(from).filter(leads_here);
        references.map(move |by| format!("{from}:{}", by.definition.code()))
    });
    each.collect()
}

fn references(kind: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    let served = |by: &&Parameter| {
        by.role != Role::Refused && by.definition.kind() == ParameterType::Reference
    };
    kind.parameters().iter().filter(served)
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
    let everything = everything_of(kind).map(|definition| ("everything", definition));
    let validate = "http://hl7.org/fhir/OperationDefinition/Resource-validate";
    let validate = (door == Door::Hospital).then_some(("validate", validate));
    let export = export_of(kind).filter(|_| door == Door::Hospital);
    let named = everything.into_iter().chain(validate);
    named
        .map(|(name, definition)| json!({"name": name, "definition": definition}))
        .chain(export)
        .collect()
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
