//! A whole storage tree of twelve synthetic patients, with its known defects.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and say when they are skipped"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{conformance, faults, resources, yukimi};
use ssmix2::{Chapter, Found, Kind, Oddity, Tree, read};

/// The tree, unpacked; none where the data is not at hand.
fn unpacked() -> Option<tempfile::TempDir> {
    let data = "../shared/data/ssmix2/synthetic-tree.tgz";
    let packed = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(data);
    let Ok(packed) = std::fs::File::open(packed) else {
        eprintln!("SKIPPED: {data} is not here");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed))
        .unpack(folder.path())
        .unwrap();
    Some(folder)
}

fn chapters() -> Option<Vec<(Kind, Chapter)>> {
    let folder = unpacked()?;
    let root = folder.path().join("ssmixtwins-synthetic");
    let read_one = |found| match found {
        Found::File(file) => {
            let chapter = read(&file.name, &file.read().unwrap(), &yukimi());
            (file.name.kind(), chapter.unwrap())
        }
        other => panic!("{other:?}"),
    };
    Some(Tree::scan(root).map(read_one).collect())
}

fn counted<T: Ord>(all: impl IntoIterator<Item = T>) -> Vec<(T, usize)> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn every_file_becomes_resources_that_jp_core_allows() {
    let Some(chapters) = chapters() else { return };
    let mut types = Vec::new();
    for (_, chapter) in &chapters {
        assert!(chapter.message_time.is_some());
        for resource in resources(chapter) {
            conformance::check(&resource, &chapter.patient);
        }
        types.extend(
            chapter
                .resources
                .iter()
                .map(|resource| resource.resource_type),
        );
    }
    let kinds = counted(chapters.iter().map(|(kind, _)| kind.as_str()));
    assert_eq!(
        kinds,
        [
            ("ADT-00", 12),
            ("ADT-12", 117),
            ("ADT-22", 3),
            ("ADT-52", 3),
            ("OML-11", 114),
            ("OMP-01", 114),
            ("OMP-02", 3),
            ("PPR-01", 12),
        ]
    );
    assert_eq!(
        counted(types),
        [
            ("AllergyIntolerance", 13),
            ("Condition", 25),
            ("Coverage", 12),
            ("DiagnosticReport", 456),
            ("Encounter", 123),
            ("MedicationRequest", 172),
            ("Observation", 732),
            ("Patient", 12),
            ("Specimen", 456),
        ]
    );
}

#[test]
fn the_validator_finds_nothing_to_say() {
    let Some(chapters) = chapters() else { return };
    let mut said = BTreeSet::new();
    for (_, chapter) in &chapters {
        said.extend(resources(chapter).into_iter().flat_map(faults));
    }
    assert_eq!(said, BTreeSet::new());
}

#[test]
fn no_two_resources_have_one_id() {
    let Some(chapters) = chapters() else { return };
    let all = chapters.iter().flat_map(|(_, chapter)| &chapter.resources);
    let ids: Vec<_> = all
        .map(|resource| (resource.resource_type, resource.id.as_str()))
        .collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    let keys: BTreeSet<_> = chapters
        .iter()
        .map(|(_, chapter)| chapter.key.as_str())
        .collect();
    assert_eq!(keys.len(), chapters.len());
}

#[test]
fn its_known_defects_are_noted_and_read_all_the_same() {
    let Some(chapters) = chapters() else { return };
    let notes = chapters.iter().flat_map(|(kind, chapter)| {
        chapter
            .notes
            .iter()
            .map(|note| (kind.as_str(), note.field, note.oddity))
    });
    assert_eq!(
        counted(notes),
        [
            (("ADT-00", "PID-5", Oddity::NameShifted), 12),
            (("ADT-12", "MSH-9", Oddity::Event), 117),
            (("ADT-52", "PV1-44", Oddity::AdmissionTime), 3),
        ]
    );
}
