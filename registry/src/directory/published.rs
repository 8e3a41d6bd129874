//! What is served at this moment: three committed documents, and whether they still hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use federation_protocol::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::issuer::either_is_due;
use super::{Issue, Kind, PublishError};

/// A document as it leaves the house.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Which of the three it is.
    pub(crate) kind: Kind,
    /// Its place in the order of its kind.
    pub(crate) seq: u64,
    /// The body, byte for byte as signed.
    pub(crate) bytes: Bytes,
    /// A strong validator: the SHA-256 of the body, base64url, quoted.
    pub(crate) etag: String,
    /// When it was made.
    pub(crate) issued_at: Timestamp,
    /// When it stops being valid.
    pub(crate) expires_at: Timestamp,
}

impl From<Issue> for Document {
    fn from(issue: Issue) -> Self {
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(issue.document.as_bytes()));
        Self {
            kind: issue.kind,
            seq: issue.seq,
            issued_at: issue.issued_at,
            etag: format!("\"{digest}\""),
            expires_at: issue.expires_at,
            bytes: Bytes::from(issue.document),
        }
    }
}

/// The three documents that belong together.
#[derive(Debug)]
pub(crate) struct Edition {
    pub(crate) root: Document,
    pub(crate) directory: Document,
    pub(crate) status: Document,
    /// When the next replacement that is on hold is to count.
    pub(crate) next_in_force: Option<Timestamp>,
    /// Why the directory is older than what the database says, when it is.
    pub(crate) trouble: Option<PublishError>,
}

impl Edition {
    /// Whether the date asks for a new one.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let in_force = self.next_in_force.is_some_and(|at| at <= now);
        in_force || either_is_due(self.directory.issued_at, self.status.issued_at, now)
    }
}

/// The edition of this moment, shared by those who serve it and the one who replaces it.
#[derive(Clone)]
pub(crate) struct Published(Arc<Shelf>);

struct Shelf {
    edition: RwLock<Arc<Edition>>,
    publisher_is_well: AtomicBool,
}

/// What `/readyz` reports, part by part.
pub(crate) struct Readiness {
    /// The root has not ended.
    pub(crate) root: bool,
    /// The directory has not ended.
    pub(crate) directory: bool,
    /// The status has not ended.
    pub(crate) status: bool,
    /// The last attempt to bring them up to date succeeded.
    pub(crate) publisher: bool,
}

impl Published {
    /// The first edition.
    pub(crate) fn new(edition: Edition) -> Self {
        let publisher_is_well = AtomicBool::new(edition.trouble.is_none());
        let edition = RwLock::new(Arc::new(edition));
        Self(Arc::new(Shelf {
            edition,
            publisher_is_well,
        }))
    }

    /// What is served now.
    pub(crate) fn now(&self) -> Arc<Edition> {
        self.0
            .edition
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Serves `edition` from here on.
    pub(crate) fn replace(&self, edition: Edition) {
        self.note_publisher(edition.trouble.is_none());
        *self
            .0
            .edition
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(edition);
    }

    /// Notes whether the last attempt to publish succeeded.
    pub(crate) fn note_publisher(&self, is_well: bool) {
        self.0.publisher_is_well.store(is_well, Ordering::Relaxed);
    }

    /// Whether what is served holds at `now`.
    pub(crate) fn readiness(&self, now: Timestamp) -> Readiness {
        let edition = self.now();
        Readiness {
            root: now < edition.root.expires_at,
            directory: now < edition.directory.expires_at,
            status: now < edition.status.expires_at,
            publisher: self.0.publisher_is_well.load(Ordering::Relaxed),
        }
    }
}
