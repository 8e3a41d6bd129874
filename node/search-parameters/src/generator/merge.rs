//! One row for each type and code, from definitions that speak of many types at once and from
//! editions that differ.

use std::collections::BTreeMap;

use super::archive::{ArchiveError, Definition, Package};
use super::structure::Structures;
use super::typing;
use crate::expression::Expression;
use crate::fhir_type::{self, Sort};

/// A line of the table.
pub(super) struct Row {
    pub(super) kind: String,
    pub(super) element_types: Vec<String>,
    pub(super) targets: Vec<String>,
    pub(super) url: String,
    pub(super) expression: String,
    pub(super) components: Vec<ComponentRow>,
}

/// A component in it.
pub(super) struct ComponentRow {
    pub(super) kind: String,
    pub(super) url: String,
    pub(super) element_types: Vec<String>,
    pub(super) expression: String,
}

/// (type, code) → row.
pub(super) type Rows = BTreeMap<(String, String), Row>;

pub(super) fn parameters(
    core: &Package,
    additions: &[Package],
    structures: &Structures,
) -> Result<Rows, ArchiveError> {
    let packages = std::iter::once(core).chain(additions);
    let mut definitions: Vec<_> = packages.flat_map(|package| &package.parameters).collect();
    definitions.retain(|one| !EXAMPLES.contains(&one.url.as_str()));
    let kinds = definitions.iter().map(|one| (&*one.url, &*one.kind));
    let kinds: BTreeMap<_, _> = kinds.collect();

    let mut rows = Rows::new();
    for definition in definitions {
        let Some(expression) = &definition.expression else {
            continue; // nothing in a resource answers it
        };
        for on in &definition.base {
            let expression = concerning(expression, on);
            let key = (on.clone(), definition.code.clone());
            let expression = match rows.get(&key) {
                Some(row) => joined(&row.expression, &expression, on, definition)?,
                None => expression,
            };
            rows.insert(key, row(definition, on, expression, &kinds, structures)?);
        }
    }
    Ok(rows)
}

/// What R4 publishes to show what a definition looks like.
const EXAMPLES: [&str; 3] = [
    "http://hl7.org/fhir/SearchParameter/example",
    "http://hl7.org/fhir/SearchParameter/example-extension",
    "http://hl7.org/fhir/SearchParameter/example-reference",
];

fn row(
    definition: &Definition,
    on: &str,
    expression: String,
    kinds: &BTreeMap<&str, &str>,
    structures: &Structures,
) -> Result<Row, ArchiveError> {
    let compiled = compiled(&expression, on, definition)?;
    let element_types = typing::places(compiled.term(), &[on.to_owned()], on, structures);
    let component = |listed: &super::archive::ListedComponent| {
        let url = listed.definition.clone();
        let Some(kind) = kinds.get(&*url) else {
            return Err(ArchiveError::Component { url });
        };
        let compiled = self::compiled(&listed.expression, on, definition)?;
        Ok(ComponentRow {
            kind: (*kind).to_owned(),
            url,
            element_types: typing::places(compiled.term(), &element_types, on, structures),
            expression: listed.expression.clone(),
        })
    };
    let components = definition.component.iter().map(component);
    Ok(Row {
        kind: definition.kind.clone(),
        targets: definition.target.clone(),
        url: definition.url.clone(),
        components: components.collect::<Result<_, _>>()?,
        element_types,
        expression,
    })
}

fn compiled(text: &str, on: &str, of: &Definition) -> Result<Expression, ArchiveError> {
    Expression::parse(text, on).map_err(|source| ArchiveError::Expression {
        url: of.url.clone(),
        on: on.to_owned(),
        source,
    })
}

/// Both expressions as one; only the newer if they find the same.
fn joined(
    older: &str,
    newer: &str,
    on: &str,
    definition: &Definition,
) -> Result<String, ArchiveError> {
    if compiled(older, on, definition)? == compiled(newer, on, definition)? {
        return Ok(newer.to_owned());
    }
    Ok(format!("{newer} | {older}"))
}

/// The branches of an expression that can find something on a type.
fn concerning(expression: &str, on: &str) -> String {
    let branches = branches(expression).into_iter();
    let concerning = branches.filter(|branch| {
        let begin = branch.trim_start_matches('(');
        let end = begin.find(|c: char| !c.is_ascii_alphanumeric());
        let first = begin.get(..end.unwrap_or(begin.len())).unwrap_or_default();
        let other = fhir_type::named(first).is_some_and(|named| named.sort == Sort::Resource);
        first == on || !other
    });
    concerning.collect::<Vec<_>>().join(" | ")
}

/// What stands between the outermost `|`.
fn branches(expression: &str) -> Vec<&str> {
    let (mut depth, mut quoted) = (0_usize, false);
    let outermost = |c: char| {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '|' && depth == 0 && !quoted
    };
    expression.split(outermost).map(str::trim).collect()
}
