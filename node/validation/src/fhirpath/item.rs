//! What an expression yields: elements of the resource, and values computed from them.

use std::borrow::Cow;

use serde_json::Value;

use crate::primitive::from_capitalised;
use crate::system;

/// An element of the resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'v> {
    /// Null where a primitive has extensions and no value.
    pub(crate) value: &'v Value,
    /// What the member with `_` says: id and extensions of a primitive.
    pub(crate) sibling: Option<&'v Value>,
    /// The rest of a choice element's name, `DateTime`.
    pub(crate) suffix: Option<&'v str>,
}

/// One item of a collection.
#[derive(Clone, Debug)]
pub(super) enum Item<'v> {
    Node(Node<'v>),
    Bool(bool),
    Number(f64),
    Text(Cow<'v, str>),
}

impl<'v> Node<'v> {
    /// An element that is no choice.
    pub(crate) fn of(value: &'v Value) -> Self {
        Node {
            value,
            sibling: None,
            suffix: None,
        }
    }

    /// The elements that a member of this name leads to; a choice element by its bare name.
    pub(super) fn member(&self, name: &str, into: &mut Vec<Item<'v>>) {
        if name.starts_with(|c: char| c.is_ascii_uppercase()) {
            // `Patient.name` begins at a Patient.
            if self.value.get("resourceType").and_then(Value::as_str) == Some(name) {
                into.push(Item::Node(*self));
            }
            return;
        }
        let Some(object) = self.value.as_object().or_else(|| self.sibling?.as_object()) else {
            return;
        };
        let extended = object.keys().any(|member| member.starts_with('_'));
        let sibling = |member: &str| {
            let sibling = extended.then(|| object.get(&format!("_{member}")));
            sibling.flatten()
        };
        if let Some(value) = object.get(name) {
            return spread(Some(value), sibling(name), None, into);
        }
        if let Some(only) = sibling(name) {
            return spread(None, Some(only), None, into);
        }
        for (member, value) in object {
            let bare = member.strip_prefix('_').unwrap_or(member);
            let suffix = bare.strip_prefix(name).filter(|s| is_type(s));
            let alone = bare.len() == member.len() || !object.contains_key(bare);
            match suffix {
                Some(_) if !alone => (),
                Some(suffix) if bare.len() < member.len() => {
                    spread(None, Some(value), Some(suffix), into);
                }
                Some(suffix) => spread(Some(value), sibling(member), Some(suffix), into),
                None => (),
            }
        }
    }

    /// Every element directly below.
    pub(super) fn children(&self, into: &mut Vec<Item<'v>>) {
        let holders = [Some(self.value), self.sibling];
        for object in holders.into_iter().flatten().filter_map(Value::as_object) {
            let members = object.iter().filter(|(name, _)| *name != "resourceType");
            for (name, value) in members {
                match name.strip_prefix('_') {
                    Some(bare) if object.contains_key(bare) => (),
                    Some(_) => spread(None, Some(value), None, into),
                    None => spread(Some(value), object.get(&format!("_{name}")), None, into),
                }
            }
        }
    }

    /// Whether it is of the type; None where the JSON does not say.
    pub(super) fn is(&self, wanted: &str) -> Option<bool> {
        let same = |name: &str| name.eq_ignore_ascii_case(wanted);
        if let Some(suffix) = self.suffix {
            return Some(same(suffix));
        }
        if let Some(name) = self.value.get("resourceType").and_then(Value::as_str) {
            return Some(same(name) || same("Resource"));
        }
        match self.value {
            Value::Bool(_) => Some(same("boolean")),
            _ => None,
        }
    }
}

/// Whether the rest of a member's name reads like a type: `Quantity`, but not `Set` of `valueSet`.
fn is_type(suffix: &str) -> bool {
    const CHOSEN: [&str; 25] = [
        "Address",
        "Age",
        "Annotation",
        "Attachment",
        "CodeableConcept",
        "Coding",
        "ContactPoint",
        "Count",
        "Distance",
        "Dosage",
        "Duration",
        "Expression",
        "HumanName",
        "Identifier",
        "Meta",
        "Money",
        "Period",
        "Quantity",
        "Range",
        "Ratio",
        "Reference",
        "SampledData",
        "Signature",
        "Timing",
        "UsageContext",
    ];
    let primitive = || from_capitalised(suffix).is_some_and(|t| crate::primitive::is_primitive(&t));
    CHOSEN.contains(&suffix) || primitive()
}

/// One item for each repetition.
fn spread<'v>(
    value: Option<&'v Value>,
    sibling: Option<&'v Value>,
    suffix: Option<&'v str>,
    into: &mut Vec<Item<'v>>,
) {
    let count = match (value, sibling) {
        (Some(Value::Array(values)), _) => values.len(),
        (None, Some(Value::Array(siblings))) => siblings.len(),
        _ => {
            let value = value.unwrap_or(&Value::Null);
            into.push(Item::Node(Node {
                value,
                sibling,
                suffix,
            }));
            return;
        }
    };
    let at = |list: Option<&'v Value>, index: usize| list.and_then(|list| list.get(index));
    into.extend((0..count).map(|index| {
        Item::Node(Node {
            value: at(value, index).unwrap_or(&Value::Null),
            sibling: at(sibling, index).filter(|s| !s.is_null()),
            suffix,
        })
    }));
}

impl<'v> Item<'v> {
    /// As text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Item::Text(text) => Some(text),
            Item::Node(node) => node.value.as_str(),
            _ => None,
        }
    }

    /// As a number, if it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Item::Number(number) => Some(*number),
            Item::Node(node) => node.value.as_f64(),
            _ => None,
        }
    }

    /// As a Boolean, if it is one.
    pub(super) fn bool(&self) -> Option<bool> {
        match self {
            Item::Bool(bool) => Some(*bool),
            Item::Node(node) => node.value.as_bool(),
            _ => None,
        }
    }

    /// Whether both are the same value; two spellings of one system are.
    pub(super) fn same(&self, other: &Item<'v>) -> bool {
        if let (Some(one), Some(other)) = (self.text(), other.text()) {
            return system::same(one, other);
        }
        if let (Some(one), Some(other)) = (self.number(), other.number()) {
            return one.total_cmp(&other).is_eq();
        }
        match (self, other) {
            (Item::Node(one), Item::Node(other)) => one.value == other.value,
            _ => self.bool().is_some() && self.bool() == other.bool(),
        }
    }
}
