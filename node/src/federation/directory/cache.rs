//! The accepted documents on disk: a node starts from them without the registry.
//!
//! A document is written whole beside the old one, made durable, and put in its place in one step,
//! so a crash leaves the old or the new, never half. Root and directories are archived for ever:
//! old evidence still verifies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Which of the registry's documents.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The root that was pinned at joining: the chain of later ones begins there.
    PinnedRoot,
    Root,
    Directory,
    Status,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::PinnedRoot => "pinned-root",
            Self::Root => "root",
            Self::Directory => "directory",
            Self::Status => "status",
        }
    }

    /// Status documents live ten minutes and prove nothing later.
    const fn is_archived(self) -> bool {
        matches!(self, Self::Root | Self::Directory)
    }
}

/// The folder of the accepted documents.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, made if it is not there.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let archive = folder.join("archive");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&archive)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The cache in `folder`, to be read only.
    pub(super) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The accepted document; `None` when none was accepted yet.
    pub(super) fn read(&self, kind: Kind) -> io::Result<Option<String>> {
        read_if_there(&self.folder.join(format!("{}.jws", kind.name())))
    }

    /// An archived document.
    pub(super) fn archived(&self, kind: Kind, seq: u64) -> io::Result<Option<String>> {
        read_if_there(&self.archive_place(kind, seq))
    }

    /// Puts `document` in the place of the accepted one, and into the archive.
    pub(super) fn keep(&self, kind: Kind, seq: u64, document: &str) -> io::Result<()> {
        if kind.is_archived() {
            put(&self.archive_place(kind, seq), document)?;
        }
        put(&self.folder.join(format!("{}.jws", kind.name())), document)
    }

    fn archive_place(&self, kind: Kind, seq: u64) -> PathBuf {
        self.folder
            .join("archive")
            .join(format!("{}-{seq}.jws", kind.name()))
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes beside `path`, syncs, renames over it, syncs the folder.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn what_was_kept_is_read_after_a_restart_and_the_old_stays_in_the_archive() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        assert_eq!(cache.read(Kind::Directory).unwrap(), None);
        cache.keep(Kind::Directory, 1, "one").unwrap();
        cache.keep(Kind::Directory, 2, "two").unwrap();
        cache.keep(Kind::Status, 7, "status").unwrap();
        let again = Cache::open(folder.path()).unwrap();
        assert_eq!(again.read(Kind::Directory).unwrap().as_deref(), Some("two"));
        assert_eq!(
            again.archived(Kind::Directory, 1).unwrap().as_deref(),
            Some("one")
        );
        assert_eq!(again.archived(Kind::Status, 7).unwrap(), None);
    }

    #[test]
    fn a_half_written_document_never_takes_the_place_of_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        cache.keep(Kind::Status, 1, "whole").unwrap();
        fs::write(folder.path().join("status.new"), "ha").unwrap();
        assert_eq!(cache.read(Kind::Status).unwrap().as_deref(), Some("whole"));
        cache.keep(Kind::Status, 2, "next").unwrap();
        assert_eq!(cache.read(Kind::Status).unwrap().as_deref(), Some("next"));
    }
}
