//! Where the rounds of a search are read: each on a thread of the database, or all on a connection
//! that the caller has.

use crate::database::{Database, HospitalConnection};

use super::RecordsError;

/// Reads for a search, round by round.
pub(super) trait Reads {
    /// One round.
    fn read<T, W>(&mut self, work: W) -> impl Future<Output = Result<T, RecordsError>>
    where
        T: Send + 'static,
        W: FnOnce(&mut HospitalConnection) -> Result<T, RecordsError> + Send + 'static;
}

/// Each round in a snapshot of its own, on one of the database's threads.
impl Reads for Database {
    fn read<T, W>(&mut self, work: W) -> impl Future<Output = Result<T, RecordsError>>
    where
        T: Send + 'static,
        W: FnOnce(&mut HospitalConnection) -> Result<T, RecordsError> + Send + 'static,
    {
        Database::read(self, work)
    }
}

/// All rounds in the snapshot of one connection: what is read is there when its future is made.
pub(super) struct OneSnapshot<'c>(pub(super) &'c mut HospitalConnection);

impl Reads for OneSnapshot<'_> {
    fn read<T, W>(&mut self, work: W) -> impl Future<Output = Result<T, RecordsError>>
    where
        T: Send + 'static,
        W: FnOnce(&mut HospitalConnection) -> Result<T, RecordsError> + Send + 'static,
    {
        std::future::ready(work(self.0))
    }
}
