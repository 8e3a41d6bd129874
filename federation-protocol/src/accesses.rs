//! Who looked at a person's records: `POST /federation/v1/accesses`, from the person's home node to a
//! hospital that they are linked with.
//!
//! The hospital says what its log says of one chart, and proves for each act that an entry with this
//! number, time and commitment stands in the log whose head it signed. The line behind the commitment
//! is not shown: it also says how much was held back. Whoever audits the hospital has it opened, and
//! what was told is held against it.
//!
//! Source: `docs/WIRE.md` section 3.11; RFC 9162.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::json;
use crate::keys::PublicKey;
use crate::link::PatientHandle;
use crate::member::MemberId;
use crate::purpose::Purpose;
use crate::time::Timestamp;
use crate::transparency::{
    Checkpoint, SignedNote, TreeHash, leaf_hash, verify_checkpoint, verify_consistency,
    verify_inclusion,
};
use crate::verified::Verified;

/// The path.
pub const ACCESSES_PATH: &str = "/federation/v1/accesses";
/// The most acts in one report: the newest.
pub const MOST_ACCESSES: usize = 200;
/// Hashes on the way from a leaf to the root of the tallest tree.
const MOST_HASHES: usize = 64;
/// The longest entry, bytes.
const LONGEST_ENTRY: usize = 256;
/// The longest word, bytes.
const LONGEST_WORD: usize = 128;
/// The most types of one act.
const MOST_TYPES: usize = 32;
/// Names the form of an entry.
const FORM: &str = "musubi-audit-1";

/// The question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessQuestion {
    /// Whose chart, by the link's handle.
    pub patient: PatientHandle,
    /// Not before this, in seconds.
    pub since: Timestamp,
    /// The size of the hospital's log as it was last proved to the sender; 0 for never.
    pub known: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessReport {
    /// The newest checkpoint of the hospital's log, a signed note.
    pub checkpoint: String,
    /// The proof that the log only grew since the size that the sender knows; base64.
    pub consistency: Vec<String>,
    /// What was done, the newest first.
    pub accesses: Vec<Access>,
    /// Whether there is more than is told here.
    pub more: bool,
}

/// What kind of act it was.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessAct {
    /// Somebody, or a system, of the hospital itself read.
    Read,
    /// Another member was answered.
    Disclosure,
    /// It was put into a file.
    Export,
    /// Without consent, in an emergency.
    Emergency,
    /// It was tried and refused.
    Refusal,
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The log's entry: which line, when, and the commitment to the rest.
    pub entry: String,
    /// The entry's place in the tree.
    pub place: u64,
    /// From its leaf to the root; base64.
    pub path: Vec<String>,
    /// What kind of act.
    pub act: AccessAct,
    /// In which role.
    pub role: String,
    /// The staff id, at `member` or here; absent for a system.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actor: Option<String>,
    /// Whose staff; absent for the hospital's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member: Option<MemberId>,
    /// What for, where it was said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub purpose: Option<Purpose>,
    /// `ok`, or why not.
    pub outcome: String,
    /// The types that were asked for.
    pub types: Vec<String>,
    /// How many resources were shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shown: Option<u64>,
}

/// An entry of an audit log, as it is hashed to a leaf.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When, microseconds since 1970.
    pub at: i64,
    /// The commitment to the line.
    pub line: [u8; 32],
    /// The line's number.
    pub seq: i64,
}

impl fmt::Display for LogEntry {
    /// Canonical JSON as it stands: names in order, nothing to escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = base64url::encode(self.line);
        let (at, seq) = (self.at, self.seq);
        write!(
            f,
            r#"{{"at":"{at}","line":"{line}","seq":"{seq}","v":"{FORM}"}}"#
        )
    }
}

impl LogEntry {
    /// Reads an entry: only what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Written {
            at: String,
            line: String,
            seq: String,
        }
        (text.len() <= LONGEST_ENTRY).then_some(())?;
        let written: Written = serde_json::from_str(text).ok()?;
        let entry = Self {
            at: written.at.parse().ok()?,
            line: base64url::decode_array(&written.line).ok()?,
            seq: written.seq.parse().ok()?,
        };
        (entry.to_string() == text).then_some(entry)
    }
}

/// The body is no question, or no report.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the shape of section 3.11")]
pub struct AccessError;

/// Why a report proves nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The checkpoint is not signed by a key of that log.
    #[error("the checkpoint is not the hospital's")]
    Checkpoint,
    /// The log is not the one that was seen before, grown.
    #[error("the log was changed behind a checkpoint that was seen before")]
    Changed,
    /// An act does not stand in the log, or stands there twice.
    #[error("an act is told that does not stand in the log")]
    NotInTheLog,
}

impl AccessQuestion {
    /// Reads a question: closed schema.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn from_json(body: &[u8]) -> Result<Self, AccessError> {
        let value = json::parse(body).or(Err(AccessError))?;
        if !value.is_object() {
            return Err(AccessError);
        }
        let question: Self = serde_json::from_value(value).or(Err(AccessError))?;
        match i64::try_from(question.known) {
            Ok(_) => Ok(question),
            Err(_) => Err(AccessError),
        }
    }
}

impl AccessReport {
    /// Reads a report: closed schema, everything bounded. Nothing is verified.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn from_json(body: &[u8]) -> Result<Self, AccessError> {
        let value = json::parse(body).or(Err(AccessError))?;
        let acts = value.get("accesses").and_then(serde_json::Value::as_array);
        let objects = acts.is_some_and(|acts| acts.iter().all(serde_json::Value::is_object));
        if !value.is_object() || !objects {
            return Err(AccessError);
        }
        let report: Self = serde_json::from_value(value).or(Err(AccessError))?;
        let sound = SignedNote::parse(report.checkpoint.as_bytes()).is_ok()
            && report.accesses.len() <= MOST_ACCESSES
            && are_hashes(&report.consistency)
            && report.accesses.iter().all(Access::is_sound);
        if sound { Ok(report) } else { Err(AccessError) }
    }

    /// Verifies a report of the log `origin`, signed with one of `keys`, against what was `known` of
    /// that log: the checkpoint it leads to.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify<'k>(
        &self,
        origin: &str,
        keys: impl IntoIterator<Item = &'k PublicKey>,
        known: Option<&Checkpoint>,
    ) -> Result<Verified<Checkpoint>, ReportError> {
        let note = SignedNote::parse(self.checkpoint.as_bytes());
        let note = note.or(Err(ReportError::Checkpoint))?;
        let checkpoint = verify_checkpoint(&note, origin, keys);
        let checkpoint = checkpoint.or(Err(ReportError::Checkpoint))?;
        if let Some(known) = known {
            let proof = hashes(&self.consistency).ok_or(ReportError::Changed)?;
            let (old, new) = (known.size, checkpoint.size);
            verify_consistency(old, new, &proof, &known.root, &checkpoint.root)
                .or(Err(ReportError::Changed))?;
        }
        let places: BTreeSet<u64> = self.accesses.iter().map(|one| one.place).collect();
        let once = places.len() == self.accesses.len();
        match once && self.accesses.iter().all(|one| one.stands_in(&checkpoint)) {
            true => Ok(checkpoint),
            false => Err(ReportError::NotInTheLog),
        }
    }
}

impl Access {
    fn is_sound(&self) -> bool {
        let word = |text: &str| (1..=LONGEST_WORD).contains(&text.len());
        LogEntry::parse(&self.entry).is_some()
            && are_hashes(&self.path)
            && word(&self.role)
            && word(&self.outcome)
            && self.actor.as_deref().is_none_or(word)
            && self.types.len() <= MOST_TYPES
            && self.types.iter().all(|one| word(one))
            && self.shown.is_none_or(|shown| i64::try_from(shown).is_ok())
    }

    /// When it was done, by the log.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        LogEntry::parse(&self.entry).map(|entry| Timestamp::from_micros(entry.at))
    }

    fn stands_in(&self, checkpoint: &Checkpoint) -> bool {
        let Some(path) = hashes(&self.path) else {
            return false;
        };
        let leaf = leaf_hash(self.entry.as_bytes());
        let (size, root) = (checkpoint.size, &checkpoint.root);
        verify_inclusion(&leaf, self.place, size, &path, root).is_ok()
    }
}

fn are_hashes(texts: &[String]) -> bool {
    texts.len() <= MOST_HASHES && hashes(texts).is_some()
}

fn hashes(texts: &[String]) -> Option<Vec<TreeHash>> {
    texts.iter().map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
