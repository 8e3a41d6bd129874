//! Charts in files, for the hospital's own systems: FHIR Bulk Data Access.
//!
//! Owns the tables `export_*` and the folder of the files. Reads records through a permit alone, and
//! never writes one. What an export gives is what stood there when it was asked for, however long it
//! takes and however often the node is started meanwhile.
//!
//! Source: FHIR Bulk Data Access 2.0.0.

mod asked;
mod error;
mod files;
mod job;
mod members;
pub mod routes;
mod run;
mod store;
#[cfg(test)]
mod tests;
mod work;

use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::{Access, Act};
use crate::config::ExportSettings;
use crate::database::Database;
use crate::identity::{Caller, Role};
use crate::records::{Mark, Records};

use files::Folder;
use job::{Charted, Job, Owner, Place, State};

pub use asked::{Asked, AskedError};
pub use error::ExportError;
pub use files::{FileName, Part};
pub use job::{JobId, Scope};
pub use run::Length;

/// How far before its commit an export says that it stands. A write takes its time before its turn
/// comes: what was under way then is in the next export, which begins with what this one says.
const UNDER_WAY_SECONDS: i64 = 10;

/// The exports of one node. Cheap to clone; the work ends when the last one goes.
#[derive(Clone)]
pub struct Exports {
    desk: Desk,
    work: Arc<Mutex<JoinSet<()>>>,
    runtime: tokio::runtime::Handle,
    stop: Arc<watch::Sender<bool>>,
}

/// What the work on an export needs.
#[derive(Clone)]
struct Desk {
    database: Database,
    records: Records,
    access: Access,
    clock: SharedClock,
    settings: Arc<Settings>,
    folder: Folder,
}

#[derive(Debug)]
struct Settings {
    limits: ExportSettings,
    pace: Pace,
}

/// How large the pieces of the work are.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Resources in one piece.
    at_once: usize,
    /// A file of so many bytes is followed by another.
    file_bytes: u64,
}

const PACE: Pace = Pace {
    at_once: 500,
    file_bytes: 256 * 1024 * 1024,
};

/// How an export stands, for who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is being made; at most 100 characters say how far it is.
    Running(String),
    /// Its files can be fetched.
    Complete(Manifest),
    /// It ended without files.
    Ended {
        /// Because there was no room for them.
        full: bool,
    },
}

/// What an export gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What was written before this moment is in it.
    pub transaction_time: Timestamp,
    /// The URL that it was asked for under.
    pub request: String,
    /// Its files.
    pub files: Vec<(FileName, Length)>,
    /// When they are removed.
    pub expires_at: Timestamp,
}

/// A file to be sent.
#[derive(Debug)]
pub struct Download {
    /// Open for reading, at its beginning.
    pub file: File,
    /// How many bytes of it are to be sent.
    pub bytes: u64,
    /// When it is removed.
    pub expires_at: Timestamp,
}

impl Exports {
    /// The exports kept in `database` and in the folder of the settings. Call it inside the runtime
    /// that is to do the work. Nothing is done before [`Exports::go_on`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(
        database: Database,
        records: Records,
        access: Access,
        clock: SharedClock,
        settings: ExportSettings,
    ) -> Self {
        Self::at_pace(database, records, access, clock, settings, PACE)
    }

    fn at_pace(
        database: Database,
        records: Records,
        access: Access,
        clock: SharedClock,
        limits: ExportSettings,
        pace: Pace,
    ) -> Self {
        let folder = Folder::at(limits.folder.clone());
        Self {
            desk: Desk {
                database,
                records,
                access,
                clock,
                settings: Arc::new(Settings { limits, pace }),
                folder,
            },
            work: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
            stop: Arc::new(watch::channel(false).0),
        }
    }

    /// Takes an export on; the work begins at once. `request` is the URL as the caller sent it.
    ///
    /// # Errors
    /// `Access` for a role that does not export; `Records` where there is no such Group; `Busy`,
    /// `Full`, `Database`.
    pub async fn accept(
        &self,
        caller: &Caller,
        scope: Scope,
        asked: Asked,
        request: String,
    ) -> Result<JobId, ExportError> {
        let (job, permit) = self.desk.accept(caller, scope, asked, request).await?;
        let id = job.id.clone();
        self.begin(job, permit);
        Ok(id)
    }

    /// How an export stands, for who asked for it and for who runs the node.
    ///
    /// # Errors
    /// `NotFound`, also for other callers'; `Database`.
    pub async fn status(&self, caller: &Caller, id: &JobId) -> Result<Status, ExportError> {
        let job = self.desk.job_for(caller, id).await?;
        let files = self.desk.files_of(id).await?;
        Ok(match (job.state, job.expires_at) {
            (State::Complete, Some(expires_at)) => Status::Complete(Manifest {
                transaction_time: job.transaction_time,
                request: job.request,
                files,
                expires_at,
            }),
            (State::Full, _) => Status::Ended { full: true },
            (State::Running, _) => Status::Running(progress(&job, &files)),
            (State::Failed | State::Complete, _) => Status::Ended { full: false },
        })
    }

    /// Ends an export, if it runs, and removes its files. The audit line is durable before.
    ///
    /// # Errors
    /// `Access` for roles that have none; `NotFound`, also for other callers'; `File`, `Database`.
    pub async fn cancel(&self, caller: &Caller, id: &JobId) -> Result<(), ExportError> {
        let act = Act::CancelExport { job: id.as_str() };
        let _may = self.desk.access.permit(caller, act).await?;
        self.desk.job_for(caller, id).await?;
        self.desk.remove(id).await
    }

    /// Opens a file of a complete export, for who asked for it alone. The audit line is durable
    /// before.
    ///
    /// # Errors
    /// `Access` for roles that have none; `NotFound`; `File`, `Database`.
    pub async fn download(
        &self,
        caller: &Caller,
        id: &JobId,
        name: FileName,
    ) -> Result<Download, ExportError> {
        let file = name.to_string();
        let act = Act::Download {
            job: id.as_str(),
            file: &file,
        };
        let _may = self.desk.access.permit(caller, act).await?;
        let job = self.desk.job_for(caller, id).await?;
        let complete = job.state == State::Complete && job.owner.is(caller);
        let expires_at = job.expires_at.filter(|_| complete);
        let expires_at = expires_at.ok_or(ExportError::NotFound)?;
        let files = self.desk.files_of(id).await?;
        let mut same = files.into_iter().filter(|(one, _)| *one == name);
        let (_, Length { bytes, .. }) = same.next().ok_or(ExportError::NotFound)?;
        let (folder, id) = (self.desk.folder.clone(), id.clone());
        let file = blocking(move || folder.open(&id, &name, bytes)).await?;
        Ok(Download {
            file,
            bytes,
            expires_at,
        })
    }
}

impl Desk {
    async fn accept(
        &self,
        caller: &Caller,
        scope: Scope,
        asked: Asked,
        request: String,
    ) -> Result<(Job, crate::access::Permit), ExportError> {
        let id = JobId::random();
        let act = Act::Export {
            scope: &scope.to_string(),
            job: id.as_str(),
        };
        let permit = self.access.permit(caller, act).await?;
        let version = match scope.group() {
            Some(group) => self.records.read(&permit, &group).await?.version,
            None => 0,
        };
        let started_at = self.clock.now();
        let mark: Mark = self.records.mark(&permit).await?;
        let job = Job {
            id,
            owner: Owner::of(caller),
            charted: Charted { scope, version },
            place: Place::behind_type(&asked.walked(), None),
            asked,
            request,
            mark,
            transaction_time: started_at.plus_seconds(-UNDER_WAY_SECONDS),
            started_at,
            state: State::Running,
            expires_at: None,
        };
        self.insert(job.clone()).await?;
        Ok((job, permit))
    }

    async fn insert(&self, job: Job) -> Result<(), ExportError> {
        let ExportSettings { max_disk, jobs, .. } = self.settings.limits;
        self.database
            .transact(move |connection| {
                if store::count_running(connection)? >= i64::from(jobs) {
                    return Err(ExportError::Busy);
                }
                if store::bytes_of_all(connection)? >= max_disk {
                    return Err(ExportError::Full);
                }
                Ok(store::insert(connection, &job)?)
            })
            .await
    }

    /// The export of this id, if it is the caller's or the caller runs the node.
    async fn job_for(&self, caller: &Caller, id: &JobId) -> Result<Job, ExportError> {
        let wanted = id.clone();
        let job = self
            .database
            .read(move |connection| Ok::<_, ExportError>(store::job(connection, &wanted)?))
            .await?;
        let now = self.clock.now();
        let theirs = |job: &Job| job.owner.is(caller) || caller.role() == Role::Admin;
        let living = |job: &Job| job.expires_at.is_none_or(|end| end > now);
        job.filter(|job| theirs(job) && living(job))
            .ok_or(ExportError::NotFound)
    }

    async fn files_of(&self, id: &JobId) -> Result<Vec<(FileName, Length)>, ExportError> {
        let id = id.clone();
        self.database
            .read(move |connection| Ok(store::files(connection, &id)?))
            .await
    }

    /// Removes a job, then its files: what is left behind by a fall between them is swept.
    async fn remove(&self, id: &JobId) -> Result<(), ExportError> {
        let gone = id.clone();
        self.database
            .transact(move |connection| Ok::<_, ExportError>(store::remove(connection, &gone)?))
            .await?;
        self.remove_files(id).await
    }

    async fn remove_files(&self, id: &JobId) -> Result<(), ExportError> {
        let (folder, id) = (self.folder.clone(), id.clone());
        blocking(move || folder.remove(&id)).await
    }

    fn expiry(&self, ended_at: Timestamp) -> Timestamp {
        let keep = self.settings.limits.keep.as_secs();
        ended_at.plus_seconds(i64::try_from(keep).unwrap_or(i64::MAX))
    }
}

/// How far a running export is, in words.
fn progress(job: &Job, files: &[(FileName, Length)]) -> String {
    let written: u64 = files.iter().map(|(_, length)| length.resources).sum();
    let at = match &job.place {
        Place::Charts { kind, .. } => {
            let walked = job.asked.walked();
            let place = walked.iter().position(|one| one == kind).unwrap_or(0);
            format!(
                "{kind}, {} of {} types",
                place.saturating_add(1),
                walked.len()
            )
        }
        Place::BesideCharts | Place::Notes => "what the charts refer to".to_owned(),
    };
    format!("{at}, {written} resources written")
}

/// File work, on a thread that may wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ExportError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_ended) => Err(ExportError::File(std::io::ErrorKind::Interrupted.into())),
    }
}

/// How long to wait before work that failed in passing is tried again.
const BREATH: Duration = Duration::from_secs(1);
