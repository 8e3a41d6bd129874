//! What a reference may point to, judged by what it says.

use serde_json::Value;

use super::profile::Claim;
use super::session::Session;
use crate::fhirpath::Context;
use crate::issue::IssueCode;
use crate::path::Path;

impl Session<'_> {
    /// A reference against its allowed targets. Nothing is said where its type cannot be told.
    pub(super) fn target(
        &mut self,
        targets: &[String],
        reference: &Value,
        at: &Path<'_>,
        context: Context<'_>,
        claim: Option<Claim<'_>>,
    ) {
        if targets.is_empty() {
            return;
        }
        let Some(found) = self.type_of(reference, context) else {
            return;
        };
        let definitions = self.definitions;
        // A target that is not known here could be of any type.
        let allows = |target: &String| {
            let named = definitions.is_resource(target).then_some(target.as_str());
            let wanted = named.or_else(|| definitions.profiled_type(target));
            wanted.is_none_or(|wanted| wanted == found || wanted == "Resource")
        };
        if !targets.iter().any(allows) {
            let by = Claim::suffix(claim);
            let message = format!("a reference to {found} is not allowed here{by}");
            self.error(IssueCode::Structure, at, message);
        }
    }

    /// The type of what a reference points to: of the contained resource, or by its URL.
    fn type_of<'v>(&self, reference: &'v Value, context: Context<'v>) -> Option<&'v str> {
        let text = reference.get("reference")?.as_str()?;
        if text.starts_with('#') {
            return contained(text, context)?.get("resourceType")?.as_str();
        }
        let text = text.split("/_history/").next()?;
        let mut parts = text.rsplit('/');
        let (_id, name) = (parts.next()?, parts.next()?);
        self.definitions.is_resource(name).then_some(name)
    }
}

/// The contained resource of `#id`.
pub(super) fn contained<'v>(anchor: &str, context: Context<'v>) -> Option<&'v Value> {
    let id = anchor.strip_prefix('#')?;
    let find = |holder: &'v Value| {
        let mut inner = holder.get("contained")?.as_array()?.iter();
        inner.find(|c| c.get("id").and_then(Value::as_str) == Some(id))
    };
    find(context.resource).or_else(|| find(context.root))
}
