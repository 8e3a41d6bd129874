//! The PostgreSQL server of larger hospitals: threads with a connection each.
//!
//! A transaction that lost against a concurrent one is done again; a lost connection is made anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::{Connection, PgConnection};

use super::backup::BeforeChange;
use super::job::{ReadJob, WriteJob};
use super::migrations::bring_up_to_date;
use super::place::Place;
use super::presence::enter_session;
use super::queue::Queue;
use super::restored::refuse_half_restored;
use super::{Company, DatabaseError, HospitalConnection, spawn, transaction};

const SESSION: &str = "SET TIME ZONE 'UTC'; \
     SET synchronous_commit = on; \
     SET standard_conforming_strings = on; \
     SET idle_in_transaction_session_timeout = '60s'; \
     SET statement_timeout = '60s'; \
     SET jit = off;";

/// At most this many jobs share one commit: fewer than `SQLite`'s, since one that meets a conflict
/// sends all of them on their own ways.
const GROUP: usize = 32;

/// Pauses between attempts to reach the server, for one job, in milliseconds.
const RECONNECT_PAUSES_MS: [u64; 5] = [0, 50, 150, 400, 900];

/// Pauses before a transaction that lost a conflict is done again, in milliseconds.
const CONFLICT_PAUSES_MS: [u64; 9] = [0, 1, 2, 4, 8, 16, 32, 64, 128];

/// A reader cannot write, not even outside the transactions it is given.
pub(super) const READER: &str = "SET default_transaction_read_only = on;";

/// Connects, migrates (after a backup where there is something to lose), and starts the threads:
/// as many as `lines` says for reading and for writing. The session that keeps others out is given
/// back with them, if that is the company wanted.
pub(super) fn open(
    url: &str,
    lines: (usize, usize),
    reads: &Arc<Queue<ReadJob>>,
    writes: &Arc<Queue<Box<dyn WriteJob>>>,
    company: Company,
    before: Option<&BeforeChange>,
) -> Result<(Vec<JoinHandle<()>>, Option<HospitalConnection>), DatabaseError> {
    let mut first = PgConnection::establish(url).map_err(|error| open_error(&error))?;
    first.batch_execute(SESSION)?;
    enter_session(&mut first, company)?;
    refuse_half_restored(&mut first)?;
    let mut first = HospitalConnection::Postgres(first);
    bring_up_to_date(&mut first, &Place::Postgres(url.to_owned()), before)?;
    let (readers, writers) = lines;
    let first_line = Line::new(url, Role::Writer, company);
    let (mut first_line, session) = match company {
        // Nobody writes yet, but the node is to be seen from its first moment on.
        Company::Shared => (first_line.over(first), None),
        Company::Alone => (first_line, Some(first)),
    };
    let mut threads = Vec::new();
    for number in 0..readers {
        let (mut line, reads) = (Line::new(url, Role::Reader, company), Arc::clone(reads));
        threads.push(spawn(format!("database-read-{number}"), move || {
            while let Some(job) = reads.take() {
                line.read(job);
            }
        })?);
    }
    for number in 0..writers {
        let fresh = Line::new(url, Role::Writer, company);
        let mut line = std::mem::replace(&mut first_line, fresh);
        let writes = Arc::clone(writes);
        threads.push(spawn(format!("database-write-{number}"), move || {
            while let Some(first) = writes.take() {
                let mut group = vec![first];
                writes.drain(GROUP - 1, &mut group);
                line.write_group(group);
            }
        })?);
    }
    Ok((threads, session))
}

/// A session for upkeep, whose statements may take as long as they need.
pub(super) fn connect_unhurried(url: &str) -> Result<PgConnection, DatabaseError> {
    let mut connection = PgConnection::establish(url).map_err(|error| open_error(&error))?;
    connection.batch_execute(SESSION)?;
    connection
        .batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;")?;
    Ok(connection)
}

/// libpq's message names host and user but never the password.
fn open_error(error: &diesel::ConnectionError) -> DatabaseError {
    DatabaseError::Open(error.to_string())
}

/// What the statements of the current transaction ran into.
#[derive(Clone, Default)]
struct Trouble(Arc<AtomicU8>);

const CONFLICT: u8 = 1;
const LOST: u8 = 2;

impl Trouble {
    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn conflict(&self) -> bool {
        self.0.load(Ordering::Relaxed) == CONFLICT
    }

    fn lost(&self) -> bool {
        self.0.load(Ordering::Relaxed) == LOST
    }

    /// Rooms wrap errors in their own types; here they are seen before that happens.
    fn note(&self, error: &Error) {
        let Error::DatabaseError(kind, details) = error else {
            return;
        };
        match kind {
            DatabaseErrorKind::SerializationFailure => self.0.store(CONFLICT, Ordering::Relaxed),
            DatabaseErrorKind::ClosedConnection => self.0.store(LOST, Ordering::Relaxed),
            // diesel has no kind for 40P01; the server may speak Japanese.
            _ if details.message().contains("deadlock detected")
                || details.message().contains("デッドロックを検出") =>
            {
                self.0.store(CONFLICT, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// One thread's connection, made when first needed and again when lost.
struct Line {
    url: String,
    role: Role,
    company: Company,
    connection: Option<HospitalConnection>,
    trouble: Trouble,
}

/// What a thread's connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
}

/// How one attempt at a write ended.
enum Attempt {
    Done(Option<DatabaseError>),
    Again(DatabaseError),
}

/// Why a group's commit did not come about, for each of its jobs.
enum TogetherError {
    Unknown,
    NotCommitted(String),
}

impl TogetherError {
    fn told(&self) -> DatabaseError {
        match self {
            Self::Unknown => DatabaseError::CommitUnknown,
            Self::NotCommitted(reason) => DatabaseError::NotCommitted(reason.clone()),
        }
    }
}

impl Line {
    fn new(url: &str, role: Role, company: Company) -> Self {
        Self {
            url: url.to_owned(),
            role,
            company,
            connection: None,
            trouble: Trouble::default(),
        }
    }

    /// The same line over a connection that was made before.
    fn over(mut self, connection: HospitalConnection) -> Self {
        self.connection = Some(self.watched(connection));
        self
    }

    fn connect(&self) -> Result<HospitalConnection, DatabaseError> {
        let mut connection = PgConnection::establish(&self.url)
            .map_err(|error| DatabaseError::Unreachable(error.to_string()))?;
        connection.batch_execute(SESSION)?;
        if self.role == Role::Reader {
            connection.batch_execute(READER)?;
        }
        // Who is alone has a session that says so.
        if self.company == Company::Shared {
            enter_session(&mut connection, Company::Shared)?;
        }
        Ok(self.watched(HospitalConnection::Postgres(connection)))
    }

    fn watched(&self, mut connection: HospitalConnection) -> HospitalConnection {
        let trouble = self.trouble.clone();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::FinishQuery {
                error: Some(error), ..
            } = event
            {
                trouble.note(error);
            }
        });
        connection
    }

    /// A connection with a transaction just begun on it, which proves that it is alive.
    fn begun(
        &mut self,
        begin: fn(&mut HospitalConnection) -> diesel::QueryResult<()>,
    ) -> Result<&mut HospitalConnection, DatabaseError> {
        let mut reason = DatabaseError::Closed;
        for pause in RECONNECT_PAUSES_MS {
            std::thread::sleep(Duration::from_millis(pause));
            self.trouble.clear();
            let made = match self.connection.take() {
                Some(connection) => Ok(connection),
                None => self.connect(),
            };
            match made {
                Ok(mut connection) => match begin(&mut connection) {
                    Ok(()) => return Ok(self.connection.insert(connection)),
                    Err(error) => reason = DatabaseError::Unreachable(error.to_string()),
                },
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    fn read(&mut self, job: ReadJob) {
        match self.begun(transaction::begin_read) {
            Ok(connection) => {
                if !transaction::read_begun(connection, job) {
                    self.connection = None;
                }
            }
            Err(error) => job(Err(error)),
        }
    }

    /// Group commit: what queued up while the last commits were on their way to the disk goes into
    /// one. A group that meets a conflict or loses its connection before the commit is done again,
    /// each job alone.
    fn write_group(&mut self, mut group: Vec<Box<dyn WriteJob>>) {
        let together = match group.as_mut_slice() {
            [] | [_] => None,
            several => self.attempt_group(several),
        };
        let Some(ended) = together else {
            return group.into_iter().for_each(|job| self.write(job));
        };
        let outcome = ended.err();
        for job in group {
            job.answer(outcome.as_ref().map(TogetherError::told));
        }
    }

    /// `None`: nothing of it is stored, and each may succeed alone.
    fn attempt_group(
        &mut self,
        group: &mut [Box<dyn WriteJob>],
    ) -> Option<Result<(), TogetherError>> {
        let trouble = self.trouble.clone();
        let connection = self.begun(transaction::begin_write).ok()?;
        // There may be writes of records among them, which must wait for their turn before the
        // snapshot is taken.
        let done = transaction::take_turn(connection).and_then(|()| {
            group.iter_mut().try_for_each(|job| {
                Ok(transaction::attempt_in_savepoint(connection, job.as_mut())?)
            })
        });
        if done.is_err() || trouble.conflict() || trouble.lost() {
            if trouble.lost() || transaction::rollback(connection).is_err() {
                self.connection = None;
            }
            return None;
        }
        let Err(error) = transaction::commit(connection) else {
            return Some(Ok(()));
        };
        self.connection = None;
        match (trouble.conflict(), trouble.lost()) {
            (true, _) => None,
            (_, true) => Some(Err(TogetherError::Unknown)),
            _ => Some(Err(TogetherError::NotCommitted(error.to_string()))),
        }
    }

    fn write(&mut self, mut job: Box<dyn WriteJob>) {
        let mut failure = DatabaseError::Closed;
        for pause in CONFLICT_PAUSES_MS {
            std::thread::sleep(Duration::from_millis(pause));
            match self.attempt(job.as_mut()) {
                Attempt::Done(outcome) => return job.answer(outcome),
                Attempt::Again(reason) => failure = reason,
            }
        }
        job.answer(Some(failure));
    }

    fn attempt(&mut self, job: &mut dyn WriteJob) -> Attempt {
        let trouble = self.trouble.clone();
        let connection = match self.begun(transaction::begin_write) {
            Ok(connection) => connection,
            Err(error) => return Attempt::Done(Some(error)),
        };
        let depth = transaction::depth(connection);
        let keep = job.attempt(connection);
        if trouble.lost() || transaction::depth(connection) != depth {
            // Nothing was committed: the server rolls back what a closed connection left.
            self.connection = None;
            let reason = DatabaseError::NotCommitted("the connection was lost".to_owned());
            return if trouble.lost() {
                Attempt::Again(reason)
            } else {
                Attempt::Done(Some(reason))
            };
        }
        if !keep || trouble.conflict() {
            if transaction::rollback(connection).is_err() {
                self.connection = None;
            }
            let conflict = DatabaseError::NotCommitted("concurrent change".to_owned());
            return if trouble.conflict() {
                Attempt::Again(conflict)
            } else {
                Attempt::Done(None)
            };
        }
        match transaction::commit(connection) {
            Ok(()) => Attempt::Done(None),
            Err(error) => self.commit_failed(&error, &trouble),
        }
    }

    fn commit_failed(&mut self, error: &Error, trouble: &Trouble) -> Attempt {
        self.connection = None;
        if trouble.conflict() {
            return Attempt::Again(DatabaseError::NotCommitted("concurrent change".to_owned()));
        }
        Attempt::Done(Some(if trouble.lost() {
            DatabaseError::CommitUnknown
        } else {
            DatabaseError::NotCommitted(error.to_string())
        }))
    }
}
