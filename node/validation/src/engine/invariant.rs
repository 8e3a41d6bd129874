//! Invariants: the ones that every element has, and the ones that definitions state in FHIRPath.

use serde_json::Value;

use super::session::Session;
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
            if self.step(at) && expression.judge(node, context) == Verdict::Broken {
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
        let contained = resource.get("contained").and_then(Value::as_array);
        for (index, inner) in contained.into_iter().flatten().enumerate() {
            let id = inner.get("id").and_then(Value::as_str).unwrap_or_default();
            let anchor = format!("#{id}");
            if !says(resource, &anchor, 0) && !says(inner, "#", 0) {
                let message = "a contained resource must be referred to (dom-3)".to_owned();
                let at = at.child("contained", Some(index));
                self.error(IssueCode::Invariant, &at, message);
            }
        }
    }
}

/// Whether some text below is this one.
fn says(value: &Value, wanted: &str, depth: usize) -> bool {
    let below = |value: &Value| says(value, wanted, depth + 1);
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) if depth < 128 => items.iter().any(below),
        Value::Object(members) if depth < 128 => members.values().any(below),
        _ => false,
    }
}
