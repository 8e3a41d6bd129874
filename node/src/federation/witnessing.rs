//! Showing the head of this node's log to the registry, and keeping its cosignature.
//!
//! A refusal is not an error of the line: it says that the registry has seen more of this log than
//! this node has, or another truth. Then somebody has put the database back, or changed it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use federation_protocol::directory::{DocumentKind, KeyChain, Membership};
use federation_protocol::keys::PublicKey;
use federation_protocol::transparency::{
    Checkpoint, NoteSignature, SignedNote, Submission, cosigned_at, verify_checkpoint,
};
use federation_service::peer_client::{Fetched, PeerFailure};
use reqwest::StatusCode;

use super::directory::{MemberDirectory, PollError};
use crate::audit::{Audit, AuditError, Checkpoints, Kind, Line};
use crate::database::DatabaseError;

/// How long the registry may take.
const DEADLINE: Duration = Duration::from_secs(8);
/// How often the number of waiting lines is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// A checkpoint is made after so many looks, when anything waits: 60 s.
const LOOKS: u32 = 12;
/// A checkpoint is made at once when so many lines wait.
const MANY: i64 = 1_000;
/// The answer's longest text that is read.
const LONGEST: usize = 4_096;

/// Why no cosignature was had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessingError {
    /// The log could not be read, or sealed.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// There is no root yet, or the registry's address cannot be used.
    #[error(transparent)]
    Registry(#[from] PollError),
    /// The registry did not answer.
    #[error("the registry did not answer: {0}")]
    Failure(#[from] PeerFailure),
    /// The registry has cosigned more of this log than there is: it was put back to an older state.
    #[error(
        "the registry has cosigned {witnessed} entries of this log, and here are {have}: the \
         database is older than what was witnessed"
    )]
    Rollback {
        /// Entries that the registry has seen.
        witnessed: u64,
        /// Entries here.
        have: u64,
    },
    /// What the registry has cosigned is not the beginning of what is here.
    #[error("what the registry has cosigned of this log (size {witnessed}) is not what is here")]
    Fork {
        /// Entries that the registry has seen.
        witnessed: u64,
    },
    /// The registry refused in another way.
    #[error("the registry refused the checkpoint with status {0}")]
    Refused(u16),
    /// What it answered is no cosignature of its own.
    #[error("what the registry answered is no cosignature of its key")]
    NoCosignature,
}

impl From<DatabaseError> for WitnessingError {
    fn from(error: DatabaseError) -> Self {
        Self::Audit(error.into())
    }
}

impl WitnessingError {
    /// The outcome in the audit, where it is one for people.
    const fn alarm(&self) -> Option<&'static str> {
        match self {
            Self::Rollback { .. } => Some("rollback"),
            Self::Fork { .. } => Some("fork"),
            _ => None,
        }
    }
}

/// Seals the log and has it witnessed. Cheap to clone.
#[derive(Clone)]
pub struct Witnessing {
    checkpoints: Checkpoints,
    directory: MemberDirectory,
    audit: Audit,
    /// The alarm that was told last: each is told once.
    told: Arc<Mutex<Option<&'static str>>>,
}

impl Witnessing {
    /// Shows `checkpoints` to the registry that `directory` knows.
    #[must_use]
    pub fn new(checkpoints: Checkpoints, directory: MemberDirectory, audit: Audit) -> Self {
        Self {
            checkpoints,
            directory,
            audit,
            told: Arc::default(),
        }
    }

    /// This node's log.
    #[must_use]
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Seals and shows for ever: each minute when anything waits, at once when much does. Ends only
    /// when it is dropped.
    pub async fn keep_witnessed(&self) {
        let mut looks = LOOKS;
        loop {
            let waiting = self.checkpoints.waiting().await.unwrap_or(0);
            looks += 1;
            if looks >= LOOKS || waiting >= MANY {
                looks = 0;
                if let Err(error) = self.witness().await {
                    tracing::warn!("the log was not witnessed: {error}");
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Seals what waits and shows the newest checkpoint, if the registry has not cosigned it yet.
    ///
    /// # Errors
    /// [`WitnessingError`]; a rollback or a fork is told to people, once.
    pub async fn witness(&self) -> Result<(), WitnessingError> {
        self.checkpoints.seal().await?;
        let result = self.show().await;
        match &result {
            Ok(()) => *self.told() = None,
            Err(error) => {
                if let Some(alarm) = error.alarm() {
                    self.alarm(alarm, error).await;
                }
            }
        }
        result
    }

    async fn show(&self) -> Result<(), WitnessingError> {
        let Some(membership) = self.directory.membership() else {
            return Ok(());
        };
        let witness = membership.registry().to_owned();
        let last = self.checkpoints.cosigned_by(&witness).await?.unwrap_or(0);
        let Some(submission) = self.checkpoints.submission(last).await? else {
            return Ok(());
        };
        let size = size_of(&submission)?;
        if size == last {
            return Ok(());
        }
        match self.submit(&membership, &submission, size).await? {
            Answer::Cosigned => Ok(()),
            // It knows less than we remember: the answer was kept there and lost here, or its
            // database was put back, or an operator let this log begin anew.
            Answer::Elsewhere(at) if at != last => {
                let again = self.checkpoints.submission(at).await?;
                let again = again.ok_or(WitnessingError::Rollback {
                    witnessed: at,
                    have: size,
                })?;
                match self.submit(&membership, &again, size).await? {
                    Answer::Cosigned => Ok(()),
                    Answer::Elsewhere(_) => Err(WitnessingError::Fork { witnessed: at }),
                }
            }
            Answer::Elsewhere(at) => Err(WitnessingError::Fork { witnessed: at }),
        }
    }

    async fn submit(
        &self,
        membership: &Membership,
        submission: &Submission,
        size: u64,
    ) -> Result<Answer, WitnessingError> {
        let client = self.directory.client()?;
        let reply = client.submit(submission, DEADLINE).await?;
        let text = std::str::from_utf8(&reply.body).unwrap_or_default();
        let text = if text.len() > LONGEST { "" } else { text };
        match StatusCode::from_u16(reply.status) {
            Ok(StatusCode::OK) => {
                let line = cosignature(membership, submission, text)?;
                self.checkpoints.keep_cosignature(size, &line).await?;
                Ok(Answer::Cosigned)
            }
            Ok(StatusCode::CONFLICT) => match text.trim_end().parse() {
                Ok(at) => Ok(Answer::Elsewhere(at)),
                Err(_) => Err(WitnessingError::Refused(reply.status)),
            },
            Ok(StatusCode::UNPROCESSABLE_ENTITY) => Err(WitnessingError::Fork {
                witnessed: submission.old_size,
            }),
            _ => Err(WitnessingError::Refused(reply.status)),
        }
    }

    /// Compares the log with what the registry cosigned last: the size and time of that, `None` if
    /// it never cosigned.
    ///
    /// # Errors
    /// `Rollback`, `Fork`; others when it cannot be compared.
    pub async fn compare(&self) -> Result<Option<u64>, WitnessingError> {
        let client = self.directory.client()?;
        let origin = self.checkpoints.origin();
        let body = match client.checkpoint(origin, DEADLINE).await {
            Ok(Fetched::Document { body, .. }) => body,
            Ok(Fetched::NotModified) | Err(PeerFailure::Status(404)) => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let note = SignedNote::parse(&body).map_err(|_other| WitnessingError::NoCosignature)?;
        let membership = self.directory.membership();
        let membership = membership.ok_or(WitnessingError::NoCosignature)?;
        judge(&membership, &note)?;
        let log = log_keys(&membership, &self.checkpoints);
        let seen = verify_checkpoint(&note, origin.as_str(), &log)
            .map_err(|_other| WitnessingError::NoCosignature)?;
        let witnessed = seen.size;
        match self.checkpoints.root_at(witnessed).await? {
            None => {
                let have = self.checkpoints.newest().await?;
                let have = have.and_then(|note| Checkpoint::parse(&note.text).ok());
                let have = have.map_or(0, |newest| newest.size);
                Err(WitnessingError::Rollback { witnessed, have })
            }
            Some(root) if root != seen.root => Err(WitnessingError::Fork { witnessed }),
            Some(_) => Ok(Some(witnessed)),
        }
    }

    fn told(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn alarm(&self, alarm: &'static str, error: &WitnessingError) {
        // The sizes move on with each minute; the alarm is the same.
        if self.told().replace(alarm) == Some(alarm) {
            return;
        }
        let text = error.to_string();
        tracing::error!(
            alarm,
            "the audit log: {text}; next: musubi-node audit verify --online"
        );
        let line = Line::new(Kind::Witness, self.checkpoints.now(), "system")
            .outcome(alarm)
            .detail("reason", text);
        if let Err(error) = self.audit.append(line).await {
            tracing::error!("the alarm could not be written into the audit: {error}");
        }
    }
}

enum Answer {
    Cosigned,
    /// The witness has this log at another size.
    Elsewhere(u64),
}

fn size_of(submission: &Submission) -> Result<u64, WitnessingError> {
    match Checkpoint::parse(&submission.note.text) {
        Ok(checkpoint) => Ok(checkpoint.size),
        Err(_) => Err(AuditError::Checkpoint.into()),
    }
}

/// The registry's line under what was shown, verified.
fn cosignature(
    membership: &Membership,
    submission: &Submission,
    answer: &str,
) -> Result<NoteSignature, WitnessingError> {
    let lines =
        NoteSignature::parse_lines(answer).map_err(|_other| WitnessingError::NoCosignature)?;
    for line in lines {
        let note = SignedNote {
            text: submission.note.text.clone(),
            signatures: vec![line.clone()],
        };
        if judge(membership, &note).is_ok() {
            return Ok(line);
        }
    }
    Err(WitnessingError::NoCosignature)
}

fn judge(membership: &Membership, note: &SignedNote) -> Result<(), WitnessingError> {
    match cosigned_at(note, membership.registry(), &witness_keys(membership)) {
        Ok(Some(_)) => Ok(()),
        _ => Err(WitnessingError::NoCosignature),
    }
}

/// The registry's keys that cosign: those that may sign the status.
#[must_use]
pub fn witness_keys(membership: &Membership) -> Vec<PublicKey> {
    let online = &membership.root().document().online;
    let may = online
        .iter()
        .filter(|key| key.may.contains(&DocumentKind::Status));
    may.map(|key| key.x.clone()).collect()
}

/// Every `log` key that this member has, or had: old checkpoints stay verifiable.
#[must_use]
pub fn log_keys(membership: &Membership, checkpoints: &Checkpoints) -> Vec<PublicKey> {
    use federation_protocol::keys::KeyUse;
    let me = checkpoints.origin();
    let directory = membership.directory();
    let chain = directory.chain(me).map(KeyChain::keys).unwrap_or_default();
    let listed = chain
        .iter()
        .filter(|key| key.statement.key_use == KeyUse::Log)
        .filter_map(|key| key.statement.public_key());
    let archive = &directory.document().archive;
    let archived = archive
        .iter()
        .filter(|key| key.member == *me && key.key_use == KeyUse::Log)
        .filter_map(|key| PublicKey::from_x(&key.x).ok());
    let mut keys: Vec<_> = listed.chain(archived).collect();
    keys.push(checkpoints.public());
    keys.sort_by(|one, other| one.bytes().cmp(other.bytes()));
    keys.dedup();
    keys
}
