//! Reads what matters of a member's TLS certificate: which hosts it names, and until when.

use std::net::IpAddr;

use openssl::asn1::Asn1Time;
use openssl::x509::X509;

use federation_protocol::time::Timestamp;

use crate::config::Host;

/// Why a certificate cannot stand for an endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not an X.509 certificate in DER.
    #[error("is not an X.509 certificate in DER")]
    Unreadable,
    /// Its subject alternative names do not have the host of the endpoint.
    #[error("does not name the endpoint's host {0} as a subject alternative name")]
    OtherHost(String),
    /// Past its end.
    #[error("has ended")]
    Ended,
}

/// Checks that `der` is a certificate for `host` that has not ended at `now`.
///
/// A name is compared without regard to case and without wildcards: a member's certificate is
/// made for one endpoint.
///
/// # Errors
/// In the order checked: `Unreadable`, `Ended`, `OtherHost`.
///
/// Source: PROTOCOL section 1, "subject alternative name = endpoint host".
pub(super) fn check(der: &[u8], host: &Host, now: Timestamp) -> Result<(), CertificateError> {
    let certificate = X509::from_der(der).or(Err(CertificateError::Unreadable))?;
    let now = Asn1Time::from_unix(now.unix_seconds()).or(Err(CertificateError::Unreadable))?;
    if certificate.not_after() <= &*now {
        return Err(CertificateError::Ended);
    }
    let names = certificate.subject_alt_names();
    let named = names.iter().flatten().any(|name| match host {
        Host::Name(host) => name
            .dnsname()
            .is_some_and(|name| name.eq_ignore_ascii_case(host)),
        Host::Address(address) => name.ipaddress().and_then(address_of) == Some(*address),
    });
    named
        .then_some(())
        .ok_or_else(|| CertificateError::OtherHost(host.to_string()))
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
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
    use federation_service::tls::TlsIdentity;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_782_864_000);

    fn host(origin: &str) -> Host {
        Host::of_https_origin(origin).unwrap()
    }

    fn certificate(host: &str) -> Vec<u8> {
        let until = NOW.plus_seconds(86_400);
        TlsIdentity::generate(host, NOW, until)
            .unwrap()
            .certificate_der()
            .unwrap()
    }

    #[test]
    fn a_certificate_stands_for_the_host_it_names() {
        let der = certificate("Fed.minato.example");
        assert_eq!(
            check(&der, &host("https://fed.minato.example:8443"), NOW),
            Ok(())
        );
        for other in [
            "https://minato.example",
            "https://x.fed.minato.example",
            "https://[::1]",
        ] {
            assert!(matches!(
                check(&der, &host(other), NOW),
                Err(CertificateError::OtherHost(_))
            ));
        }
    }

    #[test]
    fn an_address_is_compared_as_an_address() {
        assert_eq!(
            check(
                &certificate("127.0.0.1"),
                &host("https://127.0.0.1:9101"),
                NOW
            ),
            Ok(())
        );
        assert_eq!(
            check(&certificate("::1"), &host("https://[0:0::1]:9101"), NOW),
            Ok(())
        );
        assert!(check(&certificate("127.0.0.1"), &host("https://127.0.0.2"), NOW).is_err());
    }

    #[test]
    fn an_ended_certificate_is_refused() {
        let later = NOW.plus_seconds(86_400);
        let answer = check(&certificate("127.0.0.1"), &host("https://127.0.0.1"), later);
        assert_eq!(answer, Err(CertificateError::Ended));
        assert_eq!(
            check(b"no", &host("https://127.0.0.1"), NOW),
            Err(CertificateError::Unreadable)
        );
    }
}
