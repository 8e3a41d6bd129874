//! The registry as a witness of the members' audit logs: it sees origin, size and root, and cosigns
//! what continues what it cosigned before.
//!
//! Owns the last head of each log. Never sees an entry. Signs with the key that signs the status:
//! what it signs here begins with `cosignature/v1`, so neither can be taken for the other.
//!
//! Source: C2SP tlog-witness; PROTOCOL section 7.

pub(crate) mod routes;
mod store;

use federation_protocol::directory::Root;
use federation_protocol::keys::{KeyUse, PublicKey, SecretKey};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{
    Checkpoint, NoteSignature, Submission, WitnessRefusal, cosign, judge_submission,
};

use crate::config::KeyFolder;
use crate::database::{Connection, Database, DatabaseError};
use crate::directory::{OnlineKeys, PublishError};
use crate::members::{self, KeysError, MemberError};

pub use store::{Head, Reset};

/// Cosigns.
pub(crate) struct Witness {
    /// The registry's id: the name of its key in notes.
    name: String,
    key: SecretKey,
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CosignError {
    /// It claims to be the log of nobody who is a member.
    #[error("not the log of a member")]
    UnknownLog,
    /// It does not continue what was cosigned before.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// The database failed; nothing was changed, and nothing is cosigned.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Why where a log was is not forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// No log of this member was ever cosigned.
    #[error("no log of {0} was ever cosigned")]
    Unknown(MemberId),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Witness {
    /// A witness by the name of this root's registry, with the key of the status below the state
    /// folder.
    ///
    /// # Errors
    /// `Key`, naming the file.
    pub(crate) fn load(root: &Root, keys: &KeyFolder) -> Result<Self, PublishError> {
        Ok(Self {
            name: root.registry().to_owned(),
            key: OnlineKeys::load_status(keys, root.document())?,
        })
    }

    /// Judges, keeps the new head, and cosigns: the line is given away only after the commit.
    ///
    /// # Errors
    /// [`CosignError`].
    pub(crate) fn cosign(
        &self,
        database: &mut Database,
        submission: &Submission,
        now: Timestamp,
    ) -> Result<NoteSignature, CosignError> {
        let claimed = Checkpoint::parse(&submission.note.text)
            .map_err(|_other| WitnessRefusal::Malformed)?
            .origin;
        let member: MemberId = claimed.parse().map_err(|_other| CosignError::UnknownLog)?;
        database.transact(|db| {
            let keys = log_keys(db, &member, now)?;
            let last = store::find(db, &claimed)?;
            let last = last.map(|head| (head.size, head.root));
            let next = judge_submission(submission, &claimed, &keys, last)?;
            let line = cosign(
                &submission.note.text,
                &self.name,
                &self.key,
                &self.key.public(),
                now,
            );
            let mut note = submission.note.clone();
            note.signatures.retain(|line| line.name == claimed);
            note.signatures.push(line.clone());
            store::keep(
                db,
                &Head {
                    origin: claimed.clone(),
                    size: next.size,
                    root: next.root,
                    note: note.to_string(),
                    cosigned_at: now,
                },
            )?;
            Ok(line)
        })
    }
}

/// The `log` keys that count for this member now.
fn log_keys(
    db: &mut Connection,
    member: &MemberId,
    now: Timestamp,
) -> Result<Vec<PublicKey>, CosignError> {
    let (row, _) = members::show(db, member).map_err(|error| match error {
        MemberError::Database(error) => CosignError::Database(error),
        _ => CosignError::UnknownLog,
    })?;
    let chain = members::keys::chain(db, &row).map_err(|error| match error {
        KeysError::Database(error) => CosignError::Database(error),
        _ => CosignError::UnknownLog,
    })?;
    let counts = chain.counting(KeyUse::Log, now);
    Ok(counts.filter_map(|key| key.public_key()).collect())
}

/// Where the log of a member was when it was cosigned last.
///
/// # Errors
/// From the database.
pub(crate) fn head(
    database: &mut Database,
    member: &MemberId,
) -> Result<Option<Head>, DatabaseError> {
    database.read(|db| store::find(db, member.as_str()))
}

/// Every log that was ever cosigned, and every reset, oldest first.
///
/// # Errors
/// From the database.
pub(crate) fn all(database: &mut Database) -> Result<(Vec<Head>, Vec<Reset>), DatabaseError> {
    database.read(|db| Ok((store::all(db)?, store::resets(db)?)))
}

/// Forgets where the log of a member was, and writes down that it did: the next checkpoint is the
/// first again. For a member whose node was restored from a backup.
///
/// # Errors
/// `Unknown`, `Database`.
pub(crate) fn reset(
    database: &mut Database,
    member: &MemberId,
    reason: &str,
    now: Timestamp,
) -> Result<Head, ResetError> {
    database.transact(|db| {
        let head = store::find(db, member.as_str())?;
        let head = head.ok_or_else(|| ResetError::Unknown(member.clone()))?;
        store::reset(db, &head, reason, now)?;
        Ok(head)
    })
}
