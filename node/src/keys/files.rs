//! One folder of key files: how a key's file is read and written here. The files themselves, their
//! modes and their seals, are `federation-service/key_file`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use federation_service::key_file::{self, KeyFileError, Passphrase};
use zeroize::Zeroizing;

use super::KeysError;

/// The folder, and the passphrase that its files are sealed with, if one is set.
#[derive(Clone)]
pub(super) struct KeyFolder {
    path: PathBuf,
    passphrase: Option<Arc<Passphrase>>,
}

impl KeyFolder {
    /// The folder as it is.
    ///
    /// # Errors
    /// `File`; `Mode` when others can enter it.
    pub(super) fn open(
        path: &Path,
        passphrase: Option<Arc<Passphrase>>,
    ) -> Result<Self, KeysError> {
        key_file::check_mode(path, 0o700)?;
        Ok(Self {
            path: path.to_owned(),
            passphrase,
        })
    }

    /// The folder, made with mode 0700 where it is not there.
    ///
    /// # Errors
    /// As [`KeyFolder::open`].
    pub(super) fn make(
        path: &Path,
        passphrase: Option<Arc<Passphrase>>,
    ) -> Result<Self, KeysError> {
        key_file::make_folder(path)?;
        Ok(Self {
            path: path.to_owned(),
            passphrase,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a key's file is.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a new file; an existing one is never overwritten.
    pub(super) fn write(&self, name: &str, key: &[u8]) -> Result<(), KeysError> {
        Ok(key_file::write_new(
            &self.file(name),
            key,
            self.passphrase.as_deref(),
        )?)
    }

    /// What a file holds, opened.
    pub(super) fn read(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        Ok(key_file::read(
            &self.file(name),
            self.passphrase.as_deref(),
        )?)
    }

    /// The same as text.
    pub(super) fn read_text(&self, name: &str) -> Result<Zeroizing<String>, KeysError> {
        let bytes = self.read(name)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_not| KeyFileError::Malformed(self.file(name)))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}
