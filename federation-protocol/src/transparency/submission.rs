//! What a log hands a witness: where it was, the proof that it only grew, and its new checkpoint.
//!
//! Source: C2SP tlog-witness, `add-checkpoint`.

use std::fmt;

use super::checkpoint::decimal;
use super::hash::TreeHash;
use super::note::{LONGEST_NOTE, SignedNote};

const MOST_HASHES: usize = 63;

/// The longest submission that is read, bytes.
pub const LONGEST_SUBMISSION: usize = LONGEST_NOTE + 4 * 1_024;

/// A log's request for a cosignature; nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The size that the witness cosigned last; 0 when it never did.
    pub old_size: u64,
    /// The consistency proof from there; empty from 0.
    pub proof: Vec<TreeHash>,
    /// The new checkpoint, signed by the log.
    pub note: SignedNote,
}

/// The bytes are no submission.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint submission")]
pub struct SubmissionError;

impl Submission {
    /// Reads a submission of at most [`LONGEST_SUBMISSION`] bytes.
    ///
    /// # Errors
    /// [`SubmissionError`]: anything that [`fmt::Display`] would not write in the same way.
    pub fn parse(bytes: &[u8]) -> Result<Self, SubmissionError> {
        Self::read(bytes).ok_or(SubmissionError)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > LONGEST_SUBMISSION {
            return None;
        }
        let (head, note) = std::str::from_utf8(bytes).ok()?.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old_size = decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof: Vec<TreeHash> = lines
            .take(MOST_HASHES + 1)
            .map(|line| line.parse().ok())
            .collect::<Option<_>>()?;
        let note = SignedNote::parse(note.as_bytes()).ok()?;
        (proof.len() <= MOST_HASHES).then_some(Self {
            old_size,
            proof,
            note,
        })
    }
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}
