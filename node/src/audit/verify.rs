//! Whether the log is what it was: every line, the tree over it, and everything signed of it.
//!
//! Believes no hash that it can compute. What an attacker with the database could put right again
//! is the tail that no checkpoint covers yet; everything else needs the `log` key, and, against a
//! witness, the witness's key too.

use std::collections::HashMap;

use federation_protocol::keys::PublicKey;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{
    CompactRange, SignedNote, TreeHash, cosigned_at, verify_checkpoint,
};
use serde_json::Value;

use super::checkpoints::whole;
use super::line::ERASED;
use super::store::Row;
use super::store::checkpoints::{self, Kept};
use super::store::tree::{self, LeafRow, hash_of, signed, unsigned};
use super::{Audit, AuditError, Kind, seal};
use crate::database::HospitalConnection;

/// Leaves that are read at once.
const PAGE: i64 = 1_000;
/// After so many problems the rest is not looked for.
const MOST_PROBLEMS: usize = 100;
/// Lines this far behind the newest leaf are late no more.
const LATE_LINES: i64 = 20_000;

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Signers {
    /// The log's origin.
    pub origin: String,
    /// Its `log` keys, of now and of the past.
    pub log: Vec<PublicKey>,
    /// Witnesses by their names, with their keys.
    pub witnesses: HashMap<String, Vec<PublicKey>>,
}

/// What is wrong with an entry.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// What the line says is not what it said when it was written.
    #[error("the line was changed")]
    Changed,
    /// The line is gone, its leaf is there.
    #[error("the line was removed")]
    Removed,
    /// The leaf is gone.
    #[error("the leaf was removed from the tree")]
    NoLeaf,
    /// The leaf is not the hash of the line.
    #[error("the leaf was changed, or is another line's")]
    Leaf,
    /// The line was emptied, and no erasure covers it.
    #[error("the line was erased without an erasure in the log")]
    ErasedUnlawfully,
    /// The line is not in the tree, though later ones are.
    #[error("the line never entered the tree: it was put in afterwards")]
    Stray,
    /// The tree does not lead to the root that was signed: something between the checkpoint before
    /// and this one was changed together with its leaf.
    #[error(
        "what was signed here is another root: an entry since the checkpoint before was changed"
    )]
    Root,
    /// Entries that a checkpoint covers are gone.
    #[error("the log ends here, but a checkpoint covers more: the end was cut off")]
    Truncated,
    /// Entries that no checkpoint covers, though they are in the tree.
    #[error("no checkpoint covers the tree from here on: a checkpoint was removed")]
    Unsigned,
    /// A checkpoint is not signed by the log's key, or cannot be read.
    #[error("the checkpoint of this size is not signed by this log")]
    Signature,
    /// A witness's line does not fit.
    #[error("a cosignature of the checkpoint of this size does not fit")]
    Cosignature,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place in the tree, from 0: the first that may be bad.
    pub place: u64,
    /// The last that may be: the same, unless only a signed root tells of it.
    pub last: u64,
    /// The line's number, where it is known.
    pub seq: Option<i64>,
    /// The line's time as it stands there.
    pub at: Option<Timestamp>,
    /// What.
    pub fault: Fault,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Leaves.
    pub size: u64,
    /// Of these, erased at the end of retention.
    pub erased: u64,
    /// Checkpoints that are rightly signed.
    pub checkpoints: u64,
    /// Cosignatures that fit.
    pub cosignatures: u64,
    /// Cosignatures of nobody who is known here: not judged.
    pub unknown_cosignatures: u64,
    /// The largest size that a known witness cosigned.
    pub cosigned: u64,
    /// Lines that wait for their place.
    pub waiting: u64,
    /// What is wrong, the first bad entry first.
    pub problems: Vec<Problem>,
}

impl Audit {
    /// Recomputes everything, in one snapshot, page by page.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn verify(&self, signers: Signers) -> Result<Report, AuditError> {
        self.database
            .read(move |connection| {
                let mut walk = Walk::new(signers);
                walk.leaves(connection)?;
                walk.end(connection)?;
                walk.strays(connection)?;
                Ok(walk.finish())
            })
            .await
    }
}

struct Walk {
    signers: Signers,
    report: Report,
    edge: CompactRange,
    /// The next checkpoint that the tree has not reached.
    next: Option<Kept>,
    /// How many leaves the checkpoint before covers.
    covered: u64,
    /// Once a root is another, every later one is.
    root_fits: bool,
    /// Lines that were emptied, until the erasure that covers them is met.
    emptied: Vec<(u64, i64, i64)>,
    /// The latest moment that an erasure in the log covers.
    erased_before: i64,
    last_seq: i64,
}

impl Walk {
    fn new(signers: Signers) -> Self {
        Self {
            signers,
            report: Report::default(),
            edge: CompactRange::default(),
            next: None,
            covered: 0,
            root_fits: true,
            emptied: Vec::new(),
            erased_before: i64::MIN,
            last_seq: 0,
        }
    }

    fn leaves(&mut self, connection: &mut HospitalConnection) -> Result<(), AuditError> {
        self.next = checkpoints::after(connection, 0)?;
        let mut from = 0;
        loop {
            let page = tree::leaves(connection, from, PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            from = last.place.saturating_add(1);
            for (leaf, line) in &page {
                self.leaf(connection, leaf, line.as_ref())?;
            }
            if self.report.problems.len() > MOST_PROBLEMS {
                return Ok(());
            }
        }
    }

    fn leaf(
        &mut self,
        connection: &mut HospitalConnection,
        leaf: &LeafRow,
        line: Option<&Row>,
    ) -> Result<(), AuditError> {
        let place = self.edge.size();
        if unsigned(leaf.place) != place {
            self.blame(place, None, None, Fault::NoLeaf);
            self.root_fits = false;
            // From here on places are counted as they stand.
            while self.edge.size() < unsigned(leaf.place) {
                self.edge.append(TreeHash::of_nothing(), |_, _, _| ());
                self.reach(connection)?;
            }
        }
        let place = self.edge.size();
        if let Some(fault) = self.judge(place, leaf, line) {
            let at = line.map(|line| Timestamp::from_micros(line.at));
            self.blame(place, Some(leaf.seq), at, fault);
        }
        let hash = hash_of(&leaf.hash).unwrap_or_else(TreeHash::of_nothing);
        self.edge.append(hash, |_, _, _| ());
        self.last_seq = self.last_seq.max(leaf.seq);
        self.reach(connection)
    }

    fn judge(&mut self, place: u64, leaf: &LeafRow, line: Option<&Row>) -> Option<Fault> {
        let Some(line) = line else {
            return Some(Fault::Removed);
        };
        let Some(commitment) = line.commitment.as_deref() else {
            return Some(Fault::Changed);
        };
        match line.salt.as_deref() {
            None if line.kind == ERASED => {
                self.report.erased += 1;
                self.emptied.push((place, line.seq, line.at));
            }
            None => return Some(Fault::Changed),
            Some(salt) => {
                if line
                    .body()
                    .commitment(salt)
                    .ok()
                    .as_ref()
                    .map(<[u8; 32]>::as_slice)
                    != Some(commitment)
                {
                    return Some(Fault::Changed);
                }
                self.note_erasure(line);
            }
        }
        let right = seal::leaf(line.seq, line.at, commitment);
        (hash_of(&leaf.hash) != Some(right)).then_some(Fault::Leaf)
    }

    fn note_erasure(&mut self, line: &Row) {
        if line.kind != Kind::Erasure.as_str() {
            return;
        }
        let detail: Option<Value> = serde_json::from_str(&line.detail).ok();
        let before = detail
            .as_ref()
            .and_then(|detail| detail.get("before")?.as_str()?.parse::<i64>().ok());
        self.erased_before = self.erased_before.max(before.unwrap_or(i64::MIN));
    }

    /// Compares with the checkpoint of the size that was just reached, if there is one.
    fn reach(&mut self, connection: &mut HospitalConnection) -> Result<(), AuditError> {
        let Some(next) = self.next.take_if(|next| next.size == self.edge.size()) else {
            return Ok(());
        };
        self.next = checkpoints::after(connection, signed(next.size))?;
        self.checkpoint(&next);
        Ok(())
    }

    fn checkpoint(&mut self, kept: &Kept) {
        let last = kept.size.saturating_sub(1);
        let Ok(note) = whole(kept) else {
            return self.blame(last, None, None, Fault::Signature);
        };
        let (origin, keys) = (&self.signers.origin, &self.signers.log);
        match verify_checkpoint(&note, origin, keys) {
            Err(_) => self.blame(last, None, None, Fault::Signature),
            Ok(said) if said.size != kept.size => self.blame(last, None, None, Fault::Signature),
            Ok(said) => {
                self.report.checkpoints += 1;
                if said.root != self.edge.root() && self.root_fits {
                    self.root_fits = false;
                    self.blame(self.covered, None, None, Fault::Root);
                    if let Some(problem) = self.report.problems.last_mut() {
                        problem.last = last;
                    }
                }
            }
        }
        self.covered = kept.size;
        self.cosignatures(kept.size, &note);
    }

    fn cosignatures(&mut self, size: u64, note: &SignedNote) {
        let mut fitting = 0;
        let mut bad = false;
        for (witness, keys) in &self.signers.witnesses {
            match cosigned_at(note, witness, keys) {
                Ok(Some(_)) => fitting += 1,
                Ok(None) => {}
                Err(_) => bad = true,
            }
        }
        if bad {
            self.blame(size.saturating_sub(1), None, None, Fault::Cosignature);
        }
        let lines = note.signatures.iter();
        let foreign = lines
            .filter(|line| line.name != self.signers.origin)
            .count();
        let foreign = u64::try_from(foreign).unwrap_or(u64::MAX);
        self.report.cosignatures += fitting;
        self.report.unknown_cosignatures += foreign.saturating_sub(fitting);
        if fitting > 0 {
            self.report.cosigned = self.report.cosigned.max(size);
        }
    }

    /// What stands beyond the last leaf.
    fn end(&mut self, connection: &mut HospitalConnection) -> Result<(), AuditError> {
        if self.report.problems.len() > MOST_PROBLEMS {
            return Ok(());
        }
        let size = self.edge.size();
        if self.next.is_some() {
            self.blame(size, None, None, Fault::Truncated);
        }
        let newest = checkpoints::newest(connection)?.map_or(0, |newest| newest.size);
        if newest < size {
            self.blame(newest, None, None, Fault::Unsigned);
        }
        let emptied = std::mem::take(&mut self.emptied);
        for (place, seq, at) in emptied {
            if at >= self.erased_before {
                let at = Timestamp::from_micros(at);
                self.blame(place, Some(seq), Some(at), Fault::ErasedUnlawfully);
            }
        }
        Ok(())
    }

    /// Lines outside of the tree: the newest wait for their place, others have no business here.
    fn strays(&mut self, connection: &mut HospitalConnection) -> Result<(), AuditError> {
        let size = self.edge.size();
        let late = match connection {
            HospitalConnection::Sqlite(_) => 0,
            HospitalConnection::Postgres(_) => LATE_LINES,
        };
        let outside = tree::unplaced(connection, i64::MIN, i64::MAX)?;
        for line in outside {
            if size > 0 && line.seq <= self.last_seq.saturating_sub(late) {
                let at = Timestamp::from_micros(line.at);
                self.blame(size, Some(line.seq), Some(at), Fault::Stray);
                continue;
            }
            self.report.waiting += 1;
            let fits = line.salt.as_deref().zip(line.commitment.as_deref());
            let fits = fits.is_none_or(|(salt, commitment)| {
                line.body()
                    .commitment(salt)
                    .is_ok_and(|right| right == commitment)
            });
            if !fits {
                let at = Timestamp::from_micros(line.at);
                self.blame(size, Some(line.seq), Some(at), Fault::Changed);
            }
        }
        Ok(())
    }

    fn blame(&mut self, place: u64, seq: Option<i64>, at: Option<Timestamp>, fault: Fault) {
        self.report.problems.push(Problem {
            place,
            last: place,
            seq,
            at,
            fault,
        });
    }

    fn finish(mut self) -> Report {
        self.report.size = self.edge.size();
        self.report.problems.sort_by_key(|problem| problem.place);
        self.report
    }
}
