//! Takes from a profile's tree what its base type demands anyway: the base is always checked too.

use std::collections::BTreeSet;

use crate::definitions::Definitions;
use crate::model::{Element, TypeRule};

/// An element of a base type, and the root of the type that holds it.
#[derive(Clone, Copy)]
struct Base<'d> {
    element: &'d Element,
    owner: &'d Element,
}

/// Prunes a profile of this type.
pub(super) fn prune(root: &mut Element, type_name: &str, definitions: &Definitions) {
    let base = definitions.type_root(type_name);
    let base = base.map(|element| Base {
        element,
        owner: element,
    });
    prune_element(root, base, definitions);
}

fn prune_element(element: &mut Element, base: Option<Base<'_>>, definitions: &Definitions) {
    if let Some(base) = base {
        prune_facts(element, base.element, definitions);
    }
    let codes: Vec<String> = element.types.iter().map(|t| t.code.clone()).collect();
    for child in &mut element.children {
        let base = base.and_then(|base| base_child(base, &codes, &child.name, definitions));
        prune_element(child, base, definitions);
    }
    element.children.retain(|child| !child.demands_nothing());
    if let Some(slicing) = &mut element.slicing {
        for slice in &mut slicing.slices {
            let (min, max) = (slice.rule.min, slice.rule.max);
            prune_element(&mut slice.rule, base, definitions);
            (slice.rule.min, slice.rule.max) = (min, max);
        }
    }
    if let Some(base) = base {
        prune_types(element, base.element);
    }
}

/// The base of a child: below the element itself, below the element whose content it shares, or
/// in its data type.
fn base_child<'d>(
    base: Base<'d>,
    codes: &[String],
    name: &str,
    definitions: &'d Definitions,
) -> Option<Base<'d>> {
    let Base { element, owner } = base;
    let shared = element.content.as_deref().and_then(|path| owner.at(path));
    for holder in [Some(element), shared].into_iter().flatten() {
        if let Some(element) = holder.child(name) {
            return Some(Base { element, owner });
        }
    }
    let [code] = codes else { return None };
    let owner = definitions.type_root(code)?;
    let element = owner.child(name)?;
    Some(Base { element, owner })
}

fn prune_facts(element: &mut Element, base: &Element, definitions: &Definitions) {
    if element.min <= base.min {
        element.min = 0;
    }
    if element.max == base.max {
        element.max = None;
    }
    if element.binding == base.binding {
        element.binding = None;
    }
    let mut known: BTreeSet<&str> = base.invariants.iter().map(|i| i.key.as_str()).collect();
    for rule in &element.types {
        let root = definitions.type_root(&rule.code);
        known.extend(
            root.iter()
                .flat_map(|r| &r.invariants)
                .map(|i| i.key.as_str()),
        );
    }
    element
        .invariants
        .retain(|invariant| !known.contains(invariant.key.as_str()));
    element.content = None;
}

/// Keeps the types only where they are fewer or say more than the base's.
fn prune_types(element: &mut Element, base: &Element) {
    for rule in &mut element.types {
        let Some(base) = base.type_of(&rule.code) else {
            continue;
        };
        if base.targets == rule.targets {
            rule.targets.clear();
        }
        if base.profiles == rule.profiles {
            rule.profiles.clear();
        }
    }
    let says_more = |rule: &TypeRule| !rule.profiles.is_empty() || !rule.targets.is_empty();
    let fewer = element.types.len() < base.types.len();
    if !fewer && !element.types.iter().any(says_more) {
        element.types.clear();
    }
}
