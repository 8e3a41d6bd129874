//! The online keys, from their files.

use std::path::Path;

use federation_protocol::directory::{DocumentKind, OnlineKey, RootDocument};
use federation_protocol::keys::SecretKey;
use federation_service::key_file::{self, Passphrase};

use super::PublishError;
use crate::config::KeyFolder;

/// What signs the directory and the status. Neither can add a member.
pub(crate) struct OnlineKeys {
    /// Signs directories.
    pub(super) directory: SecretKey,
    /// Signs statuses.
    pub(super) status: SecretKey,
}

impl OnlineKeys {
    /// Below the state folder.
    pub(crate) const DIRECTORY_FILE: &str = "keys/directory.pem";
    /// Below the state folder.
    pub(crate) const STATUS_FILE: &str = "keys/status.pem";
    /// Below the state folder.
    pub(crate) const PROBE_FILE: &str = "keys/probe.pem";

    /// Reads the key of the probe; none when root names no key for it, as roots from before there
    /// was a probe.
    ///
    /// # Errors
    /// `Key`, naming the file.
    pub(crate) fn load_probe(
        folder: &KeyFolder,
        root: &RootDocument,
    ) -> Result<Option<SecretKey>, PublishError> {
        let named = |online: &OnlineKey| online.may.contains(&DocumentKind::Probe);
        if !root.online.iter().any(named) {
            return Ok(None);
        }
        load(folder, Self::PROBE_FILE, DocumentKind::Probe, root).map(Some)
    }

    /// The files, each with what its key signs.
    pub(crate) const FILES: [(&str, DocumentKind); 3] = [
        (Self::DIRECTORY_FILE, DocumentKind::Directory),
        (Self::STATUS_FILE, DocumentKind::Status),
        (Self::PROBE_FILE, DocumentKind::Probe),
    ];

    /// Puts each key that `root` brought in the place of the one before, which is gone then.
    ///
    /// # Errors
    /// `Key`, naming the file; what was put in place stays.
    pub(crate) fn take_their_places(
        folder: &KeyFolder,
        root: &RootDocument,
    ) -> Result<(), PublishError> {
        for (file, kind) in Self::FILES {
            let next = next_of(file);
            let path = folder.file(&next);
            if path.exists() && delegates(root, &read_online_key(folder, &next)?, kind) {
                let moved = std::fs::rename(&path, folder.file(file));
                moved.map_err(|error| PublishError::Key {
                    path,
                    what: error.to_string(),
                })?;
            }
        }
        Ok(())
    }

    /// The key that signs the status.
    ///
    /// # Errors
    /// `Key`, naming the file.
    pub(crate) fn load_status(
        folder: &KeyFolder,
        root: &RootDocument,
    ) -> Result<SecretKey, PublishError> {
        load(folder, Self::STATUS_FILE, DocumentKind::Status, root)
    }

    /// Reads both keys, and checks that root delegates each its kind of document.
    ///
    /// # Errors
    /// `Key`, naming the file.
    pub(super) fn load(folder: &KeyFolder, root: &RootDocument) -> Result<Self, PublishError> {
        Ok(Self {
            directory: load(folder, Self::DIRECTORY_FILE, DocumentKind::Directory, root)?,
            status: load(folder, Self::STATUS_FILE, DocumentKind::Status, root)?,
        })
    }
}

/// Reads one online key, and checks that root delegates it what it is for. Between a root that brings
/// another key and the moment at which that takes its place on the disk, it lies beside the old one.
fn load(
    folder: &KeyFolder,
    file: &str,
    kind: DocumentKind,
    root: &RootDocument,
) -> Result<SecretKey, PublishError> {
    let next = next_of(file);
    // The first once more: it may have taken the place meanwhile.
    for name in [file, next.as_str(), file] {
        if !folder.file(name).exists() {
            continue;
        }
        let key = read_online_key(folder, name)?;
        if delegates(root, &key, kind) {
            return Ok(key);
        }
    }
    let path = folder.file(file);
    let what = match path.exists() {
        true => "root does not name this key for its kind of document".to_owned(),
        false => "the file is not there".to_owned(),
    };
    Err(PublishError::Key { path, what })
}

fn delegates(root: &RootDocument, key: &SecretKey, kind: DocumentKind) -> bool {
    let named = |online: &OnlineKey| online.kid == *key.kid() && online.may.contains(&kind);
    root.online.iter().any(named)
}

/// The file of the key that a drafted root names in the place of the one in `file`.
pub(crate) fn next_of(file: &str) -> String {
    file.replace(".pem", ".next.pem")
}

/// Reads an online key, which may be sealed.
///
/// # Errors
/// `Key`, naming the file.
pub(crate) fn read_online_key(folder: &KeyFolder, file: &str) -> Result<SecretKey, PublishError> {
    let path = folder.file(file);
    let passphrase = folder.passphrase().map_err(|error| PublishError::Key {
        path: path.clone(),
        what: error.to_string(),
    })?;
    read(&path, passphrase.as_deref())
}

/// Reads an Ed25519 key from PKCS#8 PEM that is not sealed: a person's, brought for a moment.
///
/// # Errors
/// `Key` when the file is missing, when others than its owner may read it, or when it holds no
/// such key.
pub(crate) fn read_key(path: &Path) -> Result<SecretKey, PublishError> {
    read(path, None)
}

fn read(path: &Path, passphrase: Option<&Passphrase>) -> Result<SecretKey, PublishError> {
    let fail = |what: String| PublishError::Key {
        path: path.to_owned(),
        what,
    };
    let pem = key_file::read(path, passphrase).map_err(|error| fail(error.to_string()))?;
    let text = std::str::from_utf8(&pem).unwrap_or_default();
    SecretKey::from_pkcs8_pem(text).map_err(|error| fail(error.to_string()))
}
