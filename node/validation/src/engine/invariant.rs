//! Invariants: the ones that every element has, and the ones that definitions state in FHIRPath.

use std::collections::HashSet;

use serde_json::Value;

use super::session::{MAX_DEPTH, Session};
use crate::fhirpath::{Context, Node, Verdict};
use crate::issue::IssueCode;
use crate::model::Element;
use crate::path::Path;

impl Session<'_> {
    /// The invariants that are stated for this element.
    pub(super) fn invariants(
        &mut self,
        element: &Element,
        node: Node<'_>,
        at: &Path<'_>,
        context: Context<'_>,
    ) {
        for invariant in &element.invariants {
            let Some(expression) = &invariant.parsed else {
                continue;
            };
            if !self.step(at) {
                return;
            }
            let (verdict, steps) = expression.judge(node, context, self.steps_left());
            self.spend(steps);
            if verdict == Verdict::Broken {
                let message = format!("invariant {} does not hold", invariant.key);
                self.error(IssueCode::Invariant, at, message);
            }
        }
    }

    /// ext-1: an extension has a value or extensions, not both.
    pub(super) fn value_or_extensions(&mut self, extension: &Value, at: &Path<'_>) {
        let Some(members) = extension.as_object() else {
            return;
        };
        let valued = members
            .keys()
            .any(|name| name.starts_with("value") || name.starts_with("_value"));
        if valued == members.contains_key("extension") {
            let message = "an extension has a value or extensions, not both (ext-1)".to_owned();
            self.error(IssueCode::Invariant, at, message);
        }
    }

    /// dom-3: what is contained is referred to, or refers to what contains it.
    pub(super) fn contained_are_used(&mut self, resource: &Value, at: &Path<'_>) {
        let Some(contained) = resource.get("contained").and_then(Value::as_array) else {
            return;
        };
        let mut said = HashSet::new();
        anchors(resource, 2 * MAX_DEPTH, &mut said);
        for (index, inner) in contained.iter().enumerate() {
            let id = inner.get("id").and_then(Value::as_str).unwrap_or_default();
            let mut inside = HashSet::new();
            anchors(inner, 2 * MAX_DEPTH, &mut inside);
            if !said.contains(id) && !inside.contains("") {
                let message = "a contained resource must be referred to (dom-3)".to_owned();
                let at = at.child("contained", Some(index));
                self.error(IssueCode::Invariant, &at, message);
            }
        }
    }
}

/// Every text below that begins with `#`, without it.
fn anchors<'v>(value: &'v Value, depth: usize, into: &mut HashSet<&'v str>) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::String(text) => into.extend(text.strip_prefix('#')),
        Value::Array(items) => items.iter().for_each(|item| anchors(item, depth, into)),
        Value::Object(members) => members.values().for_each(|v| anchors(v, depth, into)),
        _ => (),
    }
}
