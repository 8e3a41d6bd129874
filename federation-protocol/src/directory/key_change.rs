//! What a member itself says about its keys after its entry was signed: a rotation, by the old and
//! the new key of one use; a revocation, by the recovery key.
//!
//! Both are general JWS, stand beside the entry in the directory, and are judged by every node, not
//! only by the registry that lists them.
//!
//! Source: PROTOCOL section 3; `docs/WIRE.md` section 6.8.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::jws::{General, JwsError, OpenGeneral, PayloadHash};
use crate::keys::{KeyId, KeyUse, PublicKey, Sign};
use crate::member::{MemberId, MemberState};
use crate::time::Timestamp;

use super::profile::KeyStatement;
use super::{DOCUMENT_VERSION, payload};

/// `typ` of a rotation.
pub const ROTATION_TYP: &str = "musubi-rotation+jwt";

/// `typ` of a revocation of keys.
pub const KEY_REVOCATION_TYP: &str = "musubi-key-revocation+jwt";

/// The longest rotation or revocation in its JSON form, bytes.
pub const LONGEST_KEY_CHANGE: usize = 16 * 1_024;

/// A new key counts at the earliest so long after its rotation was signed, in seconds: every
/// connected node has heard of it by then.
pub const ROTATION_LEAD_SECONDS: i64 = 600;

/// An old key counts at the most so long after its rotation was signed, in seconds.
pub const ROTATION_OVERLAP_SECONDS: i64 = 7 * 86_400;

/// A key that came by a rotation or revocation ends at the most so long after that was signed, in
/// seconds.
pub const LONGEST_KEY_LIFE_SECONDS: i64 = 1_000 * 86_400;

/// How old a rotation or revocation may be when it is listed first, in seconds: a back-dated one
/// would count before anybody had heard of it.
pub const KEY_CHANGE_SECONDS: i64 = 300;

/// The most kids in one revocation.
const MOST_REVOKED: usize = 32;

/// The uses whose keys a member may rotate or replace by itself.
pub const ROTATED_USES: [KeyUse; 3] = [KeyUse::Sign, KeyUse::Consent, KeyUse::Log];

/// A key that ends earlier than it would have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndingKey {
    /// Which.
    pub kid: KeyId,
    /// Until when it counts now, itself included.
    pub not_after: Timestamp,
}

/// One key of a member gives way to another of the same use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// 1.
    pub ver: u32,
    /// The registry: a rotation is worth nothing in another.
    pub iss: String,
    /// Whose key.
    pub member: MemberId,
    /// The payload hash of the entry in force: a rotation falls with the entry that it stands on.
    pub entry: PayloadHash,
    /// Its place among the key changes on this entry, from 1.
    pub number: u64,
    /// When it was signed.
    pub iat: Timestamp,
    /// The old key and its new end.
    pub old: EndingKey,
    /// The new key, of the same use.
    pub new: KeyStatement,
}

/// Keys of a member that count no more, and what stands in their place at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevocation {
    /// 1.
    pub ver: u32,
    /// The registry: a revocation is worth nothing in another.
    pub iss: String,
    /// Whose keys.
    pub member: MemberId,
    /// The payload hash of the entry in force.
    pub entry: PayloadHash,
    /// Its place among the key changes on this entry, from 1.
    pub number: u64,
    /// When it was signed: from then on the keys count no more.
    pub iat: Timestamp,
    /// Which keys: one at the least.
    pub revoked: Vec<KeyId>,
    /// Keys that count from `iat` on, each of the use of a revoked one, at most one of each use.
    pub replaced_by: Vec<KeyStatement>,
}

/// A rotation or a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// By the old and the new key.
    Rotation(Rotation),
    /// By the recovery key, and each key that replaces one.
    Revocation(KeyRevocation),
}

/// Why a rotation or revocation does not count. The variants stand in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyChangeError {
    /// Not the signed statement that it should be.
    #[error("not a rotation or revocation of keys: {0}")]
    Form(#[from] JwsError),
    /// The payload does not fit its schema.
    #[error("it does not fit its schema")]
    Schema,
    /// It is another registry's.
    #[error("it is of another registry")]
    Issuer,
    /// It is another member's.
    #[error("it is of another member")]
    Member,
    /// It stands on another entry than the one in force.
    #[error("it stands on another entry than the one in force")]
    Entry,
    /// It is not the next in its order, or older than the one before.
    #[error("it is not the next key change on this entry")]
    Order,
    /// There are more than one entry may carry.
    #[error("the entry carries as many key changes as it may; it must be replaced first")]
    TooMany,
    /// A member may not change keys of this use by itself.
    #[error("a {0} key cannot be rotated or replaced")]
    Use(KeyUse),
    /// The old key is not one of the member's that counts, or gave way before.
    #[error("{0} is not a key of this member that may give way")]
    OldKey(KeyId),
    /// The new key is unsound, of another use, or was listed before.
    #[error("{0} cannot be the new key")]
    NewKey(KeyId),
    /// The times are outside of their bounds: the new key begins at least 10 min later, the old one
    /// ends at most 7 d later and not before the new one begins, and no life is lengthened.
    #[error("its times are outside of their bounds")]
    Times,
    /// It is not signed by exactly the keys that must sign it.
    #[error("it is not signed by the keys that must sign it")]
    Signature,
    /// It was not made just before it was listed.
    #[error("it was not made just before it was listed")]
    NotFresh,
    /// The member is suspended or is no member any more: only its recovery key may speak.
    #[error("the member's state does not allow it")]
    State,
    /// A key change that was listed is gone, or stands elsewhere, without a new entry.
    #[error("a key change that was listed is gone")]
    Lost,
}

impl Rotation {
    /// Signs with the old and the new key.
    #[must_use]
    pub fn sign(&self, old: &dyn Sign, new: &dyn Sign) -> General {
        General::new(&payload(self))
            .signed(ROTATION_TYP, old)
            .signed(ROTATION_TYP, new)
    }
}

impl KeyRevocation {
    /// Signs with the recovery key and with each key that replaces one.
    #[must_use]
    pub fn sign(&self, recovery: &dyn Sign, replacing: &[&dyn Sign]) -> General {
        let signed = General::new(&payload(self)).signed(KEY_REVOCATION_TYP, recovery);
        replacing
            .iter()
            .fold(signed, |jws, key| jws.signed(KEY_REVOCATION_TYP, *key))
    }
}

/// What both say first.
pub(super) struct Heading<'a> {
    pub(super) ver: u32,
    pub(super) iss: &'a str,
    pub(super) member: &'a MemberId,
    pub(super) entry: PayloadHash,
    pub(super) number: u64,
}

impl KeyChange {
    /// Reads one without judging its signatures.
    ///
    /// # Errors
    /// `Form`, `Schema`.
    pub fn read(jws: &General) -> Result<Self, KeyChangeError> {
        Self::open(jws).map(|(change, _)| change)
    }

    pub(super) fn open(jws: &General) -> Result<(Self, OpenGeneral<'_>), KeyChangeError> {
        let schema = |_| KeyChangeError::Schema;
        let change = match jws.open(ROTATION_TYP) {
            Ok(open) => (
                Self::Rotation(json::parse_as(&open.payload).map_err(schema)?),
                open,
            ),
            Err(_other) => {
                let open = jws.open(KEY_REVOCATION_TYP)?;
                let revocation: KeyRevocation = json::parse_as(&open.payload).map_err(schema)?;
                let kids = 1..=MOST_REVOKED;
                if !kids.contains(&revocation.revoked.len())
                    || revocation.replaced_by.len() > ROTATED_USES.len()
                {
                    return Err(KeyChangeError::Schema);
                }
                (Self::Revocation(revocation), open)
            }
        };
        match change.0.heading().ver {
            DOCUMENT_VERSION => Ok(change),
            _ => Err(KeyChangeError::Schema),
        }
    }

    /// When it was signed.
    #[must_use]
    pub const fn iat(&self) -> Timestamp {
        match self {
            Self::Rotation(Rotation { iat, .. }) | Self::Revocation(KeyRevocation { iat, .. }) => {
                *iat
            }
        }
    }

    /// Whether a member in this state may say it: a suspended one only by its recovery key, and
    /// nobody after the end.
    #[must_use]
    pub const fn is_allowed_in(&self, state: MemberState) -> bool {
        match self {
            Self::Rotation(_) => matches!(
                state,
                MemberState::Probation | MemberState::Active | MemberState::Maintenance
            ),
            Self::Revocation(_) => !matches!(state, MemberState::Revoked | MemberState::Withdrawn),
        }
    }

    /// Whose keys it is about.
    #[must_use]
    pub const fn member(&self) -> &MemberId {
        match self {
            Self::Rotation(rotation) => &rotation.member,
            Self::Revocation(revocation) => &revocation.member,
        }
    }

    /// The keys that it brings.
    pub fn new_keys(&self) -> impl Iterator<Item = &KeyStatement> {
        match self {
            Self::Rotation(rotation) => std::slice::from_ref(&rotation.new),
            Self::Revocation(revocation) => &revocation.replaced_by,
        }
        .iter()
    }

    pub(super) fn heading(&self) -> Heading<'_> {
        match self {
            Self::Rotation(said) => Heading {
                ver: said.ver,
                iss: &said.iss,
                member: &said.member,
                entry: said.entry,
                number: said.number,
            },
            Self::Revocation(said) => Heading {
                ver: said.ver,
                iss: &said.iss,
                member: &said.member,
                entry: said.entry,
                number: said.number,
            },
        }
    }
}

/// Whether exactly these keys signed, each rightly, and nobody else.
pub(super) fn signed_by_exactly(
    jws: &General,
    open: &OpenGeneral<'_>,
    keys: &[(&KeyId, &PublicKey)],
) -> bool {
    jws.signatures() == keys.len() && open.count(keys.iter().copied()) == Ok(keys.len())
}
