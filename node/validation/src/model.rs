//! What a type or profile demands, as a tree of elements.
//!
//! Owns the form in which definitions are kept, on disk and in memory. A base type's tree names
//! every element; a profile's tree holds only what it demands beyond the base type, for the base
//! type is always checked too. No sentence of the originals is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fhirpath::Expression;
use crate::primitive;

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A type of resource.
    Resource,
    /// A data type with elements.
    Complex,
    /// Constraints on a resource, a data type or the extension type.
    Profile,
}

impl Kind {
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Kind::Resource => "R",
            Kind::Complex => "C",
            Kind::Profile => "P",
        }
    }

    pub(crate) fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "R" => Some(Kind::Resource),
            "C" => Some(Kind::Complex),
            "P" => Some(Kind::Profile),
            _ => None,
        }
    }
}

/// One element and all that is demanded of it. What is not demanded is not written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Element {
    /// The last step of its path, without `[x]`.
    #[serde(rename = "n", skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// Whether the path ends in `[x]`: the member's name carries the type.
    #[serde(rename = "x", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) choice: bool,
    #[serde(rename = "l", skip_serializing_if = "is_zero")]
    pub(crate) min: u32,
    /// None: as many as one likes (or, in a profile, as the base allows).
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<u32>,
    #[serde(rename = "t", skip_serializing_if = "Vec::is_empty")]
    pub(crate) types: Vec<TypeRule>,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    pub(crate) fixed: Option<Value>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<Value>,
    /// The value set of a required binding.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<String>,
    /// The path of the element whose content this one shares: `Observation.referenceRange`.
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    #[serde(rename = "i", skip_serializing_if = "Vec::is_empty")]
    pub(crate) invariants: Vec<Invariant>,
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub(crate) slicing: Option<Slicing>,
    #[serde(rename = "e", skip_serializing_if = "Vec::is_empty")]
    pub(crate) children: Vec<Element>,
    /// JSON member → (index of the child, index of its type). Made by `prepare`.
    #[serde(skip)]
    members: HashMap<String, (usize, usize)>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A type that an element may have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TypeRule {
    #[serde(rename = "c")]
    pub(crate) code: String,
    /// Profiles of that type, one of which the value must follow.
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty")]
    pub(crate) profiles: Vec<String>,
    /// What a reference may point to: a type's name, or a profile's URL.
    #[serde(rename = "t", skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<String>,
}

/// An invariant of severity error, as the FHIRPath of its definition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Invariant {
    #[serde(rename = "k")]
    pub(crate) key: String,
    #[serde(rename = "x")]
    pub(crate) expression: String,
    /// Made by `prepare`; None where our subset of FHIRPath does not reach.
    #[serde(skip)]
    pub(crate) parsed: Option<Expression>,
}

impl PartialEq for Invariant {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.expression == other.expression
    }
}

/// How the repetitions of an element are told apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slicing {
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) discriminators: Vec<Discriminator>,
    /// Whether every repetition must belong to a slice.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) closed: bool,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slices: Vec<Slice>,
}

/// What a slice's members have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Discriminator {
    #[serde(rename = "k")]
    pub(crate) kind: DiscriminatorKind,
    #[serde(rename = "p")]
    pub(crate) path: String,
}

/// FHIR's `discriminator-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DiscriminatorKind {
    #[serde(rename = "v")]
    Value,
    #[serde(rename = "x")]
    Exists,
    #[serde(rename = "t")]
    Type,
    #[serde(rename = "p")]
    Profile,
}

/// A named part of an element's repetitions, with demands of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slice {
    #[serde(rename = "n")]
    pub(crate) name: String,
    #[serde(rename = "e")]
    pub(crate) rule: Element,
}

/// The codes of a value set, by canonical system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Codes(pub(crate) BTreeMap<String, BTreeSet<String>>);

impl Element {
    /// An element of which nothing is demanded.
    pub(crate) fn named(name: &str, choice: bool) -> Self {
        Element {
            name: name.to_owned(),
            choice,
            ..Element::default()
        }
    }

    /// Makes what is needed to walk fast: the members by name, the invariants parsed.
    pub(crate) fn prepare(&mut self) {
        for invariant in &mut self.invariants {
            invariant.parsed = Expression::parse(&invariant.expression).ok();
        }
        for (index, child) in self.children.iter_mut().enumerate() {
            if child.choice {
                for (kind, rule) in child.types.iter().enumerate() {
                    let member = format!("{}{}", child.name, primitive::capitalised(&rule.code));
                    self.members.insert(member, (index, kind));
                }
            } else {
                self.members.insert(child.name.clone(), (index, 0));
            }
            child.prepare();
        }
        for slice in self.slicing.iter_mut().flat_map(|s| &mut s.slices) {
            slice.rule.prepare();
        }
    }

    /// The element behind a JSON member, and which of its types the member says.
    pub(crate) fn member(&self, name: &str) -> Option<(&Element, Option<&TypeRule>)> {
        let (child, kind) = self.members.get(name)?;
        let child = self.children.get(*child)?;
        Some((child, child.types.get(*kind)))
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at `Type.a.b` below this root.
    pub(crate) fn at(&self, path: &str) -> Option<&Element> {
        let mut steps = path.split('.').skip(1);
        steps.try_fold(self, |at, step| {
            at.child(step.strip_suffix("[x]").unwrap_or(step))
        })
    }

    pub(crate) fn slices(&self) -> &[Slice] {
        self.slicing.as_ref().map_or(&[], |s| s.slices.as_slice())
    }

    pub(crate) fn type_of(&self, code: &str) -> Option<&TypeRule> {
        self.types.iter().find(|rule| rule.code == code)
    }

    /// Whether nothing is demanded here or below.
    pub(crate) fn demands_nothing(&self) -> bool {
        *self == Element::named(&self.name, self.choice)
    }
}
