//! What is kept of each exchange at both ends, so that it can be proved when bodies are gone.
//!
//! Signature bases hold every covered header, the body's digest among them; nothing of a body is
//! kept. The consent token is a header: whoever reads this table reads handles, never names.

use std::path::Path;

use federation_protocol::directory::Directory;
use federation_protocol::member::MemberId;
use federation_protocol::signature::kept::{KeptError, Proven, Signed, verify_kept};
use federation_protocol::signature::{Answer, Request, SignedAnswer, SignedRequest};
use federation_protocol::time::Timestamp;

use super::directory::{DirectoryError, archived_directory};
use super::store;
use crate::database::{Database, DatabaseError};

/// Exchanges whose proofs are erased in one transaction.
const STEP: i64 = 500;

/// Which end of an exchange this node was.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// It asked.
    Asked,
    /// It answered.
    Answered,
}

impl Side {
    /// The word in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Answered => "answered",
        }
    }
}

/// What is kept of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The exchange.
    pub exchange: String,
    /// Which end this node was.
    pub side: Side,
    /// The other end.
    pub peer: MemberId,
    /// When, by this node's clock.
    pub at: Timestamp,
    /// `seq` of the directory that this node judged under.
    pub directory: u64,
    /// The request body's `Content-Digest`.
    pub request_digest: String,
    /// What the asker signed.
    pub request: Signed,
    /// What the responder signed; `None` when no answer was had.
    pub answer: Option<Signed>,
    /// The end of its retention has come: that it was is left, the proof is gone.
    pub is_erased: bool,
}

impl Evidence {
    /// A question of this node, not yet answered.
    #[must_use]
    pub fn asked(request: &SignedRequest, directory: u64, at: Timestamp) -> Self {
        let binding = &request.binding;
        Self {
            exchange: binding.exchange.to_string(),
            side: Side::Asked,
            peer: binding.to.clone(),
            at,
            directory,
            request_digest: binding.content_digest.clone(),
            request: Signed {
                base: request.signature_base.clone(),
                signature: binding.signature,
            },
            answer: None,
            is_erased: false,
        }
    }

    /// With the answer that came.
    #[must_use]
    pub fn with(mut self, answer: &Answer) -> Self {
        self.answer = Some(Signed {
            base: answer.signature_base.clone(),
            signature: answer.signature,
        });
        self
    }

    /// A peer's question and this node's answer to it.
    #[must_use]
    pub fn answered(
        request: &Request,
        answer: &SignedAnswer,
        directory: u64,
        at: Timestamp,
    ) -> Self {
        let binding = &request.binding;
        let answer = answer.signature().map(|signature| Signed {
            base: answer.signature_base.clone(),
            signature,
        });
        Self {
            exchange: binding.exchange.to_string(),
            side: Side::Answered,
            peer: binding.from.clone(),
            at,
            directory,
            request_digest: binding.content_digest.clone(),
            request: Signed {
                base: request.signature_base.clone(),
                signature: binding.signature,
            },
            answer,
            is_erased: false,
        }
    }
}

/// Why evidence could not be judged, or what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The directory of that day is not archived here, or is not acceptable.
    #[error("directory {seq}: {why}")]
    Directory {
        /// Which.
        seq: u64,
        /// Why not.
        why: String,
    },
    /// Its proof was erased at the end of retention.
    #[error("the proof of this exchange was erased at the end of retention")]
    Erased,
    /// It proves nothing.
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// Everything that is kept of an exchange, oldest first: a retry is signed anew.
///
/// # Errors
/// The database could not be read.
pub async fn of_exchange(
    database: &Database,
    exchange: &str,
) -> Result<Vec<Evidence>, DatabaseError> {
    let exchange = exchange.to_owned();
    database
        .read(move |connection| store::evidence::of_exchange(connection, &exchange))
        .await
}

/// How many exchanges that this node wrote down before `before` could still be proved.
///
/// # Errors
/// The database could not be read.
pub async fn count_erasable(database: &Database, before: Timestamp) -> Result<i64, DatabaseError> {
    database
        .read(move |connection| store::evidence::count_erasable(connection, before))
        .await
}

/// Erases the proofs of the exchanges that this node wrote down before `before`; how many. Their
/// ids, peers, days and digests stay, so that days can still be compared with the other end. Whether
/// retention allows it, the audit says before.
///
/// Goes in small steps: what is stopped between two is gone on with by calling it again.
///
/// # Errors
/// The database could not be written; what was erased until then stays erased.
pub async fn erase(database: &Database, before: Timestamp) -> Result<usize, DatabaseError> {
    let (mut erased, mut after) = (0_usize, 0);
    loop {
        let step = database
            .transact(move |connection| store::evidence::erase(connection, before, after, STEP))
            .await?;
        let Some((count, last)) = step else {
            return Ok(erased);
        };
        erased = erased.saturating_add(count);
        after = last;
    }
}

/// Verifies evidence by the directory that was in force when it was judged, as this node archived
/// it below `folder`. Asks nobody.
///
/// # Errors
/// [`EvidenceError`].
pub fn verify(
    evidence: &Evidence,
    folder: &Path,
    pin: [u8; 32],
    now: Timestamp,
) -> Result<Proven, EvidenceError> {
    if evidence.is_erased {
        return Err(EvidenceError::Erased);
    }
    let seq = evidence.directory;
    let refused = |error: DirectoryError| EvidenceError::Directory {
        seq,
        why: error.to_string(),
    };
    let found: Option<Directory> = archived_directory(folder, pin, seq, now).map_err(refused)?;
    let directory = found.ok_or_else(|| EvidenceError::Directory {
        seq,
        why: "it is not in the archive of this node".to_owned(),
    })?;
    Ok(verify_kept(
        &evidence.request,
        evidence.answer.as_ref(),
        &directory,
    )?)
}
