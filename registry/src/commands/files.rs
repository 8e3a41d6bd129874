//! Files that a command reads and writes: keys, certificates, documents.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::failure::{Exit, Failure};

/// Bytes of a file that an operator names. Longer ones are none that we know.
const READ_LIMIT: u64 = 4 * 1024 * 1024;

/// Writes a new file, and refuses to touch one that is there. `mode` is 0o600 for secrets.
///
/// # Errors
/// A `Failure` that names the file.
pub(super) fn write_new(path: &Path, content: &str, mode: u32) -> Result<(), Failure> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| {
        let next = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "name another file, or move that one away first",
            std::io::ErrorKind::NotFound => "make the folder first",
            _ => "check the folder's owner and mode",
        };
        Failure::new(Exit::Failure, format!("{}: {error}", path.display()), next)
    })
}

/// Makes a folder that only its owner may enter, with the folders above it.
///
/// # Errors
/// A `Failure` that names the folder.
pub(super) fn make_private_folder(path: &Path) -> Result<(), Failure> {
    let above = super::folder_of(path);
    std::fs::create_dir_all(above)
        .and_then(|()| DirBuilder::new().mode(0o700).create(path))
        .map_err(|error| {
            let what = format!("{}: {error}", path.display());
            Failure::new(Exit::Failure, what, "check who may write there")
        })
}

/// Reads a file that the operator named; `-` is standard input.
///
/// # Errors
/// A `Failure` that names the file.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(
            Exit::Failure,
            format!("{}: {error}", path.display()),
            "check the path and who may read it",
        )
    };
    let mut text = String::new();
    let mut reader: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(fail)?)
    };
    let limited = &mut std::io::Read::take(&mut reader, READ_LIMIT);
    std::io::Read::read_to_string(limited, &mut text).map_err(fail)?;
    Ok(text)
}
