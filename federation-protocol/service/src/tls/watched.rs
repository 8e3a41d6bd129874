//! A certificate and its key on disk, read again when somebody has put others in their place.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{TlsError, TlsIdentity};
use crate::key_file::PassphraseSource;

/// The two files, and how they looked when they were last read.
pub struct WatchedFiles {
    certificate: PathBuf,
    key: PathBuf,
    passphrase: PassphraseSource,
    seen: Option<Stamp>,
    refused: Option<Stamp>,
}

/// By what a changed file is known: whoever replaces it changes its inode or its time.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp([Face; 2]);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Face {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl WatchedFiles {
    /// Watches two files, which need not be there.
    #[must_use]
    pub fn new(certificate: &Path, key: &Path, passphrase: PassphraseSource) -> Self {
        Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            passphrase,
            seen: None,
            refused: None,
        }
    }

    /// What the files hold, when it is another than was last read; none when they are as they were,
    /// or not there.
    ///
    /// # Errors
    /// They do not fit together or cannot be opened: told once, until they change again. Somebody
    /// may be in the middle of replacing them.
    pub fn look(&mut self) -> Result<Option<Arc<TlsIdentity>>, TlsError> {
        let stamp = self.stamp();
        if stamp.is_none() || stamp == self.seen || stamp == self.refused {
            return Ok(None);
        }
        match self.read() {
            Ok(identity) => {
                self.seen = stamp;
                Ok(Some(Arc::new(identity)))
            }
            Err(error) => {
                self.refused = stamp;
                Err(error)
            }
        }
    }

    /// What the files hold now; from here on a change is one to this.
    ///
    /// # Errors
    /// They are not there, do not fit together, or cannot be opened.
    pub fn open(&mut self) -> Result<Arc<TlsIdentity>, TlsError> {
        let stamp = self.stamp();
        let identity = self.read()?;
        self.seen = stamp;
        Ok(Arc::new(identity))
    }

    fn read(&self) -> Result<TlsIdentity, TlsError> {
        let passphrase = self.passphrase.passphrase()?;
        TlsIdentity::open(&self.certificate, &self.key, passphrase.as_deref())
    }

    fn stamp(&self) -> Option<Stamp> {
        Some(Stamp([face(&self.certificate)?, face(&self.key)?]))
    }
}

fn face(path: &Path) -> Option<Face> {
    let found = std::fs::metadata(path).ok()?;
    Some(Face {
        inode: found.ino(),
        bytes: found.len(),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}
