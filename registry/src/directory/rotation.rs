//! The next root: judged as every node will judge it, and every entry under it, before it is issued.

use federation_protocol::directory::{
    DOCUMENT_VERSION, ENTRY_TYP, Entry, Reading, Root, RootDocument,
};
use federation_protocol::jws::{General, PayloadHash};
use federation_protocol::keys::Sign;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{Issue, Kind, PublishError, store};
use crate::database::{Connection, Database, DatabaseError};
use crate::members;

/// A root lives a year.
const ROOT_LIFE_SECONDS: i64 = 365 * 86_400;

/// Longest stored entry that is read back, bytes.
const LONGEST_ENTRY: usize = 1024 * 1024;

/// Why the next root was not issued; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// No node would take it as the next root.
    #[error("no node would take this as the next root: {0}")]
    Refused(federation_protocol::directory::AcceptError),
    /// An entry would not stand under the new root's approvers.
    #[error("the entry of {member} would not stand under the new root: {error}")]
    Entry {
        /// Whose.
        member: federation_protocol::member::MemberId,
        /// Why.
        error: federation_protocol::directory::EntryError,
    },
    /// What is kept cannot be read or published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The successor of `root`, a year long, to be changed and signed.
pub(crate) fn draft(root: &Root, now: Timestamp) -> RootDocument {
    let iat = Timestamp::from_unix_seconds(now.unix_seconds());
    RootDocument {
        ver: DOCUMENT_VERSION,
        seq: root.document().seq.saturating_add(1),
        prev: Some(root.hash()),
        iat,
        exp: iat.plus_seconds(ROOT_LIFE_SECONDS),
        ..root.document().clone()
    }
}

/// Issues `signed` as the next root after `known`. `approvers` sign every entry anew where they have
/// not yet: the same statement, so that no member has to.
///
/// # Errors
/// [`RotationError`]; then nothing was changed.
///
/// Source: PROTOCOL section 2, "n+1 signed by n's threshold and its own".
pub(crate) fn rotate(
    database: &mut Database,
    known: &Root,
    signed: &str,
    approvers: &[&dyn Sign],
    now: Timestamp,
) -> Result<Root, RotationError> {
    let next = known
        .successor(signed.as_bytes(), Reading::Fresh, now)
        .map_err(RotationError::Refused)?;
    if next.hash() == known.hash() {
        let seq = known.document().seq;
        let same = federation_protocol::directory::AcceptError::SplitView { seq };
        return Err(RotationError::Refused(same));
    }
    database.transact(|db| {
        countersign(db, approvers, &next)?;
        let document = next.document();
        let issue = Issue {
            kind: Kind::Root,
            seq: document.seq,
            hash: PayloadHash::from_bytes(*next.hash().bytes()),
            document: signed.to_owned(),
            issued_at: document.iat,
            expires_at: document.exp,
        };
        store::insert(db, &issue)?;
        Ok(next.clone())
    })
}

fn countersign(
    db: &mut Connection,
    approvers: &[&dyn Sign],
    next: &Root,
) -> Result<(), RotationError> {
    for row in members::all(db)? {
        if let Some(signed) = signed_anew(&row.entry, &row.id, approvers, next)? {
            members::countersign(db, &row.id, &signed)?;
        }
    }
    // What is on hold is listed too. What waits for approvers is signed by them when they sign.
    for row in members::replacements(db)? {
        if row.in_force_at.is_some()
            && let Some(signed) = signed_anew(&row.entry, &row.member, approvers, next)?
        {
            let entry = signed.to_json();
            members::keep_replacement(db, &members::ReplacementRow { entry, ..row })?;
        }
    }
    Ok(())
}

/// The statement with the signatures that the next root asks for; none when it has them.
fn signed_anew(
    entry: &str,
    member: &MemberId,
    approvers: &[&dyn Sign],
    next: &Root,
) -> Result<Option<General>, RotationError> {
    let entry = General::parse(entry.as_bytes(), LONGEST_ENTRY)
        .or(Err(PublishError::Unreadable("member's entry")))?;
    let signed = approvers.iter().fold(entry.clone(), |entry, key| {
        match entry.is_signed_by(ENTRY_TYP, key.kid()) {
            true => entry,
            false => entry.signed(ENTRY_TYP, *key),
        }
    });
    Entry::verify(&signed, next.document()).map_err(|error| RotationError::Entry {
        member: member.clone(),
        error,
    })?;
    Ok((signed != entry).then_some(signed))
}
