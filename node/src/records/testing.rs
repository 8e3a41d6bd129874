//! For the tests of other packages.

use super::json::Document;

/// A resource's text without its top-level `id` and `meta`: what must be the same byte for byte at
/// the hospital that wrote it and at the one that read it. `None` when it is no JSON object.
#[must_use]
pub fn outside_id_and_meta(resource: &str) -> Option<String> {
    Document::parse(resource)
        .ok()
        .map(|document| document.without(&["id", "meta"]))
}
