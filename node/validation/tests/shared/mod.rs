//! The archives of published definitions and examples, read at run time where they are.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    dead_code,
    reason = "tests fail by panicking; not every test needs every archive"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use fhir_validation::{Definitions, Issue, Severity};
use serde_json::Value;

/// The folder of archives; None, and a visible line, where it is not there.
pub(crate) fn archives() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("../shared/data/jpcore");
    if !folder.is_dir() {
        eprintln!("SKIPPED: ../shared/data/jpcore is not here");
        return None;
    }
    Some(folder)
}

/// The bytes of one archive.
pub(crate) fn archive(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(archives()?.join(name)).unwrap())
}

/// Every JSON file of an archive, by its name without folder and ending.
pub(crate) fn resources(name: &str) -> Option<BTreeMap<String, Value>> {
    let bytes = archive(name)?;
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut found = BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.extension().is_some_and(|ending| ending == "json") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.insert(name, serde_json::from_str(&text).unwrap());
        }
    }
    Some(found)
}

/// What ships, and JP-CLINS 1.5.2.
pub(crate) fn with_clins() -> Option<Definitions> {
    let mut definitions = Definitions::shipped();
    let bytes = archive("jp-clins-1.5.2.tgz")?;
    definitions.add(&bytes, None, Some("1.5.2")).unwrap();
    Some(definitions)
}

/// The issues that mean the resource does not conform, one line each.
pub(crate) fn errors(issues: &[Issue]) -> Vec<String> {
    let errors = issues.iter().filter(|i| i.severity == Severity::Error);
    errors.map(Issue::to_string).collect()
}
