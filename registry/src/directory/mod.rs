//! What the registry says and signs: root, directory, status.
//!
//! Owns the online keys and the ledger. A `seq` is taken, with the exact bytes signed under it, in
//! a transaction that is on the disk before anyone sees the document; so a registry that is killed
//! at any moment never says two things under one `seq`.

mod archive;
mod issuer;
mod keys;
mod published;
mod publisher;
mod rotation;
pub(crate) mod routes;
mod store;

use federation_protocol::directory::AcceptError;
use federation_protocol::jws::PayloadHash;
use federation_protocol::time::Timestamp;

use crate::database::DatabaseError;

pub(crate) use issuer::{Issuer, Needs, find, first_root, newest};
pub(crate) use keys::{OnlineKeys, next_of, read_key, read_online_key};
pub(crate) use publisher::Publisher;
pub use rotation::RotationError;
pub(crate) use rotation::{draft, rotate};
pub(crate) use store::was_issued;

/// Which of the three documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Names the keys. JWS in general JSON form.
    Root,
    /// Lists the members. JWS in compact form.
    Directory,
    /// What changed since. JWS in compact form.
    Status,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Root, Self::Directory, Self::Status];

    /// As the ledger and the paths write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Directory => "directory",
            Self::Status => "status",
        }
    }

    /// The media type it is served as.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Root => "application/jose+json",
            Self::Directory => "application/musubi-directory+jwt",
            Self::Status => "application/musubi-status+jwt",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A document in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Which of the three.
    pub kind: Kind,
    /// Its place in the order of its kind, from 1.
    pub seq: u64,
    /// The SHA-256 of its payload.
    pub hash: PayloadHash,
    /// The JWS as signed.
    pub document: String,
    /// When it was made, UTC.
    pub issued_at: Timestamp,
    /// When it ends, UTC.
    pub expires_at: Timestamp,
}

/// Why the documents could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An online key's file cannot be used.
    #[error("{}: {what}", .path.display())]
    Key {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The database holds no root: `init` has not ended.
    #[error("the database holds no root")]
    NoRoot,
    /// The root in the database does not stand up.
    #[error("the root in the database: {0}")]
    Root(AcceptError),
    /// A document that this registry keeps or is about to sign would be refused by every node.
    #[error("the {} would be refused by every node: {cause}", .kind.name())]
    Refused {
        /// Which.
        kind: Kind,
        /// By which rule.
        cause: AcceptError,
    },
    /// A stored document or entry cannot be read.
    #[error("the database holds a {0} that cannot be read")]
    Unreadable(&'static str),
    /// Another root was issued since this process read it: read it again.
    #[error("root was rotated meanwhile")]
    RootChanged,
    /// The publisher's thread could not be started.
    #[error("the publisher could not be started: {0}")]
    Thread(std::io::Error),
}
