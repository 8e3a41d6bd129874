//! Key files: made 0600 in a 0700 directory, refused when others can reach them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::KeysError;

/// A key file is far smaller; a longer one is not a key file.
const LONGEST_KEY_FILE_BYTES: u64 = 16 * 1024;

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> KeysError {
    let path = path.to_path_buf();
    move |source| KeysError::File { path, source }
}

/// Makes `path` with mode 0700, parents included; an existing one must be that narrow.
pub(super) fn make_directory(path: &Path) -> Result<(), KeysError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(file_error(path))?;
    check_mode(path, 0o700)
}

/// Refuses what others than the owner can reach: `widest` is 0700 or 0600.
pub(super) fn check_mode(path: &Path, widest: u32) -> Result<(), KeysError> {
    let found = std::fs::metadata(path)
        .map_err(file_error(path))?
        .permissions()
        .mode()
        & 0o7777;
    if found & !widest != 0 {
        return Err(KeysError::Mode {
            path: path.to_path_buf(),
            mode: found,
            wanted: widest,
        });
    }
    Ok(())
}

/// Writes a new file with mode 0600, down to the disk; an existing one is never overwritten.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeysError> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeysError::Exists(path.to_path_buf()),
        _other => KeysError::File {
            path: path.to_path_buf(),
            source,
        },
    })?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(file_error(path))?;
    if let Some(directory) = path.parent() {
        File::open(directory)
            .and_then(|opened| opened.sync_all())
            .map_err(file_error(directory))?;
    }
    Ok(())
}

/// Reads a file that only its owner can reach.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    check_mode(path, 0o600)?;
    let file = File::open(path).map_err(file_error(path))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(LONGEST_KEY_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(file_error(path))?;
    Ok(bytes)
}

/// The same as text.
pub(super) fn read_secret_text(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    let bytes = read_secret(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_not| KeysError::Malformed(path.into()))?;
    Ok(Zeroizing::new(text.to_owned()))
}
