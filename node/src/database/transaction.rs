//! How a transaction begins on each database; the rest is the same on both.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::job::{ReadJob, WriteJob};
use super::{DatabaseError, HospitalConnection};

type Manager = <HospitalConnection as Connection>::TransactionManager;

/// A transaction that may write. On PostgreSQL it is serializable: what holds with `SQLite`'s one
/// writer holds there too, and no room has to think about the difference.
pub(super) fn begin_write(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    match connection {
        HospitalConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        HospitalConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
        ),
    }
}

/// Waits for the turn to write records, before the transaction's snapshot is taken. `SQLite` has one
/// writer; a server lets one at a time have the counter's table.
pub(crate) fn take_turn(connection: &mut HospitalConnection) -> Result<(), DatabaseError> {
    if let HospitalConnection::Postgres(postgres) = connection {
        postgres.batch_execute("LOCK TABLE records_counter IN EXCLUSIVE MODE")?;
    }
    Ok(())
}

/// Lets the statements of this transaction take as long as they need: what goes through whole tables
/// takes longer than any question may.
pub(crate) fn unhurried(connection: &mut HospitalConnection) -> Result<(), DatabaseError> {
    if let HospitalConnection::Postgres(postgres) = connection {
        postgres.batch_execute(UNHURRIED)?;
    }
    Ok(())
}

/// For a transaction on PostgreSQL.
pub(super) const UNHURRIED: &str = "SET LOCAL statement_timeout = 0";

/// A snapshot that cannot write.
pub(super) fn begin_read(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    match connection {
        HospitalConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction(sqlite),
        HospitalConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ),
    }
}

pub(super) fn savepoint(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    Manager::begin_transaction(connection)
}

pub(super) fn commit(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    Manager::commit_transaction(connection)
}

pub(super) fn rollback(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    Manager::rollback_transaction(connection)
}

/// One job in its own savepoint: a refused one rolls back alone.
pub(super) fn attempt_in_savepoint(
    connection: &mut HospitalConnection,
    job: &mut dyn WriteJob,
) -> diesel::QueryResult<()> {
    savepoint(connection)?;
    let before = depth(connection);
    let keep = job.attempt(connection);
    if depth(connection) != before {
        // The work broke off inside a transaction of its own: what is stored is anyone's guess.
        return Err(diesel::result::Error::BrokenTransactionManager);
    }
    if keep {
        commit(connection)
    } else {
        rollback(connection)
    }
}

/// How deep the open transactions are nested; `None` when the connection is broken.
pub(super) fn depth(connection: &mut HospitalConnection) -> Option<u32> {
    let depth = Manager::transaction_manager_status_mut(connection)
        .transaction_depth()
        .ok()?;
    Some(depth.map_or(0, std::num::NonZeroU32::get))
}

/// One read job in one snapshot. Returns whether the connection is still good.
pub(super) fn read(connection: &mut HospitalConnection, job: ReadJob) -> bool {
    match begin_read(connection) {
        Ok(()) => read_begun(connection, job),
        Err(error) => {
            job(Err(error.into()));
            false
        }
    }
}

/// One read job in the snapshot that was just begun.
pub(super) fn read_begun(connection: &mut HospitalConnection, job: ReadJob) -> bool {
    // The caller of a read that panics is told `Closed`: its reply channel is dropped.
    let calm = catch_unwind(AssertUnwindSafe(|| job(Ok(&mut *connection)))).is_ok();
    rollback(connection).is_ok() && calm && depth(connection) == Some(0)
}
