//! The walk through a storage tree. The only part of this package that touches the file system: it
//! reads, never writes, follows no symbolic link and goes no deeper than the standard does.
//!
//! `<root>/<ID 1-3>/<ID 4-6>/<patient>/<care date>/<data type>/<file>`

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::MAX_FILE_BYTES;
use crate::kind::Kind;
use crate::name::{FileName, FileNameError};
use crate::state::State;

/// The whole of a walk, as [`Tree::millionths`] counts.
const MILLION: u64 = 1_000_000;
/// How many folders stand above a file.
const FOLDERS: usize = 5;

/// What the walk comes upon.
#[derive(Debug)]
pub enum Found {
    /// A file of standardised storage, in the folders that its name says.
    File(StoredFile),
    /// A folder of extended storage (`L-OBSERVATIONS^…`) or of an unknown data type: skipped whole.
    Skipped {
        /// The folder.
        path: PathBuf,
        /// Its name: what was skipped, for counting.
        data_type: String,
    },
    /// Something that does not belong in a storage tree. Reported, not read.
    Stray {
        /// Where it lies.
        path: PathBuf,
        /// Why it does not belong.
        reason: StrayReason,
    },
    /// A folder or file that could not be looked at.
    Unreadable {
        /// Where it lies.
        path: PathBuf,
        /// What the file system said.
        error: io::Error,
    },
}

/// Why something does not belong in a storage tree.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StrayReason {
    /// A symbolic link, or neither file nor folder.
    #[error("no regular file or folder")]
    NotRegular,
    /// A file above, or a folder below, the place of files.
    #[error("at a depth where it does not belong")]
    Depth,
    /// The name is not built as the standard says.
    #[error(transparent)]
    Name(#[from] FileNameError),
    /// The folders name another patient, care date or data type than the file.
    #[error("the folders say otherwise than the file's name")]
    Folders,
}

/// A file of standardised storage.
#[derive(Debug)]
pub struct StoredFile {
    /// Its name, taken apart.
    pub name: FileName,
    /// Where it lies. The path contains the patient's number.
    pub path: PathBuf,
    state: State,
}

impl StoredFile {
    /// Flag, size and time of change, to be compared with the last scan's.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The file's bytes, at most one more than [`MAX_FILE_BYTES`], which [`crate::read`] refuses.
    ///
    /// # Errors
    /// What the file system says; `NotFound` if it was renamed since the walk: scan again.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let file = fs::File::open(&self.path)?;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A walk in progress: a listing for each folder between the root and where it stands, no more.
#[derive(Debug)]
pub struct Tree {
    levels: Vec<Level>,
    failed: Option<Found>,
}

/// A folder that the walk stands in.
#[derive(Debug)]
struct Level {
    entries: std::vec::IntoIter<PathBuf>,
    /// How many there were.
    all: usize,
}

impl Tree {
    /// Walks `root`, the folder of the first three signs of patients' numbers. The order is that of
    /// the names, so it is the same at every walk; within a patient, undated kinds come first and
    /// days in their order.
    #[must_use]
    pub fn scan(root: impl AsRef<Path>) -> Self {
        let mut tree = Self {
            levels: Vec::new(),
            failed: None,
        };
        tree.failed = tree.enter(root.as_ref().to_owned());
        tree
    }

    /// About how much of the tree lies behind the walk, in millionths: it is not known how much is
    /// in the folders ahead, so each counts the same.
    #[must_use]
    pub fn millionths(&self) -> u64 {
        let mut share = MILLION;
        let mut behind = 0;
        let below = self.levels.iter().skip(1).map(Some).chain([None]);
        for (level, below) in self.levels.iter().zip(below) {
            let all = u64::try_from(level.all).unwrap_or(u64::MAX).max(1);
            let ahead = u64::try_from(level.entries.len()).unwrap_or(u64::MAX);
            // The folder that the walk is in is not yet behind it.
            let inside = ahead.saturating_add(u64::from(below.is_some()));
            behind += share.saturating_mul(all.saturating_sub(inside)) / all;
            share /= all;
        }
        if self.levels.is_empty() {
            MILLION
        } else {
            behind
        }
    }

    /// Goes into a folder; says so if it cannot.
    fn enter(&mut self, folder: PathBuf) -> Option<Found> {
        match listing(&folder) {
            Ok(entries) => {
                let all = entries.len();
                let entries = entries.into_iter();
                self.levels.push(Level { entries, all });
                None
            }
            Err(error) => Some(Found::Unreadable {
                path: folder,
                error,
            }),
        }
    }

    /// What is at `path`; none if it was a folder that the walk went into.
    fn meet(&mut self, path: PathBuf) -> Option<Found> {
        let depth = self.levels.len().saturating_sub(1);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => return Some(Found::Unreadable { path, error }),
        };
        let stray = |path, reason| Some(Found::Stray { path, reason });
        if metadata.is_dir() {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let data_type =
                name.filter(|name| depth + 1 == FOLDERS && name.parse::<Kind>().is_err());
            return match data_type {
                Some(data_type) => Some(Found::Skipped { path, data_type }),
                None if depth < FOLDERS => self.enter(path),
                None => stray(path, StrayReason::Depth),
            };
        }
        if !metadata.is_file() {
            return stray(path, StrayReason::NotRegular);
        }
        if depth != FOLDERS {
            return stray(path, StrayReason::Depth);
        }
        match named(&path) {
            Ok(name) => Some(Found::File(StoredFile {
                state: State {
                    flag: name.flag(),
                    size: metadata.len(),
                    modified: metadata.modified().ok(),
                },
                name,
                path,
            })),
            Err(reason) => stray(path, reason),
        }
    }
}

impl Iterator for Tree {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(failed) = self.failed.take() {
            return Some(failed);
        }
        loop {
            match self.levels.last_mut()?.entries.next() {
                Some(path) => {
                    if let Some(found) = self.meet(path) {
                        return Some(found);
                    }
                }
                None => {
                    self.levels.pop();
                }
            }
        }
    }
}

fn listing(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let names: io::Result<Vec<OsString>> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect();
    let mut names = names?;
    names.sort_unstable();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The file's name, if its folders say the same.
fn named(path: &Path) -> Result<FileName, StrayReason> {
    let mut upwards = path.iter().rev();
    let mut next = || {
        upwards
            .next()
            .and_then(|part| part.to_str())
            .unwrap_or_default()
    };
    let (file, kind, date, patient) = (next(), next(), next(), next());
    let name: FileName = file.parse()?;
    let agree = kind == name.kind().as_str()
        && date == name.care_date().unwrap_or("-")
        && patient == name.patient();
    if agree {
        Ok(name)
    } else {
        Err(StrayReason::Folders)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::*;

    const NAME: &str = "0079013_20211220_OML-11_000000011000354_20211220103059000_01_1";

    fn plant(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"MSH").unwrap();
    }

    fn walked(root: &Path) -> Vec<String> {
        let told = |found| match found {
            Found::File(file) => format!("file {}", file.name.flag().as_str()),
            Found::Skipped { data_type, .. } => format!("skipped {data_type}"),
            Found::Stray { reason, .. } => format!("stray {reason:?}"),
            Found::Unreadable { error, .. } => format!("unreadable {:?}", error.kind()),
        };
        Tree::scan(root).map(told).collect()
    }

    #[test]
    fn what_is_no_storage_file_is_reported_and_passed() {
        let root = tempfile::tempdir().unwrap();
        let day = "007/901/0079013/20211220";
        for path in [
            format!("{day}/OML-11/{NAME}"),
            format!("{day}/OML-11/.DS_Store"),
            format!("{day}/OML-01/{NAME}"),
            format!("{day}/OML-11/deeper/{NAME}"),
            format!("{day}/L-OBSERVATIONS^OBSERVATIONS^99ZL01/a/main_document.hl7"),
            format!("{day}/Thumbs.db"),
        ] {
            plant(root.path(), &path);
        }
        assert_eq!(
            walked(root.path()),
            [
                "skipped L-OBSERVATIONS^OBSERVATIONS^99ZL01",
                "stray Folders",
                "stray Name(Parts)",
                "file 1",
                "stray Depth",
                "stray Depth",
            ]
        );
    }

    #[test]
    fn a_walk_tells_about_how_much_lies_behind_it() {
        let root = tempfile::tempdir().unwrap();
        for (first, patient) in [("007", "0079013"), ("008", "0089013")] {
            for second in 0..2 {
                let stem = format!("{patient}_20211220_OML-11_00000001100035{second}");
                let name = format!("{stem}_20211220103059000_01_1");
                plant(
                    root.path(),
                    &format!("{first}/901/{patient}/20211220/OML-11/{name}"),
                );
            }
        }
        let mut walk = Tree::scan(root.path());
        let mut told = vec![walk.millionths()];
        while walk.next().is_some() {
            told.push(walk.millionths());
        }
        told.push(walk.millionths());
        assert_eq!(told, [0, 250_000, 500_000, 750_000, 1_000_000, 1_000_000]);
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        plant(
            elsewhere.path(),
            &format!("901/0079013/20211220/OML-11/{NAME}"),
        );
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join("007")).unwrap();
        assert_eq!(walked(root.path()), ["stray NotRegular"]);
    }

    #[test]
    fn a_root_that_is_not_there_is_said_once() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            walked(&root.path().join("nowhere")),
            ["unreadable NotFound"]
        );
        assert_eq!(walked(root.path()), Vec::<String>::new());
    }

    #[test]
    fn a_file_tells_its_state_and_its_bytes() {
        let root = tempfile::tempdir().unwrap();
        plant(
            root.path(),
            &format!("007/901/0079013/20211220/OML-11/{NAME}"),
        );
        let Some(Found::File(file)) = Tree::scan(root.path()).next() else {
            panic!("no file");
        };
        assert_eq!((file.state().size, file.read().unwrap().len()), (3, 3));
        assert!(file.state().modified.is_some());
    }
}
