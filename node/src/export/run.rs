//! The work on one export: piece by piece, each durable before the next is begun.
//!
//! A piece is written to its files first and to the table of places then. What was written and not
//! committed is written again after a restart: the same, for it is read as of the same commit.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use super::asked::stands_beside_charts;
use super::files::{FileName, Part};
use super::job::{Job, Place, State};
use super::{Desk, ExportError, members, store};
use crate::access::Permit;
use crate::audit::{self, Kind, Line};
use crate::records::{Address, Charts, ResourceType, Seen, Stretch, Walk};

/// How many references are remembered, not to be written down again and again.
const MOST_REMEMBERED: usize = 50_000;

/// How much a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Length {
    /// Lines.
    pub resources: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Done,
}

/// An export under way.
pub(super) struct Run {
    desk: Desk,
    job: Job,
    permit: Permit,
    walk: Walk,
    walked: Vec<ResourceType>,
    files: BTreeMap<FileName, Length>,
    /// Whether charts and files are known.
    prepared: bool,
    remembered: HashSet<Address>,
}

/// What one piece adds.
#[derive(Default)]
struct Piece {
    lines: BTreeMap<(Part, &'static str), Lines>,
    /// What was found to be referred to.
    refers_to: Vec<Address>,
    /// What was referred to, and has been looked at.
    looked_at: Vec<Address>,
}

#[derive(Default)]
struct Lines {
    text: String,
    count: u64,
}

impl Piece {
    fn add(&mut self, part: Part, kind: &'static str, line: &str) {
        let lines = self.lines.entry((part, kind)).or_default();
        lines.text.push_str(line);
        lines.count = lines.count.saturating_add(1);
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.refers_to.is_empty() && self.looked_at.is_empty()
    }
}

impl Run {
    /// The work on a job, from where it stands.
    pub(super) fn of(desk: Desk, job: Job, permit: Permit) -> Self {
        let walk = Walk {
            mark: job.mark,
            charts: Charts::These(Arc::default()),
            since: job.asked.since,
            filters: job.asked.filters.clone(),
            looks_further: job.asked.looks_beside_charts(),
            at_once: desk.settings.pace.at_once,
        };
        Self {
            walked: job.asked.walked(),
            walk,
            files: BTreeMap::new(),
            prepared: false,
            remembered: HashSet::new(),
            desk,
            job,
            permit,
        }
    }

    /// Finds out whose charts are meant, and brings the files to where they were committed.
    async fn prepare(&mut self) -> Result<(), ExportError> {
        self.walk.charts = members::charts(&self.desk, &self.job, &self.permit).await?;
        let files = self.desk.files_of(&self.job.id).await?;
        self.files = files.iter().cloned().collect();
        let (folder, id) = (self.desk.folder.clone(), self.job.id.clone());
        super::blocking(move || {
            let mut files = files.iter();
            files.try_for_each(|(name, length)| folder.cut(&id, name, length.bytes))
        })
        .await?;
        self.prepared = true;
        Ok(())
    }

    /// One piece more, durable when this returns.
    ///
    /// # Errors
    /// `NotFound` when the job was cancelled; `Full`; whatever else the piece needs.
    pub(super) async fn step(&mut self) -> Result<Step, ExportError> {
        if !self.prepared {
            self.prepare().await?;
        }
        match self.job.place.clone() {
            Place::Charts { kind, behind } => {
                let records = &self.desk.records;
                let stretch = records.walk(&self.permit, kind, &self.walk, behind).await?;
                let next = match &stretch.next {
                    Some(id) => Place::Charts {
                        kind,
                        behind: Some(id.clone()),
                    },
                    None => Place::behind_type(&self.walked, Some(kind)),
                };
                let piece = self.piece_of(kind, stretch);
                self.commit(piece, next).await?;
            }
            Place::BesideCharts => self.beside_charts().await?,
            Place::Notes => {
                self.finish().await?;
                return Ok(Step::Done);
            }
        }
        Ok(Step::More)
    }

    fn piece_of(&mut self, kind: ResourceType, stretch: Stretch) -> Piece {
        let mut piece = Piece::default();
        if self.job.asked.wants(kind) && !stretch.deleted.is_empty() {
            piece.add(Part::Deleted, "Bundle", &deletions(&stretch.deleted));
        }
        for seen in &stretch.found {
            self.take(&mut piece, seen);
        }
        piece
    }

    /// A resource and what it refers to.
    fn take(&mut self, piece: &mut Piece, seen: &Seen) {
        let kind = seen.entry.address.kind;
        if seen.wanted && self.job.asked.wants(kind) {
            let line = seen.line(self.job.asked.shape_of(kind));
            piece.add(Part::Output, kind.name(), &line);
        }
        if !self.walk.looks_further {
            return;
        }
        for address in seen.refers_to() {
            if stands_beside_charts(address.kind) && !self.remembered.contains(&address) {
                if self.remembered.len() >= MOST_REMEMBERED {
                    self.remembered.clear();
                }
                self.remembered.insert(address.clone());
                piece.refers_to.push(address);
            }
        }
    }

    async fn beside_charts(&mut self) -> Result<(), ExportError> {
        let (id, limit) = (self.job.id.clone(), self.walk.at_once);
        let addresses = self
            .desk
            .database
            .read(move |connection| {
                Ok::<_, ExportError>(store::references(connection, &id, limit)?)
            })
            .await?;
        if addresses.is_empty() {
            return self.commit(Piece::default(), Place::Notes).await;
        }
        let mut piece = Piece::default();
        let looked_at = addresses.clone();
        let found = self
            .desk
            .records
            .beside_charts(&self.permit, addresses, &self.walk)
            .await?;
        for seen in &found {
            self.take(&mut piece, seen);
        }
        piece.looked_at = looked_at;
        self.commit(piece, Place::BesideCharts).await
    }

    /// Writes a piece to its files, then commits it and the place behind it.
    async fn commit(&mut self, piece: Piece, next: Place) -> Result<(), ExportError> {
        if piece.is_empty() {
            // Nothing to lose: the next piece that has something commits the place too.
            self.job.place = next;
            return Ok(());
        }
        let Piece {
            lines,
            refers_to,
            looked_at,
        } = piece;
        let lengths = self.write(lines).await?;
        let (id, place, written) = (self.job.id.clone(), next.clone(), lengths.clone());
        self.desk
            .database
            .transact(move |connection| {
                if !store::set_place(connection, &id, &place)? {
                    return Err(ExportError::NotFound);
                }
                for (name, length) in &written {
                    store::set_length(connection, &id, name, *length)?;
                }
                store::refer_to(connection, &id, &refers_to)?;
                store::looked_at(connection, &id, &looked_at)?;
                Ok(())
            })
            .await?;
        self.files.extend(lengths);
        self.job.place = next;
        Ok(())
    }

    /// Writes lines to the files that are open for them; how long those are then.
    async fn write(
        &self,
        lines: BTreeMap<(Part, &'static str), Lines>,
    ) -> Result<Vec<(FileName, Length)>, ExportError> {
        let bytes: usize = lines.values().map(|lines| lines.text.len()).sum();
        self.desk.make_sure_of_room_for(bytes).await?;
        let mut lengths = Vec::with_capacity(lines.len());
        let mut appends = Vec::with_capacity(lines.len());
        for ((part, kind), Lines { text, count }) in lines {
            let (name, before) = self.open_file(part, kind);
            let added = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let length = Length {
                resources: before.resources.saturating_add(count),
                bytes: before.bytes.saturating_add(added),
            };
            lengths.push((name.clone(), length));
            appends.push((name, before.bytes, text));
        }
        let (folder, id) = (self.desk.folder.clone(), self.job.id.clone());
        super::blocking(move || {
            for (name, length, text) in appends {
                folder.append(&id, &name, length, text.as_bytes())?;
            }
            Ok(())
        })
        .await?;
        Ok(lengths)
    }

    /// The file that the next line of this type goes to, and how long it is.
    fn open_file(&self, part: Part, kind: &'static str) -> (FileName, Length) {
        let mut own = self.files.iter().rev();
        let last = own.find(|(name, _)| name.part == part && name.kind == kind);
        let number = match last {
            Some((name, length)) if length.bytes < self.desk.settings.pace.file_bytes => {
                return (name.clone(), *length);
            }
            Some((name, _)) => name.number.saturating_add(1),
            None => 1,
        };
        (FileName { part, kind, number }, Length::default())
    }

    /// Writes what is to be told of the whole, and ends the job.
    async fn finish(&mut self) -> Result<(), ExportError> {
        let mut piece = Piece::default();
        for note in &self.job.asked.notes {
            piece.add(Part::Error, "OperationOutcome", &outcome(note));
        }
        let lengths = self.write(piece.lines).await?;
        self.files.extend(lengths.iter().cloned());
        let resources = self
            .files
            .iter()
            .filter(|(name, _)| name.part == Part::Output);
        let shown = resources.fold(0, |sum: u64, (_, length)| {
            sum.saturating_add(length.resources)
        });
        let line = self
            .desk
            .line(&self.job, "complete")
            .shown(usize::try_from(shown).unwrap_or(usize::MAX));
        let (id, at) = (self.job.id.clone(), self.desk.clock.now());
        let expires_at = self.desk.expiry(at);
        self.desk
            .database
            .transact(move |connection| {
                for (name, length) in &lengths {
                    store::set_length(connection, &id, name, *length)?;
                }
                if !store::end(connection, &id, State::Complete, at, expires_at)? {
                    return Err(ExportError::NotFound);
                }
                audit::append(connection, &line)?;
                Ok(())
            })
            .await
    }

    pub(super) fn job(&self) -> &Job {
        &self.job
    }
}

impl Desk {
    /// The audit's line about a job and how it ended.
    pub(super) fn line(&self, job: &Job, outcome: &'static str) -> Line {
        Line::new(Kind::Export, self.clock.now(), job.owner.role.as_str())
            .actor_id(&job.owner.id)
            .outcome(outcome)
            .detail("act", "export")
            .detail("scope", job.charted.scope.to_string())
            .detail("job", job.id.as_str())
    }

    /// Refuses what would make the files of all exports larger than they may be. Exports that are
    /// made at the same time may each be one piece beyond it.
    async fn make_sure_of_room_for(&self, bytes: usize) -> Result<(), ExportError> {
        let there = self
            .database
            .read(|connection| Ok::<_, ExportError>(store::bytes_of_all(connection)?))
            .await?;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if there.saturating_add(bytes) > self.settings.limits.max_disk {
            return Err(ExportError::Full);
        }
        Ok(())
    }
}

/// A Bundle, on one line, that deletes what was deleted.
fn deletions(addresses: &[Address]) -> String {
    let entries: Vec<_> = addresses
        .iter()
        .map(|address| json!({"request": {"method": "DELETE", "url": address.to_string()}}))
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    format!("{bundle}\n")
}

fn outcome(note: &str) -> String {
    let issue = json!({"severity": "warning", "code": "not-supported", "diagnostics": note});
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
    format!("{outcome}\n")
}
