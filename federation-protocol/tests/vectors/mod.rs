//! Standards' test vectors, read at run time from the shared folder beside the repository.
//! Compiled for tests only.

#![allow(
    clippy::print_stdout,
    reason = "a skipped test says so where it is seen"
)]

use std::path::Path;

/// The text of a file under `../shared/data` beside the repository; `None`, said aloud, where
/// there is no such folder.
pub(crate) fn read(path: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    match std::fs::read_to_string(root.join(path)) {
        Ok(text) => Some(text),
        Err(error) => {
            println!("SKIPPED: ../shared/data/{path} is not readable here: {error}");
            None
        }
    }
}

/// The bytes of such a file.
pub(crate) fn read_bytes(path: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    match std::fs::read(root.join(path)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            println!("SKIPPED: ../shared/data/{path} is not readable here: {error}");
            None
        }
    }
}
