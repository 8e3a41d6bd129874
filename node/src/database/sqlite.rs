//! The embedded database: a few reading threads and one writing thread with group commit.
//!
//! Every connection sets its own PRAGMAs. Writers of other processes (a command beside the running
//! node) are waited for.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use federation_service::clock::Stopwatch;

use super::backup::BeforeChange;
use super::job::{ReadJob, WriteJob};
use super::migrations::bring_up_to_date;
use super::owner::belongs_to_its_folder;
use super::place::Place;
use super::queue::Queue;
use super::{DatabaseError, HospitalConnection, spawn, transaction, turns};

/// At most this many jobs share one commit.
const GROUP: usize = 256;

/// The busy timeout comes first: the next line may already meet another process.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; \
     PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; \
     PRAGMA mmap_size = 1073741824; \
     PRAGMA cache_size = -32768; \
     PRAGMA temp_store = MEMORY; \
     PRAGMA trusted_schema = OFF;";

/// Opens the file, making it readable by its owner alone if it is new, and migrates it, after a
/// backup where there is something to lose.
pub(super) fn open(
    path: &str,
    readers: usize,
    reads: &Arc<Queue<ReadJob>>,
    writes: &Arc<Queue<Box<dyn WriteJob>>>,
    before: Option<&BeforeChange>,
) -> Result<Vec<JoinHandle<()>>, DatabaseError> {
    make_private(Path::new(path))?;
    let mut writer = HospitalConnection::Sqlite(connect_writer(path)?);
    bring_up_to_date(&mut writer, &Place::Sqlite(path.to_owned()), before)?;
    let mut threads = Vec::new();
    for number in 0..readers {
        let mut reader = connect(path)?;
        reader.batch_execute("PRAGMA query_only = ON")?;
        let reads = Arc::clone(reads);
        let mut reader = HospitalConnection::Sqlite(reader);
        threads.push(spawn(format!("database-read-{number}"), move || {
            while let Some(job) = reads.take() {
                transaction::read(&mut reader, job);
            }
        })?);
    }
    let writes = Arc::clone(writes);
    let path = path.to_owned();
    threads.push(spawn("database-write".to_owned(), move || {
        write_all(&path, writer, &writes);
    })?);
    Ok(threads)
}

/// The writer keeps more pages, and copies the log back into the file less often than every 4 MB:
/// a load touches index pages all over the file, and each copy waits for the disk. A log that one
/// large transaction made long is cut back to 64 MiB when it begins anew.
fn connect_writer(path: &str) -> Result<SqliteConnection, DatabaseError> {
    let mut writer = connect(path)?;
    writer.batch_execute(
        "PRAGMA cache_size = -131072; PRAGMA wal_autocheckpoint = 10000; \
         PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(writer)
}

/// Health records: nobody but the node's own user may read the file (the WAL inherits its mode).
pub(super) fn make_private(path: &Path) -> Result<(), DatabaseError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => {
            belongs_to_its_folder(path);
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(DatabaseError::Open(format!("{}: {error}", path.display()))),
    }
}

/// A connection with the settings that every one has.
pub(super) fn connect(path: &str) -> Result<SqliteConnection, DatabaseError> {
    let mut connection = SqliteConnection::establish(path)
        .map_err(|error| DatabaseError::Open(error.to_string()))?;
    connection.batch_execute(PRAGMAS)?;
    Ok(connection)
}

/// A connection that cannot write and makes no file. Where there is no log, nobody has the file
/// open, and it is read without locks: a lock would need files beside it.
pub(super) fn connect_read_only(path: &str) -> Result<SqliteConnection, DatabaseError> {
    let mut uri = String::from("file:");
    for byte in path.bytes() {
        match byte {
            b'%' | b'?' | b'#' => uri.push_str(&format!("%{byte:02X}")),
            b' '..=b'~' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    let closed = !Path::new(&format!("{path}-wal")).exists();
    uri.push_str(if closed {
        "?mode=ro&immutable=1"
    } else {
        "?mode=ro"
    });
    let mut connection = SqliteConnection::establish(&uri)
        .map_err(|error| DatabaseError::Open(error.to_string()))?;
    connection.batch_execute(
        "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;",
    )?;
    Ok(connection)
}

fn write_all(path: &str, mut connection: HospitalConnection, writes: &Queue<Box<dyn WriteJob>>) {
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = writes.take() {
        group.push(first);
        writes.drain(GROUP - 1, &mut group);
        let begun = wait_for_turn(&mut connection);
        let held = Stopwatch::start();
        let failure = begun
            .and_then(|()| write_group(&mut connection, &mut group))
            .err()
            .map(|error| error.to_string());
        let held = held.elapsed();
        if failure.is_some() {
            // The state of a connection whose commit failed is not worth guessing.
            if let Ok(fresh) = connect_writer(path) {
                connection = HospitalConnection::Sqlite(fresh);
            }
        }
        for job in group.drain(..) {
            job.answer(failure.clone().map(DatabaseError::NotCommitted));
        }
        turns::rest_after(held);
    }
}

/// Begins a transaction when nobody else writes: looking again is done here, not by `SQLite`.
fn wait_for_turn(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    connection.batch_execute("PRAGMA busy_timeout = 0")?;
    turns::begin(connection)
}

/// Group commit: everything that queued up while the last commit was on its way to the disk goes
/// into this one. Nobody waits for company: load makes the groups by itself.
fn write_group(
    connection: &mut HospitalConnection,
    group: &mut [Box<dyn WriteJob>],
) -> diesel::QueryResult<()> {
    let keep = match group {
        [job] => attempt_alone(connection, job.as_mut()),
        group => group
            .iter_mut()
            .try_for_each(|job| transaction::attempt_in_savepoint(connection, job.as_mut()))
            .map(|()| true),
    };
    let ended = match keep {
        Ok(true) => transaction::commit(connection),
        Ok(false) => return transaction::rollback(connection),
        Err(error) => Err(error),
    };
    if ended.is_err() {
        drop(transaction::rollback(connection));
    }
    ended
}

/// A job without company needs no savepoint, for which `SQLite` would copy every page that it
/// touches: a commit of an import, above all. Whether it is to be kept.
fn attempt_alone(
    connection: &mut HospitalConnection,
    job: &mut dyn WriteJob,
) -> diesel::QueryResult<bool> {
    let depth = transaction::depth(connection);
    let keep = job.attempt(connection);
    if transaction::depth(connection) != depth {
        return Err(diesel::result::Error::BrokenTransactionManager);
    }
    Ok(keep)
}

/// What the database finds wrong with itself: nothing when it is sound. Reads all of it.
pub(super) fn complaints(connection: &mut SqliteConnection) -> Result<Vec<String>, DatabaseError> {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let found: Vec<Found> = diesel::sql_query("PRAGMA integrity_check").load(connection)?;
    let found = found.into_iter().map(|row| row.integrity_check);
    Ok(found.filter(|line| line != "ok").collect())
}

/// The same without the content of indexes, which takes much less time; the first few.
pub(super) fn quick_complaints(
    connection: &mut SqliteConnection,
) -> Result<Vec<String>, DatabaseError> {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Text)]
        quick_check: String,
    }
    let found: Vec<Found> = diesel::sql_query("PRAGMA quick_check(5)").load(connection)?;
    let found = found.into_iter().map(|row| row.quick_check);
    Ok(found.filter(|line| line != "ok").collect())
}
