//! Where this process may connect to: the address rules of every outbound call.
//!
//! A name in the directory can be pointed anywhere by whoever runs its DNS, so the address is
//! judged when it is used, not when it is configured: a resolver answers only with allowed
//! addresses, and an address written into a URL is judged before the first packet.
//!
//! Source: PROTOCOL section 8; the IANA special-purpose address registries (RFC 6890).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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

/// Resolves names with the system's resolver and drops what the rules refuse.
///
/// The addresses it answers with are the ones connected to: there is no second lookup in between.
pub(crate) struct CheckingResolver(pub(crate) OutboundRules);

impl Resolve for CheckingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| rules.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(AddressRefused(name.as_str().to_owned()).into());
            }
            Ok::<Addrs, _>(Box::new(allowed.into_iter()))
        })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    /// The host of a URL as the HTTP client will see it, judged by the rules.
    fn literal(rules: &OutboundRules, spelling: &str) -> Result<bool, ()> {
        let url = reqwest::Url::parse(&format!("https://{spelling}/")).map_err(|_unparsable| ())?;
        Ok(rules.check_literal(url.host_str().unwrap()).is_ok())
    }

    #[test]
    fn no_spelling_of_an_inner_address_passes() {
        let inner = [
            // loopback
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "127.255.255.254",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            // unspecified
            "0.0.0.0",
            "0",
            "0.1.2.3",
            "[::]",
            "[::ffff:0.0.0.0]",
            // private
            "10.0.0.1",
            "0xa.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "3232235521",
            "100.64.0.1",
            "100.127.255.255",
            "[fd00::1]",
            "[fc00::]",
            "[::ffff:10.0.0.1]",
            "[fec0::1]",
            // link-local and metadata
            "169.254.169.254",
            "2852039166",
            "0251.0376.0251.0376",
            "169.254.0.1",
            "[fe80::1]",
            "[febf::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            // NAT64, 6to4, Teredo
            "[64:ff9b::7f00:1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2002:0808:0808::1]",
            "[2001::1]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            // multicast, reserved, documentation, benchmarks, discard
            "224.0.0.1",
            "239.255.255.255",
            "[ff02::1]",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "198.18.0.1",
            "198.19.255.255",
            "192.88.99.1",
            "[2001:db8::1]",
            "[3fff::1]",
            "[100::1]",
            "[4000::1]",
        ];
        let rules = OutboundRules::default();
        for spelling in inner {
            // A spelling that is no URL at all cannot be connected to either.
            assert!(
                !literal(&rules, spelling).unwrap_or(false),
                "{spelling} passed"
            );
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        let rules = OutboundRules::default();
        for spelling in [
            "8.8.8.8",
            "134744072",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.255.255",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2001:4860:4860::8888]",
            "minato.example",
        ] {
            assert_eq!(
                literal(&rules, spelling),
                Ok(true),
                "{spelling} was refused"
            );
        }
    }

    #[test]
    fn an_allowed_range_opens_itself_and_no_more() {
        let rules = OutboundRules::new(["10.20.0.0/16".parse().unwrap()]);
        assert_eq!(literal(&rules, "10.20.255.1"), Ok(true));
        assert_eq!(literal(&rules, "[::ffff:10.20.0.1]"), Ok(true));
        assert_eq!(literal(&rules, "10.21.0.1"), Ok(false));
        assert_eq!(literal(&rules, "127.0.0.1"), Ok(false));
        let all: OutboundRules = OutboundRules::new(["0.0.0.0/0".parse().unwrap()]);
        assert_eq!(literal(&all, "127.0.0.1"), Ok(true));
        assert_eq!(literal(&all, "[::1]"), Ok(false));
    }

    #[test]
    fn a_range_is_read_strictly() {
        for right in [
            "127.0.0.0/8",
            "::1",
            "::1/128",
            "fd00::/8",
            "10.1.2.3",
            "0.0.0.0/0",
        ] {
            assert!(right.parse::<Cidr>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::1/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10/8",
            "::ffff:10.0.0.1",
            "localhost",
        ] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_refused_when_it_is_resolved() {
        let resolver = CheckingResolver(OutboundRules::default());
        let refused = resolver.resolve("localhost".parse().unwrap()).await;
        assert!(refused.is_err_and(|error| error.is::<AddressRefused>()));

        let allowed = ["127.0.0.0/8", "::1"].map(|range| range.parse().unwrap());
        let resolver = CheckingResolver(OutboundRules::new(allowed));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}
