//! What a witness asks before it cosigns.
//!
//! Source: C2SP tlog-witness, `add-checkpoint`.

use crate::keys::PublicKey;
use crate::verified::Verified;

use super::checkpoint::{Checkpoint, CheckpointError, verify_checkpoint};
use super::hash::TreeHash;
use super::proof::verify_consistency;
use super::submission::Submission;

/// Why a witness does not cosign.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessRefusal {
    /// None of the log's keys signed it, or a signature does not fit.
    #[error("not signed by a key of the log")]
    NotSigned,
    /// No checkpoint, or one that is smaller than where it says it was, or a proof from nothing.
    #[error("not a checkpoint that follows another")]
    Malformed,
    /// The log says it was elsewhere than where this witness saw it last: news crossed on the way,
    /// or the log was put back to an older state.
    #[error("this witness last cosigned size {size}")]
    OldSize {
        /// Where it was.
        size: u64,
    },
    /// The same size with another root: the log has two truths.
    #[error("size {size} was cosigned with another root")]
    Fork {
        /// Of both.
        size: u64,
    },
    /// The proof does not lead from the old root to the new one: the past was changed.
    #[error("the new tree does not continue the one that was cosigned")]
    Inconsistent,
}

impl WitnessRefusal {
    /// The HTTP status of the refusal.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::NotSigned => 403,
            Self::Malformed => 400,
            Self::OldSize { .. } | Self::Fork { .. } => 409,
            Self::Inconsistent => 422,
        }
    }

    /// The size that a refusal of status 409 tells.
    #[must_use]
    pub const fn size(self) -> Option<u64> {
        match self {
            Self::OldSize { size } | Self::Fork { size } => Some(size),
            _ => None,
        }
    }
}

/// Judges a submission of the log of `origin`, whose keys are `keys` and whose head this witness
/// cosigned last as `last` (size and root; `None`: never). The caller keeps what is returned as the
/// new head in the transaction in which it read `last`, and only then cosigns.
///
/// # Errors
/// [`WitnessRefusal`].
pub fn judge_submission<'k>(
    submission: &Submission,
    origin: &str,
    keys: impl IntoIterator<Item = &'k PublicKey>,
    last: Option<(u64, TreeHash)>,
) -> Result<Verified<Checkpoint>, WitnessRefusal> {
    let next = match verify_checkpoint(&submission.note, origin, keys) {
        Ok(next) => next,
        Err(CheckpointError::Unsigned | CheckpointError::Signature) => {
            return Err(WitnessRefusal::NotSigned);
        }
        Err(CheckpointError::Malformed | CheckpointError::Origin) => {
            return Err(WitnessRefusal::Malformed);
        }
    };
    let (size, root) = last.unwrap_or_else(|| (0, TreeHash::of_nothing()));
    if submission.old_size > next.size {
        return Err(WitnessRefusal::Malformed);
    }
    if submission.old_size != size {
        return Err(WitnessRefusal::OldSize { size });
    }
    if size == 0 {
        let nothing_to_prove = submission.proof.is_empty();
        return nothing_to_prove
            .then_some(next)
            .ok_or(WitnessRefusal::Inconsistent);
    }
    if size == next.size && root != next.root {
        return Err(WitnessRefusal::Fork { size });
    }
    match verify_consistency(size, next.size, &submission.proof, &root, &next.root) {
        Ok(()) => Ok(next),
        Err(_) => Err(WitnessRefusal::Inconsistent),
    }
}
