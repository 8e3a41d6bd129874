//! The walk by a profile: what it demands beyond the base type.

use std::fmt;

use serde_json::Value;

use super::session::Session;
use super::values;
use crate::definitions::Profile;
use crate::fhirpath::{Context, Node};
use crate::issue::IssueCode;
use crate::model::{Element, TypeRule};
use crate::path::Path;
use crate::primitive::from_capitalised;

/// The profile by which an element is judged.
#[derive(Clone, Copy)]
pub(super) struct Claim<'d> {
    pub(super) url: &'d str,
    pub(super) version: &'d str,
    pub(super) table: usize,
}

impl Claim<'_> {
    /// ` (JP_Patient 1.2.0)`, or nothing where the base type demands it.
    pub(super) fn suffix(claim: Option<Claim<'_>>) -> String {
        claim.map_or_else(String::new, |claim| format!(" ({claim})"))
    }
}

impl fmt::Display for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.url.rsplit('/').next().unwrap_or(self.url);
        write!(f, "{name} {}", self.version)
    }
}

/// One repetition of an element.
#[derive(Clone, Copy)]
pub(super) struct Instance<'v> {
    pub(super) node: Node<'v>,
    pub(super) index: Option<usize>,
}

impl<'d> Session<'d> {
    pub(super) fn profile(
        &mut self,
        profile: Profile<'d>,
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
    ) {
        let claim = Claim {
            url: profile.url,
            version: profile.version,
            table: profile.table,
        };
        self.deeper(at, |session| {
            session.instance(profile.root, node, at, context, claim)
        });
    }

    /// One repetition by its rule.
    pub(super) fn instance(
        &mut self,
        rule: &'d Element,
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) {
        if !self.step(at) {
            return;
        }
        if !node.value.is_null() {
            self.value(rule, node, at, context, claim);
        }
        self.invariants(rule, node, at, context);
        for child in &rule.children {
            let found = instances(child, node);
            self.repeated(child, &found, at, context, claim);
        }
    }

    /// All repetitions of an element below `parent`.
    pub(super) fn repeated(
        &mut self,
        rule: &'d Element,
        found: &[Instance<'_>],
        parent: &Path<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) {
        self.counted(rule, &rule.name, found.len(), parent, claim);
        for one in found {
            let at = parent.child(&rule.name, one.index);
            self.deeper(&at, |session| {
                session.instance(rule, one.node, &at, context, claim);
            });
        }
        if let Some(slicing) = &rule.slicing {
            self.slices(rule, slicing, found, parent, context, claim);
        }
    }

    /// Whether an element or a slice of it, called `name`, stands as often as is demanded.
    pub(super) fn counted(
        &mut self,
        rule: &Element,
        name: &str,
        found: usize,
        parent: &Path<'_>,
        claim: Claim<'_>,
    ) {
        let count = u32::try_from(found).unwrap_or(u32::MAX);
        let min = rule.min;
        if count < min {
            let message = format!("{name} is demanded {min} times, found {count} ({claim})");
            self.error(IssueCode::Required, parent, message);
        }
        if let Some(max) = rule.max
            && count > max
        {
            let message = format!("{name} is allowed {max} times, found {count} ({claim})");
            let at = parent.child(&rule.name, None);
            self.error(IssueCode::Structure, &at, message);
        }
    }

    /// What is demanded of the value itself.
    fn value(
        &mut self,
        rule: &'d Element,
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) {
        let value = node.value;
        if rule
            .fixed
            .as_ref()
            .is_some_and(|f| !values::equals(f, value))
        {
            let message = format!("the value is not the fixed one ({claim})");
            self.error(IssueCode::Value, at, message);
        }
        if rule
            .pattern
            .as_ref()
            .is_some_and(|p| !values::matches(p, value))
        {
            let message = format!("the value does not match the pattern ({claim})");
            self.error(IssueCode::Value, at, message);
        }
        if let Some(set) = &rule.binding {
            self.bound(set, value, at, Some(claim));
        }
        let kind = match node.suffix.and_then(from_capitalised) {
            None => rule.types.first().filter(|_| rule.types.len() == 1),
            Some(_) if rule.types.is_empty() => None,
            Some(code) => {
                let kind = rule.type_of(&code);
                if kind.is_none() {
                    let message = format!("{code} is not allowed here ({claim})");
                    self.error(IssueCode::Structure, at, message);
                }
                kind
            }
        };
        if let Some(kind) = kind {
            self.typed(kind, node, at, context, claim);
        }
    }

    /// What is demanded of a value of this type: its profiles, its targets.
    fn typed(
        &mut self,
        kind: &'d TypeRule,
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
        claim: Claim<'d>,
    ) {
        if kind.code == "Reference" {
            self.target(&kind.targets, node.value, at, context, Some(claim));
        }
        // An extension was judged by the definition of its URL.
        if kind.code != "Extension" {
            let inner = node.value.get("resourceType").map(|_| Context {
                resource: node.value,
                root: context.root,
            });
            let from = Some(claim.table);
            self.follows_one(&kind.profiles, node, at, inner.unwrap_or(context), from);
        }
    }
}

/// The repetitions of an element below a node; of a choice element, whatever its type.
pub(super) fn instances<'v>(rule: &Element, node: Node<'v>) -> Vec<Instance<'v>> {
    let name = rule.name.as_str();
    let mut found = Vec::new();
    for holder in [Some(node.value), node.sibling].into_iter().flatten() {
        let Some(object) = holder.as_object() else {
            continue;
        };
        let extended = object.keys().any(|member| member.starts_with('_'));
        let sibling = |member: &str| {
            let sibling = extended.then(|| object.get(&format!("_{member}")));
            sibling.flatten()
        };
        if !rule.choice {
            spread(object.get(name), sibling(name), None, &mut found);
            continue;
        }
        for (member, value) in object {
            let bare = member.strip_prefix('_');
            let suffix = bare.unwrap_or(member).strip_prefix(name);
            let Some(suffix) = suffix.filter(|s| from_capitalised(s).is_some()) else {
                continue;
            };
            match bare {
                Some(bare) if object.contains_key(bare) => (),
                Some(_) => spread(None, Some(value), Some(suffix), &mut found),
                None => spread(Some(value), sibling(member), Some(suffix), &mut found),
            }
        }
    }
    found
}

fn spread<'v>(
    value: Option<&'v Value>,
    sibling: Option<&'v Value>,
    suffix: Option<&'v str>,
    into: &mut Vec<Instance<'v>>,
) {
    let length = |half: Option<&Value>| half.and_then(Value::as_array).map(Vec::len);
    let Some(count) = length(value).or_else(|| length(sibling)) else {
        if value.is_some() || sibling.is_some() {
            let value = value.unwrap_or(&Value::Null);
            let node = Node {
                value,
                sibling,
                suffix,
            };
            into.push(Instance { node, index: None });
        }
        return;
    };
    let nth = |half: Option<&'v Value>, index: usize| half.and_then(|half| half.get(index));
    into.extend((0..count).map(|index| Instance {
        node: Node {
            value: nth(value, index).unwrap_or(&Value::Null),
            sibling: nth(sibling, index).filter(|s| !s.is_null()),
            suffix,
        },
        index: Some(index),
    }));
}
