//! The committed tables are what the generator makes of the published packages.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

use std::path::Path;

use fhir_search_parameters::generator::{ArchiveError, Tables};

#[test]
fn the_committed_tables_are_what_the_packages_say() {
    let archives = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/jpcore");
    let read = |name: &str| std::fs::read(archives.join(name)).ok();
    let (Some(core), Some(older), Some(newer)) = (
        read("hl7.fhir.r4.core-4.0.1.tgz"),
        read("jp-core-1.1.2.tgz"),
        read("jp-core-1.2.0-sushi.tgz"),
    ) else {
        eprintln!("SKIPPED: ../shared/data/jpcore is not here");
        return;
    };
    let made = Tables::generate(&core, &[&older, &newer]).unwrap();
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables");
    for (name, made) in [
        ("search-parameters.tsv", made.search_parameters),
        ("types.tsv", made.types),
        ("choices.tsv", made.choices),
        ("outlines.tsv", made.outlines),
    ] {
        let committed = std::fs::read_to_string(tables.join(name)).unwrap();
        let differing = committed
            .lines()
            .zip(made.lines())
            .find(|(old, new)| old != new);
        assert_eq!(differing, None, "{name}");
        assert!(committed == made, "{name} differs in its length");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let refusal = Tables::generate(b"not gzip", &[]).unwrap_err();
    assert!(matches!(refusal, ArchiveError::Read(_)), "{refusal}");
}
