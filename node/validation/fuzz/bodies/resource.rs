//! Any JSON as a resource.

use std::sync::LazyLock;

use fhir_validation::{Definitions, validate};

static SHIPPED: LazyLock<Definitions> = LazyLock::new(Definitions::shipped);

pub(crate) fn run(data: &[u8]) {
    if let Ok(resource) = serde_json::from_slice(data) {
        let _ = validate(&SHIPPED, &resource);
    }
}
