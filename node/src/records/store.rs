//! The FHIR tables, and every statement on them.

mod reindex;
mod rows;
mod search;
mod statement;
mod write;

pub(super) use reindex::reindex_if_older;
#[cfg(test)]
pub(super) use reindex::{count_index_rows, spoil_index};
pub(super) use rows::{Stored, read, read_version};
pub(super) use search::{Plan, candidates, newest_txn, rid_of};
pub(super) use write::{Change, Changed, Expect, apply, lock, matching};
