//! The files of exports: one folder for each, readable by the node's own user alone.
//!
//! A file is as long as the table says. What stands beyond was written and not committed before the
//! node ended, and is cut off when the work goes on.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::records::ResourceType;

use super::JobId;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Resources.
    Output,
    /// Bundles that say what was deleted.
    Deleted,
    /// OperationOutcomes.
    Error,
}

impl Part {
    const ALL: [Self; 3] = [Self::Output, Self::Deleted, Self::Error];

    /// Its member of the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Deleted => "deleted",
            Self::Error => "error",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.as_str() == word)
    }
}

/// The name of one file: `Observation.1.ndjson`, `deleted.Bundle.1.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// What it holds.
    pub part: Part,
    /// The type of its resources.
    pub kind: &'static str,
    /// From 1.
    pub number: i32,
}

impl FileName {
    /// The name, if the text is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix(".ndjson")?.split('.');
        let first = words.next()?;
        let (part, kind) = match Part::of(first) {
            Some(part) => (part, words.next()?),
            None => (Part::Output, first),
        };
        let name = Self::of(part, kind, words.next()?.parse().ok()?)?;
        (name.to_string() == text).then_some(name)
    }

    /// The file of a part, with resources of a type, of this number.
    pub(super) fn of(part: Part, kind: &str, number: i32) -> Option<Self> {
        let kind = match kind {
            "Bundle" => "Bundle",
            "OperationOutcome" => "OperationOutcome",
            name => ResourceType::named(name)?.name(),
        };
        Some(Self { part, kind, number })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part != Part::Output {
            write!(f, "{}.", self.part.as_str())?;
        }
        write!(f, "{}.{}.ndjson", self.kind, self.number)
    }
}

/// Where the files of all exports are. Its methods block.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    fn of(&self, job: &JobId) -> PathBuf {
        self.0.join(job.as_str())
    }

    fn file(&self, job: &JobId, name: &FileName) -> PathBuf {
        self.of(job).join(name.to_string())
    }

    /// Writes `text` behind the first `length` bytes of a file, whatever stands there, down to the
    /// disk. A file without bytes is made.
    pub(super) fn append(
        &self,
        job: &JobId,
        name: &FileName,
        length: u64,
        text: &[u8],
    ) -> io::Result<()> {
        let folder = self.of(job);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(length == 0)
            .truncate(false)
            .mode(0o600)
            .open(self.file(job, name))?;
        if file.metadata()?.len() < length {
            let lost = "shorter than what was committed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, lost));
        }
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        file.write_all(text)?;
        file.sync_all()?;
        if length == 0 {
            sync_folder(&folder)?;
            sync_folder(&self.0)?;
        }
        Ok(())
    }

    /// Cuts a file off behind its first `length` bytes, which must be there.
    pub(super) fn cut(&self, job: &JobId, name: &FileName, length: u64) -> io::Result<()> {
        self.append(job, name, length, b"")
    }

    /// Opens a file that is to have `length` bytes.
    pub(super) fn open(&self, job: &JobId, name: &FileName, length: u64) -> io::Result<File> {
        let file = File::open(self.file(job, name))?;
        if file.metadata()?.len() < length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(file)
    }

    /// Removes everything of an export. There may be nothing.
    pub(super) fn remove(&self, job: &JobId) -> io::Result<()> {
        match std::fs::remove_dir_all(self.of(job)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Every export that has a folder here.
    pub(super) fn jobs(&self) -> io::Result<Vec<JobId>> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        let mut jobs = Vec::new();
        for entry in entries {
            jobs.extend(entry?.file_name().to_str().and_then(JobId::parse));
        }
        Ok(jobs)
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn patients() -> FileName {
        FileName::parse("Patient.1.ndjson").unwrap()
    }

    #[test]
    fn only_names_of_ours_are_names() {
        for good in [
            "Patient.1.ndjson",
            "deleted.Bundle.2.ndjson",
            "error.OperationOutcome.1.ndjson",
        ] {
            assert_eq!(FileName::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "../x",
            "Unicorn.1.ndjson",
            "Patient.01.ndjson",
            "output.Patient.1.ndjson",
        ] {
            assert_eq!(FileName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_not_committed_is_cut_off_and_nobody_else_reads_the_rest() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("exports"));
        let job = JobId::random();
        folder.append(&job, &patients(), 0, b"one\n").unwrap();
        folder.append(&job, &patients(), 4, b"torn").unwrap();
        folder.append(&job, &patients(), 4, b"two\n").unwrap();
        folder.append(&job, &patients(), 8, b"torn").unwrap();
        folder.cut(&job, &patients(), 8).unwrap();
        let path = folder.file(&job, &patients());
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(folder.jobs().unwrap().contains(&job));
        folder.remove(&job).unwrap();
        folder.remove(&job).unwrap();
        assert!(folder.jobs().unwrap().is_empty());
    }

    #[test]
    fn a_file_that_lost_what_was_committed_is_no_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::at(root.path().join("exports"));
        let job = JobId::random();
        folder.append(&job, &patients(), 0, b"one\n").unwrap();
        assert!(folder.append(&job, &patients(), 5, b"two\n").is_err());
        assert!(folder.open(&job, &patients(), 5).is_err());
        assert!(folder.open(&job, &patients(), 4).is_ok());
    }
}
