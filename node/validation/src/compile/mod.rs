//! From a FHIR package to the compact form.
//!
//! Owns what is kept of a package: facts that the engine checks. It never keeps descriptions,
//! displays, or invariants that the engine could not evaluate; those it counts.

mod prune;
mod terms;
mod tree;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::model::{Element, Invariant, Kind};
use crate::package::{Archive, PackageError, text};
use crate::table::{self, Written};
use terms::Terms;

/// Which value sets a compiled package keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Every one that can be listed: a package that somebody added.
    All,
    /// Only those of required bindings whose codes are base FHIR's own.
    #[cfg_attr(
        not(any(test, feature = "generator")),
        expect(dead_code, reason = "ships")
    )]
    BaseFhir,
    /// Only those of required bindings whose codes are JP Core's own and few.
    #[cfg_attr(
        not(any(test, feature = "generator")),
        expect(dead_code, reason = "ships")
    )]
    JpCore,
}

/// A compiled package.
pub(crate) struct Compiled {
    pub(crate) text: String,
    /// How many definitions constrain a type.
    pub(crate) profiles: usize,
    /// How many definitions came without a snapshot.
    pub(crate) without_snapshot: usize,
    /// How many invariants are not evaluated.
    pub(crate) ignored_invariants: usize,
}

/// Compiles a package against the base types of `base`.
///
/// # Errors
/// `Unnamed` if neither manifest nor caller names it; `Name`; `Empty`.
pub(crate) fn compile(
    archive: &Archive,
    name: Option<&str>,
    version: Option<&str>,
    base: &Definitions,
    keep: Keep,
) -> Result<Compiled, PackageError> {
    let name = name.or(archive.name.as_deref());
    let name = checked(name.ok_or(PackageError::Unnamed("name"))?)?;
    let version = version.or(archive.version.as_deref());
    let version = checked(version.ok_or(PackageError::Unnamed("version"))?)?;
    let mut written = Vec::new();
    let (mut without_snapshot, mut ignored_invariants) = (0, 0);
    for structure in archive.structures.values() {
        let Some((kind, type_name)) = kind_of(structure) else {
            continue;
        };
        let Some(mut root) = tree::grow(structure) else {
            without_snapshot += 1;
            continue;
        };
        ignored_invariants += tidy(&mut root);
        if kind == Kind::Resource {
            have_ids(&mut root);
        }
        if kind == Kind::Profile {
            prune::prune(&mut root, &type_name, base);
        }
        written.push(Written {
            kind,
            url: text(structure, "url").unwrap_or_default(),
            version: text(structure, "version").unwrap_or_else(|| version.to_owned()),
            type_name,
            root,
        });
    }
    let sets = Terms::of(archive).sets(keep, &mut written);
    if written.is_empty() && sets.is_empty() {
        return Err(PackageError::Empty);
    }
    Ok(Compiled {
        text: table::write(name, version, &written, &sets),
        profiles: written.iter().filter(|w| w.kind == Kind::Profile).count(),
        without_snapshot,
        ignored_invariants,
    })
}

/// What may be part of a file's name, and of a line.
///
/// # Errors
/// `Name` for anything else.
pub(crate) fn checked(name: &str) -> Result<&str, PackageError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let good = !name.is_empty() && name.len() <= 100 && !name.starts_with('.');
    if good && name.chars().all(allowed) {
        Ok(name)
    } else {
        Err(PackageError::Name(name.chars().take(100).collect()))
    }
}

/// What it defines, and of which type. None for primitives, logical models and what has no name
/// that fits a line.
fn kind_of(structure: &Value) -> Option<(Kind, String)> {
    let type_name = text(structure, "type")?;
    let words = [
        Some(type_name.as_str()),
        structure.get("url")?.as_str(),
        structure.get("version").and_then(Value::as_str),
    ];
    if words
        .iter()
        .flatten()
        .any(|word| word.contains(char::is_control))
    {
        return None;
    }
    let constraint = text(structure, "derivation").as_deref() == Some("constraint");
    match (structure.get("kind")?.as_str()?, constraint) {
        ("resource" | "complex-type", true) => Some((Kind::Profile, type_name)),
        ("resource", false) => Some((Kind::Resource, type_name)),
        ("complex-type", false) => Some((Kind::Complex, type_name)),
        _ => None,
    }
}

/// R4 writes the type of a resource's id as string, and means id.
fn have_ids(root: &mut Element) {
    for child in root.children.iter_mut().filter(|c| c.name == "id") {
        for rule in &mut child.types {
            rule.code = "id".to_owned();
        }
    }
}

/// Takes away slicings without slices, what the engine checks by itself on every element, and what
/// our FHIRPath does not reach. Returns how many of the latter.
fn tidy(element: &mut Element) -> usize {
    let mut ignored = 0;
    let by_itself = |i: &Invariant| matches!(i.key.as_str(), "ele-1" | "ext-1" | "dom-3");
    element.invariants.retain(|i| !by_itself(i));
    element.invariants.retain(|i| {
        let reached = crate::fhirpath::Expression::parse(&i.expression).is_ok();
        ignored += usize::from(!reached);
        reached
    });
    element
        .slicing
        .take_if(|s| s.slices.is_empty() && !s.closed);
    for child in &mut element.children {
        ignored += tidy(child);
    }
    for slice in element.slicing.iter_mut().flat_map(|s| &mut s.slices) {
        ignored += tidy(&mut slice.rule);
    }
    ignored
}
