#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking"
)]

mod forgery;
pub(in crate::outbound) use forgery::Script;

use super::*;
use reqwest::dns::Resolve as _;

/// Every spelling of an address that nobody may make a member call, as it may stand in an endpoint,
/// in a token's status URI or behind a redirect.
pub(super) const INNER: &[&str] = &[
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

/// The host of a URL as the HTTP client will see it, judged by the rules.
fn literal(rules: &OutboundRules, spelling: &str) -> Result<bool, ()> {
    let url = reqwest::Url::parse(&format!("https://{spelling}/")).map_err(|_unparsable| ())?;
    Ok(rules.check_literal(url.host_str().unwrap()).is_ok())
}

#[test]
fn no_spelling_of_an_inner_address_passes() {
    let rules = OutboundRules::default();
    for spelling in INNER {
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
