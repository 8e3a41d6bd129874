//! What a certificate says of itself: its hosts and its time.

use std::net::IpAddr;

use federation_protocol::time::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::x509::X509;

/// The hosts that a certificate names, and from when until when it holds.
#[derive(Clone, Debug)]
pub struct CertificateFacts {
    hosts: Vec<String>,
    addresses: Vec<IpAddr>,
    /// From when, UTC.
    pub not_before: Timestamp,
    /// Until when, UTC.
    pub not_after: Timestamp,
}

impl CertificateFacts {
    /// Reads a certificate, DER.
    ///
    /// # Errors
    /// It is none.
    pub fn read(der: &[u8]) -> Result<Self, ErrorStack> {
        let certificate = X509::from_der(der)?;
        let (mut hosts, mut addresses) = (Vec::new(), Vec::new());
        for name in certificate.subject_alt_names().iter().flatten() {
            hosts.extend(name.dnsname().map(str::to_ascii_lowercase));
            addresses.extend(name.ipaddress().and_then(address));
        }
        Ok(Self {
            hosts,
            addresses,
            not_before: time(certificate.not_before())?,
            not_after: time(certificate.not_after())?,
        })
    }

    /// Whether `host`, a name or an address without brackets, is a subject alternative name:
    /// without regard to case, and without wildcards, because a member's certificate is made for one
    /// endpoint.
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.addresses.contains(&address),
            Err(_a_name) => self.hosts.contains(&host.to_ascii_lowercase()),
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn time(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    const DAY_SECONDS: i64 = 86_400;
    let since = Asn1Time::from_unix(0)?.as_ref().diff(time)?;
    let seconds = i64::from(since.days) * DAY_SECONDS + i64::from(since.secs);
    Ok(Timestamp::from_unix_seconds(seconds))
}
