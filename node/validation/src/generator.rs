//! Makes the tables that ship, from the published packages. Needs the feature `generator`.
//!
//! R4 core is CC0; of JP Core only facts are taken, and of its terminology only the codes of its
//! own small systems.

use std::path::Path;

use crate::compile::{Keep, compile};
use crate::definitions::Definitions;
use crate::package::{Archive, PackageError};
use crate::table::{Table, deflate, inflate};

/// Where R4's own definitions live; the archive holds others too.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// A published archive, and the name and version under which it ships.
struct Source {
    archive: &'static str,
    name: &'static str,
    version: &'static str,
    keep: Keep,
}

/// In the order in which they are read: base types first, the newest profiles last.
const SOURCES: [Source; 3] = [
    Source {
        archive: "hl7.fhir.r4.core-4.0.1.tgz",
        name: "hl7.fhir.r4.core",
        version: "4.0.1",
        keep: Keep::BaseFhir,
    },
    Source {
        archive: "jp-core-1.1.2.tgz",
        name: "jp-core.r4",
        version: "1.1.2",
        keep: Keep::JpCore,
    },
    Source {
        archive: "jp-core-1.2.0-sushi.tgz",
        name: "jpfhir.jp.core",
        version: "1.2.0",
        keep: Keep::JpCore,
    },
];

/// One table as it ships.
pub struct ShippedTable {
    /// The file's name below `tables/`.
    pub file: String,
    /// What it says: one line for each definition and value set.
    pub text: String,
    /// How many invariants were left out because they need more of FHIRPath.
    pub ignored_invariants: usize,
}

impl ShippedTable {
    /// The bytes that are kept in the repository.
    pub fn bytes(&self) -> Vec<u8> {
        deflate(&self.text)
    }
}

/// Makes every table from the archives in a folder.
///
/// # Errors
/// `Folder` where an archive is not there, else as `Definitions::add`.
pub fn make(archives: &Path) -> Result<Vec<ShippedTable>, PackageError> {
    let mut base = Definitions::empty();
    let mut tables = Vec::new();
    for source in SOURCES {
        let path = archives.join(source.archive);
        let bytes = std::fs::read(&path).map_err(|e| PackageError::Folder {
            path: path.display().to_string(),
            source: e,
        })?;
        let mut archive = Archive::read(&bytes)?;
        if source.keep == Keep::BaseFhir {
            archive.structures.retain(|url, _| url.starts_with(CORE));
            base.insert(base_types(&archive, &source)?);
        }
        let (name, version) = (Some(source.name), Some(source.version));
        let compiled = compile(&archive, name, version, &base, source.keep)?;
        tables.push(ShippedTable {
            file: format!("{}-{}.tables", source.name, source.version),
            text: compiled.text,
            ignored_invariants: compiled.ignored_invariants,
        });
    }
    Ok(tables)
}

/// Only the types of R4: its own profiles are pruned against them.
fn base_types(archive: &Archive, source: &Source) -> Result<Table, PackageError> {
    let constraint = |s: &serde_json::Value| {
        s.get("derivation").and_then(serde_json::Value::as_str) == Some("constraint")
    };
    let types = archive.structures.iter().filter(|(_, s)| !constraint(s));
    let types = Archive {
        structures: types.map(|(url, s)| (url.clone(), s.clone())).collect(),
        ..Archive::default()
    };
    let (name, version) = (Some(source.name), Some(source.version));
    Table::read(compile(&types, name, version, &Definitions::empty(), source.keep)?.text)
}

/// The text of a table as it is kept.
///
/// # Errors
/// `Form` if the bytes are none.
pub fn text_of(bytes: &[u8]) -> Result<String, PackageError> {
    inflate(bytes)
}
