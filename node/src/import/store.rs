//! The import room's only SQL.

mod jobs;
mod quarantine;
mod storage;

use crate::database::DatabaseError;

pub(super) use jobs::{advance_job, claim_job, is_bundle_taken, job, remember_bundle};
pub use quarantine::Quarantined;
pub(super) use quarantine::{
    clear_quarantine, count_quarantined, forget_quarantine, keep_in_quarantine, keep_some,
    quarantined, release, unlisted,
};
pub(super) use storage::{
    forget_file, forget_unit, orphans, remember_file, remember_unit, retired, seen, speakers, units,
};

/// A value that this room did not write like this: only an edited table holds one.
fn unreadable(what: &str) -> DatabaseError {
    let message = format!("{what} cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counted(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}
