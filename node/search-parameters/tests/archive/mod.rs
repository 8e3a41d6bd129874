//! Resources out of the archives that lie beside the project.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

/// File name without its ending → its JSON. `None`, and a line that says so, if there is no such
/// archive.
pub(crate) fn resources(name: &str) -> Option<BTreeMap<String, Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/jpcore");
    let Ok(bytes) = std::fs::read(folder.join(name)) else {
        eprintln!("SKIPPED: ../shared/data/jpcore/{name} is not here");
        return None;
    };
    let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
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
