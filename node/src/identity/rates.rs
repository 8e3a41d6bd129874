//! How often one address may knock: kept in memory, forgotten after ten minutes.
//!
//! The address is that of the connection. A reverse proxy on this machine is one address for everybody:
//! it may knock twenty times as often. What is guessed has limits of its own, in the database.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;

const WINDOW: Duration = Duration::from_secs(600);
/// So many addresses are remembered; under a flood from more, the oldest are forgotten.
const ADDRESSES: u64 = 100_000;

/// So many ceremonies may one address begin within the window.
const MOST_BEGUN: u32 = 300;
/// So many wrong codes and links may one address show within it.
const MOST_WRONG: u32 = 30;

/// How many times more a proxy on this machine may.
const PROXY: u32 = 20;

/// What is counted.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub(super) enum Knock {
    /// Something was begun.
    Begun,
    /// A code or a link that nobody was given was shown.
    Wrong,
}

impl Knock {
    fn most(self, address: IpAddr) -> u32 {
        let most = match self {
            Self::Begun => MOST_BEGUN,
            Self::Wrong => MOST_WRONG,
        };
        match address.to_canonical().is_loopback() {
            true => most.saturating_mul(PROXY),
            false => most,
        }
    }
}

/// The counts of one node.
#[derive(Clone)]
pub(super) struct Rates {
    counts: Cache<(Knock, IpAddr), Arc<AtomicU32>>,
}

impl Rates {
    pub(super) fn new() -> Self {
        Self {
            counts: Cache::builder()
                .max_capacity(ADDRESSES)
                .time_to_live(WINDOW)
                .build(),
        }
    }

    /// Counts one more; `false` if it is one too many.
    pub(super) fn count(&self, knock: Knock, address: IpAddr) -> bool {
        self.of(knock, address).fetch_add(1, Ordering::Relaxed) < knock.most(address)
    }

    /// Whether there were too many already.
    pub(super) fn is_over(&self, knock: Knock, address: IpAddr) -> bool {
        self.of(knock, address).load(Ordering::Relaxed) >= knock.most(address)
    }

    fn of(&self, knock: Knock, address: IpAddr) -> Arc<AtomicU32> {
        self.counts
            .get_with((knock, network(address)), Arc::default)
    }
}

/// Whoever has one IPv6 address has the whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_knocks_so_often_and_its_neighbour_is_not_kept_out() {
        let rates = Rates::new();
        let one = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..MOST_WRONG {
            assert!(!rates.is_over(Knock::Wrong, one));
            assert!(rates.count(Knock::Wrong, one));
        }
        assert!(rates.is_over(Knock::Wrong, one));
        assert!(!rates.count(Knock::Wrong, one));
        assert!(rates.count(Knock::Begun, one));
        assert!(rates.count(Knock::Wrong, IpAddr::from([192, 0, 2, 2])));
    }

    #[test]
    fn a_whole_network_of_one_household_is_one_address() {
        let at = |last| {
            network(IpAddr::V6(Ipv6Addr::new(
                0x2001, 0xdb8, 1, 2, 3, 4, 5, last,
            )))
        };
        assert_eq!(at(1), at(2));
        let mapped: IpAddr = IpAddr::V6(Ipv6Addr::from([
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1,
        ]));
        assert_eq!(network(mapped), IpAddr::from([192, 0, 2, 1]));
    }
}
