//! Showing the head of this node's log to its witnesses, and keeping their cosignatures: the registry
//! each minute, and the members that the settings name every ten.
//!
//! A refusal is not an error of the line: it says that the witness has seen more of this log than
//! this node has, or another truth. Then somebody has put the database back, or changed it.

mod peers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use federation_protocol::directory::{DocumentKind, KeyChain, Membership};
use federation_protocol::keys::{KeyUse, PublicKey};
use federation_protocol::member::MemberId;
use federation_protocol::transparency::{
    Checkpoint, NoteSignature, SignedNote, Submission, cosigned_at, verify_checkpoint,
};
use federation_service::peer_client::{Fetched, PeerFailure};
use reqwest::StatusCode;

use super::directory::{MemberDirectory, PollError};
use super::exchange::Exchanges;
use crate::audit::{Audit, AuditError, Checkpoints, Kind, Line};
use crate::database::DatabaseError;

/// How long the registry may take.
const DEADLINE: Duration = Duration::from_secs(8);
/// How often the number of waiting lines is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// A checkpoint is made after so many looks, when anything waits: 60 s.
const LOOKS: u32 = 12;
/// The witnesses among the members are shown it after so many looks: 10 min. Each showing is a line
/// in both logs, so more often would keep two quiet nodes busy with each other.
const LOOKS_OF_PEERS: u32 = 120;
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
    /// A witness has cosigned more of this log than there is: it was put back to an older state.
    #[error(
        "the witness has cosigned {witnessed} entries of this log, and here are {have}: the \
         database is older than what was witnessed"
    )]
    Rollback {
        /// Entries that the witness has seen.
        witnessed: u64,
        /// Entries here.
        have: u64,
    },
    /// What a witness has cosigned is not the beginning of what is here.
    #[error("what the witness has cosigned of this log (size {witnessed}) is not what is here")]
    Fork {
        /// Entries that the witness has seen.
        witnessed: u64,
    },
    /// The registry refused in another way.
    #[error("the registry refused the checkpoint with status {0}")]
    Refused(u16),
    /// A member gave no answer that can be used.
    #[error("{member} did not cosign: {why}")]
    Peer {
        /// Who.
        member: MemberId,
        /// What came instead.
        why: String,
    },
    /// What it answered is no cosignature of its own.
    #[error("what the witness answered is no cosignature of its key")]
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
    /// The members that cosign too, and the way to them.
    peers: Option<(Exchanges, Arc<[MemberId]>)>,
    /// The alarm of each witness that was told last: each is told once.
    told: Arc<Mutex<HashMap<String, &'static str>>>,
}

/// Who is shown the log.
#[derive(Copy, Clone)]
enum Witness<'a> {
    Registry,
    Member(&'a Exchanges, &'a MemberId),
}

impl Witness<'_> {
    /// The name of its key in notes.
    fn name(self, membership: &Membership) -> String {
        match self {
            Self::Registry => membership.registry().to_owned(),
            Self::Member(_, member) => member.to_string(),
        }
    }
}

impl Witnessing {
    /// Shows `checkpoints` to the registry that `directory` knows.
    #[must_use]
    pub fn new(checkpoints: Checkpoints, directory: MemberDirectory, audit: Audit) -> Self {
        Self {
            checkpoints,
            directory,
            audit,
            peers: None,
            told: Arc::default(),
        }
    }

    /// Shows them to these members too, through `exchanges`.
    #[must_use]
    pub fn with_peers(mut self, exchanges: Exchanges, members: &[MemberId]) -> Self {
        self.peers = Some((exchanges, members.into()));
        self
    }

    /// This node's log.
    #[must_use]
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Seals and shows for ever: each minute when anything waits, at once when much does. Ends only
    /// when it is dropped.
    pub async fn keep_witnessed(&self) {
        let (mut looks, mut looks_of_peers) = (LOOKS, LOOKS_OF_PEERS);
        loop {
            let waiting = self.checkpoints.waiting().await.unwrap_or(0);
            looks += 1;
            looks_of_peers += 1;
            if looks >= LOOKS || waiting >= MANY {
                looks = 0;
                if let Err(error) = self.witness().await {
                    tracing::warn!("the log was not witnessed: {error}");
                }
            }
            if looks_of_peers >= LOOKS_OF_PEERS {
                looks_of_peers = 0;
                self.witness_by_members().await;
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
        self.show(Witness::Registry).await
    }

    /// Shows the newest checkpoint to each member that the settings name; how each answered.
    pub async fn witness_by_members(&self) -> Vec<(MemberId, Result<(), WitnessingError>)> {
        let mut answers = Vec::new();
        let Some((exchanges, members)) = &self.peers else {
            return answers;
        };
        for member in members.iter() {
            let answer = self.show(Witness::Member(exchanges, member)).await;
            if let Err(error) = &answer {
                tracing::warn!(peer.id = %member, "the log was not witnessed: {error}");
            }
            answers.push((member.clone(), answer));
        }
        answers
    }

    async fn show(&self, witness: Witness<'_>) -> Result<(), WitnessingError> {
        let Some(membership) = self.directory.membership() else {
            return Ok(());
        };
        let name = witness.name(&membership);
        let result = self.show_to(witness, &name, &membership).await;
        match &result {
            Ok(()) => {
                self.told().remove(&name);
            }
            Err(error) => {
                if let Some(alarm) = error.alarm() {
                    self.alarm(&name, alarm, error).await;
                }
            }
        }
        result
    }

    async fn show_to(
        &self,
        witness: Witness<'_>,
        name: &str,
        membership: &Membership,
    ) -> Result<(), WitnessingError> {
        let last = self.checkpoints.cosigned_by(name).await?.unwrap_or(0);
        let Some(submission) = self.checkpoints.submission(last).await? else {
            return Ok(());
        };
        let size = size_of(&submission)?;
        if size == last {
            return Ok(());
        }
        match self.submit(witness, membership, &submission).await? {
            Answer::Cosigned(line) => Ok(self.checkpoints.keep_cosignature(size, &line).await?),
            // It knows less than we remember: the answer was kept there and lost here, or its
            // database was put back, or an operator let this log begin anew.
            Answer::Elsewhere(at) if at != last => {
                let again = self.checkpoints.submission(at).await?;
                let again = again.ok_or(WitnessingError::Rollback {
                    witnessed: at,
                    have: size,
                })?;
                match self.submit(witness, membership, &again).await? {
                    Answer::Cosigned(line) => {
                        Ok(self.checkpoints.keep_cosignature(size, &line).await?)
                    }
                    Answer::Elsewhere(_) => Err(WitnessingError::Fork { witnessed: at }),
                }
            }
            Answer::Elsewhere(at) => Err(WitnessingError::Fork { witnessed: at }),
        }
    }

    async fn submit(
        &self,
        witness: Witness<'_>,
        membership: &Membership,
        submission: &Submission,
    ) -> Result<Answer, WitnessingError> {
        match witness {
            Witness::Registry => self.submit_to_registry(membership, submission).await,
            Witness::Member(exchanges, member) => {
                let now = self.checkpoints.now();
                peers::submit(exchanges, member, (membership, now), submission).await
            }
        }
    }

    async fn submit_to_registry(
        &self,
        membership: &Membership,
        submission: &Submission,
    ) -> Result<Answer, WitnessingError> {
        let client = self.directory.client()?;
        let reply = client.submit(submission, DEADLINE).await?;
        let text = std::str::from_utf8(&reply.body).unwrap_or_default();
        let text = if text.len() > LONGEST { "" } else { text };
        match StatusCode::from_u16(reply.status) {
            Ok(StatusCode::OK) => {
                let keys = witness_keys(membership);
                let line = cosignature(membership.registry(), &keys, submission, text)?;
                Ok(Answer::Cosigned(line))
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
        judge(membership.registry(), &witness_keys(&membership), &note)?;
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

    fn told(&self) -> MutexGuard<'_, HashMap<String, &'static str>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn alarm(&self, witness: &str, alarm: &'static str, error: &WitnessingError) {
        // The sizes move on with each minute; the alarm is the same.
        if self.told().insert(witness.to_owned(), alarm) == Some(alarm) {
            return;
        }
        let text = error.to_string();
        tracing::error!(
            alarm,
            witness,
            "the audit log: {text}; next: musubi-node audit verify --online"
        );
        let line = Line::new(Kind::Witness, self.checkpoints.now(), "system")
            .outcome(alarm)
            .detail("witness", witness)
            .detail("reason", text);
        if let Err(error) = self.audit.append(line).await {
            tracing::error!("the alarm could not be written into the audit: {error}");
        }
    }
}

enum Answer {
    /// Its line, verified.
    Cosigned(NoteSignature),
    /// The witness has this log at another size.
    Elsewhere(u64),
}

fn size_of(submission: &Submission) -> Result<u64, WitnessingError> {
    match Checkpoint::parse(&submission.note.text) {
        Ok(checkpoint) => Ok(checkpoint.size),
        Err(_) => Err(AuditError::Checkpoint.into()),
    }
}

/// The witness's line under what was shown, verified.
fn cosignature(
    witness: &str,
    keys: &[PublicKey],
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
        if judge(witness, keys, &note).is_ok() {
            return Ok(line);
        }
    }
    Err(WitnessingError::NoCosignature)
}

fn judge(witness: &str, keys: &[PublicKey], note: &SignedNote) -> Result<(), WitnessingError> {
    match cosigned_at(note, witness, keys) {
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

/// Every `log` key that each of these members has, or had, by whose it is: their old cosignatures
/// stay verifiable.
#[must_use]
pub fn member_keys(
    membership: &Membership,
    members: &[MemberId],
) -> HashMap<String, Vec<PublicKey>> {
    let keys = |member: &MemberId| {
        let keys = membership.every_key_of(member);
        let keys = keys.filter(|key| key.key_use == KeyUse::Log);
        (
            member.to_string(),
            keys.map(|key| key.public.clone()).collect(),
        )
    };
    members.iter().map(keys).collect()
}

/// Every `log` key that this member has, or had: old checkpoints stay verifiable.
#[must_use]
pub fn log_keys(membership: &Membership, checkpoints: &Checkpoints) -> Vec<PublicKey> {
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
