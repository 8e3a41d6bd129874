//! The folder of packages that a hospital added.
//!
//! Owns its two files for each package: the archive `name#version.tgz`, and beside it the compiled
//! form, which is made again whenever it does not fit the archive or the program. A reader never
//! sees half a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Crc;

use crate::compile::{Keep, compile};
use crate::definitions::{Added, BASE_TYPES, Definitions};
use crate::package::{Archive, PackageError};
use crate::table::{Table, deflate, inflate};

/// One package of the folder, or one that ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, `jp-core.r4`.
    pub name: String,
    /// Its version, `1.1.2`.
    pub version: String,
    /// How many profiles and extensions it defines.
    pub profiles: usize,
    /// Whether the program brought it.
    pub shipped: bool,
}

impl Definitions {
    /// What ships and every package in the folder, in the order of their files' names. A folder
    /// that is not there holds none.
    ///
    /// # Errors
    /// `Folder` if it cannot be read; `Package` for an archive in it that is no package.
    pub fn open(folder: &Path) -> Result<Self, PackageError> {
        let mut definitions = Definitions::shipped();
        for archive in archives(folder)? {
            let table = opened(&archive, &definitions).map_err(of(&archive))?;
            definitions.insert(table);
        }
        Ok(definitions)
    }
}

/// Adds a package to the folder, which is made if it is not there. The same name and version
/// replaces what was there.
///
/// # Errors
/// As `Definitions::add`, and `Folder`; then the folder is as before.
pub fn add_package(
    folder: &Path,
    bytes: &[u8],
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Added, PackageError> {
    let archive = Archive::read(bytes)?;
    // By the base types only, as when the folder is opened.
    let compiled = compile(&archive, name, version, &Definitions::shipped(), Keep::All)?;
    let table = Table::read(compiled.text.clone())?;
    table.check()?;
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let path = folder.join(format!("{}#{}.tgz", table.name, table.version));
    write(&path, bytes)?;
    write(&beside(&path), &cached(bytes, &compiled.text))?;
    Ok(Added {
        name: table.name,
        version: table.version,
        profiles: compiled.profiles,
        without_snapshot: compiled.without_snapshot,
        ignored_invariants: compiled.ignored_invariants,
    })
}

/// What `Definitions::open` would know, the shipped packages first.
///
/// # Errors
/// As `Definitions::open`.
pub fn list(folder: &Path) -> Result<Vec<Listed>, PackageError> {
    let definitions = Definitions::open(folder)?;
    let shipped = Definitions::shipped().packages().count();
    let packages = definitions.packages().enumerate();
    Ok(packages
        .map(|(number, (name, version, profiles))| Listed {
            name: name.to_owned(),
            version: version.to_owned(),
            profiles,
            shipped: number < shipped,
        })
        .collect())
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|ending| ending == "tgz") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The compiled form of an archive: the one beside it if that fits, else made and put there.
fn opened(path: &Path, definitions: &Definitions) -> Result<Table, PackageError> {
    let bytes = std::fs::read(path).map_err(at(path))?;
    let kept = std::fs::read(beside(path)).ok();
    let fits = kept
        .as_deref()
        .and_then(|kept| kept.strip_prefix(fingerprint(&bytes).as_slice()));
    if let Some(table) = fits.and_then(|body| Table::read(inflate(body).ok()?).ok())
        && table.check().is_ok()
    {
        return Ok(table);
    }
    let named = path
        .file_stem()
        .and_then(|stem| stem.to_str()?.split_once('#'));
    let (name, version) = named.unzip();
    let archive = Archive::read(&bytes)?;
    let compiled = compile(&archive, name, version, definitions, Keep::All)?;
    // A folder that cannot be written costs time at each start, nothing else.
    let _ = write(&beside(path), &cached(&bytes, &compiled.text));
    Table::read(compiled.text)
}

fn beside(archive: &Path) -> PathBuf {
    archive.with_extension("tables")
}

fn cached(archive: &[u8], text: &str) -> Vec<u8> {
    let mut bytes = fingerprint(archive);
    bytes.extend(deflate(text));
    bytes
}

/// Tells an archive, and the base types it was compiled against, from others that took their place;
/// no defence against forgery, for whoever may write the compiled form may write the archive.
fn fingerprint(archive: &[u8]) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    [crc(BASE_TYPES), crc(archive)]
        .iter()
        .flat_map(|sum| sum.to_be_bytes())
        .collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(at(folder))?;
    file.write_all(bytes).map_err(at(path))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map_err(|e| at(path)(e.error))?;
    Ok(())
}

/// Names the archive, where the error does not yet.
fn of(archive: &Path) -> impl Fn(PackageError) -> PackageError {
    let path = archive.display().to_string();
    move |error| match error {
        PackageError::Folder { .. } => error,
        error => PackageError::Package {
            path: path.clone(),
            source: Box::new(error),
        },
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> PackageError {
    let path = path.display().to_string();
    move |source| PackageError::Folder {
        path: path.clone(),
        source,
    }
}
