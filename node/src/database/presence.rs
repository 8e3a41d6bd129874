//! Who has the database open: every program that does so says it, and upkeep that must be alone
//! (a restore, a full vacuum) can tell, and keeps the others out meanwhile.
//!
//! `SQLite`: a lock of the operating system on a file beside the database; the database itself will
//! not do, since a restore puts another file in its place. PostgreSQL: an advisory lock that each
//! session holds. Both end with the process that holds them, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use diesel::sql_types::{BigInt, Bool};
use diesel::{PgConnection, RunQueryDsl as _};

use super::DatabaseError;
use super::owner::belongs_to_its_folder;

/// Any number that no one else uses as an advisory lock: "musubiP" in ASCII.
const PRESENCE_LOCK: i64 = 0x6d_7573_7562_6950;

/// Who has just gone may still be seen for a moment: a child that a thread is starting has every
/// open file until it becomes its own program, and a server ends sessions in its own time.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Who else may have the database open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// The node and commands beside it.
    Shared,
    /// Nobody.
    Alone,
}

#[derive(diesel::QueryableByName)]
struct Granted {
    #[diesel(sql_type = Bool)]
    granted: bool,
}

/// Says that this process has the file at `path` open, for as long as the answer is kept.
pub(super) fn enter_file(path: &str, company: Company) -> Result<File, DatabaseError> {
    let lock = format!("{path}.lock");
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock);
    let file = opened.map_err(|error| DatabaseError::Open(format!("{lock}: {error}")))?;
    belongs_to_its_folder(Path::new(&lock));
    let entered = patiently(|| {
        let locked = match company {
            Company::Shared => file.try_lock_shared(),
            Company::Alone => file.try_lock(),
        };
        match locked {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(DatabaseError::Open(format!("{lock}: {error}"))),
        }
    });
    entered.map(|()| file)
}

/// Tries until it succeeds, for two seconds at the most.
fn patiently(mut enter: impl FnMut() -> Result<bool, DatabaseError>) -> Result<(), DatabaseError> {
    for _ in 0..TRIES {
        if enter()? {
            return Ok(());
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(DatabaseError::InUse)
}

/// Says that this session has the database open, for as long as it lives.
pub(super) fn enter_session(
    connection: &mut PgConnection,
    company: Company,
) -> Result<(), DatabaseError> {
    let lock = match company {
        Company::Shared => "SELECT pg_try_advisory_lock_shared($1) AS granted",
        Company::Alone => "SELECT pg_try_advisory_lock($1) AS granted",
    };
    patiently(|| {
        let Granted { granted } = diesel::sql_query(lock)
            .bind::<BigInt, _>(PRESENCE_LOCK)
            .get_result(connection)?;
        Ok(granted)
    })
}
