//! Backups of the whole database: made while the node runs, checked without it, restored beside it.
//!
//! Owns the backup files, their manifests and the folder they gather in. Holds no keys and no
//! settings: those are backed up by whoever runs the machine, or one stolen disk would give away
//! both the records and the hospital's voice.

mod error;
mod folder;
mod manifest;
mod postgres;
mod restore;
mod sqlite;
#[cfg(test)]
mod tests;
mod tools;
mod verify;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use federation_protocol::time::Timestamp;

use super::owner::belongs_to_its_folder;
use super::place::Place;
use super::{Counts, DatabaseError};

pub use error::BackupError;
pub use folder::Folder;
pub use manifest::Manifest;
pub use restore::{Overwrite, Restored, restore};
pub use verify::{Verified, verify};

/// Whose database it is, and what time it is.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// The member id, `urn:musubi:member:…`.
    pub member: String,
    /// The time, UTC.
    pub at: Timestamp,
}

impl Occasion {
    /// The second, as file names have it: `20260701T000000Z`.
    fn second(&self) -> String {
        let text = self.at.to_string();
        let second = text.split('.').next().unwrap_or_default();
        let digits: String = second.chars().filter(|c| !"-:".contains(*c)).collect();
        format!("{digits}Z")
    }
}

/// How far long work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes written or read so far.
    pub done: u64,
    /// About how many there will be, where that can be told.
    pub of: Option<u64>,
}

/// Who is told of the progress.
pub type Told<'a> = &'a mut dyn FnMut(Progress);

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The file.
    pub file: PathBuf,
    /// What its manifest says.
    pub manifest: Manifest,
}

/// What was copied, as the copy (or the snapshot it was made from) has it.
struct Copied {
    schema: Vec<String>,
    tables: Counts,
}

/// Copies the database at `url` to the new file `out`, readable by its owner alone, with a manifest
/// beside it. The node may run meanwhile: what the copy holds is one snapshot. Neither file appears
/// under its name before it is whole.
///
/// # Errors
/// `Exists` when one of the two files is there, `NoSpace`, `File`, `Database`; on PostgreSQL
/// `NoTool` and `ToolFailed`.
pub fn create(
    url: &str,
    out: &Path,
    occasion: &Occasion,
    told: Told<'_>,
) -> Result<Made, BackupError> {
    create_at(&Place::of(url)?, out, occasion, told)
}

fn create_at(
    place: &Place,
    out: &Path,
    occasion: &Occasion,
    told: Told<'_>,
) -> Result<Made, BackupError> {
    for file in [out, &manifest::beside(out)] {
        if file.exists() {
            return Err(BackupError::Exists(file.to_owned()));
        }
    }
    let partial = Partial::new(out)?;
    let copied = match place {
        Place::Sqlite(path) => sqlite::copy(path, &partial.path, told)?,
        Place::Postgres(url) => postgres::dump(url, &partial.path, told)?,
    };
    let (sha256, bytes) = verify::digest(&partial.path, &mut |_| ())?;
    let manifest = Manifest {
        member: occasion.member.clone(),
        kind: place.kind(),
        made_at: occasion.at,
        made_by: concat!("musubi-node/", env!("CARGO_PKG_VERSION")).to_owned(),
        schema: copied.schema,
        bytes,
        sha256,
        tables: copied.tables,
    };
    manifest.write_beside(out)?;
    partial.keep_as(out)?;
    Ok(Made {
        file: out.to_owned(),
        manifest,
    })
}

/// A file under a name that says it is not whole; gone when it is dropped.
struct Partial {
    path: PathBuf,
    /// Locked as long as somebody writes it: what nobody writes any more may be cleared away.
    file: File,
}

impl Partial {
    fn new(out: &Path) -> Result<Self, BackupError> {
        let mut name = out.as_os_str().to_owned();
        name.push(folder::PARTIAL);
        let path = PathBuf::from(name);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = made.map_err(|error| BackupError::file(&path, error))?;
        file.try_lock()
            .map_err(|error| BackupError::file(&path, error.into()))?;
        Ok(Self { path, file })
    }

    /// Durable under its own name.
    fn keep_as(self, out: &Path) -> Result<(), BackupError> {
        // By name: a tool may have put another file in the place of the one that was made.
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&self.path, out))
            .map_err(|error| BackupError::file(out, error))?;
        belongs_to_its_folder(out);
        sync_folder_of(out)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Where it was kept, nothing stands under this name any more.
        drop(fs::remove_file(&self.path));
        drop(self.file.unlock());
    }
}

/// Makes a rename in the folder of `file` durable.
fn sync_folder_of(file: &Path) -> Result<(), BackupError> {
    let folder = folder_of(file);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| BackupError::file(folder, error))
}

pub(super) fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

/// Bytes that this user may still write where `folder` is; `None` where the system does not tell.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Refuses work that would fill the disk under `folder`.
pub(super) fn want_space(folder: &Path, needed: u64) -> Result<(), BackupError> {
    match free_bytes(folder) {
        Some(free) if free < needed => Err(BackupError::NoSpace {
            folder: folder.to_owned(),
            needed,
            free,
        }),
        _ => Ok(()),
    }
}

/// The backup that is made before a newer program changes tables that hold something.
#[derive(Clone, Debug)]
pub struct BeforeChange {
    /// Where it is put.
    pub folder: Folder,
    /// How many of its kind are kept there.
    pub keep: usize,
    /// Whose, and when.
    pub occasion: Occasion,
}

impl BeforeChange {
    /// Makes it, and removes those that are too many. `newest` is the schema that it holds.
    pub(super) fn back_up(&self, place: &Place, newest: &str) -> Result<(), DatabaseError> {
        let made = self.make(place, newest);
        let file = made.map_err(|error| DatabaseError::NoBackup(error.to_string()))?;
        tracing::info!(file = %file.display(), "the tables change: a backup was made before");
        Ok(())
    }

    fn make(&self, place: &Place, newest: &str) -> Result<PathBuf, BackupError> {
        self.folder.prepare()?;
        let name = folder::Name::before_change(&self.occasion, place.kind(), newest);
        let made = create_at(place, &self.folder.file(&name), &self.occasion, &mut |_| ())?;
        self.folder.keep_newest(&name, self.keep)?;
        Ok(made.file)
    }
}
