//! Cosigning the audit logs of other members, for those that ask, where the settings say so.
//!
//! A second witness beside the registry: who has both the registry and a hospital in their hands
//! still cannot put that hospital's log back. It sees origin, size and root, never an entry.
//!
//! Source: C2SP tlog-witness; PROTOCOL section 7.

use std::sync::Arc;

use federation_protocol::directory::{KeyStatement, Membership};
use federation_protocol::keys::{KeyUse, PublicKey, SecretKey};
use federation_protocol::member::MemberId;
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::Request;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{
    Submission, TreeHash, WitnessRefusal, WitnessReply, cosign, judge_submission,
};

use super::store;
use crate::audit::{self, Line};
use crate::database::{Database, DatabaseError, HospitalConnection};
use crate::keys::Keys;

/// The path of a submission.
pub const CHECKPOINTS_PATH: &str = "/federation/v1/checkpoints";

/// Where a member's log was when this node cosigned it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Whose log: a member's id.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// Their root.
    pub root: TreeHash,
    /// When, UTC.
    pub cosigned_at: Timestamp,
}

/// Every log that this node has cosigned, by whose it is.
///
/// # Errors
/// The database could not be read.
pub async fn witnessed(database: &Database) -> Result<Vec<Witnessed>, DatabaseError> {
    database.read(store::witnessed::all).await
}

/// Forgets where the log of a member was, and writes down who did it and why: the next checkpoint is
/// the first again. For a member whose node was restored from a backup. `None`: it was never
/// cosigned here.
///
/// # Errors
/// The database did not do it; nothing was changed.
pub async fn forget(
    database: &Database,
    member: &MemberId,
    line: Line,
) -> Result<Option<Witnessed>, DatabaseError> {
    let origin = member.to_string();
    let line = line.peer(member);
    database
        .transact(move |connection| {
            let Some(was) = store::witnessed::find(connection, &origin)? else {
                return Ok(None);
            };
            store::witnessed::forget(connection, &origin)?;
            let line = line.clone().outcome("forgotten");
            let line = line
                .detail("size", was.size)
                .detail("root", was.root.to_string());
            audit::append(connection, &line)?;
            Ok(Some(was))
        })
        .await
}

/// One member's submission, and the keys that it is judged and cosigned with.
pub(super) struct Asked {
    origin: MemberId,
    /// Those that count for the sender's log now.
    log: Vec<PublicKey>,
    /// This node's own.
    mine: Arc<SecretKey>,
    submission: Submission,
}

impl Asked {
    /// Check 11 of `POST /federation/v1/checkpoints`: a submission, of the sender's own log.
    ///
    /// # Errors
    /// `query_not_allowed`; `not_found` where nobody could verify what this node signs.
    pub(super) fn read(
        request: &Request,
        membership: &Membership,
        keys: &Keys,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let mine = keys.log();
        let listed = membership.key(mine.kid().as_str());
        if !listed.is_some_and(|key| key.may(KeyUse::Log, now)) {
            return Err(Refusal::NotFound);
        }
        let submission = Submission::from_json(&request.body).or(Err(Refusal::QueryNotAllowed))?;
        let log = membership.keys_of(&request.from, KeyUse::Log, now);
        Ok(Self {
            origin: request.from.clone(),
            log: log.filter_map(KeyStatement::public_key).collect(),
            mine,
            submission,
        })
    }

    /// Judges, keeps the new head and writes the line, in the caller's transaction; signs. `None` is
    /// what is no checkpoint of the sender's log.
    ///
    /// # Errors
    /// Roll back.
    pub(super) fn judge(
        &self,
        connection: &mut HospitalConnection,
        me: &MemberId,
        line: Line,
        now: Timestamp,
    ) -> Result<Option<WitnessReply>, DatabaseError> {
        let last = store::witnessed::find(connection, self.origin.as_str())?;
        let size = last.as_ref().map_or(0, |last| last.size);
        let known = last.as_ref().map(|last| (last.size, last.root));
        match judge_submission(&self.submission, self.origin.as_str(), &self.log, known) {
            Ok(next) => {
                let head = Witnessed {
                    origin: next.origin.clone(),
                    size: next.size,
                    root: next.root,
                    cosigned_at: now,
                };
                store::witnessed::keep(connection, last.as_ref(), &head)?;
                audit::append(connection, &line.detail("size", next.size))?;
                let text = &self.submission.note.text;
                let line = cosign(text, me.as_str(), &*self.mine, &self.mine.public(), now);
                Ok(Some(WitnessReply::Cosigned(line.to_string())))
            }
            Err(refusal) => {
                let line = line.outcome(outcome(refusal)).detail("size", size);
                audit::append(connection, &line)?;
                Ok(WitnessReply::of(refusal, size))
            }
        }
    }
}

/// The outcome in the audit. Two that cross on their way are no alarm.
fn outcome(refusal: WitnessRefusal) -> &'static str {
    match refusal {
        WitnessRefusal::Fork { .. } | WitnessRefusal::Inconsistent => "fork",
        WitnessRefusal::OldSize { .. } => "elsewhere",
        _ => "not_a_checkpoint",
    }
}
