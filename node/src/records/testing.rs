//! For the tests of other packages, and for fuzzing.

pub mod fuzz;

#[cfg(test)]
use std::sync::{Arc, LazyLock};

#[cfg(test)]
use fhir_validation::Definitions;

#[cfg(test)]
use super::Validator;
use super::json::Document;
#[cfg(test)]
use crate::config::Validation;

/// Judges by what ships, which is read once for all tests.
#[cfg(test)]
pub(super) fn validator(policy: Validation) -> Validator {
    static SHIPPED: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::shipped()));
    Validator::new(Arc::clone(&SHIPPED), policy)
}

/// A resource's text without its top-level `id` and `meta`: what must be the same byte for byte at
/// the hospital that wrote it and at the one that read it. `None` when it is no JSON object.
#[must_use]
pub fn outside_id_and_meta(resource: &str) -> Option<String> {
    Document::parse(resource)
        .ok()
        .map(|document| document.without(&["id", "meta"]))
}
