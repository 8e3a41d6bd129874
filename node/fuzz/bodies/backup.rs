//! Any bytes as a backup's manifest. What is read is written and read again the same.

use std::cell::LazyCell;
use std::path::{Path, PathBuf};

use musubi_node::database::backup::Manifest;

thread_local! {
    static FOLDER: LazyCell<tempfile::TempDir> =
        LazyCell::new(|| tempfile::tempdir().expect("a folder"));
}

pub(crate) fn run(data: &[u8]) {
    let file = FOLDER.with(|folder| folder.path().join("backup.db"));
    if let Ok(manifest) = read(&file, data) {
        let written = manifest.to_json().to_string();
        let again = read(&file, written.as_bytes());
        assert_eq!(again.ok(), Some(manifest));
    }
}

fn read(
    file: &Path,
    manifest: &[u8],
) -> Result<Manifest, musubi_node::database::backup::BackupError> {
    let beside = PathBuf::from(format!("{}.json", file.display()));
    std::fs::write(beside, manifest).expect("a file in that folder");
    Manifest::read_beside(file)
}
