//! The circuit breaker of one peer: a hospital that does not answer is left alone for a while.
//!
//! Owns no clock and no peer: times come in, permissions go out. What a signed refusal says is an
//! answer, never a failure; an unsigned error is a failure and nothing more.

use federation_protocol::time::Timestamp;

/// Failures in a row that open the breaker.
pub const FAILURES_TO_OPEN: u32 = 5;
/// The first pause, seconds.
pub const FIRST_PAUSE_SECONDS: i64 = 30;
/// The longest pause, seconds.
pub const LONGEST_PAUSE_SECONDS: i64 = 300;
/// After this many seconds a trial that never reported is taken for lost.
const TRIAL_SECONDS: i64 = 15;

/// Whether a peer may be asked now, and what its last answers say about it.
///
/// Source: PROTOCOL section 4, fan-out.
#[derive(Debug, Default)]
pub struct Breaker {
    state: State,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Timestamp,
        pause_seconds: i64,
    },
    /// One trial question is out since `since`.
    Trial {
        since: Timestamp,
        pause_seconds: i64,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// How a breaker stands, for metrics and people.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Questions pass.
    Closed,
    /// Questions are answered for the peer: silent.
    Open,
    /// One trial question is allowed, or on its way.
    HalfOpen,
}

impl Breaker {
    /// Whether a question may go out at `now`. In the half-open state only one may.
    pub fn admit(&mut self, now: Timestamp) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open {
                until,
                pause_seconds,
            } if now >= until => {
                self.state = State::Trial {
                    since: now,
                    pause_seconds,
                };
                true
            }
            State::Open { .. } => false,
            State::Trial {
                since,
                pause_seconds,
            } if now.seconds_since(since) >= TRIAL_SECONDS => {
                self.state = State::Trial {
                    since: now,
                    pause_seconds,
                };
                true
            }
            State::Trial { .. } => false,
        }
    }

    /// The peer answered: all is forgotten.
    pub fn succeeded(&mut self) {
        self.state = State::default();
    }

    /// The peer did not answer, or not with something that verifies.
    pub fn failed(&mut self, now: Timestamp) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } => open(now, FIRST_PAUSE_SECONDS),
            State::Trial { pause_seconds, .. } => open(
                now,
                pause_seconds.saturating_mul(2).min(LONGEST_PAUSE_SECONDS),
            ),
            // A question that was out before the breaker opened: it changes nothing.
            State::Open {
                until,
                pause_seconds,
            } => State::Open {
                until,
                pause_seconds,
            },
        };
    }

    /// How it stands at `now`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            State::Closed { .. } => Standing::Closed,
            State::Open { until, .. } if now < until => Standing::Open,
            State::Open { .. } | State::Trial { .. } => Standing::HalfOpen,
        }
    }
}

fn open(now: Timestamp, pause_seconds: i64) -> State {
    State::Open {
        until: now.plus_seconds(pause_seconds),
        pause_seconds,
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000 + seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_TO_OPEN {
            assert!(breaker.admit(at(0)));
            breaker.failed(at(0));
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(at(0));
        }
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(at(0));
        }
        assert!(breaker.admit(at(0)));
        breaker.failed(at(0));
        assert!(!breaker.admit(at(29)));
        assert_eq!(breaker.standing(at(29)), Standing::Open);
    }

    #[test]
    fn after_thirty_seconds_one_trial_passes() {
        let mut breaker = opened();
        assert!(breaker.admit(at(30)));
        assert!(!breaker.admit(at(30)));
        assert_eq!(breaker.standing(at(30)), Standing::HalfOpen);
        breaker.succeeded();
        assert!(breaker.admit(at(30)));
        assert_eq!(breaker.standing(at(30)), Standing::Closed);
    }

    #[test]
    fn each_failed_trial_doubles_the_pause_up_to_five_minutes() {
        let mut breaker = opened();
        let mut now = 0;
        for pause in [30, 60, 120, 240, 300, 300] {
            assert!(!breaker.admit(at(now + pause - 1)), "pause {pause}");
            now += pause;
            assert!(breaker.admit(at(now)), "pause {pause}");
            breaker.failed(at(now));
        }
    }

    #[test]
    fn a_trial_that_never_reports_does_not_close_the_door_for_ever() {
        let mut breaker = opened();
        assert!(breaker.admit(at(30)));
        assert!(!breaker.admit(at(44)));
        assert!(breaker.admit(at(45)));
    }

    #[test]
    fn late_failures_do_not_lengthen_the_pause() {
        let mut breaker = opened();
        breaker.failed(at(20));
        assert!(breaker.admit(at(30)));
    }
}
