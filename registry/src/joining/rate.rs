//! How often one address may knock: the work behind an application is dear, its code is not
//! guessable.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Requests per minute of one address in the long run; waiting applicants ask every few seconds.
const PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// At once, after a silence.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// Addresses that have been silent are forgotten once in so many requests.
const SWEEP_EVERY: u32 = 1_024;

/// The addresses' windows.
pub(super) struct Rates {
    windows: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    knocks: AtomicU32,
}

impl Rates {
    pub(super) fn new() -> Self {
        Self {
            windows: RateLimiter::keyed(Quota::per_minute(PER_MINUTE).allow_burst(BURST)),
            clock: DefaultClock::default(),
            knocks: AtomicU32::new(0),
        }
    }

    /// Lets one request of `address` in, or says after how many seconds to come again.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), u64> {
        if self
            .knocks
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SWEEP_EVERY)
        {
            self.windows.retain_recent();
        }
        self.windows
            .check_key(&network(address))
            .map_err(|not_until| {
                let wait = not_until.wait_time_from(self.clock.now());
                wait.as_secs().saturating_add(1)
            })
    }
}

/// Whoever has one IPv6 address has the 2^64 around it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn one_address_cannot_knock_without_end_and_does_not_lock_out_another() {
        let rates = Rates::new();
        let knock = |text: &str| rates.take(text.parse().unwrap());
        let let_in = (0..100).filter(|_| knock("192.0.2.1").is_ok()).count();
        assert!((30..40).contains(&let_in), "{let_in}");
        assert!(knock("192.0.2.1").unwrap_err() >= 1);
        assert!(knock("::ffff:192.0.2.1").is_err(), "the same address");
        assert!(knock("192.0.2.2").is_ok());
        for last in 0..100 {
            let _ = knock(&format!("2001:db8::{last:x}"));
        }
        assert!(knock("2001:db8::ffff").is_err(), "the same network");
        assert!(knock("2001:db8:0:1::1").is_ok());
    }
}
