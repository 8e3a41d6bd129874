//! Where this process may connect to: the address rules of every outbound call.
//!
//! A name in the directory can be pointed anywhere by whoever runs its DNS, so the address is
//! judged when it is used, not when it is configured: a resolver answers only with allowed
//! addresses, and an address written into a URL is judged before the first packet.
//!
//! This file and the rooms below it, with `peer_client/site.rs`, are the only places that connect to
//! anything (a test of `tests/architecture.rs`).
//!
//! Source: PROTOCOL section 8; the IANA special-purpose address registries (RFC 6890).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

mod house;
pub mod issuer;
mod names;
pub mod probe;
#[cfg(test)]
mod tests;

pub use house::{OwnListener, to_own_listener};
pub(crate) use names::CheckingResolver;
use names::Names;

/// A range of addresses, such as `10.20.0.0/16` or `fd12:3456::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a range could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an address range such as 10.20.0.0/16")]
pub struct CidrError(String);

impl Cidr {
    /// Whether `address` lies in the range. An IPv4-mapped IPv6 address is its IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// An address alone is a range of one. Bits set behind the prefix are an error: a slip of the
    /// pen should not open more than was meant.
    fn from_str(text: &str) -> Result<Self, CidrError> {
        let wrong = || CidrError(text.to_owned());
        let (network, prefix) = text
            .split_once('/')
            .map_or((text, None), |(n, p)| (n, Some(p)));
        let network: IpAddr = network.parse().map_err(|_not_an_address| wrong())?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_too_large| wrong())?
            }
            Some(_) => return Err(wrong()),
            None => longest,
        };
        let host_bits_set = prefix <= longest
            && match network {
                IpAddr::V4(v4) => v4.to_bits().checked_shl(u32::from(prefix)).unwrap_or(0) != 0,
                IpAddr::V6(v6) => v6.to_bits().checked_shl(u32::from(prefix)).unwrap_or(0) != 0,
            };
        if prefix > longest || host_bits_set || network.to_canonical() != network {
            return Err(wrong());
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.network, self.prefix)
    }
}

/// Which addresses may be connected to: public ones, and those the configuration allows.
#[derive(Debug, Clone, Default)]
pub struct OutboundRules {
    allow: Arc<[Cidr]>,
    names: Names,
}

/// An address that the rules refuse, or a name of which all addresses are refused.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0} is not an address that this configuration lets us connect to")]
pub struct AddressRefused(pub(crate) String);

impl OutboundRules {
    /// Public addresses, and `allow` besides.
    #[must_use]
    pub fn new(allow: impl IntoIterator<Item = Cidr>) -> Self {
        Self {
            allow: allow.into_iter().collect(),
            names: Names::default(),
        }
    }

    /// Whether `address` may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|range| range.contains(address)) || is_public(address)
    }

    /// Judges the host of a URL if it is an address; a name is judged when it is resolved.
    ///
    /// `host` as a URL parser gives it: IPv6 in brackets, IPv4 in four decimal parts (the parser
    /// has already undone spellings such as `0x7f.1`).
    ///
    /// # Errors
    /// [`AddressRefused`].
    pub fn check_literal(&self, host: &str) -> Result<(), AddressRefused> {
        let bare = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) if !self.allows(address) => Err(AddressRefused(host.to_owned())),
            _ => Ok(()),
        }
    }
}

/// Whether an address belongs to nobody in particular's inside: routed on the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let refused = a == 0 // this network
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local() // metadata services of clouds among them
        || (a == 100 && (64..128).contains(&b)) // carrier NAT; Alibaba's metadata
        || (a == 192 && b == 0 && c == 0) // protocol assignments; Oracle's metadata
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || address.is_documentation()
        || (a == 198 && (18..20).contains(&b)) // benchmarks
        || address == Ipv4Addr::new(168, 63, 129, 16) // Azure's wire server
        || a >= 224; // multicast, reserved, broadcast
    !refused
}

/// Only global unicast (2000::/3), and there none that carries or tunnels another address.
///
/// Mapped, NAT64 and 6to4 forms are refused whole, also when the address inside is public: a
/// member has no reason to be reached through them.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000;
    let refused = (first == 0x2001 && (second < 0x0200 // protocol assignments, Teredo, ORCHID
            || second == 0x0db8)) // documentation
        || first == 0x2002 // 6to4
        || (first == 0x3fff && second < 0x1000); // documentation
    global_unicast && !refused
}
