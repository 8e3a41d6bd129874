//! Private keys in files: reachable by their owner alone, sealed with a passphrase where one is set.
//!
//! A sealed file is PKCS#8 that OpenSSL reads too (`ENCRYPTED PRIVATE KEY`, PBES2 with scrypt and
//! AES-256). Owns the modes that are accepted, and the steps by which a file is replaced so that a
//! process killed at any moment leaves the old content or the new, never neither. Never logs, prints
//! or keeps what it opens.

mod folder;
mod passphrase;
mod sealing;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use folder::{Sealed, SealingError, plain_files, seal_files};
pub use passphrase::{Passphrase, PassphraseSource, SHORTEST_PASSPHRASE};
pub use sealing::{is_sealed, open, seal};

/// A key file is far smaller; a longer one is not a key file. A certificate's key may be RSA.
const LONGEST_BYTES: u64 = 32 * 1024;

/// Why a private key's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something is there already: keys are never overwritten.
    #[error("{} is there already: keys are never overwritten", .0.display())]
    Exists(PathBuf),
    /// Others than the owner can reach it.
    #[error("{} can be reached by others (mode {mode:04o}); next: chmod {wanted:04o} {}", path.display(), path.display())]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits now.
        mode: u32,
        /// The widest permission bits that are accepted.
        wanted: u32,
    },
    /// The file is sealed and no passphrase is set.
    #[error("{} is sealed and no passphrase is set; next: name its file as keys.passphrase_file in the settings", .0.display())]
    NoPassphrase(PathBuf),
    /// The passphrase opens something else.
    #[error("{} is not opened by the passphrase that is set; next: give the passphrase that it was sealed with (a change that broke off is finished by `keys encrypt --new-passphrase-file` once more)", .0.display())]
    WrongPassphrase(PathBuf),
    /// The passphrase's file does not hold one.
    #[error("{}: {what}; next: make one with `openssl rand -base64 32`", path.display())]
    Passphrase {
        /// The file, or the name of the variable.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The content is neither a key nor a sealed one.
    #[error("{} does not hold a private key", .0.display())]
    Malformed(PathBuf),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

fn in_file(path: &Path) -> impl FnOnce(std::io::Error) -> KeyFileError {
    let path = path.to_path_buf();
    move |source| KeyFileError::File { path, source }
}

/// Makes `path` with mode 0700, parents included; an existing one must be that narrow.
///
/// # Errors
/// `File`, `Mode`.
pub fn make_folder(path: &Path) -> Result<(), KeyFileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(in_file(path))?;
    check_mode(path, 0o700)
}

/// Refuses what others than the owner can reach: `widest` is 0700 for folders, 0600 for files.
///
/// # Errors
/// `File`, `Mode`.
pub fn check_mode(path: &Path, widest: u32) -> Result<(), KeyFileError> {
    let found = std::fs::metadata(path).map_err(in_file(path))?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & !widest != 0 {
        return Err(KeyFileError::Mode {
            path: path.to_path_buf(),
            mode,
            wanted: widest,
        });
    }
    Ok(())
}

/// What a key's file holds, opened: a PEM `PRIVATE KEY`, or 32 bytes of a key that only we use.
///
/// # Errors
/// `Mode`, `File`; of a sealed file `NoPassphrase`, `WrongPassphrase`, `Malformed`.
pub fn read(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let held = read_as_kept(path)?;
    if is_sealed(&held) {
        return open(path, &held, passphrase);
    }
    Ok(held)
}

/// Whether the key in this file is sealed.
///
/// # Errors
/// `Mode`, `File`.
pub fn is_sealed_at(path: &Path) -> Result<bool, KeyFileError> {
    Ok(is_sealed(&read_as_kept(path)?))
}

fn read_as_kept(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    check_mode(path, widest_for(path))?;
    read_bounded(path)
}

/// What the service manager lends is ours by an access list, which shows as the group's bits: 0440.
/// Anything else is its owner's alone.
fn widest_for(path: &Path) -> u32 {
    let lent = std::env::var_os("CREDENTIALS_DIRECTORY");
    match lent.is_some_and(|folder| path.starts_with(folder)) {
        true => LENT_MODE,
        false => 0o600,
    }
}

const LENT_MODE: u32 = 0o640;

fn read_bounded(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = File::open(path).map_err(in_file(path))?;
    // As much as fits without growing: a buffer that grows leaves its bytes behind.
    let capacity = usize::try_from(LONGEST_BYTES).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(LONGEST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(in_file(path))?;
    Ok(bytes)
}

/// Writes a key to a new file, sealed where there is a passphrase, down to the disk.
///
/// # Errors
/// `Exists`: an existing file is never overwritten; `File`, `Malformed`, `Entropy`.
pub fn write_new(
    path: &Path,
    key: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<(), KeyFileError> {
    match passphrase {
        None => create(path, key),
        Some(passphrase) => create(path, &seal(path, key, passphrase)?),
    }
}

/// Puts a key, sealed with `passphrase`, in the place of what the file holds. Whoever is killed in
/// between leaves the file as it was.
///
/// # Errors
/// `File`, `Malformed`, `Entropy`; then the file is as it was.
pub fn replace_sealed(
    path: &Path,
    key: &[u8],
    passphrase: &Passphrase,
) -> Result<(), KeyFileError> {
    let sealed = seal(path, key, passphrase)?;
    let beside = draft_of(path);
    // A draft of somebody who was killed holds nothing that the file does not.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(in_file(&beside)(error)),
        _ => create(&beside, &sealed)?,
    }
    std::fs::rename(&beside, path).map_err(in_file(path))?;
    sync_folder(path)
}

/// Where the next content of a file is written before it takes the file's place.
fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(DRAFT_ENDING);
    path.with_file_name(name)
}

/// How the name of a draft ends: no key is ever read from one.
pub const DRAFT_ENDING: &str = ".sealing";

fn create(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_path_buf()),
        _other => in_file(path)(source),
    })?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(in_file(path))?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> Result<(), KeyFileError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(in_file(folder))
}

#[cfg(test)]
mod tests;
