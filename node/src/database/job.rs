//! Work on its way to a database thread, and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{DatabaseError, HospitalConnection};

/// A read: called once, with a connection inside a snapshot, or with the reason why there is none.
pub(super) type ReadJob = Box<dyn FnOnce(Result<&mut HospitalConnection, DatabaseError>) + Send>;

/// A write that can be tried more than once and is answered only after the commit.
pub(super) trait WriteJob: Send {
    /// Does the work inside an open transaction or savepoint. `false`: it is to be rolled back.
    fn attempt(&mut self, connection: &mut HospitalConnection) -> bool;
    /// Answers the caller: with what the work gave, or with why it is not stored.
    fn answer(self: Box<Self>, failure: Option<DatabaseError>);
}

/// The usual write job: a closure, its last result, and where to send it.
pub(super) struct Write<T, E, W> {
    work: W,
    result: Option<Result<T, E>>,
    reply: Box<dyn FnOnce(Result<T, E>) + Send>,
}

impl<T, E, W> Write<T, E, W> {
    pub(super) fn new(work: W, reply: Box<dyn FnOnce(Result<T, E>) + Send>) -> Self {
        Self {
            work,
            result: None,
            reply,
        }
    }
}

impl<T, E, W> WriteJob for Write<T, E, W>
where
    T: Send,
    E: From<DatabaseError> + Send,
    W: FnMut(&mut HospitalConnection) -> Result<T, E> + Send,
{
    fn attempt(&mut self, connection: &mut HospitalConnection) -> bool {
        // A panic must not take the writer, and with it everyone else's work, down.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let result = outcome.unwrap_or_else(|_| Err(E::from(DatabaseError::Closed)));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, failure: Option<DatabaseError>) {
        let result = match (failure, self.result) {
            // The work's own refusal says more than the rollback that followed it.
            (_, Some(Err(error))) => Err(error),
            (Some(failure), _) => Err(E::from(failure)),
            (None, Some(result)) => result,
            (None, None) => Err(E::from(DatabaseError::Closed)),
        };
        (self.reply)(result);
    }
}
