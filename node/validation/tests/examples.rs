//! The published examples conform, but for those that are reviewed and listed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

use fhir_validation::{Definitions, validate};

mod shared;

/// What is said against the examples of an archive, one line each.
fn said_against(definitions: &Definitions, archive: &str) -> Vec<String> {
    let mut said = Vec::new();
    for (name, resource) in shared::resources(archive).unwrap() {
        let errors = shared::errors(&validate(definitions, &resource));
        said.extend(errors.into_iter().map(|error| format!("{name}: {error}")));
    }
    said
}

#[test]
fn every_jp_core_example_conforms() {
    if shared::archives().is_some() {
        let said = said_against(&Definitions::shipped(), "examples-jp-core-1.1.2.tgz");
        assert_eq!(said, Vec::<String>::new());
    }
}

#[test]
fn every_jp_clins_single_conforms_by_the_added_package() {
    if let Some(definitions) = shared::with_clins() {
        let said = said_against(&definitions, "examples-jp-clins-single.tgz");
        assert_eq!(said, Vec::<String>::new());
    }
}

#[test]
fn every_patient_bundle_conforms_with_its_entries() {
    if shared::archives().is_some() {
        let said = said_against(&Definitions::shipped(), "patient-bundles.tgz");
        assert_eq!(said, Vec::<String>::new());
    }
}
