//! Check 3: how often a member may knock.

use std::num::NonZeroU32;

use federation_protocol::member::MemberId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// How many requests of one member are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// In the long run, per second.
    pub per_second: NonZeroU32,
    /// At once, after a silence.
    pub burst: NonZeroU32,
}

/// The members' windows. Keys are members of the directory only, so their number is bounded.
pub(super) struct Rates {
    windows: DefaultKeyedRateLimiter<MemberId>,
    clock: DefaultClock,
}

impl Rates {
    pub(super) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            windows: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    /// Lets one request of `member` in, or says after how many seconds (at least 1) to come again.
    pub(super) fn take(&self, member: &MemberId) -> Result<(), u64> {
        self.windows.check_key(member).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            wait.as_secs()
                .saturating_add(u64::from(wait.subsec_nanos() > 0))
                .max(1)
        })
    }
}
