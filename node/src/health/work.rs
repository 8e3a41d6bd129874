//! The work on uploads, beside the requests: reading, saving, undoing. Each is gone on with after a
//! restart, from the beginning of its file; what is saved already is known again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use apple_health::{
    Format, Limits, MAX_EXPORTER_BYTES, Pseudonyms, Reading, Summary, read_export, read_exporter,
};
use tokio::sync::watch;

use super::saving::AT_ONCE;
use super::{
    Choice, Counts, Desk, Health, HealthError, Progress, Report, State, Upload, UploadId, blocking,
    store,
};
use crate::access::Permit;
use crate::identity::Caller;
use crate::linkage::Person;
use crate::records::{Address, Intake, LogicalId, RecordsError, ResourceType, Standing};

/// How often forgotten uploads are looked for.
const SWEEPING: Duration = Duration::from_secs(60);
/// How long an upload that is ready waits for its person.
const WAITS_SECONDS: i64 = 24 * 3_600;
/// How long the bytes of an upload may take to arrive.
const ARRIVES_SECONDS: i64 = 2 * 3_600;

/// What is gone on with.
const UNFINISHED: &[State] = &[State::Reading, State::Saving, State::Undoing];
/// How long to wait before work that failed in passing is tried again.
const BREATH: Duration = Duration::from_secs(1);

/// What ended the work on an upload.
enum Ended {
    /// It is done.
    Done,
    /// The node stops: it is gone on with later.
    Stopped,
}

impl Health {
    /// Goes on with what an earlier run of the node left unfinished, and starts the sweeping of what
    /// was forgotten.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub async fn go_on(&self) -> Result<(), HealthError> {
        // Whoever sent it is gone.
        for upload in self.desk.all_in(&[State::Receiving]).await? {
            self.desk.fail(&upload.id, "incomplete").await?;
        }
        for upload in self.desk.all_in(UNFINISHED).await? {
            self.begin(upload.id);
        }
        let (desk, mut stop) = (self.desk.clone(), self.stop.subscribe());
        self.spawn(async move {
            while !*stop.borrow() {
                if let Err(error) = desk.sweep().await {
                    tracing::warn!("forgotten uploads were not swept: {error}");
                }
                let stopped = tokio::time::timeout(SWEEPING, stop.wait_for(|stop| *stop));
                drop(stopped.await);
            }
        });
        Ok(())
    }

    /// Begins the work that an upload's state asks for.
    pub(super) fn begin(&self, id: UploadId) {
        let (desk, mut stop) = (self.desk.clone(), self.stop.subscribe());
        self.spawn(async move {
            while !*stop.borrow() {
                match desk.work_on(&id, stop.clone()).await {
                    Ok(Ended::Done | Ended::Stopped) => return,
                    Err(error) if error.is_passing() => {
                        tracing::warn!(upload = %id, "an upload waits: {error}");
                        let stopped = tokio::time::timeout(BREATH, stop.wait_for(|stop| *stop));
                        drop(stopped.await);
                    }
                    Err(error) => return desk.end_badly(&id, &error).await,
                }
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Ok(mut work) = self.work.lock() {
            while work.try_join_next().is_some() {}
            work.spawn_on(task, &self.runtime);
        }
    }

    /// Ends the work at the next place that can be gone on from.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let taken = self.work.lock().map(|mut work| std::mem::take(&mut *work));
        if let Ok(mut work) = taken {
            while work.join_next().await.is_some() {}
        }
    }
}

impl Desk {
    async fn all_in(&self, states: &'static [State]) -> Result<Vec<Upload>, HealthError> {
        self.parts
            .database
            .read(move |connection| Ok(store::uploads_in(connection, states)?))
            .await
    }

    async fn work_on(
        &self,
        id: &UploadId,
        stop: watch::Receiver<bool>,
    ) -> Result<Ended, HealthError> {
        // Reading takes a processor for a minute: the others wait.
        let _turn = self.turns.acquire().await;
        let wanted = id.clone();
        let upload = self
            .parts
            .database
            .read(move |connection| Ok::<_, HealthError>(store::upload(connection, &wanted)?))
            .await?;
        let Some(upload) = upload else {
            return Ok(Ended::Done);
        };
        // Decided anew: whoever is no longer enrolled saves nothing.
        let caller = Caller::Person {
            id: upload.person.clone(),
            patient: upload.patient,
        };
        match upload.state {
            State::Reading => {
                let person = self.person(&caller).await?;
                self.read(upload, &person, stop).await
            }
            State::Saving => {
                let (permit, person) = self.permit(&caller, "import", id.as_str()).await?;
                self.save(upload, permit, &person, stop).await
            }
            State::Undoing => {
                let (permit, _) = self.permit(&caller, "undo", id.as_str()).await?;
                self.undo(&upload, permit, stop).await
            }
            _resting => Ok(Ended::Done),
        }
    }

    /// Finds out what an upload holds.
    async fn read(
        &self,
        upload: Upload,
        person: &Person,
        stop: watch::Receiver<bool>,
    ) -> Result<Ended, HealthError> {
        let pseudonyms = self.pseudonyms(person).await?;
        let (desk, id) = (self.clone(), upload.id.clone());
        let found = blocking(move || {
            let mut report = Report::default();
            let summary = desk.readings(&id, &pseudonyms, &stop, &mut |reading| {
                report.add(&reading);
                Ok(())
            })?;
            let report = summary.map(|summary| {
                report.finish(&summary);
                report
            });
            Ok(report)
        });
        let Some(report) = found.await? else {
            return Ok(Ended::Stopped);
        };
        let text = serde_json::to_string(&report).unwrap_or_default();
        let (id, now) = (upload.id, self.parts.clock.now());
        self.parts
            .database
            .transact(move |connection| {
                store::set_report(connection, &id, &text)?;
                store::step(connection, &id, (State::Reading, State::Ready), now)?;
                Ok::<_, HealthError>(())
            })
            .await?;
        Ok(Ended::Done)
    }

    /// Saves what is wanted of an upload.
    async fn save(
        &self,
        upload: Upload,
        permit: Arc<Permit>,
        person: &Person,
        stop: watch::Receiver<bool>,
    ) -> Result<Ended, HealthError> {
        let pseudonyms = self.pseudonyms(person).await?;
        let origin = self.origin(person, "import", upload.id.as_str()).await?;
        let choice = upload.choice.clone().ok_or(HealthError::State)?;
        let saver = Saver {
            desk: self.clone(),
            id: upload.id.clone(),
            permit,
            origin,
            choice,
            counts: Counts::default(),
            gathered: Vec::new(),
        };
        let (desk, id) = (self.clone(), upload.id.clone());
        let saved = blocking(move || {
            let mut saver = saver;
            let read =
                desk.readings(&id, &pseudonyms, &stop, &mut |reading| saver.take(reading))?;
            if read.is_some() {
                saver.flush()?;
            }
            Ok(read.is_some())
        });
        if !saved.await? {
            return Ok(Ended::Stopped);
        }
        self.move_on(&upload.id, (State::Saving, State::Saved))
            .await?;
        self.remove_file(&upload.id).await?;
        Ok(Ended::Done)
    }

    /// Deletes what an upload brought, as far as it still stands.
    async fn undo(
        &self,
        upload: &Upload,
        permit: Arc<Permit>,
        stop: watch::Receiver<bool>,
    ) -> Result<Ended, HealthError> {
        loop {
            if *stop.borrow() {
                return Ok(Ended::Stopped);
            }
            let (desk, id, permit) = (self.clone(), upload.id.clone(), Arc::clone(&permit));
            let left = self
                .parts
                .database
                .transact(move |connection| desk.undo_some(connection, &id, &permit))
                .await?;
            if !left {
                break;
            }
        }
        self.move_on(&upload.id, (State::Undoing, State::Undone))
            .await?;
        Ok(Ended::Done)
    }

    fn undo_some(
        &self,
        connection: &mut crate::database::HospitalConnection,
        upload: &UploadId,
        permit: &Permit,
    ) -> Result<bool, HealthError> {
        let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        let ids = store::some_brought(connection, upload, limit)?;
        let records = &self.parts.records;
        let mut deletes = Vec::new();
        for id in &ids {
            let Some(address) = observation(id) else {
                continue;
            };
            match records.standing_vital(permit, connection, &address) {
                Ok(Standing::Measured(_)) => deletes.push(Intake::Delete(address)),
                Ok(Standing::Nothing) | Err(RecordsError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        records.record_vitals(permit, connection, deletes)?;
        store::forget_brought(connection, upload, &ids)?;
        Ok(!ids.is_empty())
    }

    async fn move_on(&self, id: &UploadId, states: (State, State)) -> Result<(), HealthError> {
        let (of, now) = (id.clone(), self.parts.clock.now());
        self.parts
            .database
            .transact(move |connection| {
                store::step(connection, &of, states, now)?;
                Ok::<_, HealthError>(())
            })
            .await
    }

    /// Hands each reading of an upload to `take`; `None` where the node stops meanwhile. Blocks.
    fn readings(
        &self,
        id: &UploadId,
        pseudonyms: &Pseudonyms,
        stop: &watch::Receiver<bool>,
        take: &mut dyn FnMut(Reading) -> Result<(), HealthError>,
    ) -> Result<Option<Summary>, HealthError> {
        let mut file = self.folder.open(id)?;
        let mut beginning = Vec::with_capacity(64);
        (&mut file).take(64).read_to_end(&mut beginning)?;
        file.seek(SeekFrom::Start(0))?;
        let mut failed = None;
        let mut each = |reading| {
            if *stop.borrow() {
                return ControlFlow::Break(());
            }
            match take(reading) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let read = if Format::of(&beginning) == Some(Format::Json) {
            of_an_app(file, pseudonyms, &mut each)
        } else {
            let progress = self.progress_of(id);
            progress.begin();
            let file = Watched { file, progress };
            read_export(file, &Limits::default(), pseudonyms, &mut each).map_err(HealthError::from)
        };
        match (failed, read) {
            (Some(error), _) => Err(error),
            (None, Err(HealthError::Export(apple_health::ExportError::Stopped))) => Ok(None),
            (None, read) => read.map(Some),
        }
    }

    async fn end_badly(&self, id: &UploadId, error: &HealthError) {
        let reason = error.code();
        tracing::warn!(upload = %id, reason, "an upload was not taken in");
        if let Err(error) = self.fail(id, reason).await {
            tracing::error!(upload = %id, "its end was not written down: {error}");
        }
    }

    /// Gives up what nobody came back to, and removes files without an upload.
    async fn sweep(&self) -> Result<(), HealthError> {
        let now = self.parts.clock.now();
        // The files first: an upload is there before its file.
        let folder = self.folder.clone();
        let files = blocking(move || Ok(folder.all()?)).await?;
        for upload in self.all_in(&[State::Receiving, State::Ready]).await? {
            let (waits, reason) = match upload.state {
                State::Ready => (WAITS_SECONDS, "expired"),
                _receiving => (ARRIVES_SECONDS, "incomplete"),
            };
            if now.seconds_since(upload.changed_at) > waits {
                self.fail(&upload.id, reason).await?;
            }
        }
        let with_file = [
            State::Receiving,
            State::Reading,
            State::Ready,
            State::Saving,
        ];
        let kept = self
            .parts
            .database
            .read(move |connection| {
                Ok::<_, HealthError>(store::uploads_in(connection, &with_file)?)
            })
            .await?;
        for id in files {
            if !kept.iter().any(|upload| upload.id == id) {
                self.remove_file(&id).await?;
            }
        }
        Ok(())
    }
}

/// Saves readings as they are met. On a thread that may wait for the database.
struct Saver {
    desk: Desk,
    id: UploadId,
    permit: Arc<Permit>,
    origin: super::provenance::Origin,
    choice: Choice,
    counts: Counts,
    gathered: Vec<Reading>,
}

impl Saver {
    fn take(&mut self, reading: Reading) -> Result<(), HealthError> {
        if !self.choice.wants(&reading) {
            self.counts.outside = self.counts.outside.saturating_add(1);
            return Ok(());
        }
        self.gathered.push(reading);
        if self.gathered.len() < AT_ONCE {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), HealthError> {
        let some = std::mem::take(&mut self.gathered);
        let batch = self
            .desk
            .batch(&self.permit, &self.origin, Some(&self.id), some)?;
        let (id, before) = (self.id.clone(), self.counts);
        let saving = move |connection: &mut crate::database::HospitalConnection| {
            let mut counts = before;
            counts.add(batch.save(connection, None)?);
            store::set_counts(connection, &id, counts)?;
            Ok::<_, HealthError>(counts)
        };
        self.counts = self.desk.parts.database.transact_blocking(saving)?;
        Ok(())
    }
}

/// The address of an Observation of this id.
pub(super) fn observation(id: &str) -> Option<Address> {
    Some(Address {
        kind: ResourceType::named("Observation")?,
        id: LogicalId::parse(id)?,
    })
}

/// A file that an app wrote.
fn of_an_app(
    file: File,
    pseudonyms: &Pseudonyms,
    each: &mut dyn FnMut(Reading) -> ControlFlow<()>,
) -> Result<Summary, HealthError> {
    let most = u64::try_from(MAX_EXPORTER_BYTES).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut body)?;
    let (readings, summary) = read_exporter(&body, pseudonyms)?;
    for reading in readings {
        if each(reading).is_break() {
            return Err(apple_health::ExportError::Stopped.into());
        }
    }
    Ok(summary)
}

/// A file that tells how far it is read.
struct Watched {
    file: File,
    progress: Arc<Progress>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.add(read);
        Ok(read)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
