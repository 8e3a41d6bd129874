//! A member's own word about its keys: taken when every node would take it, told at once.

use federation_protocol::directory::{KeyChange, LONGEST_KEY_CHANGE};
use federation_protocol::jws::General;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use crate::config::KeyFolder;
use crate::database::{Connection, Database, DatabaseError};
use crate::directory::{Issuer, Needs, PublishError};
use crate::members::{self, KeysError};

/// Why a member's keys stay as they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum RekeyError {
    /// Not a statement at all.
    #[error("not a signed statement")]
    Malformed,
    /// The members room says no.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No node would take the directory that it leads to, or there can be none now.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What came of it.
pub(super) struct Rekeyed {
    /// What the member said.
    pub(super) change: KeyChange,
    /// The directory that lists it; `None` when only the status says it.
    pub(super) directory: Option<u64>,
}

/// Lists a rotation or revocation of `id`, all or nothing: with the directory that every node will
/// take.
///
/// A revocation is told by the status even when the directory cannot be remade: another member's
/// broken entry must not keep a stolen key alive.
///
/// # Errors
/// [`RekeyError`]; then nothing was changed.
pub(super) fn rekey(
    database: &mut Database,
    keys: &KeyFolder,
    (id, text): (&MemberId, &str),
    now: Timestamp,
) -> Result<Rekeyed, RekeyError> {
    let said = General::parse(text.as_bytes(), LONGEST_KEY_CHANGE);
    let said = said.map_err(|_form| RekeyError::Malformed)?;
    // Strangers get no further: what follows reads keys and signs.
    database.read(|db| members::keys::known_signer(db, id, &said))?;
    let issuer = Issuer::load(database, keys, now)?;
    let take = |db: &mut Connection| Ok::<_, RekeyError>(members::keys::take(db, id, &said, now)?);
    match issuer.change(database, Needs::Directory, now, take) {
        Ok((change, edition)) => Ok(Rekeyed {
            change,
            directory: Some(edition.directory.seq),
        }),
        Err(RekeyError::Publish(trouble)) => {
            let stop = |db: &mut Connection| stop(db, (id, &said), now, trouble);
            let (change, _) = issuer.change(database, Needs::Status, now, stop)?;
            let directory = None;
            Ok(Rekeyed { change, directory })
        }
        Err(error) => Err(error),
    }
}

/// The part of a rightful revocation that needs no directory.
fn stop(
    db: &mut Connection,
    (id, said): (&MemberId, &General),
    now: Timestamp,
    trouble: PublishError,
) -> Result<KeyChange, RekeyError> {
    let change = members::keys::judge(db, id, said, now)?.change;
    match change {
        KeyChange::Rotation(_) => Err(trouble.into()),
        KeyChange::Revocation(_) => {
            tracing::error!(%trouble, member.id = %id, "a revocation is told by the status alone");
            members::keys::stop_revoked(db, &change)?;
            Ok(change)
        }
    }
}
