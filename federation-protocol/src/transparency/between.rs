//! What crosses the wire when one member asks another to cosign its log:
//! `POST /federation/v1/checkpoints`.
//!
//! The submission and the cosignature are those of C2SP tlog-witness; JSON carries them, as it does
//! everything on the control paths.
//!
//! Source: PROTOCOL section 7, "peers may"; `docs/WIRE.md` section 5.2.

use serde::{Deserialize, Serialize};

use super::{NoteSignature, Submission, WitnessRefusal};
use crate::json;

/// The body: this is my log now, and it continues what you cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    submission: String,
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum WitnessReply {
    /// The witness's line under the checkpoint, as in a signed note.
    Cosigned(String),
    /// The witness has cosigned this log at that size last: news crossed on the way, or the log was
    /// put back to an older state.
    Size(u64),
    /// What the witness cosigned last is not the beginning of what it was shown: that size.
    Inconsistent(u64),
}

/// The bytes are no submission between members, or no answer to one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not what members say to each other of their logs")]
pub struct WitnessJsonError;

impl Submission {
    /// The body of the request.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let body = Body {
            submission: self.to_string(),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// Reads a body: closed schema, and a submission that is written in no other way.
    ///
    /// # Errors
    /// [`WitnessJsonError`].
    pub fn from_json(body: &[u8]) -> Result<Self, WitnessJsonError> {
        let body: Body = object(body)?;
        Self::parse(body.submission.as_bytes()).or(Err(WitnessJsonError))
    }
}

impl WitnessReply {
    /// The answer to who was refused; `None` for what is no log of the asker's at all.
    #[must_use]
    pub fn of(refusal: WitnessRefusal, last: u64) -> Option<Self> {
        match refusal {
            WitnessRefusal::OldSize { size } => Some(Self::Size(size)),
            WitnessRefusal::Fork { size } => Some(Self::Inconsistent(size)),
            WitnessRefusal::Inconsistent => Some(Self::Inconsistent(last)),
            WitnessRefusal::NotSigned | WitnessRefusal::Malformed => None,
        }
    }

    /// Reads an answer: closed schema, and exactly one line of one witness.
    ///
    /// # Errors
    /// [`WitnessJsonError`].
    pub fn from_json(body: &[u8]) -> Result<Self, WitnessJsonError> {
        let reply: Self = object(body)?;
        match &reply {
            Self::Cosigned(line) => match NoteSignature::parse_lines(line) {
                Ok(lines) if lines.len() == 1 => Ok(reply),
                _ => Err(WitnessJsonError),
            },
            Self::Size(_) | Self::Inconsistent(_) => Ok(reply),
        }
    }
}

/// Serde would read a list as a structure, too.
fn object<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, WitnessJsonError> {
    let value = json::parse(body).or(Err(WitnessJsonError))?;
    match value.is_object() {
        true => serde_json::from_value(value).or(Err(WitnessJsonError)),
        false => Err(WitnessJsonError),
    }
}
