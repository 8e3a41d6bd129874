//! What makes a log tamper-evident: its Merkle tree, signed checkpoints of it, and witnesses'
//! cosignatures over them.
//!
//! Says nothing about what the entries are: a leaf is a hash of bytes that the log's keeper chooses.
//!
//! Source: RFC 9162 section 2.1; C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-witness.

mod between;
mod checkpoint;
mod hash;
mod note;
mod proof;
mod range;
mod submission;
#[cfg(test)]
mod tests;
mod tree;
mod witness;

pub use between::{WitnessJsonError, WitnessReply};
pub use checkpoint::{Checkpoint, CheckpointError, cosign, cosigned_at, verify_checkpoint};
pub use hash::{HashError, TreeHash, leaf_hash, node_hash};
pub use note::{LONGEST_NOTE, NoteError, NoteSignature, SignedNote, key_id};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use range::{CompactRange, RangeError};
pub use submission::{LONGEST_SUBMISSION, Submission, SubmissionError};
pub use tree::{MissingNode, Nodes, consistency_proof, inclusion_proof, root};
pub use witness::{WitnessRefusal, judge_submission};
