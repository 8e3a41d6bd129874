//! A member's keys as they are: its entry, what it said about them itself, and what was revoked.
//!
//! Source: PROTOCOL section 3, "Rotation".

use federation_protocol::directory::{
    KEY_CHANGE_SECONDS, KeyChain, KeyChange, KeyChangeError, LONGEST_KEY_CHANGE, RevokedElsewhere,
};
use federation_protocol::jws::{General, PayloadHash};
use federation_protocol::keys::KeyId;
use federation_protocol::member::{MemberId, MemberState};
use federation_protocol::time::Timestamp;

use super::{MemberRow, store};
use crate::database::{Connection, DatabaseError};

/// How far a member's clock may be ahead, in seconds.
const SKEW_SECONDS: i64 = 60;

/// A key that counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevokedKey {
    /// Which.
    pub(crate) kid: KeyId,
    /// Whose.
    pub(crate) member: MemberId,
    /// Why, in the operator's words.
    pub(crate) reason: String,
    /// From when on, UTC, whole seconds.
    pub(crate) at: Timestamp,
}

/// Why a member's keys stay as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Nobody has this id, or the entry cannot be read.
    #[error("{0} is not a member whose keys can be read")]
    Unknown(MemberId),
    /// The statement is of no key of this member.
    #[error("no key of {0} signed this")]
    Stranger(MemberId),
    /// It is this member's, and no node would take it.
    #[error(transparent)]
    Refused(#[from] KeyChangeError),
    /// A new key is, or once was, somebody's.
    #[error("{kid} is or was a key of {owner}")]
    KnownKey {
        /// Which.
        kid: KeyId,
        /// Whose.
        owner: MemberId,
    },
    /// The member has no such key.
    #[error("{member} has no key {kid}")]
    NoSuchKey {
        /// Who.
        member: MemberId,
        /// Which.
        kid: KeyId,
    },
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Every revoked key, the newest first.
///
/// # Errors
/// From the database.
pub(crate) fn revoked(db: &mut Connection) -> Result<Vec<RevokedKey>, DatabaseError> {
    store::keys::revoked(db)
}

/// When each revoked key was revoked.
///
/// # Errors
/// From the database.
pub(crate) fn revoked_at(db: &mut Connection) -> Result<RevokedElsewhere, DatabaseError> {
    let all = store::keys::revoked(db)?;
    Ok(all.into_iter().map(|key| (key.kid, key.at)).collect())
}

/// What the member said about its keys since its entry in force, as signed, in its order.
///
/// # Errors
/// From the database.
pub(crate) fn changes(db: &mut Connection, row: &MemberRow) -> Result<Vec<General>, DatabaseError> {
    let Some(entry) = entry_hash(row) else {
        return Ok(Vec::new());
    };
    let said = store::keys::changes(db, &row.id, entry)?;
    said.into_iter()
        .map(|text| {
            General::parse(text.as_bytes(), LONGEST_KEY_CHANGE).or(Err(DatabaseError::Corrupt {
                what: "key change",
                value: text,
            }))
        })
        .collect()
}

/// The member's keys as they are.
///
/// # Errors
/// `Unknown` when its entry cannot be read; `Refused` when what is kept does not count; `Database`.
pub(crate) fn chain(db: &mut Connection, row: &MemberRow) -> Result<KeyChain, KeysError> {
    let changes = changes(db, row)?;
    chain_with(db, row, &changes)
}

fn chain_with(
    db: &mut Connection,
    row: &MemberRow,
    changes: &[General],
) -> Result<KeyChain, KeysError> {
    let unknown = || KeysError::Unknown(row.id.clone());
    let entry: General = serde_json::from_str(&row.entry).map_err(|_unreadable| unknown())?;
    KeyChain::read(&entry, changes, &revoked_at(db)?)?.ok_or_else(unknown)
}

fn entry_hash(row: &MemberRow) -> Option<PayloadHash> {
    serde_json::from_str::<General>(&row.entry)
        .ok()?
        .payload_hash()
}

/// Whether a key of this member signed, before anything dear is done with it.
///
/// # Errors
/// `Unknown`, `Stranger`: for nobody to tell apart; `Database`.
pub(crate) fn known_signer(
    db: &mut Connection,
    id: &MemberId,
    said: &General,
) -> Result<(), KeysError> {
    let row = store::find(db, id)?.ok_or_else(|| KeysError::Unknown(id.clone()))?;
    if chain(db, &row)?.knows_signer_of(said) {
        Ok(())
    } else {
        Err(KeysError::Stranger(id.clone()))
    }
}

/// A member's word about its keys that may be listed.
pub(crate) struct Judged {
    /// What it says.
    pub(crate) change: KeyChange,
    /// Where it is to be written; `None` when it stands there already.
    place: Option<(PayloadHash, u64)>,
}

/// Judges a member's own word about its keys as every node will when it is listed.
///
/// # Errors
/// [`KeysError`].
pub(crate) fn judge(
    db: &mut Connection,
    id: &MemberId,
    said: &General,
    now: Timestamp,
) -> Result<Judged, KeysError> {
    known_signer(db, id, said)?;
    let row = store::find(db, id)?.ok_or_else(|| KeysError::Unknown(id.clone()))?;
    let change = KeyChange::read(said)?;
    let mut changes = changes(db, &row)?;
    let payload = said.payload_hash();
    if changes.iter().any(|one| one.payload_hash() == payload) {
        return Ok(Judged {
            change,
            place: None,
        });
    }
    check_moment(&change, row.state, now)?;
    let number = u64::try_from(changes.len()).unwrap_or(u64::MAX);
    changes.push(said.clone());
    let after = chain_with(db, &row, &changes)?;
    let entry = after.entry();
    if let Some(by) = after.last_spoken_by()
        && revoked_at(db)?.contains_key(by)
    {
        // It may claim a moment before the operators' word.
        return Err(KeyChangeError::OldKey(by.clone()).into());
    }
    for key in change.new_keys() {
        if let Some(owner) = store::owner_of_key(db, &key.kid)? {
            let kid = key.kid.clone();
            return Err(KeysError::KnownKey { kid, owner });
        }
    }
    Ok(Judged {
        change,
        place: Some((entry, number.saturating_add(1))),
    })
}

/// Takes a member's own word about its keys, inside the caller's transaction. Said twice, it is
/// heard once.
///
/// # Errors
/// [`KeysError`]; then nothing was changed.
pub(crate) fn take(
    db: &mut Connection,
    id: &MemberId,
    said: &General,
    now: Timestamp,
) -> Result<KeyChange, KeysError> {
    let Judged { change, place } = judge(db, id, said, now)?;
    if let Some(place) = place {
        let kids: Vec<KeyId> = change.new_keys().map(|key| key.kid.clone()).collect();
        store::keys::append(db, id, place, (&said.to_json(), &kids), now)?;
        stop_revoked(db, &change)?;
    }
    Ok(change)
}

/// As every node judges it when it is listed.
fn check_moment(
    change: &KeyChange,
    state: MemberState,
    now: Timestamp,
) -> Result<(), KeyChangeError> {
    let age = now.seconds_since(change.iat());
    if !(-SKEW_SECONDS..=KEY_CHANGE_SECONDS).contains(&age) {
        return Err(KeyChangeError::NotFresh);
    }
    if change.is_allowed_in(state) {
        Ok(())
    } else {
        Err(KeyChangeError::State)
    }
}

/// Writes down the keys that a member's own revocation names.
///
/// # Errors
/// From the database.
pub(crate) fn stop_revoked(db: &mut Connection, change: &KeyChange) -> Result<(), DatabaseError> {
    let KeyChange::Revocation(said) = change else {
        return Ok(());
    };
    for kid in &said.revoked {
        let key = RevokedKey {
            kid: kid.clone(),
            member: said.member.clone(),
            reason: "by its recovery key".to_owned(),
            at: said.iat,
        };
        store::keys::revoke(db, &key)?;
    }
    Ok(())
}

/// Revokes a key by the operators' word, inside the caller's transaction. Said twice, it is heard
/// once.
///
/// # Errors
/// `Unknown`, `NoSuchKey`, `Database`.
pub(crate) fn revoke(
    db: &mut Connection,
    id: &MemberId,
    kid: &KeyId,
    reason: &str,
    now: Timestamp,
) -> Result<MemberRow, KeysError> {
    let row = store::find(db, id)?.ok_or_else(|| KeysError::Unknown(id.clone()))?;
    if store::owner_of_key(db, kid)?.as_ref() != Some(id) {
        let (member, kid) = (id.clone(), kid.clone());
        return Err(KeysError::NoSuchKey { member, kid });
    }
    // What the key rightly said a moment ago, by a clock a little ahead, stays said: a rotation
    // younger than its key's end would never be taken by a node again.
    let last = chain(db, &row)?.last_change();
    let spoken = last.map_or(now, |last| last.plus_seconds(1).max(now));
    let at = Timestamp::from_unix_seconds(spoken.unix_seconds());
    let key = RevokedKey {
        kid: kid.clone(),
        member: id.clone(),
        reason: reason.to_owned(),
        at,
    };
    store::keys::revoke(db, &key)?;
    Ok(row)
}
