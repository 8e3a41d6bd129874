//! Status: what changed since the directory, remade every minute, dead after ten.

use serde::{Deserialize, Serialize};

use crate::jws::{Compact, PayloadHash, sign_compact};
use crate::keys::{KeyId, Sign};
use crate::member::MemberId;
use crate::time::Timestamp;

use super::root::{DocumentKind, Root};
use super::{AcceptError, Opened, Reading, SignedDocument, payload};

/// `typ` of the status document.
pub const STATUS_TYP: &str = "musubi-status+jwt";

/// How long a status document lives, in seconds.
pub const STATUS_LIFE_SECONDS: i64 = 600;

const LONGEST: usize = 1_024 * 1_024;

/// The status document's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusDocument {
    /// 1.
    pub ver: u32,
    /// The registry's id.
    pub iss: String,
    /// Rises.
    pub seq: u64,
    /// When it was made; its age says what may still be done.
    pub iat: Timestamp,
    /// 600 s later.
    pub exp: Timestamp,
    /// The directory that holds now: whoever has another fetches.
    pub directory: DirectoryPosition,
    /// Members that take no part now, whatever the directory says.
    pub suspended: Vec<MemberId>,
    /// Keys that count no more.
    pub revoked: Vec<KeyId>,
    /// Announced absences.
    pub maintenance: Vec<MaintenanceWindow>,
}

/// Which directory.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryPosition {
    /// Its `seq`.
    pub seq: u64,
    /// The hash of its payload.
    pub hash: PayloadHash,
}

/// A member announced that it may be away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceWindow {
    /// Who.
    pub member: MemberId,
    /// From when, itself included.
    pub from: Timestamp,
    /// Until when, itself excluded.
    pub until: Timestamp,
}

impl StatusDocument {
    /// Signs with the online status key.
    #[must_use]
    pub fn sign(&self, key: &dyn Sign) -> SignedDocument {
        let payload = payload(self);
        let hash = PayloadHash::of(&payload);
        SignedDocument {
            jws: sign_compact(STATUS_TYP, &payload, key),
            hash,
        }
    }
}

/// An accepted status document.
#[derive(Clone, Debug)]
pub struct Status {
    document: StatusDocument,
    hash: PayloadHash,
    /// The online key that signed it.
    kid: KeyId,
}

impl Status {
    /// What it says.
    #[must_use]
    pub const fn document(&self) -> &StatusDocument {
        &self.document
    }

    /// The hash of its payload.
    #[must_use]
    pub const fn hash(&self) -> PayloadHash {
        self.hash
    }

    /// Whether root delegates the online key that signed it, still.
    #[must_use]
    pub fn stands_under(&self, root: &Root) -> bool {
        let delegated = root.document().delegated(&self.kid, DocumentKind::Status);
        delegated.is_some()
    }

    /// Accepts a status document of this registry, not older than `previous`, as long as root
    /// delegates the key that signed `previous`: whoever stole a key that root took away may have
    /// used up the numbers.
    ///
    /// # Errors
    /// [`AcceptError`] in the order: form, key, signature, issuer, times, `seq`, schema.
    ///
    /// Source: PROTOCOL section 2.
    pub fn accept(
        jws: &str,
        root: &Root,
        previous: Option<&Self>,
        reading: Reading,
        now: Timestamp,
    ) -> Result<Self, AcceptError> {
        let jws = Compact::parse(jws, STATUS_TYP, LONGEST)?;
        let key = root
            .document()
            .delegated(&jws.kid, DocumentKind::Status)
            .ok_or(AcceptError::KeyNotDelegated)?;
        jws.verify(key).or(Err(AcceptError::Signature))?;
        let opened = Opened::read(&jws.payload)?;
        opened.check_issuer(root.registry())?;
        opened.check_times(STATUS_LIFE_SECONDS, reading, now)?;
        let chained = previous.filter(|previous| previous.stands_under(root));
        opened.check_seq(chained.map(|previous| (previous.document.seq, previous.hash)))?;
        let hash = opened.hash;
        Ok(Self {
            document: opened.schema()?,
            hash,
            kid: jws.kid,
        })
    }
}
