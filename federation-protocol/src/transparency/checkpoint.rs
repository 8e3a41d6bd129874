//! Checkpoints: a log's size and root at one moment, signed by the log, cosigned by witnesses.
//!
//! Source: C2SP tlog-checkpoint, tlog-cosignature.

use crate::keys::{PublicKey, Sign};
use crate::time::Timestamp;
use crate::verified::Verified;

use super::hash::TreeHash;
use super::note::{NoteSignature, SignedNote, key_id};

/// Ed25519 over the note's text.
const NOTE_SIGNATURE: u8 = 0x01;
/// A witness's time and Ed25519 over it and the note's text.
const COSIGNATURE: u8 = 0x04;

/// A log's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log: here the member's id.
    pub origin: String,
    /// How many entries, below 2^63.
    pub size: u64,
    /// The root of their tree.
    pub root: TreeHash,
}

/// Why a note is not a log's checkpoint.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not origin, size and root, each on its line and in its one spelling.
    #[error("not a checkpoint")]
    Malformed,
    /// Of another log.
    #[error("the checkpoint of another log")]
    Origin,
    /// None of the given keys signed it.
    #[error("not signed by a key of the log")]
    Unsigned,
    /// A line that claims one of the given keys does not fit.
    #[error("the signature does not fit")]
    Signature,
}

impl Checkpoint {
    /// The note's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// What a note's text says. Extension lines are refused: this log writes none.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) = (
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
        ) else {
            return Err(CheckpointError::Malformed);
        };
        let (Some(size), Ok(root), false) = (decimal(size), root.parse(), origin.is_empty()) else {
            return Err(CheckpointError::Malformed);
        };
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    /// The note signed by the log: `public` is the public half of `key`, its name the origin.
    #[must_use]
    pub fn sign(&self, key: &dyn Sign, public: &PublicKey) -> SignedNote {
        let text = self.to_text();
        let signature = NoteSignature {
            name: self.origin.clone(),
            key_id: key_id(&self.origin, NOTE_SIGNATURE, public),
            bytes: key.sign(text.as_bytes()).to_vec(),
        };
        SignedNote {
            text,
            signatures: vec![signature],
        }
    }
}

/// A size in its one spelling, below 2^63: databases count so far.
pub(super) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (i64::try_from(number).is_ok() && number.to_string() == text).then_some(number)
}

/// The checkpoint that `note` carries, when one of `keys` signed it for `origin`.
///
/// # Errors
/// [`CheckpointError`], the first that fails in the order of its variants. Signatures of other keys
/// are not looked at.
pub fn verify_checkpoint<'k>(
    note: &SignedNote,
    origin: &str,
    keys: impl IntoIterator<Item = &'k PublicKey>,
) -> Result<Verified<Checkpoint>, CheckpointError> {
    let checkpoint = Checkpoint::parse(&note.text)?;
    if checkpoint.origin != origin {
        return Err(CheckpointError::Origin);
    }
    let mut signed = false;
    for key in keys {
        let id = key_id(origin, NOTE_SIGNATURE, key);
        for line in lines_of(note, origin, id) {
            let fits = <&[u8; 64]>::try_from(line.bytes.as_slice())
                .is_ok_and(|signature| key.verify(note.text.as_bytes(), signature).is_ok());
            if !fits {
                return Err(CheckpointError::Signature);
            }
            signed = true;
        }
    }
    if signed {
        Ok(Verified::new(checkpoint))
    } else {
        Err(CheckpointError::Unsigned)
    }
}

/// A witness's line under a note's text: at `at`, whole seconds, this was the largest tree of this
/// log that it had seen, and every one before was its beginning.
///
/// The signed bytes begin with `cosignature/v1`, so no other kind of thing that `key` may sign can
/// be taken for one.
#[must_use]
pub fn cosign(
    text: &str,
    witness: &str,
    key: &dyn Sign,
    public: &PublicKey,
    at: Timestamp,
) -> NoteSignature {
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or_default();
    let signature = key.sign(cosigned(text, seconds).as_bytes());
    let mut bytes = seconds.to_be_bytes().to_vec();
    bytes.extend(signature);
    NoteSignature {
        name: witness.to_owned(),
        key_id: key_id(witness, COSIGNATURE, public),
        bytes,
    }
}

/// When this witness, with one of `keys`, cosigned the note; `None` if it did not.
///
/// # Errors
/// [`CheckpointError::Signature`]: a line claims one of the keys and does not fit.
pub fn cosigned_at<'k>(
    note: &SignedNote,
    witness: &str,
    keys: impl IntoIterator<Item = &'k PublicKey>,
) -> Result<Option<Timestamp>, CheckpointError> {
    let mut newest = None;
    for key in keys {
        let id = key_id(witness, COSIGNATURE, key);
        for line in lines_of(note, witness, id) {
            let at = timed(&line.bytes, &note.text, key).ok_or(CheckpointError::Signature)?;
            newest = newest.max(Some(at));
        }
    }
    Ok(newest)
}

fn timed(bytes: &[u8], text: &str, key: &PublicKey) -> Option<Timestamp> {
    let (seconds, signature) = bytes.split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*seconds);
    let signature = <&[u8; 64]>::try_from(signature).ok()?;
    key.verify(cosigned(text, seconds).as_bytes(), signature)
        .ok()?;
    Some(Timestamp::from_unix_seconds(i64::try_from(seconds).ok()?))
}

fn cosigned(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn lines_of<'a>(
    note: &'a SignedNote,
    name: &'a str,
    id: [u8; 4],
) -> impl Iterator<Item = &'a NoteSignature> {
    note.signatures
        .iter()
        .filter(move |line| line.name == name && line.key_id == id)
}
