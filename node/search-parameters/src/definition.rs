//! A hospital's own parameter, from a SearchParameter resource.

use std::borrow::Cow;

use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::expression::{Expression, ExpressionError};
use crate::fhir_type::{self, Sort};
use crate::parameter::{Component, ParameterType, SearchParameter};

/// Why a SearchParameter resource cannot be used. Says what its author has to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// Another resource, or no resource.
    #[error("not a SearchParameter resource")]
    Resource,
    /// A member that every usable definition has is missing or of another shape.
    #[error("{member} is missing or not of the right shape")]
    Member {
        /// Its name.
        member: &'static str,
    },
    /// The code is not letters, digits, `-` and `_`, or begins with `_`, which FHIR keeps to itself.
    #[error("code {code:?} must be letters, digits, - and _, and not begin with _")]
    Code {
        /// The code.
        code: String,
    },
    /// Not a type of search parameter, or `special`, whose rules only its author knows.
    #[error("type {kind:?} is not one that can be searched by")]
    Kind {
        /// The type.
        kind: String,
    },
    /// A base or target that is not a resource type of FHIR R4.
    #[error("{name:?} is not a resource type of FHIR R4")]
    Type {
        /// The name.
        name: String,
    },
    /// An expression that is not evaluated here.
    #[error("expression for {on}: {source}")]
    Expression {
        /// The base.
        on: &'static str,
        /// Why.
        source: ExpressionError,
    },
    /// The expression finds nothing in resources of a base.
    #[error("the expression says nothing of {on}")]
    Nothing {
        /// The base.
        on: &'static str,
    },
    /// A composite without components, or with one whose definition is not known on a base.
    #[error("a composite on {on} needs components whose definitions are known")]
    Component {
        /// The base.
        on: &'static str,
    },
}

pub(crate) fn is_composite(definition: &Value) -> bool {
    definition.get("type").and_then(Value::as_str) == Some("composite")
}

/// The parameter on each of its bases. `known` tells the types of a composite's components.
pub(crate) fn read(
    definition: &Value,
    known: &Catalogue,
) -> Result<Vec<(&'static str, SearchParameter)>, DefinitionError> {
    if definition.get("resourceType").and_then(Value::as_str) != Some("SearchParameter") {
        return Err(DefinitionError::Resource);
    }
    let bases = types(definition, "base")?;
    if bases.is_empty() {
        return Err(DefinitionError::Member { member: "base" });
    }
    let on_base = |on: &'static str| Ok((on, on_one(definition, on, known)?));
    bases.into_iter().map(on_base).collect()
}

fn on_one(
    definition: &Value,
    on: &'static str,
    known: &Catalogue,
) -> Result<SearchParameter, DefinitionError> {
    let kind = kind(definition)?;
    let text = text(definition, "expression")?;
    let expression = expression(text, on)?;
    if expression.finds_nothing() {
        return Err(DefinitionError::Nothing { on });
    }
    let components = match kind {
        ParameterType::Composite => components(definition, on, known)?,
        _ => Vec::new(),
    };
    Ok(SearchParameter {
        code: Cow::Owned(code(definition)?),
        url: Cow::Owned(self::text(definition, "url")?.to_owned()),
        kind,
        targets: types(definition, "target")?,
        element_types: expression.told_types().unwrap_or_default(),
        components,
        text: Cow::Owned(text.to_owned()),
        expression,
    })
}

fn kind(definition: &Value) -> Result<ParameterType, DefinitionError> {
    let kind = text(definition, "type")?;
    let named = ParameterType::named(kind).filter(|kind| *kind != ParameterType::Special);
    named.ok_or_else(|| DefinitionError::Kind {
        kind: kind.to_owned(),
    })
}

fn code(definition: &Value) -> Result<String, DefinitionError> {
    let code = text(definition, "code")?.to_owned();
    let right = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if code.starts_with('_') || !code.chars().all(right) {
        return Err(DefinitionError::Code { code });
    }
    Ok(code)
}

fn components(
    definition: &Value,
    on: &'static str,
    known: &Catalogue,
) -> Result<Vec<Component>, DefinitionError> {
    let listed = definition.get("component").and_then(Value::as_array);
    let read = |listed: &Value| {
        let url = text(listed, "definition")?;
        let expression = expression(text(listed, "expression")?, on)?;
        let defined = known.of(on).iter().find(|one| one.url() == url);
        let defined = defined.ok_or(DefinitionError::Component { on })?;
        Ok(Component {
            url: Cow::Owned(url.to_owned()),
            kind: defined.kind(),
            element_types: expression.told_types().unwrap_or_default(),
            expression,
        })
    };
    let found: Vec<_> = listed
        .into_iter()
        .flatten()
        .map(read)
        .collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(DefinitionError::Component { on });
    }
    Ok(found)
}

fn expression(text: &str, on: &'static str) -> Result<Expression, DefinitionError> {
    Expression::parse(text, on).map_err(|source| DefinitionError::Expression { on, source })
}

fn text<'d>(definition: &'d Value, member: &'static str) -> Result<&'d str, DefinitionError> {
    let text = definition.get(member).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
        .ok_or(DefinitionError::Member { member })
}

/// The resource types that a member lists; none if it is missing.
fn types(definition: &Value, member: &'static str) -> Result<Vec<&'static str>, DefinitionError> {
    let Some(listed) = definition.get(member) else {
        return Ok(Vec::new());
    };
    let listed = listed
        .as_array()
        .ok_or(DefinitionError::Member { member })?;
    let read = |name: &Value| {
        let name = name.as_str().ok_or(DefinitionError::Member { member })?;
        let found = fhir_type::named(name).filter(|named| {
            named.name == name && matches!(named.sort, Sort::Resource | Sort::Abstract)
        });
        found
            .map(|named| named.name)
            .ok_or_else(|| DefinitionError::Type {
                name: name.to_owned(),
            })
    };
    listed.iter().map(read).collect()
}
