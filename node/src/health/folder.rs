//! The files of uploads, readable by the node's own user alone, gone when they are saved. No name of
//! a sender's is used: a file is named by its upload's id.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use super::UploadId;

/// Where the files are. Its methods block.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    fn file(&self, id: &UploadId) -> PathBuf {
        self.0.join(id.as_str())
    }

    /// A new file.
    pub(super) fn create(&self, id: &UploadId) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.file(id))
    }

    pub(super) fn open(&self, id: &UploadId) -> io::Result<File> {
        File::open(self.file(id))
    }

    /// Removes a file. There may be none.
    pub(super) fn remove(&self, id: &UploadId) -> io::Result<()> {
        match std::fs::remove_file(self.file(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Every upload that has a file here.
    pub(super) fn all(&self) -> io::Result<Vec<UploadId>> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        let mut found = Vec::new();
        for entry in entries {
            found.extend(entry?.file_name().to_str().and_then(UploadId::parse));
        }
        Ok(found)
    }
}
