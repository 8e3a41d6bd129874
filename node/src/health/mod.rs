//! What people measure themselves: exports of phones, what apps send, what a hand enters.
//!
//! Owns the tables `vital_*` and the folder of uploads that are not saved yet. Writes through
//! [`Records::record_vitals`] alone, under a permit that opens nothing else: vital signs, in the
//! person's own chart, marked as theirs. Nothing is saved before the person has seen what it is.

mod error;
mod folder;
mod hand;
mod multipart;
mod pages;
mod provenance;
mod receiving;
pub mod routes;
mod saving;
mod shown;
mod store;
mod token;
mod tokens;
mod upload;
mod uploads;
mod work;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use apple_health::Pseudonyms;
use federation_service::clock::SharedClock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::{Access, Act, Permit};
use crate::config::VitalsSettings;
use crate::consent::Consents;
use crate::database::Database;
use crate::identity::Caller;
use crate::linkage::{Linkage, Person};
use crate::records::{Records, Validator};

use folder::Folder;
use token::Pace;

pub use error::{Entered, HealthError};
pub use hand::{Entry, Kept};
pub use receiving::Receiving;
pub use shown::{Measured, Series};
pub use token::{PlainUploadToken, UploadToken};
pub use upload::{Choice, Counts, Day, Held, Report, State, Upload, UploadId};

/// What the room stands on.
pub struct HealthParts {
    /// Its tables.
    pub database: Database,
    /// Where vital signs go.
    pub records: Records,
    /// What resources are held against.
    pub validator: Validator,
    /// Who may.
    pub access: Access,
    /// Who is enrolled, with which chart.
    pub linkage: Linkage,
    /// What people decided, to be named beside what they bring.
    pub consents: Consents,
    /// What time it is.
    pub clock: SharedClock,
    /// How much may be uploaded, and where it waits.
    pub settings: VitalsSettings,
}

/// What people bring in, of one node. Cheap to clone; the work ends when the last one goes.
#[derive(Clone)]
pub struct Health {
    desk: Desk,
    work: Arc<Mutex<JoinSet<()>>>,
    runtime: tokio::runtime::Handle,
    stop: Arc<watch::Sender<bool>>,
}

/// What the work needs.
#[derive(Clone)]
struct Desk {
    parts: Arc<HealthParts>,
    folder: Folder,
    pace: Arc<Pace>,
    progress: Arc<Mutex<HashMap<UploadId, Arc<Progress>>>>,
    turns: Arc<tokio::sync::Semaphore>,
}

/// How much of a file is read.
#[derive(Debug, Default)]
struct Progress {
    read: AtomicU64,
}

impl Health {
    /// The room over its parts. Call it inside the runtime that is to do the work. Nothing is done
    /// before [`Health::go_on`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(parts: HealthParts) -> Self {
        let folder = Folder::at(parts.settings.folder.clone());
        Self {
            desk: Desk {
                parts: Arc::new(parts),
                folder,
                pace: Arc::default(),
                progress: Arc::default(),
                turns: Arc::new(tokio::sync::Semaphore::new(AT_WORK)),
            },
            work: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
            stop: Arc::new(watch::channel(false).0),
        }
    }

    /// What time it is, in seconds since 1970.
    fn now_seconds(&self) -> i64 {
        self.desk.parts.clock.now().unix_seconds()
    }

    /// Bytes that one upload may have.
    fn max_upload(&self) -> u64 {
        self.desk.parts.settings.max_upload
    }
}

impl Desk {
    /// Leave to record vital signs, and who has it; the audit line is durable before.
    async fn permit(
        &self,
        caller: &Caller,
        way: &'static str,
        of: &str,
    ) -> Result<(Arc<Permit>, Person), HealthError> {
        let act = Act::RecordVitals { way, of };
        let permit = self.parts.access.permit(caller, act).await?;
        Ok((Arc::new(permit), self.person(caller).await?))
    }

    /// The enrolled person at the door, with their chart as it is now.
    async fn person(&self, caller: &Caller) -> Result<Person, HealthError> {
        let Caller::Person { id, patient } = caller else {
            return Err(HealthError::NotFound);
        };
        let person = self.parts.linkage.person(id).await?;
        if person.patient == *patient {
            Ok(person)
        } else {
            Err(HealthError::NotFound)
        }
    }

    /// The pseudonyms of a person's devices.
    async fn pseudonyms(&self, person: &Person) -> Result<Pseudonyms, HealthError> {
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh).map_err(|_none| HealthError::Entropy)?;
        let patient = person.patient;
        let key = self
            .parts
            .database
            .transact(move |connection| {
                Ok::<_, HealthError>(store::key_of(connection, patient, &fresh)?)
            })
            .await?;
        Ok(Pseudonyms::under(&key))
    }

    fn progress_of(&self, id: &UploadId) -> Arc<Progress> {
        let mut all = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(id.clone()).or_default())
    }

    fn forget_progress(&self, id: &UploadId) {
        let mut all = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(id);
    }
}

impl Progress {
    fn begin(&self) {
        self.read.store(0, Ordering::Relaxed);
    }

    fn add(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Hundredths of so many bytes, never all of them.
    fn percent(&self, of: u64) -> u8 {
        let read = self.read.load(Ordering::Relaxed);
        let percent = read.saturating_mul(100).checked_div(of).unwrap_or(0);
        u8::try_from(percent.min(99)).unwrap_or(99)
    }
}

/// How many uploads are worked on at the same time.
const AT_WORK: usize = 2;

/// File work, on a thread that may wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HealthError> + Send + 'static,
) -> Result<T, HealthError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_ended) => Err(HealthError::File(std::io::ErrorKind::Interrupted.into())),
    }
}
