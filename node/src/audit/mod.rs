//! What happened here and by whose right: the append-only log of this node.
//!
//! Owns the table `audit_line` and the Merkle tree over it. A line is appended, with a commitment to
//! it, in the transaction of the act itself, so neither exists without the other; once a minute the
//! lines become leaves of the tree and its head is signed. Lines hold identifiers only: no names, no
//! clinical content, no tokens. There is no update and no delete, and the tables refuse both; at the
//! end of retention a line may be erased, and its leaf stays.
//!
//! Source: RFC 9162; PROTOCOL section 7.

mod accesses;
mod checkpoints;
mod erasure;
mod error;
mod event;
mod fsck;
mod line;
mod prove;
mod seal;
mod store;
mod verify;

use crate::database::{Database, DatabaseError, HospitalConnection};

pub use accesses::{Looked, accesses_in};
pub use checkpoints::{Checkpoints, Sealed};
pub use error::AuditError;
pub use event::{Observer, event};
pub use fsck::{Finding, Soundness};
pub use line::{Filter, Kind, Line, Recorded};
pub use prove::Proved;
pub use verify::{Fault, Problem, Report, Signers};

/// The node's audit log.
#[derive(Clone)]
pub struct Audit {
    database: Database,
}

impl Audit {
    /// The log kept in `database`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Appends one line in a transaction of its own and returns its number, once it is durable.
    ///
    /// # Errors
    /// The line is not stored: whatever it was to witness must not happen.
    pub async fn append(&self, line: Line) -> Result<i64, DatabaseError> {
        self.database
            .transact(move |connection| append(connection, &line))
            .await
    }

    /// The lines that match every stated part of `filter`, oldest first unless it says otherwise.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn list(&self, filter: Filter) -> Result<Vec<Recorded>, DatabaseError> {
        self.database
            .read(move |connection| store::list(connection, &filter))
            .await
    }
}

/// Appends `line` inside the caller's transaction and returns its number. Numbers rise; a rolled
/// back transaction may leave a gap.
///
/// # Errors
/// The line is not stored: the caller's transaction must not be committed.
pub fn append(connection: &mut HospitalConnection, line: &Line) -> Result<i64, DatabaseError> {
    store::insert(connection, line)
}

#[cfg(test)]
mod tests;
