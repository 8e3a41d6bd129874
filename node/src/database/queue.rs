//! A bounded queue of work between the callers and the database threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs in the order given. Full means refused at once: waiting longer helps nobody who waits
/// behind a deadline.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    arrived: Condvar,
    bound: usize,
}

struct State<J> {
    jobs: VecDeque<J>,
    open: bool,
}

/// Why a job was handed back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

impl<J> Queue<J> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                open: true,
            }),
            arrived: Condvar::new(),
            bound,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // A panic while the lock is held leaves the queue as it was: no half-done state exists.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: J) -> Result<(), Refused> {
        let mut state = self.lock();
        if !state.open {
            return Err(Refused::Closed);
        }
        if state.jobs.len() >= self.bound {
            return Err(Refused::Full);
        }
        state.jobs.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for one job. `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if !state.open {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes what is queued now, at most `most`, without waiting.
    pub(super) fn drain(&self, most: usize, into: &mut Vec<J>) {
        let mut state = self.lock();
        let count = most.min(state.jobs.len());
        into.extend(state.jobs.drain(..count));
    }

    /// Refuses new jobs; those queued are still done.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_a_closed_one_finishes_what_it_has() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!(queue.push(3), Err(Refused::Full));
        queue.close();
        assert_eq!(queue.push(4), Err(Refused::Closed));
        assert_eq!(queue.take(), Some(1));
        assert_eq!(queue.take(), Some(2));
        assert_eq!(queue.take(), None);
    }
}
