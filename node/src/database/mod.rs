//! The hospital's database: one embedded `SQLite` file, or a PostgreSQL server.
//!
//! Owns the connections, the threads they live on, and the migrations. Knows no table: each room's
//! `store.rs` does. A room reads with [`Database::read`] and writes with [`Database::transact`];
//! both give it a [`HospitalConnection`] on a database thread.

pub mod backup;
mod connection;
mod counts;
mod error;
mod job;
pub mod look;
mod migrations;
mod owner;
mod place;
mod postgres;
mod presence;
mod queue;
mod restored;
mod rid;
mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod transaction;
mod turns;
pub mod upkeep;

use std::fs::File;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use backup::BeforeChange;
use job::{ReadJob, Write, WriteJob};
use place::Place;
use queue::{Queue, Refused};
use tokio::sync::oneshot;

pub use connection::{HospitalConnection, MultiBackend};
pub use counts::Counts;
pub use error::DatabaseError;
pub use presence::Company;
pub use restored::last_restore;
pub use rid::Rid;
pub(crate) use transaction::{take_turn, unhurried};

/// At most this many reads, and as many writes, wait; more are refused as `Overloaded`.
const QUEUE: usize = 4096;
const SQLITE_READERS: usize = 4;
const POSTGRES_READERS: usize = 6;
const POSTGRES_WRITERS: usize = 6;

/// A handle on the open database. Cheap to clone; the last one to go closes it, after the work that
/// is queued.
#[derive(Clone)]
pub struct Database {
    threads: Arc<Threads>,
}

/// Which of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The embedded file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl Kind {
    /// The word in manifests and on screens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// The kind that `word` names.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Sqlite, Self::Postgres]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

struct Threads {
    kind: Kind,
    reads: Arc<Queue<ReadJob>>,
    writes: Arc<Queue<Box<dyn WriteJob>>>,
    handles: Vec<JoinHandle<()>>,
    /// Let go after the threads have ended.
    presence: Option<Presence>,
}

/// What tells other programs that the database is open. A PostgreSQL database that is shared needs
/// none: each of its sessions tells it.
enum Presence {
    #[expect(dead_code, reason = "held, never read")]
    File(File),
    #[expect(dead_code, reason = "held, never read")]
    Session(Mutex<HospitalConnection>),
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.reads.close();
        self.writes.close();
        for handle in self.handles.drain(..) {
            if handle.thread().id() != std::thread::current().id() {
                // A thread that panicked has nothing left to finish.
                drop(handle.join());
            }
        }
        self.presence = None;
    }
}

impl Database {
    /// Opens the database and brings its tables up to date. Blocks: call it before the runtime
    /// serves anyone.
    ///
    /// `url` is `sqlite:PATH` (made, readable by its owner alone, if it is not there; the folder
    /// must be) or `postgres://…`.
    ///
    /// # Errors
    /// `Url`, `Open`, `Migration`; `Newer` when a newer program has been here; `InUse` while a
    /// restore or other upkeep is at work; `HalfRestored`.
    pub fn open(url: &str) -> Result<Self, DatabaseError> {
        Self::open_in(url, Company::Shared, None)
    }

    /// [`Database::open`], with who else may have it open meanwhile, and with a backup of tables
    /// that hold something and are about to be changed.
    ///
    /// # Errors
    /// As [`Database::open`], `InUse` also when `company` is not to be had; `NoBackup`.
    pub fn open_in(
        url: &str,
        company: Company,
        before: Option<&BeforeChange>,
    ) -> Result<Self, DatabaseError> {
        let place = Place::of(url)?;
        let reads = Arc::new(Queue::new(QUEUE));
        let writes = Arc::new(Queue::new(QUEUE));
        let (handles, presence) = match &place {
            Place::Sqlite(path) => {
                let presence = presence::enter_file(path, company)?;
                let handles = sqlite::open(path, SQLITE_READERS, &reads, &writes, before)?;
                (handles, Some(Presence::File(presence)))
            }
            Place::Postgres(url) => {
                let lines = (POSTGRES_READERS, POSTGRES_WRITERS);
                let (handles, session) =
                    postgres::open(url, lines, &reads, &writes, company, before)?;
                (
                    handles,
                    session.map(|one| Presence::Session(Mutex::new(one))),
                )
            }
        };
        Ok(Self {
            threads: Arc::new(Threads {
                kind: place.kind(),
                reads,
                writes,
                handles,
                presence,
            }),
        })
    }

    /// Which database this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.threads.kind
    }

    /// Reads. All statements of `work` see one snapshot; none of them can write.
    ///
    /// # Errors
    /// Those of `work`; a [`DatabaseError`] when it could not be done at all.
    pub async fn read<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue_read(work, move |result| drop(reply.send(result)))?;
        answer
            .await
            .unwrap_or_else(|_| Err(E::from(DatabaseError::Closed)))
    }

    /// [`Database::read`] for commands: blocks the calling thread.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub fn read_blocking<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnOnce(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = mpsc::sync_channel(1);
        self.queue_read(work, move |result| drop(reply.send(result)))?;
        answer
            .recv()
            .unwrap_or_else(|_| Err(E::from(DatabaseError::Closed)))
    }

    /// Does `work` in one transaction and returns after the durable commit. An error of `work`
    /// rolls it back, and it alone.
    ///
    /// Transactions are serializable on both databases. `work` may be called more than once (a
    /// transaction that lost against a concurrent one is done again), so it must not give away what
    /// it captured. On PostgreSQL a failed statement spoils its transaction: a room that expects a
    /// unique violation wraps the insert in `connection.transaction(…)`, or uses `ON CONFLICT`.
    ///
    /// # Errors
    /// Those of `work`; a [`DatabaseError`] when it was not committed.
    pub async fn transact<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnMut(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue_write(work, Box::new(move |result| drop(reply.send(result))))?;
        answer
            .await
            .unwrap_or_else(|_| Err(E::from(DatabaseError::Closed)))
    }

    /// [`Database::transact`] for commands: blocks the calling thread.
    ///
    /// # Errors
    /// As [`Database::transact`].
    pub fn transact_blocking<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnMut(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = mpsc::sync_channel(1);
        self.queue_write(work, Box::new(move |result| drop(reply.send(result))))?;
        answer
            .recv()
            .unwrap_or_else(|_| Err(E::from(DatabaseError::Closed)))
    }

    fn queue_read<T, E, W>(
        &self,
        work: W,
        reply: impl FnOnce(Result<T, E>) + Send + 'static,
    ) -> Result<(), E>
    where
        E: From<DatabaseError>,
        W: FnOnce(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    {
        let job: ReadJob = Box::new(move |connection| match connection {
            Ok(connection) => reply(work(connection)),
            Err(error) => reply(Err(E::from(error))),
        });
        self.threads
            .reads
            .push(job)
            .map_err(|refused| E::from(DatabaseError::from(refused)))
    }

    fn queue_write<T, E, W>(
        &self,
        work: W,
        reply: Box<dyn FnOnce(Result<T, E>) + Send>,
    ) -> Result<(), E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
        W: FnMut(&mut HospitalConnection) -> Result<T, E> + Send + 'static,
    {
        let job: Box<dyn WriteJob> = Box::new(Write::new(work, reply));
        self.threads
            .writes
            .push(job)
            .map_err(|refused| E::from(DatabaseError::from(refused)))
    }
}

impl From<Refused> for DatabaseError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Overloaded,
            Refused::Closed => Self::Closed,
        }
    }
}

fn spawn(
    name: String,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, DatabaseError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map_err(|error| DatabaseError::Open(format!("no thread: {error}")))
}
