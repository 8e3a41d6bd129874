//! Who belongs, with which keys, at which address: the registry's signed documents.
//!
//! Root names the keys; approvers sign each member's entry; the online key assembles entries into
//! a directory and remakes the short-lived status. Nodes judge by the three together: a
//! [`Membership`]. Whoever steals the online key can suspend and withhold, never add a member,
//! swap a key or grant a capability.
//!
//! Source: PROTOCOL section 2; `docs/WIRE.md` section 1.

mod description;
mod document;
mod entry;
mod key_chain;
mod key_change;
mod key_succession;
mod membership;
mod profile;
mod request;
mod root;
mod status;

use serde::Deserialize;

use crate::json;
use crate::jws::{JwsError, PayloadHash};
use crate::keys::KeyId;
use crate::member::MemberId;
use crate::time::Timestamp;

pub use description::{DESCRIPTION_TYP, DescriptionError, MemberDescription};
pub use document::{
    ArchivedKey, DIRECTORY_TYP, Directory, DirectoryDocument, HOLD_SECONDS, ListedMember, Pending,
    Policy,
};
pub use entry::{ENTRY_TYP, Entry, EntryError};
pub use key_chain::{ChainKey, KeyChain, MOST_KEY_CHANGES, RevokedElsewhere};
pub use key_change::{
    EndingKey, KEY_CHANGE_SECONDS, KEY_REVOCATION_TYP, KeyChange, KeyChangeError, KeyRevocation,
    LONGEST_KEY_CHANGE, LONGEST_KEY_LIFE_SECONDS, ROTATED_USES, ROTATION_LEAD_SECONDS,
    ROTATION_OVERLAP_SECONDS, ROTATION_TYP, Rotation,
};
pub use membership::{Freshness, KeyEntry, Member, Membership};
pub use profile::{
    Certificate, Endpoints, KeyStatement, Names, Profile, ProfileError, ProtocolRange, is_phone,
};
pub use request::{ReplacementError, ReplacementRequest};
pub use root::{
    DocumentKind, KeyQuorum, NamedKey, OnlineKey, ROOT_TYP, RegistryTls, Root, RootDocument,
};
pub use status::{
    DirectoryPosition, MaintenanceWindow, STATUS_LIFE_SECONDS, STATUS_TYP, Status, StatusDocument,
};

/// The version of every document here.
pub const DOCUMENT_VERSION: u32 = 1;

/// How far the registry's clock may be ahead or behind, in seconds.
const SKEW_SECONDS: i64 = 60;

/// Whether a document comes from the network now or was accepted once before.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// From the network: it must not have expired.
    Fresh,
    /// From this node's own disk, or an older directory that fills a gap: expiry is not asked.
    /// What may still be done with it, [`Membership::freshness`] says.
    Stored,
}

/// A document as signed: what is served, and the hash of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDocument {
    /// The JWS, compact or general JSON.
    pub jws: String,
    /// The SHA-256 of the payload.
    pub hash: PayloadHash,
}

/// Why a document is not accepted. The variants stand in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// Not the JWS that it should be: too long, malformed, another `typ` or `alg`.
    #[error("not the expected signed document: {0}")]
    Form(#[from] JwsError),
    /// The SHA-256 of the payload is not the one that was pinned at joining.
    #[error("this is not the pinned root")]
    NotPinned,
    /// The key may not sign this kind of document under the pinned root, or too few root keys
    /// signed.
    #[error("the signing key is not delegated by the pinned root")]
    KeyNotDelegated,
    /// A signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// The payload is not strict JSON with a head, or not of the closed schema.
    #[error("the payload does not fit its schema")]
    Schema,
    /// Another registry's document.
    #[error("the document is of another registry")]
    Issuer,
    /// Issued in the future.
    #[error("the document is from the future")]
    NotYetValid,
    /// Expired.
    #[error("the document has expired")]
    Expired,
    /// Its life is longer than this kind may live.
    #[error("the document would live too long")]
    TooLongLived,
    /// The same `seq` with another content: somebody is shown another truth. Alarm.
    #[error("split view: seq {seq} is known with another content")]
    SplitView {
        /// The `seq` of both.
        seq: u64,
    },
    /// A lower `seq` than accepted before. Alarm; the newer one stays.
    #[error("rollback: seq {got} after {have}")]
    Rollback {
        /// The accepted `seq`.
        have: u64,
        /// The offered one.
        got: u64,
    },
    /// One or more in between are missing: fetch `/{seq}` from `have + 1` on.
    #[error("gap: seq {got} after {have}")]
    Gap {
        /// The accepted `seq`.
        have: u64,
        /// The offered one.
        got: u64,
    },
    /// `prev` is not the hash of the accepted predecessor. Alarm.
    #[error("prev does not name the accepted predecessor")]
    PreviousMismatch,
    /// A member's entry is not a valid statement of the approvers.
    #[error("the entry of {member}: {error}")]
    Entry {
        /// Whose; as the list says.
        member: String,
        /// What is wrong.
        error: EntryError,
    },
    /// A member's rotation or revocation of keys does not count, or was listed and is gone. Alarm.
    #[error("a key change of {member}: {error}")]
    KeyChange {
        /// Whose.
        member: MemberId,
        /// What is wrong.
        error: KeyChangeError,
    },
    /// A key stands in the archive that was never listed, that still counts, or with another past
    /// than it had; or one that stood there is gone. Alarm.
    #[error("the archive tells another past of {0}")]
    Archive(KeyId),
    /// A member or a key stands twice.
    #[error("{0} stands twice")]
    Twice(String),
    /// A member that was listed before is gone, or came back from a final state. Alarm.
    #[error("{0} was listed and is gone, or came back from a final state")]
    MemberLost(MemberId),
    /// A member's entry was replaced by an older one, or by one that it did not sign and that was
    /// not held for 24 h. Alarm.
    #[error("the entry of {0} was replaced without the member's signature or the 24 h hold")]
    NotHeld(MemberId),
}

impl AcceptError {
    /// Whether somebody may be lying, so that people must be told: split view, rollback, a broken
    /// chain, an entry that nobody approved, a member lost or swapped.
    #[must_use]
    pub const fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::NotPinned
                | Self::SplitView { .. }
                | Self::Rollback { .. }
                | Self::PreviousMismatch
                | Self::Entry { .. }
                | Self::KeyChange { .. }
                | Self::Archive(_)
                | Self::MemberLost(_)
                | Self::NotHeld(_)
        )
    }
}

/// What every document's payload says first; the rest is read after it was judged.
#[derive(Deserialize)]
struct Head {
    ver: u32,
    iss: String,
    seq: u64,
    iat: Timestamp,
    exp: Timestamp,
}

/// A payload whose signature was checked: head judged, schema not yet.
struct Opened {
    value: serde_json::Value,
    head: Head,
    hash: PayloadHash,
}

impl Opened {
    fn read(payload: &[u8]) -> Result<Self, AcceptError> {
        let Ok(value) = json::parse(payload) else {
            return Err(AcceptError::Schema);
        };
        match Head::deserialize(&value) {
            Ok(head) if head.ver == DOCUMENT_VERSION => Ok(Self {
                value,
                head,
                hash: PayloadHash::of(payload),
            }),
            _ => Err(AcceptError::Schema),
        }
    }

    fn check_issuer(&self, registry: &str) -> Result<(), AcceptError> {
        if self.head.iss == registry {
            Ok(())
        } else {
            Err(AcceptError::Issuer)
        }
    }

    fn check_times(
        &self,
        longest_life: i64,
        reading: Reading,
        now: Timestamp,
    ) -> Result<(), AcceptError> {
        let Head { iat, exp, .. } = self.head;
        if iat > now.plus_seconds(SKEW_SECONDS) {
            return Err(AcceptError::NotYetValid);
        }
        if reading == Reading::Fresh && now > exp.plus_seconds(SKEW_SECONDS) {
            return Err(AcceptError::Expired);
        }
        if !(1..=longest_life).contains(&exp.seconds_since(iat)) {
            return Err(AcceptError::TooLongLived);
        }
        Ok(())
    }

    /// Against what was accepted before: equal `seq` means equal content, lower is a rollback.
    fn check_seq(&self, previous: Option<(u64, PayloadHash)>) -> Result<(), AcceptError> {
        let got = self.head.seq;
        match previous {
            Some((have, hash)) if got == have && self.hash != hash => {
                Err(AcceptError::SplitView { seq: got })
            }
            Some((have, _)) if got < have => Err(AcceptError::Rollback { have, got }),
            _ => Ok(()),
        }
    }

    fn schema<T: serde::de::DeserializeOwned>(self) -> Result<T, AcceptError> {
        serde_json::from_value(self.value).or(Err(AcceptError::Schema))
    }
}

/// A payload's bytes. Our own structures always serialise: names are strings, numbers finite.
fn payload<T: serde::Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

#[cfg(test)]
mod tests;
