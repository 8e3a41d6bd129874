//! What a SearchParameter resource defines here, or why it cannot be used.

use fhir_search_parameters::{Catalogue, DefinitionError};
use serde_json::{Map, Value};

use crate::records::ResourceType;

/// The most types that one resource defines a parameter on.
const MOST_TYPES: usize = 16;
/// What of a definition matters to the index and to searches.
const MEMBERS: [&str; 7] = [
    "resourceType",
    "url",
    "code",
    "type",
    "expression",
    "target",
    "component",
];

/// A parameter on one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::records) struct Defined {
    pub(in crate::records) kind: ResourceType,
    pub(in crate::records) code: String,
    /// A SearchParameter of this type alone, as JSON, always written the same way.
    pub(in crate::records) definition: String,
    /// It has no rows of its own: nothing must be read for it.
    pub(in crate::records) composite: bool,
}

/// Why an active SearchParameter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionRefused {
    /// It is not one that can be evaluated.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A base that nothing of the hospital's can be added to.
    #[error("{name:?} has no search parameters of the hospital's own: name types, one by one")]
    Base {
        /// The base.
        name: String,
    },
    /// FHIR or JP Core gives another meaning to that code.
    #[error("{kind} has a search parameter {code:?} already")]
    Shipped {
        /// The type.
        kind: ResourceType,
        /// The code.
        code: String,
    },
    /// More types than one definition may be for.
    #[error("at most 16 types in one definition")]
    TooManyTypes,
    /// Every number has been given out.
    #[error("this node can take no more search parameters")]
    NoNumber,
}

impl DefinitionRefused {
    /// The element at fault, as a FHIRPath.
    #[must_use]
    pub fn expression(&self) -> &'static str {
        match self {
            Self::Definition(error) => of_definition(error),
            Self::Base { .. } | Self::TooManyTypes => "SearchParameter.base",
            Self::Shipped { .. } => "SearchParameter.code",
            Self::NoNumber => "SearchParameter",
        }
    }
}

fn of_definition(error: &DefinitionError) -> &'static str {
    match error {
        DefinitionError::Member { member } => match *member {
            "base" => "SearchParameter.base",
            "code" => "SearchParameter.code",
            "target" => "SearchParameter.target",
            "type" => "SearchParameter.type",
            "url" => "SearchParameter.url",
            "expression" => "SearchParameter.expression",
            _ => "SearchParameter",
        },
        DefinitionError::Code { .. } => "SearchParameter.code",
        DefinitionError::Kind { .. } => "SearchParameter.type",
        DefinitionError::Type { .. } => "SearchParameter.base",
        DefinitionError::Expression { .. } | DefinitionError::Nothing { .. } => {
            "SearchParameter.expression"
        }
        DefinitionError::Component { .. } => "SearchParameter.component",
        _ => "SearchParameter",
    }
}

/// The parameters that a SearchParameter resource defines: none if it is not `active`, or if it is
/// one that this node knows without it.
///
/// # Errors
/// [`DefinitionRefused`].
pub(in crate::records) fn defined_by(resource: &Value) -> Result<Vec<Defined>, DefinitionRefused> {
    let text = |member: &str| resource.get(member).and_then(Value::as_str);
    if text("status") != Some("active") {
        return Ok(Vec::new());
    }
    let code = text("code").unwrap_or_default();
    let bases = resource.get("base").and_then(Value::as_array);
    let bases: Vec<&str> = bases
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let known = |base: &&str| Catalogue::shipped().named(base, code);
    let is_known = |base: &&str| known(base).is_some_and(|one| Some(one.url()) == text("url"));
    if !bases.is_empty() && bases.iter().all(is_known) {
        return Ok(Vec::new());
    }
    if bases.len() > MOST_TYPES {
        return Err(DefinitionRefused::TooManyTypes);
    }
    let served = |base: &&str| {
        let name = (*base).to_owned();
        ResourceType::named(base).ok_or(DefinitionRefused::Base { name })
    };
    let kinds: Vec<ResourceType> = bases.iter().map(served).collect::<Result<_, _>>()?;
    let catalogue = Catalogue::shipped().extended([resource])?;
    let mut defined = Vec::new();
    for (base, kind) in bases.iter().zip(kinds) {
        if known(base).is_some() {
            let code = code.to_owned();
            return Err(DefinitionRefused::Shipped { kind, code });
        }
        let found = catalogue.named(base, code);
        let composite = found.is_some_and(|one| !one.components().is_empty());
        let one = Defined {
            kind,
            code: code.to_owned(),
            definition: distilled(resource, base),
            composite,
        };
        if !defined.contains(&one) {
            defined.push(one);
        }
    }
    Ok(defined)
}

/// The definition for one type, without what changes nothing.
fn distilled(resource: &Value, base: &str) -> String {
    let mut kept = Map::new();
    kept.insert("base".to_owned(), Value::from(vec![base]));
    for member in MEMBERS {
        if let Some(value) = resource.get(member) {
            kept.insert(member.to_owned(), value.clone());
        }
    }
    Value::Object(kept).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests fail by panicking"
    )]
    use serde_json::json;

    use super::*;

    fn ward() -> Value {
        json!({
            "resourceType": "SearchParameter", "url": "http://minato.example/ward",
            "status": "active", "code": "ward", "base": ["Encounter", "Patient"], "type": "token",
            "expression": "Encounter.extension('http://minato.example/ward').value.as(Coding) | \
                           Patient.extension('http://minato.example/ward').value.as(Coding)"
        })
    }

    fn with(member: &str, value: Value) -> Result<Vec<Defined>, DefinitionRefused> {
        let mut resource = ward();
        resource[member] = value;
        defined_by(&resource)
    }

    #[test]
    fn only_what_matters_makes_another_definition() {
        let plain = defined_by(&ward()).unwrap();
        let kinds: Vec<_> = plain.iter().map(|one| one.kind.name()).collect();
        assert_eq!(kinds, ["Encounter", "Patient"]);
        assert_eq!(with("description", json!("which ward")).unwrap(), plain);
        assert_eq!(
            with("base", json!(["Patient", "Patient"])).unwrap(),
            plain[1..]
        );
        let other = with("expression", json!("Encounter.id | Patient.id")).unwrap();
        assert_ne!(other[0].definition, plain[0].definition);
        assert_eq!(with("status", json!("draft")).unwrap(), []);
    }

    #[test]
    fn what_this_node_knows_already_is_stored_and_nothing_else() {
        let mut known = ward();
        known["code"] = json!("jp-insured-personnumber");
        known["base"] = json!(["Coverage"]);
        let url = "http://jpfhir.jp/fhir/core/SearchParameter/JP_Coverage_InsuredPersonNumber_SP";
        known["url"] = json!(url);
        // As JP Core 1.1.2 spells it, or anyhow.
        known["expression"] = json!("what(");
        assert_eq!(defined_by(&known).unwrap(), []);
    }

    #[test]
    fn what_cannot_be_used_is_refused_where_it_is_wrong() {
        for (member, value, expression) in [
            (
                "expression",
                json!("Encounter.where("),
                "SearchParameter.expression",
            ),
            ("expression", json!(7), "SearchParameter.expression"),
            ("base", json!(["Resource"]), "SearchParameter.base"),
            ("base", json!(["Ward"]), "SearchParameter.base"),
            ("base", json!([]), "SearchParameter.base"),
            ("code", json!("class"), "SearchParameter.code"),
            ("code", json!("_ward"), "SearchParameter.code"),
            ("type", json!("special"), "SearchParameter.type"),
            ("type", json!("composite"), "SearchParameter.component"),
            ("url", json!(null), "SearchParameter.url"),
        ] {
            let refused = with(member, value.clone()).unwrap_err();
            assert_eq!(
                refused.expression(),
                expression,
                "{member} {value}: {refused}"
            );
        }
    }
}
