//! The walk by the base type: members, types, cardinalities, forms of values.

use serde_json::{Map, Value};

use super::session::Session;
use crate::fhirpath::{Context, Node};
use crate::issue::IssueCode;
use crate::model::{Element, TypeRule};
use crate::path::Path;
use crate::primitive::{self, Misfit};

/// An element of a base type, and the root of the type that holds it.
#[derive(Clone, Copy)]
pub(super) struct Rule<'d> {
    pub(super) element: &'d Element,
    pub(super) owner: &'d Element,
}

/// A value and what the member with `_` says beside it.
#[derive(Clone, Copy)]
struct Pair<'v> {
    value: Option<&'v Value>,
    sibling: Option<&'v Value>,
}

impl<'v> Pair<'v> {
    /// A member of an object, and what belongs to it; `extended` if any member begins with `_`.
    fn of(object: &'v Map<String, Value>, extended: bool, member: &str, value: &'v Value) -> Self {
        if member.starts_with('_') {
            return Pair {
                value: None,
                sibling: Some(value),
            };
        }
        let sibling = extended.then(|| object.get(&format!("_{member}")));
        Pair {
            value: Some(value),
            sibling: sibling.flatten(),
        }
    }

    fn nth(self, index: usize) -> Self {
        Pair {
            value: self.value.and_then(|v| v.get(index)),
            sibling: self.sibling.and_then(|s| s.get(index)),
        }
    }
}

impl<'d> Session<'d> {
    /// A whole resource; `root` is the one that contains it.
    pub(super) fn resource(&mut self, resource: &Value, at: &Path<'_>, root: Option<&Value>) {
        let name = resource.get("resourceType").and_then(Value::as_str);
        let Some(name) = name else {
            let message = "a resource is demanded: an object with resourceType".to_owned();
            return self.error(IssueCode::Structure, at, message);
        };
        let concrete = !matches!(name, "Resource" | "DomainResource");
        let definition = self.definitions.type_root(name);
        let known = concrete && self.definitions.is_resource(name);
        let Some(definition) = definition.filter(|_| known) else {
            let message = "resourceType is no type of FHIR R4".to_owned();
            return self.error(IssueCode::Structure, at, message);
        };
        let context = Context {
            resource,
            root: root.unwrap_or(resource),
        };
        let rule = Rule {
            element: definition,
            owner: definition,
        };
        self.object(resource, rule, at, context);
        self.invariants(definition, Node::of(resource), at, context);
        self.contained_are_used(resource, at);
        self.claims(resource, at, context.root);
    }

    /// An object by the children of an element.
    fn object(&mut self, value: &Value, rule: Rule<'d>, at: &Path<'_>, context: Context<'_>) {
        let Some(object) = value.as_object() else {
            return self.error(IssueCode::Structure, at, "an object is demanded".to_owned());
        };
        if !context.is_of(object) && object.keys().all(|member| member == "id") {
            let message = "an element has a value or children (ele-1)".to_owned();
            self.error(IssueCode::Structure, at, message);
        }
        self.deeper(at, |session| session.members(object, rule, at, context));
    }

    fn members(
        &mut self,
        object: &Map<String, Value>,
        rule: Rule<'d>,
        at: &Path<'_>,
        context: Context<'_>,
    ) {
        let extended = object.keys().any(|member| member.starts_with('_'));
        let mut seen: Vec<&Element> = Vec::with_capacity(object.len());
        for (member, value) in object {
            let bare = member.strip_prefix('_');
            let told = bare.is_some_and(|bare| object.contains_key(bare));
            if told || member == "resourceType" && context.is_of(object) {
                continue;
            }
            let Some((child, kind)) = rule.element.member(bare.unwrap_or(member)) else {
                let message = format!("{} is not known here", shown(member));
                self.error(IssueCode::Structure, at, message);
                continue;
            };
            seen.push(child);
            let pair = Pair::of(object, extended, member, value);
            let child = Rule {
                element: child,
                owner: rule.owner,
            };
            self.repetitions(child, kind, pair, at, context);
        }
        self.missing(rule.element, &seen, at);
    }

    /// What is mandatory and not there, and what is there in two types.
    fn missing(&mut self, rule: &Element, seen: &[&Element], at: &Path<'_>) {
        for child in rule.children.iter().filter(|c| c.choice || c.min > 0) {
            let count = seen.iter().filter(|s| std::ptr::eq(**s, child)).count();
            if child.min > 0 && count == 0 {
                let message = format!("{} is mandatory and missing", child.name);
                self.error(IssueCode::Required, at, message);
            } else if count > 1 {
                let message = format!("{}[x] may have one type only", child.name);
                self.error(IssueCode::Structure, at, message);
            }
        }
    }

    /// One member: a single value, or an array where the element repeats.
    fn repetitions(
        &mut self,
        rule: Rule<'d>,
        kind: Option<&'d TypeRule>,
        pair: Pair<'_>,
        at: &Path<'_>,
        context: Context<'_>,
    ) {
        let name = &rule.element.name;
        let element = at.child(name, None);
        let repeats = rule.element.max.is_none_or(|max| max > 1);
        let arrays = [pair.value, pair.sibling].into_iter().flatten();
        let (arrays, singles): (Vec<&Value>, Vec<&Value>) = arrays.partition(|v| v.is_array());
        let message = match (repeats, singles.is_empty(), arrays.is_empty()) {
            (false, _, true) => return self.one(rule, kind, pair, &element, context),
            (false, ..) => "does not repeat: no array is allowed",
            (true, false, _) => "repeats: an array is demanded",
            (true, ..) => {
                let count = arrays
                    .iter()
                    .filter_map(|a| Some(a.as_array()?.len()))
                    .max();
                for index in 0..count.unwrap_or(0) {
                    let at = at.child(name, Some(index));
                    self.one(rule, kind, pair.nth(index), &at, context);
                }
                if count != Some(0) {
                    return;
                }
                "is an empty array"
            }
        };
        self.error(IssueCode::Structure, &element, format!("{name} {message}"));
    }

    fn one(
        &mut self,
        rule: Rule<'d>,
        kind: Option<&'d TypeRule>,
        pair: Pair<'_>,
        at: &Path<'_>,
        context: Context<'_>,
    ) {
        if !self.step(at) {
            return;
        }
        let element = rule.element;
        let code = kind.map_or("", |kind| kind.code.as_str());
        let value = pair.value.filter(|value| !value.is_null());
        let sibling = pair.sibling.filter(|sibling| !sibling.is_null());
        if value.is_none() && sibling.is_none() {
            return self.error(IssueCode::Structure, at, "null is no value".to_owned());
        }
        if primitive::is_primitive(code) {
            self.primitive(code, Pair { value, sibling }, at, context);
        } else if let (Some(value), None) = (value, sibling) {
            self.complex(rule, code, value, at, context);
        } else {
            let message = "only a primitive may have a member with _".to_owned();
            return self.error(IssueCode::Structure, at, message);
        }
        let node = Node {
            value: value.unwrap_or(&Value::Null),
            sibling,
            suffix: element.choice.then_some(code),
        };
        self.invariants(element, node, at, context);
        if let (Some(value), Some(set)) = (value, &element.binding) {
            self.bound(set, value, at, None);
        }
        if let (Some(value), Some(kind)) = (value, kind) {
            match code {
                "Reference" => self.target(&kind.targets, value, at, context, None),
                "Extension" => (), // judged by the definition of its URL
                _ => self.follows_one(&kind.profiles, node, at, context, None),
            }
        }
    }

    fn primitive(&mut self, code: &str, pair: Pair<'_>, at: &Path<'_>, context: Context<'_>) {
        if let Some(value) = pair.value
            && let Err(misfit) = primitive::check(code, value)
        {
            let (issue, message) = match misfit {
                Misfit::JsonType => (
                    IssueCode::Structure,
                    format!("a JSON value of {code} is demanded"),
                ),
                Misfit::Form => (
                    IssueCode::Value,
                    format!("the value has not the form of {code}"),
                ),
                Misfit::Empty => (IssueCode::Value, "an empty string is no value".to_owned()),
            };
            self.error(issue, at, message);
        }
        if let (Some(sibling), Some(element)) =
            (pair.sibling, self.definitions.type_root("Element"))
        {
            let rule = Rule {
                element,
                owner: element,
            };
            self.object(sibling, rule, at, context);
        }
    }

    fn complex(
        &mut self,
        rule: Rule<'d>,
        code: &str,
        value: &Value,
        at: &Path<'_>,
        context: Context<'_>,
    ) {
        let Rule { element, owner } = rule;
        let shared = element.content.as_deref().and_then(|path| owner.at(path));
        if let Some(element) = shared {
            self.object(value, Rule { element, owner }, at, context);
            return self.invariants(element, Node::of(value), at, context);
        }
        if !element.children.is_empty() {
            return self.object(value, rule, at, context);
        }
        if code == "Resource" {
            return self.deeper(at, |session| {
                session.resource(value, at, Some(context.root))
            });
        }
        let Some(element) = self.definitions.type_root(code) else {
            return; // a type that R4 does not define: nothing is known of it
        };
        let rule = Rule {
            element,
            owner: element,
        };
        self.object(value, rule, at, context);
        self.invariants(element, Node::of(value), at, context);
        if code == "Extension" {
            self.extension(value, at, context);
        }
    }
}

impl Context<'_> {
    /// Whether this object is the resource itself.
    fn is_of(&self, object: &Map<String, Value>) -> bool {
        let resource = self.resource.as_object();
        resource.is_some_and(|resource| std::ptr::eq(resource, object))
    }
}

/// A member's name, if it can be one: what else stands there may be anybody's words.
fn shown(member: &str) -> &str {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if member.len() <= 64 && member.chars().all(allowed) {
        member
    } else {
        "a member"
    }
}
