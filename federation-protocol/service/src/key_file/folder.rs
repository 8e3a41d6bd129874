//! Seals key files that were made plain, and seals sealed ones anew under another passphrase.
//!
//! File by file, each replaced whole: whoever is killed in between has some files of either kind, and
//! every one of them opens with one of the two passphrases that the operator has. The same command
//! once more finishes the work.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    DRAFT_ENDING, KeyFileError, Passphrase, check_mode, is_sealed_at, read, replace_sealed,
};

/// What was done with one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// It was plain, and is sealed now.
    Newly,
    /// It was sealed with the passphrase before, and is sealed with the next one now.
    Anew,
    /// It was as it should be.
    Already,
}

/// Why the work ended early. What was done before stays done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// A file cannot be read, opened or replaced.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The folder cannot be read.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Every key file in a folder, by name: `*.pem` and `*.key`.
fn key_files(folder: &Path) -> Result<Vec<PathBuf>, SealingError> {
    let in_folder = |source| SealingError::Folder {
        path: folder.to_path_buf(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(in_folder)? {
        let path = entry.map_err(in_folder)?.path();
        let ending = path.extension().and_then(std::ffi::OsStr::to_str);
        if matches!(ending, Some("pem" | "key")) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Which files of the folder, and of `others`, hold a key that is not sealed.
///
/// # Errors
/// A file can be reached by others, or cannot be read.
pub fn plain_files(folder: &Path, others: &[PathBuf]) -> Result<Vec<PathBuf>, SealingError> {
    let mut plain = Vec::new();
    for path in key_files(folder)?.iter().chain(others) {
        if !is_sealed_at(path)? {
            plain.push(path.clone());
        }
    }
    Ok(plain)
}

/// Seals every key of the folder, and those of `others` that are there, with `next`, or with
/// `present` where no other is to come. What each file was, in order.
///
/// # Errors
/// The first file that cannot be read, opened with either passphrase, or replaced.
pub fn seal_files(
    folder: &Path,
    others: &[PathBuf],
    present: Option<&Passphrase>,
    next: &Passphrase,
) -> Result<Vec<(PathBuf, Sealed)>, SealingError> {
    check_mode(folder, 0o700)?;
    clear_drafts(folder)?;
    let mut done = Vec::new();
    for path in key_files(folder)?.into_iter().chain(others.iter().cloned()) {
        let what = seal_file(&path, present, next)?;
        done.push((path, what));
    }
    Ok(done)
}

/// What a killed attempt left: nothing that the key's own file does not hold.
fn clear_drafts(folder: &Path) -> Result<(), SealingError> {
    let in_folder = |source| SealingError::Folder {
        path: folder.to_path_buf(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(in_folder)? {
        let path = entry.map_err(in_folder)?.path();
        if path.to_string_lossy().ends_with(DRAFT_ENDING) {
            std::fs::remove_file(&path).map_err(in_folder)?;
        }
    }
    Ok(())
}

fn seal_file(
    path: &Path,
    present: Option<&Passphrase>,
    next: &Passphrase,
) -> Result<Sealed, SealingError> {
    let (key, what): (Zeroizing<Vec<u8>>, Sealed) = match is_sealed_at(path)? {
        false => (read(path, None)?, Sealed::Newly),
        true => match (read(path, Some(next)), present) {
            (Ok(_), _) => return Ok(Sealed::Already),
            (Err(KeyFileError::WrongPassphrase(_)), Some(present)) => {
                (read(path, Some(present))?, Sealed::Anew)
            }
            (Err(error), _) => return Err(error.into()),
        },
    };
    replace_sealed(path, &key, next)?;
    Ok(what)
}
