//! Taking files in: NDJSON, Bundles, SS-MIX2 storage trees.
//!
//! Owns how far each file came, what each SS-MIX2 file put into the records, and the quarantine.
//! What is written to the records, the rows here that speak of it, and the place that was reached
//! are one transaction a batch: an import that is stopped at any moment, by a power cut too, has
//! lost nothing that it reported, and the next one repeats nothing. Never holds content: a refusal
//! says where and why, never what stands there.

mod bundles;
mod deed;
mod error;
mod fault;
mod job;
mod lines;
mod parcel;
mod report;
mod seen;
mod settling;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod unit;

use std::path::Path;
use std::sync::Arc;

use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use ssmix2::Institution;

use crate::access::Permit;
use crate::audit::{self, Kind, Line};
use crate::database::{Database, DatabaseError, HospitalConnection};
use crate::records::{Intake, Outcome, Records};

pub use error::ImportError;
pub use report::{Reached, Refusal, Report, Watcher};
pub use store::Quarantined;

use error::Ended;

/// Who the audit names for what an import writes.
pub const IMPORTER: &str = "musubi-node import";

/// After this many new resources the database looks at its tables again, to plan its searches.
const WORTH_LOOKING: u64 = 1_000;

/// How an import begins, and whether anything of it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// From the beginning of the file. What says nothing new is not written.
    Anew,
    /// From where the last import of the same file was stopped.
    Resumed,
    /// Everything is done, batch by batch, and taken back: what would become of each batch as
    /// things stand now.
    Rehearsed,
}

/// Takes files into the records. Cheap to clone.
#[derive(Clone)]
pub struct Import {
    database: Database,
    clock: SharedClock,
    records: Records,
}

impl Import {
    /// Into `records`, which are in `database`.
    #[must_use]
    pub fn new(database: Database, clock: SharedClock, records: Records) -> Self {
        Self {
            database,
            clock,
            records,
        }
    }

    /// Imports NDJSON, one resource a line: a file, the `.ndjson` and `.jsonl` files of a folder in
    /// the order of their names, or standard input (`-`), which cannot be resumed.
    ///
    /// A line that is not taken stops nobody: it is quarantined, and `watcher` hears of it.
    ///
    /// # Errors
    /// `File`, `Changed`, `NotResumable`, `Displaced`, `Records`. What `watcher` was told before is
    /// stored.
    pub async fn lines(
        &self,
        permit: &Arc<Permit>,
        path: &Path,
        manner: Manner,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, ImportError> {
        let mut run = Run::new(self, permit, manner, watcher);
        lines::import(&mut run, path).await?;
        run.end().await
    }

    /// Imports Bundles (transaction, batch, collection, searchset) and single resources, one a file:
    /// a file, the `.json` files of a folder, or standard input (`-`). Each is taken whole or not at
    /// all, and a Bundle that was taken before is left: its bytes tell. That is why there is nothing
    /// to resume.
    ///
    /// # Errors
    /// `File`, `Records`.
    pub async fn bundles(
        &self,
        permit: &Arc<Permit>,
        path: &Path,
        manner: Manner,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, ImportError> {
        let mut run = Run::new(self, permit, manner, watcher);
        bundles::import(&mut run, path).await?;
        run.end().await
    }

    /// Scans an SS-MIX2 storage tree of `institution` and brings the records up to date with it:
    /// reads what is new or was written again, follows files that were renamed (1 → 2 → 0), and
    /// leaves the rest. A scan always resumes: what was stored before is not read again.
    ///
    /// # Errors
    /// `File` if the root cannot be read, `Displaced`, `Records`.
    pub async fn tree(
        &self,
        permit: &Arc<Permit>,
        root: &Path,
        institution: &Institution,
        manner: Manner,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, ImportError> {
        let mut run = Run::new(self, permit, manner, watcher);
        tree::scan(&mut run, root, institution).await?;
        run.end().await
    }

    /// What is in quarantine, the newest first; at most `limit`.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn quarantine(&self, limit: usize) -> Result<Vec<Quarantined>, DatabaseError> {
        let listed = move |connection: &mut _| store::quarantined(connection, limit);
        self.database.read(listed).await
    }

    /// How many lines more than are listed were refused, by file.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn unlisted(&self) -> Result<Vec<(String, u64)>, DatabaseError> {
        self.database.read(store::unlisted).await
    }

    /// Empties the quarantine, of one source or of all; how much was in it. An SS-MIX2 file that is
    /// taken out is not read again before it is written again.
    ///
    /// # Errors
    /// The database could not be written.
    pub async fn clear_quarantine(&self, source: Option<&str>) -> Result<u64, DatabaseError> {
        let source = source.map(str::to_owned);
        let clear =
            move |connection: &mut _| store::clear_quarantine(connection, source.as_deref());
        self.database.transact(clear).await
    }
}

/// One import at work.
struct Run<'r> {
    import: &'r Import,
    permit: Arc<Permit>,
    manner: Manner,
    report: Report,
    /// Whose quarantine is counted in the end.
    sources: Vec<String>,
    /// How much was done before this import began, in what [`Reached`] counts.
    given: u64,
    watcher: &'r mut dyn Watcher,
}

impl<'r> Run<'r> {
    fn new(
        import: &'r Import,
        permit: &Arc<Permit>,
        manner: Manner,
        watcher: &'r mut dyn Watcher,
    ) -> Self {
        Self {
            import,
            permit: Arc::clone(permit),
            manner,
            report: Report::default(),
            sources: Vec::new(),
            given: 0,
            watcher,
        }
    }

    fn now(&self) -> Timestamp {
        self.import.clock.now()
    }

    fn rehearses(&self) -> bool {
        self.manner == Manner::Rehearsed
    }

    /// Does `work` in one transaction; of a rehearsal nothing stays.
    async fn transact<T, W>(&self, mut work: W) -> Result<T, ImportError>
    where
        T: Send + 'static,
        W: FnMut(&mut HospitalConnection) -> Result<T, ImportError> + Send + 'static,
    {
        let rehearses = self.rehearses();
        let done = self.import.database.transact(move |connection| {
            let result = work(connection).map_err(Ended::Failed)?;
            Ended::unless(rehearses, result)
        });
        Ended::result(done.await)
    }

    /// Counts what became of each resource.
    fn count(&mut self, became: &[Became]) {
        for Became {
            profile,
            fault,
            outcome,
        } in became
        {
            let count = match outcome {
                Outcome::Created => &mut self.report.created,
                Outcome::Updated => &mut self.report.updated,
                Outcome::Unchanged => &mut self.report.unchanged,
                Outcome::Deleted => &mut self.report.deleted,
                Outcome::Absent => continue,
            };
            *count += 1;
            let is_new = matches!(outcome, Outcome::Created | Outcome::Updated);
            if let Some(fault) = fault.as_ref().filter(|_| is_new) {
                self.report.find_fault(fault);
            }
            if let Some(profile) = profile {
                *self.report.profiles.entry(profile.clone()).or_default() += 1;
            }
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.report.refused += 1;
        self.watcher.refused(refusal);
    }

    /// Tells how far it is, of `of` where that is known.
    fn tell(&mut self, done: u64, of: Option<u64>) {
        let (report, given) = (&self.report, self.given);
        self.watcher.reached(&Reached {
            report,
            done,
            given,
            of,
        });
    }

    /// Writes the line that witnesses what was done, if anything was.
    async fn end(mut self) -> Result<Report, ImportError> {
        let sources = std::mem::take(&mut self.sources);
        let counted = move |connection: &mut _| {
            let each = sources.iter();
            each.map(|source| store::count_quarantined(connection, source))
                .sum::<Result<u64, DatabaseError>>()
        };
        self.report.quarantined = self.import.database.read(counted).await?;
        let line = self.line();
        let report = self.report;
        let changed = report.created + report.updated + report.deleted > 0;
        if self.manner == Manner::Rehearsed || !changed {
            return Ok(report);
        }
        let audit = move |connection: &mut _| audit::append(connection, &line);
        self.import.database.transact(audit).await?;
        if report.created >= WORTH_LOOKING {
            self.import.records.plan_anew(&self.permit).await?;
        }
        Ok(report)
    }

    fn line(&self) -> Line {
        Line::new(Kind::Write, self.now(), "system")
            .actor_id(IMPORTER)
            .detail("act", "imported")
            .detail("created", self.report.created)
            .detail("updated", self.report.updated)
            .detail("deleted", self.report.deleted)
            .detail("unchanged", self.report.unchanged)
            .detail("not_conforming", self.report.not_conforming())
            .detail("refused", self.report.refused)
    }
}

/// What became of one resource, and the profile it counts under; none for what was deleted.
#[derive(Debug, Clone)]
struct Became {
    profile: Option<String>,
    /// Why it does not conform, if it does not.
    fault: Option<String>,
    outcome: Outcome,
}

/// Does `intakes` in the caller's transaction. Of several about one resource the last is done.
fn take_in(
    records: &Records,
    permit: &Permit,
    connection: &mut HospitalConnection,
    intakes: Vec<Intake>,
) -> Result<Vec<Became>, ImportError> {
    let intakes = unit::last_of_each(intakes);
    let told: Vec<_> = intakes.iter().map(told).collect();
    let outcomes = records.take_in(permit, connection, intakes)?;
    let became = told.into_iter().zip(outcomes);
    Ok(became
        .map(|((profile, fault), outcome)| Became {
            profile,
            fault,
            outcome,
        })
        .collect())
}

/// The profile that a resource counts under, and its fault.
fn told(intake: &Intake) -> (Option<String>, Option<String>) {
    match intake {
        Intake::Put(incoming) => {
            let profile = incoming.profile();
            let fault = fault::first(&profile, incoming.issues());
            (Some(profile), fault)
        }
        Intake::Delete(_) => (None, None),
    }
}
