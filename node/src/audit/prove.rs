//! That a line stands in the log, for somebody who has a checkpoint and nothing else.

use federation_protocol::base64url;
use federation_protocol::transparency::{SignedNote, inclusion_proof};
use serde_json::{Value, json};

use super::checkpoints::whole;
use super::store::tree::{self, StoredTree, unsigned};
use super::store::{self, checkpoints};
use super::{Audit, AuditError, seal};

/// A line, its place, and the way up to a signed root.
#[derive(Clone, Debug)]
pub struct Proved {
    /// What to hand over: everything that is hashed, in JSON.
    pub proof: Value,
    /// The checkpoint that the proof leads to, with its cosignatures.
    pub checkpoint: SignedNote,
}

impl Audit {
    /// Proves that line `seq` stands in the tree of the newest checkpoint. Whoever verifies it
    /// hashes `salt` and the canonical JSON (RFC 8785) of `line` to `commitment`, `entry` to the leaf
    /// hash, and goes up by `path` (RFC 9162 section 2.1.3.2).
    ///
    /// # Errors
    /// `NoLine`, `Tree`, `Checkpoint`, `Database`.
    pub async fn prove(&self, seq: i64) -> Result<Proved, AuditError> {
        self.database
            .read(move |connection| {
                let line = store::find(connection, seq)?;
                let leaf = tree::place_of(connection, seq)?;
                let newest = checkpoints::newest(connection)?;
                let (Some(line), Some(leaf), Some(newest)) = (line, leaf, newest) else {
                    return Err(AuditError::NoLine(seq));
                };
                let place = unsigned(leaf.place);
                let path = inclusion_proof(&mut StoredTree(connection), place, newest.size)?;
                let commitment = line.commitment.as_deref().unwrap_or_default();
                let path: Vec<_> = path.iter().map(ToString::to_string).collect();
                let told = line.salt.as_ref().map(|salt| (salt, line.body().to_json()));
                let proof = json!({
                    "entry": seal::entry(seq, line.at, commitment),
                    "line": told.as_ref().map(|(_, line)| line),
                    "salt": told.as_ref().map(|(salt, _)| base64url::encode(salt)),
                    "commitment": base64url::encode(commitment),
                    "place": place,
                    "size": newest.size,
                    "path": path,
                });
                Ok(Proved {
                    proof,
                    checkpoint: whole(&newest)?,
                })
            })
            .await
    }
}
