//! The verdict on one resource.
//!
//! Owns the walk over a resource: first by its base type, then by each profile it claims. It never
//! looks beyond the resource: a reference is judged by what it says, not by what it points to.

mod choice;
mod coded;
mod discriminate;
mod invariant;
mod profile;
mod reference;
mod session;
mod slicing;
mod structure;
#[cfg(test)]
mod tests;
mod values;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::issue::Issue;
use crate::path::Path;
use session::Session;

/// Judges a resource by its base type and by each profile in its `meta.profile` that is known.
///
/// A profile that is claimed without a version conforms if it conforms to one of the versions
/// known. Nothing is said about what cannot be decided here: value sets that nobody listed,
/// extensions that nobody defined, targets of references. At most 200 issues, in the order of the
/// walk; the work is bounded by a multiple of the resource's size.
pub fn validate(definitions: &Definitions, resource: &Value) -> Vec<Issue> {
    let mut session = Session::new(definitions, resource);
    let at = Path::root(name_of(resource));
    session.resource(resource, &at, None);
    session.finish()
}

/// Judges a resource as `validate` does, and by one more profile: an URL, with or without
/// `|version`.
pub fn validate_against(definitions: &Definitions, resource: &Value, profile: &str) -> Vec<Issue> {
    let mut session = Session::new(definitions, resource);
    let at = Path::root(name_of(resource));
    session.resource(resource, &at, None);
    session.claim(profile, resource, &at, resource, &at);
    session.finish()
}

/// The resource's type, as far as it can stand in a path.
fn name_of(resource: &Value) -> &str {
    let name = resource.get("resourceType").and_then(Value::as_str);
    let good = |name: &&str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphabetic());
    name.filter(good).unwrap_or("Resource")
}
