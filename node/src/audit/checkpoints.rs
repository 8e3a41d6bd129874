//! Lines become leaves; the tree's head is signed, and shown to witnesses.
//!
//! A line gets its place in the tree here and not when it is appended: only one program may number
//! the leaves, and whoever appends must not wait for another. What is not yet under a signed head is
//! at most a minute, or a thousand lines, old.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use federation_protocol::keys::PublicKey;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{
    Checkpoint, CompactRange, NoteSignature, SignedNote, Submission, TreeHash, consistency_proof,
    root,
};
use federation_service::clock::SharedClock;

use super::store::checkpoints::{self as kept, Kept};
use super::store::tree::{self, Growth, StoredTree};
use super::store::{Row, committed, salt};
use super::{AuditError, seal};
use crate::database::{Database, DatabaseError, HospitalConnection, Kind};
use crate::keys::Keys;

/// Lines under one checkpoint at the most.
const MOST_LINES: i64 = 1_000;

/// On PostgreSQL a line may be committed after one with a higher number. How far back the usual
/// look for such lines goes; the first one of each program goes back to the beginning.
const LATE_LINES: i64 = 20_000;

/// How often another program may be first.
const MOST_TRIES: usize = 5;

/// The head of the tree after sealing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// How many lines became leaves.
    pub lines: usize,
    /// How many leaves there are.
    pub size: u64,
}

/// Seals the log. Cheap to clone.
#[derive(Clone)]
pub struct Checkpoints {
    database: Database,
    clock: SharedClock,
    keys: Arc<Keys>,
    me: MemberId,
    /// Whether the whole log was looked through once.
    swept: Arc<AtomicBool>,
    /// One at a time in this program.
    sealing: Arc<tokio::sync::Mutex<()>>,
}

impl Checkpoints {
    /// The log in `database`, signed for `me` with the `log` key.
    #[must_use]
    pub fn new(database: Database, clock: SharedClock, keys: Arc<Keys>, me: MemberId) -> Self {
        Self {
            database,
            clock,
            keys,
            me,
            swept: Arc::default(),
            sealing: Arc::default(),
        }
    }

    /// How many lines wait, about: numbers may have gaps.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn waiting(&self) -> Result<i64, DatabaseError> {
        self.database
            .read(|connection| {
                let (_, placed) = tree::extent(connection)?;
                Ok(tree::last_line(connection)?.saturating_sub(placed))
            })
            .await
    }

    /// Puts every line into the tree, lines of earlier programs too, a thousand under each new
    /// checkpoint. Durable when it returns.
    ///
    /// # Errors
    /// `Tree` when hashes are missing, `Busy`, `Database`.
    pub async fn seal(&self) -> Result<Sealed, AuditError> {
        let _one_at_a_time = self.sealing.lock().await;
        let mut lines = 0;
        let mut tries = 0;
        loop {
            let sealed = match self.seal_some().await {
                // Another program was first: what it left is looked for anew.
                Err(error) if tries < MOST_TRIES && error.is_race() => {
                    tries += 1;
                    continue;
                }
                sealed => sealed?,
            };
            lines += sealed.lines;
            if i64::try_from(sealed.lines).unwrap_or(MOST_LINES) < MOST_LINES {
                self.swept.store(true, Ordering::Relaxed);
                return Ok(Sealed { lines, ..sealed });
            }
        }
    }

    async fn seal_some(&self) -> Result<Sealed, AuditError> {
        let late = match (self.database.kind(), self.swept.load(Ordering::Relaxed)) {
            // One writer: numbers are committed in their order.
            (Kind::Sqlite, _) => 0,
            (Kind::Postgres, false) => i64::MAX,
            (Kind::Postgres, true) => LATE_LINES,
        };
        // Read in a snapshot of its own, so that nobody who appends meets this transaction.
        let (size, rows) = self
            .database
            .read(move |connection| {
                let (size, placed) = tree::extent(connection)?;
                let floor = placed.saturating_sub(late).max(0);
                let rows = tree::unplaced(connection, floor, MOST_LINES)?;
                Ok::<_, DatabaseError>((size, Arc::new(rows)))
            })
            .await?;
        if rows.is_empty() {
            return Ok(Sealed { lines: 0, size });
        }
        let (sealer, lines) = (self.clone(), rows.len());
        let size = self
            .database
            .transact(move |connection| sealer.write(connection, size, &rows))
            .await?;
        Ok(Sealed { lines, size })
    }

    fn write(
        &self,
        connection: &mut HospitalConnection,
        size: u64,
        rows: &[Row],
    ) -> Result<u64, AuditError> {
        if tree::extent(connection)?.0 != size {
            return Err(AuditError::Busy);
        }
        let mut edge = StoredTree(connection).edge(size)?;
        let mut growth = Growth::default();
        for row in rows {
            let leaf = match &row.commitment {
                Some(commitment) => seal::leaf(row.seq, row.at, commitment),
                None => seal_old(connection, row)?,
            };
            growth.append(&mut edge, row.seq, leaf);
        }
        growth.write(connection)?;
        let note = self.sign(&edge).to_string();
        kept::insert(connection, edge.size(), self.clock.now().micros(), &note)?;
        Ok(edge.size())
    }

    fn sign(&self, edge: &CompactRange) -> SignedNote {
        let checkpoint = Checkpoint {
            origin: self.me.to_string(),
            size: edge.size(),
            root: edge.root(),
        };
        let key = self.keys.log();
        checkpoint.sign(&*key, &key.public())
    }

    /// The public half of the `log` key that signs now.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.keys.log().public()
    }

    /// What time it is for this log.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whose log it is.
    #[must_use]
    pub fn origin(&self) -> &MemberId {
        &self.me
    }

    /// The newest checkpoint with its cosignatures; `None` before the first.
    ///
    /// # Errors
    /// `Checkpoint`, `Database`.
    pub async fn newest(&self) -> Result<Option<SignedNote>, AuditError> {
        let newest = self.database.read(kept::newest).await?;
        newest.as_ref().map(whole).transpose()
    }

    /// The size that this witness cosigned last.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn cosigned_by(&self, witness: &str) -> Result<Option<u64>, DatabaseError> {
        let witness = witness.to_owned();
        self.database
            .read(move |connection| kept::cosigned_by(connection, &witness))
            .await
    }

    /// What a witness is shown that cosigned size `from` last (0: never): the newest checkpoint and
    /// the proof that it continues that one. `None` when `from` lies beyond the log, or before the
    /// first checkpoint.
    ///
    /// # Errors
    /// `Tree`, `Checkpoint`, `Database`.
    pub async fn submission(&self, from: u64) -> Result<Option<Submission>, AuditError> {
        self.database
            .read(move |connection| {
                let Some(newest) = kept::newest(connection)? else {
                    return Ok(None);
                };
                if from > newest.size {
                    return Ok(None);
                }
                let proof = consistency_proof(&mut StoredTree(connection), from, newest.size)?;
                Ok(Some(Submission {
                    old_size: from,
                    proof,
                    note: parse(&newest)?,
                }))
            })
            .await
    }

    /// The root of the first `size` leaves; `None` when there are fewer.
    ///
    /// # Errors
    /// `Tree`, `Database`.
    pub async fn root_at(&self, size: u64) -> Result<Option<TreeHash>, AuditError> {
        self.database
            .read(move |connection| {
                let (have, _) = tree::extent(connection)?;
                if size > have {
                    return Ok(None);
                }
                root(&mut StoredTree(connection), size).map(Some)
            })
            .await
    }

    /// Keeps a witness's line under the checkpoint of this size. The caller has verified it.
    ///
    /// # Errors
    /// It is not stored.
    pub async fn keep_cosignature(
        &self,
        size: u64,
        line: &NoteSignature,
    ) -> Result<(), DatabaseError> {
        let (witness, line) = (line.name.clone(), line.to_string());
        self.database
            .transact(move |connection| kept::keep_cosignature(connection, size, &witness, &line))
            .await
    }
}

/// A line of an earlier program is sealed as it stands.
fn seal_old(connection: &mut HospitalConnection, row: &Row) -> Result<TreeHash, AuditError> {
    let salt = salt()?;
    let commitment = committed(&row.body(), &salt)?;
    tree::seal(connection, row.seq, &salt, &commitment)?;
    Ok(seal::leaf(row.seq, row.at, &commitment))
}

pub(super) fn parse(checkpoint: &Kept) -> Result<SignedNote, AuditError> {
    SignedNote::parse(checkpoint.note.as_bytes()).map_err(|_other| AuditError::Checkpoint)
}

/// A checkpoint with the lines of its witnesses.
pub(super) fn whole(checkpoint: &Kept) -> Result<SignedNote, AuditError> {
    let mut note = parse(checkpoint)?;
    for line in &checkpoint.cosignatures {
        let lines = NoteSignature::parse_lines(line).map_err(|_other| AuditError::Checkpoint)?;
        note.signatures.extend(lines);
    }
    Ok(note)
}
