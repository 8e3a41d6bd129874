//! The tasks of the room: every unfinished export is worked on, and what has expired is swept.

use std::time::Duration;

use tokio::sync::watch;

use super::job::{Job, State};
use super::run::{Run, Step};
use super::{BREATH, Desk, ExportError, Exports, store};
use crate::access::{Act, Permit};
use crate::audit;

/// How often expired exports are looked for.
const SWEEPING: Duration = Duration::from_secs(60);

impl Exports {
    /// Goes on with what an earlier run of the node left unfinished, and starts the sweeping of what
    /// has expired.
    ///
    /// # Errors
    /// The table of jobs cannot be read, or the audit cannot be written.
    pub async fn go_on(&self) -> Result<(), ExportError> {
        for job in self.desk.unfinished().await? {
            match self.desk.permit_again(&job).await {
                Ok(permit) => self.begin(job, permit),
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => self.desk.give_up(&job, &error).await,
            }
        }
        let (desk, mut stop) = (self.desk.clone(), self.stop.subscribe());
        self.spawn(async move {
            while !*stop.borrow() {
                if let Err(error) = desk.sweep().await {
                    tracing::warn!("expired exports were not swept: {error}");
                }
                wait(SWEEPING, &mut stop).await;
            }
        });
        Ok(())
    }

    pub(super) fn begin(&self, job: Job, permit: Permit) {
        let (desk, stop) = (self.desk.clone(), self.stop.subscribe());
        self.spawn(desk.work_on(job, permit, stop));
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
    async fn unfinished(&self) -> Result<Vec<Job>, ExportError> {
        let mut jobs = self
            .database
            .read(|connection| Ok::<_, ExportError>(store::jobs(connection)?))
            .await?;
        jobs.retain(|job| job.state == State::Running);
        Ok(jobs)
    }

    /// Decides anew: what the role may has perhaps changed with the program.
    pub(super) async fn permit_again(&self, job: &Job) -> Result<Permit, ExportError> {
        let caller = job.owner.caller().ok_or(ExportError::NotFound)?;
        let scope = job.charted.scope.to_string();
        let act = Act::Export {
            scope: &scope,
            job: job.id.as_str(),
        };
        Ok(self.access.permit(&caller, act).await?)
    }

    async fn work_on(self, job: Job, permit: Permit, mut stop: watch::Receiver<bool>) {
        let run = Run::of(self.clone(), job.clone(), permit);
        let ended = to_the_end(run, &mut stop).await;
        match ended {
            Ok(()) => {}
            // Cancelled; a file may have come to be meanwhile.
            Err(ExportError::NotFound) => {
                if let Err(error) = self.remove_files(&job.id).await {
                    tracing::warn!(job = %job.id, "files of a cancelled export stay: {error}");
                }
            }
            Err(error) => self.give_up(&job, &error).await,
        }
    }

    /// Ends a job without files.
    pub(super) async fn give_up(&self, job: &Job, error: &ExportError) {
        tracing::error!(job = %job.id, "an export ended without files: {error}");
        let state = match error {
            ExportError::Full => State::Full,
            _ => State::Failed,
        };
        let (id, at) = (job.id.clone(), self.clock.now());
        let (expires_at, line) = (self.expiry(at), self.line(job, state.as_str()));
        let ended = self
            .database
            .transact(move |connection| {
                if store::end(connection, &id, state, at, expires_at)? {
                    store::forget_files(connection, &id)?;
                    audit::append(connection, &line)?;
                }
                Ok::<_, ExportError>(())
            })
            .await;
        let removed = self.remove_files(&job.id).await;
        if let Err(error) = ended.and(removed) {
            tracing::error!(job = %job.id, "its end was not written down: {error}");
        }
    }

    /// Removes what has expired, and files without a job.
    pub(super) async fn sweep(&self) -> Result<(), ExportError> {
        let now = self.clock.now();
        let folder = self.folder.clone();
        // The folders first: a job is there before its folder.
        let folders = super::blocking(move || folder.jobs()).await?;
        let living = self
            .database
            .transact(move |connection| {
                store::remove_expired(connection, now)?;
                Ok::<_, ExportError>(store::ids(connection)?)
            })
            .await?;
        for id in folders.into_iter().filter(|id| !living.contains(id)) {
            self.remove_files(&id).await?;
        }
        Ok(())
    }
}

async fn to_the_end(mut run: Run, stop: &mut watch::Receiver<bool>) -> Result<(), ExportError> {
    while !*stop.borrow() {
        match run.step().await {
            Ok(Step::More) => {}
            Ok(Step::Done) => break,
            Err(error) if error.is_passing() => {
                tracing::warn!(job = %run.job().id, "an export waits: {error}");
                wait(BREATH, stop).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits, but not when the node is to stop.
async fn wait(time: Duration, stop: &mut watch::Receiver<bool>) {
    let stopped = tokio::time::timeout(time, stop.wait_for(|stop| *stop));
    drop(stopped.await);
}
