//! A member's entry: the statement that makes it a member, signed by n of m approvers.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::jws::{General, JwsError, PayloadHash};
use crate::keys::Sign;
use crate::time::Timestamp;

use super::profile::{Profile, ProfileError};
use super::root::RootDocument;
use super::{DOCUMENT_VERSION, payload};

/// `typ` of an entry.
pub const ENTRY_TYP: &str = "musubi-entry+jwt";

/// What approvers sign about one member of one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// 1.
    pub ver: u32,
    /// The registry: an entry is worth nothing in another.
    pub iss: String,
    /// Rises with each replacement of this member's entry, so that an old one never returns.
    pub version: u64,
    /// When it was signed.
    pub iat: Timestamp,
    /// The member.
    pub member: Profile,
}

/// What is wrong with an entry.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the signed document that it should be.
    #[error("not a signed entry: {0}")]
    Form(#[from] JwsError),
    /// A signature in the name of an approver does not fit.
    #[error("an approver's signature does not fit")]
    Signature,
    /// Fewer approvers signed than root demands.
    #[error("too few approvers signed")]
    TooFewApprovers,
    /// The payload does not fit its schema.
    #[error("the entry does not fit its schema")]
    Schema,
    /// It is another registry's.
    #[error("the entry is of another registry")]
    Issuer,
    /// What it says cannot be.
    #[error("the entry is not sound: {0}")]
    Profile(#[from] ProfileError),
}

impl Entry {
    /// An entry to be signed.
    #[must_use]
    pub fn new(registry: &str, version: u64, member: Profile, now: Timestamp) -> Self {
        Self {
            ver: DOCUMENT_VERSION,
            iss: registry.to_owned(),
            version,
            iat: now,
            member,
        }
    }

    /// Signs with approver keys. When it replaces another, the member signs too:
    /// `General::signed(ENTRY_TYP, key)` with a `recovery` key of its entry before.
    #[must_use]
    pub fn sign(&self, approvers: &[&dyn Sign]) -> General {
        let unsigned = General::new(&payload(self));
        approvers
            .iter()
            .fold(unsigned, |jws, key| jws.signed(ENTRY_TYP, *key))
    }

    /// Opens an entry that enough of root's approvers signed, with the hash of its payload.
    ///
    /// # Errors
    /// [`EntryError`], the first in the order of its variants.
    pub fn verify(jws: &General, root: &RootDocument) -> Result<(Self, PayloadHash), EntryError> {
        let open = jws.open(ENTRY_TYP)?;
        let signed = open
            .count(root.approvers.keys())
            .or(Err(EntryError::Signature))?;
        if signed < root.approvers.needed() {
            return Err(EntryError::TooFewApprovers);
        }
        let entry: Self = json::parse_as(&open.payload).or(Err(EntryError::Schema))?;
        if entry.ver != DOCUMENT_VERSION {
            return Err(EntryError::Schema);
        }
        if entry.iss != root.iss {
            return Err(EntryError::Issuer);
        }
        entry.member.check()?;
        Ok((entry, PayloadHash::of(&open.payload)))
    }

    /// How many of root's approvers rightly signed; 0 also when a signature in the name of one does
    /// not fit.
    #[must_use]
    pub fn approvals(jws: &General, root: &RootDocument) -> usize {
        let opened = jws.open(ENTRY_TYP).ok();
        let counted = opened.and_then(|open| open.count(root.approvers.keys()).ok());
        counted.unwrap_or(0)
    }
}
