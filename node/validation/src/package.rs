//! FHIR packages: the `.tgz` archives in which definitions are published.
//!
//! Owns what is taken from an archive: its name and version, its StructureDefinitions, ValueSets and
//! CodeSystems. It never unpacks to disk, and reads only so much.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// The most that an archive may hold unpacked, in bytes; R4 core, the largest, has 44 MB.
const MAX_UNPACKED: u64 = 512 * 1024 * 1024;
/// The largest single file, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// The most files; R4 core has 4 700.
const MAX_FILES: usize = 50_000;

/// Why a package could not be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The bytes are no gzipped tar archive, or a damaged one.
    #[error("the archive cannot be read: {0}")]
    Archive(#[source] std::io::Error),
    /// More or larger files than any package of definitions has.
    #[error("the archive holds more than a package of definitions may")]
    TooLarge,
    /// Neither the archive's manifest nor the caller says it.
    #[error("the package has no {0} in its manifest: give it with the package")]
    Unnamed(&'static str),
    /// The name or version could not be part of a file's name.
    #[error("{0:?} is no name or version of a package")]
    Name(String),
    /// No StructureDefinition with a snapshot, no ValueSet that can be listed.
    #[error("the package defines nothing that can be checked")]
    Empty,
    /// A compiled form that is damaged or of another program version.
    #[error("the compiled form is damaged or of another version")]
    Form,
    /// An archive in the folder of packages is none that can be used.
    #[error("{path}: {source}")]
    Package {
        /// Which file.
        path: String,
        /// Why not.
        source: Box<PackageError>,
    },
    /// The folder of packages could not be read or written.
    #[error("{path}: {source}")]
    Folder {
        /// Which file or folder.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What an archive holds, by canonical URL.
#[derive(Default)]
pub(crate) struct Archive {
    /// From the manifest, if there is one.
    pub(crate) name: Option<String>,
    /// From the manifest, if there is one.
    pub(crate) version: Option<String>,
    pub(crate) structures: BTreeMap<String, Value>,
    pub(crate) value_sets: BTreeMap<String, Value>,
    pub(crate) code_systems: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
}

impl Archive {
    /// Reads a `.tgz`, with or without the `package/` root.
    ///
    /// # Errors
    /// `Archive` and `TooLarge`. Files that are no definitions are passed over.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, PackageError> {
        let mut archive = Archive::default();
        let mut tar = tar::Archive::new(GzDecoder::new(bytes).take(MAX_UNPACKED));
        for (count, entry) in tar.entries().map_err(PackageError::Archive)?.enumerate() {
            let mut entry = entry.map_err(PackageError::Archive)?;
            if count >= MAX_FILES || entry.size() > MAX_FILE {
                return Err(PackageError::TooLarge);
            }
            let path = entry.path().map_err(PackageError::Archive)?.into_owned();
            if !is_definition(&path) {
                continue;
            }
            let mut content = Vec::new();
            entry
                .read_to_end(&mut content)
                .map_err(PackageError::Archive)?;
            archive.take(&path, &content);
        }
        Ok(archive)
    }

    fn take(&mut self, path: &Path, content: &[u8]) {
        let content = content
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(content);
        if path.file_name().is_some_and(|name| name == "package.json") {
            if let Ok(manifest) = serde_json::from_slice::<Value>(content) {
                self.name = text(&manifest, "name");
                self.version = text(&manifest, "version");
            }
            return;
        }
        let Ok(head) = serde_json::from_slice::<Head>(content) else {
            return;
        };
        let into = match head.resource_type.as_deref() {
            Some("StructureDefinition") => &mut self.structures,
            Some("ValueSet") => &mut self.value_sets,
            Some("CodeSystem") => &mut self.code_systems,
            _ => return,
        };
        if let Ok(resource) = serde_json::from_slice::<Value>(content)
            && let Some(url) = text(&resource, "url")
        {
            into.insert(url, resource);
        }
    }
}

/// The text of a member.
pub(crate) fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member)?.as_str().map(str::to_owned)
}

/// JSON, and not in the folders of examples and of other things that packages have.
fn is_definition(path: &Path) -> bool {
    let aside = |part: &str| matches!(part, "example" | "examples" | "other" | "openapi");
    let mut folders = path.parent().into_iter().flat_map(Path::components);
    path.extension().is_some_and(|ending| ending == "json")
        && !folders.any(|part| part.as_os_str().to_str().is_some_and(aside))
}
