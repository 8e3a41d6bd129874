//! Where something is reached: `https://host[:port]`, and the host of it, which a certificate
//! must name.

use std::net::IpAddr;

/// A host as a TLS certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A DNS name, lower case.
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl Host {
    /// The host of `origin` when that is `https://host[:port]` and nothing more: no path, query,
    /// fragment, user or password.
    pub(crate) fn of_https_origin(origin: &str) -> Option<Self> {
        let authority = origin.strip_prefix("https://")?;
        let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
            let (address, after) = bracketed.split_once(']')?;
            (Self::Address(IpAddr::V6(address.parse().ok()?)), after)
        } else {
            let (name, after) = match authority.find(':') {
                Some(colon) => authority.split_at_checked(colon)?,
                None => (authority, ""),
            };
            (Self::of_name(name)?, after)
        };
        let port_is_right = port.is_empty()
            || port.strip_prefix(':').is_some_and(|digits| {
                digits.bytes().all(|b| b.is_ascii_digit())
                    && digits.parse::<u16>().is_ok_and(|port| port != 0)
            });
        port_is_right.then_some(host)
    }

    fn of_name(name: &str) -> Option<Self> {
        if let Ok(address) = name.parse() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let label_is_right = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // A name whose last label is a number would be read as an IPv4 address by some.
        let ends_in_number = name.rsplit('.').next()?.bytes().all(|b| b.is_ascii_digit());
        let right = name.len() <= 253 && name.split('.').all(label_is_right) && !ends_in_number;
        right.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// As a URL has it: an IPv6 address in brackets.
    pub(crate) fn in_url(&self) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]"),
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
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

    #[test]
    fn only_a_bare_https_origin_is_an_endpoint() {
        for good in [
            "https://fed.minato.example",
            "https://fed.minato.example:8443",
        ] {
            let host = Host::of_https_origin(good);
            assert_eq!(
                host,
                Some(Host::Name("fed.minato.example".to_owned())),
                "{good}"
            );
        }
        assert_eq!(
            Host::of_https_origin("https://127.0.0.1:9000"),
            Some(Host::Address("127.0.0.1".parse().unwrap()))
        );
        assert_eq!(
            Host::of_https_origin("https://[::1]:9000"),
            Some(Host::Address("::1".parse().unwrap()))
        );
        for bad in [
            "",
            "https://",
            "https://:9000",
            "http://fed.minato.example",
            "https://fed.minato.example/",
            "https://fed.minato.example/path",
            "https://fed.minato.example?q",
            "https://user@fed.minato.example",
            "https://fed.minato.example:0",
            "https://fed.minato.example:99999",
            "https://fed.minato.example:",
            "https://fed.minato.example:+1",
            "https://fed..example",
            "https://127.1",
            "https://[::1",
            "https://[::1]x",
        ] {
            assert_eq!(Host::of_https_origin(bad), None, "{bad}");
        }
    }
}
