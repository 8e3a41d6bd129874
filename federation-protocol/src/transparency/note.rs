//! Signed notes: a text, a blank line, and lines of signatures.
//!
//! Source: C2SP signed-note.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::keys::PublicKey;

/// The longest note that is read, bytes.
pub const LONGEST_NOTE: usize = 16 * 1_024;

const MOST_SIGNATURES: usize = 64;
const LONGEST_NAME: usize = 256;
const LONGEST_SIGNATURE: usize = 512;
/// Em dash and a space.
const MARK: &str = "\u{2014} ";

/// A text and who signed it; nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// The text, its last newline included.
    pub text: String,
    /// The signatures, in their order.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's short id: see [`key_id`].
    pub key_id: [u8; 4],
    /// What the key's algorithm made.
    pub bytes: Vec<u8>,
}

/// The bytes are no signed note.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signed note")]
pub struct NoteError;

/// The id of an Ed25519 key under a name, for one type of signature: 1 for notes, 4 for
/// cosignatures. Short on purpose: it names, it proves nothing.
#[must_use]
pub fn key_id(name: &str, signature_type: u8, key: &PublicKey) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', signature_type])
        .chain_update(key.bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

impl SignedNote {
    /// Reads a note: at most [`LONGEST_NOTE`] bytes, 1 to 64 signatures.
    ///
    /// # Errors
    /// [`NoteError`]: anything that [`fmt::Display`] would not write in the same way.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note = match std::str::from_utf8(bytes) {
            Ok(note) if bytes.len() <= LONGEST_NOTE => note,
            _ => return Err(NoteError),
        };
        if note.chars().any(|sign| sign < ' ' && sign != '\n') {
            return Err(NoteError);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError)?;
        let signatures = NoteSignature::parse_lines(lines)?;
        if text.is_empty() {
            return Err(NoteError);
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| line.fmt(f))
    }
}

impl NoteSignature {
    /// Reads signature lines alone: what a witness answers.
    ///
    /// # Errors
    /// [`NoteError`]; also when there is none, or more than 64.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, NoteError> {
        let lines = text.strip_suffix('\n').ok_or(NoteError)?;
        let signatures: Vec<_> = lines
            .split('\n')
            .take(MOST_SIGNATURES + 1)
            .map(Self::parse)
            .collect::<Result<_, _>>()?;
        if signatures.len() > MOST_SIGNATURES {
            return Err(NoteError);
        }
        Ok(signatures)
    }

    fn parse(line: &str) -> Result<Self, NoteError> {
        let (name, signature) = line
            .strip_prefix(MARK)
            .and_then(|rest| rest.split_once(' '))
            .ok_or(NoteError)?;
        let named = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && !name.chars().any(|sign| sign.is_whitespace() || sign == '+');
        let Ok(decoded) = STANDARD.decode(signature) else {
            return Err(NoteError);
        };
        match decoded.split_first_chunk::<4>() {
            Some((key_id, bytes)) if named && (1..=LONGEST_SIGNATURE).contains(&bytes.len()) => {
                Ok(Self {
                    name: name.to_owned(),
                    key_id: *key_id,
                    bytes: bytes.to_vec(),
                })
            }
            _ => Err(NoteError),
        }
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_vec();
        bytes.extend(&self.bytes);
        writeln!(f, "{MARK}{} {}", self.name, STANDARD.encode(bytes))
    }
}
