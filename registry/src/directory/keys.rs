//! The online keys, from their files.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use federation_protocol::directory::{DocumentKind, OnlineKey, RootDocument};
use federation_protocol::keys::SecretKey;
use zeroize::Zeroizing;

use super::PublishError;

/// Longest key file that is read, bytes.
const LONGEST: u64 = 16 * 1024;

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
        state: &Path,
        root: &RootDocument,
    ) -> Result<Option<SecretKey>, PublishError> {
        let named = |online: &OnlineKey| online.may.contains(&DocumentKind::Probe);
        if !root.online.iter().any(named) {
            return Ok(None);
        }
        load(state, Self::PROBE_FILE, DocumentKind::Probe, root).map(Some)
    }

    /// Reads both keys, and checks that root delegates each its kind of document.
    ///
    /// # Errors
    /// `Key`, naming the file.
    pub(super) fn load(state: &Path, root: &RootDocument) -> Result<Self, PublishError> {
        Ok(Self {
            directory: load(state, Self::DIRECTORY_FILE, DocumentKind::Directory, root)?,
            status: load(state, Self::STATUS_FILE, DocumentKind::Status, root)?,
        })
    }
}

/// Reads one online key, and checks that root delegates it what it is for.
fn load(
    state: &Path,
    file: &str,
    kind: DocumentKind,
    root: &RootDocument,
) -> Result<SecretKey, PublishError> {
    let path = state.join(file);
    let key = read_key(&path)?;
    let delegated = |online: &OnlineKey| online.kid == *key.kid() && online.may.contains(&kind);
    if root.online.iter().any(delegated) {
        return Ok(key);
    }
    let what = "root does not name this key for its kind of document".to_owned();
    Err(PublishError::Key { path, what })
}

/// Reads an Ed25519 key from PKCS#8 PEM.
///
/// # Errors
/// `Key` when the file is missing, when others than its owner may read it, or when it holds no
/// such key.
pub(crate) fn read_key(path: &Path) -> Result<SecretKey, PublishError> {
    let fail = |what: String| PublishError::Key {
        path: path.to_owned(),
        what,
    };
    let mut pem = Zeroizing::new(String::new());
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let mode = file
        .metadata()
        .map_err(|error| fail(error.to_string()))?
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(fail(format!(
            "mode {mode:04o}: a private key must be 0600 or 0400"
        )));
    }
    file.take(LONGEST)
        .read_to_string(&mut pem)
        .map_err(|error| fail(error.to_string()))?;
    SecretKey::from_pkcs8_pem(&pem).map_err(|error| fail(error.to_string()))
}
