//! Steps that both programs take: the way to an endpoint, its certificate, how clocks differ.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use federation_protocol::directory::Certificate;
use federation_protocol::time::Timestamp;

use super::{Chain, Said};
use crate::outbound::OutboundRules;
use crate::outbound::probe::{Connection, ProbeError, Target};
use crate::tls::CertificateFacts;

/// How long one step of the way may take.
pub const STEP: Duration = Duration::from_secs(5);
/// A key or certificate that ends sooner than this is worth a warning.
pub const SOON_DAYS: i64 = 30;
/// Clocks further apart than this are worth a warning, seconds.
const CLOCK_OFF_SECONDS: i64 = 5;
/// Clocks further apart than this make signatures fail, seconds (PROTOCOL section 4, check 5).
const CLOCK_FAR_SECONDS: i64 = 60;
const DAY_SECONDS: i64 = 86_400;

crate::checkup_codes! {
    ENDPOINT_URL = Problem "endpoint-url";
    NAME_UNKNOWN = Problem "name-unknown";
    ADDRESS_REFUSED = Problem "address-refused";
    CONNECTION_REFUSED = Problem "connection-refused";
    TLS_FAILED = Problem "tls-failed";
    CERTIFICATE_OTHER = Problem "certificate-other";
    CERTIFICATE_HOST = Problem "certificate-host";
    CERTIFICATE_EXPIRED = Problem "certificate-expired";
    CERTIFICATE_EARLY = Problem "certificate-not-yet-valid";
    CERTIFICATE_UNREADABLE = Problem "certificate-unreadable";
    CERTIFICATE_SOON = Warning "certificate-ends-soon";
    CLOCK_OFF = Warning "clock-off";
    CLOCK_FAR = Problem "clock-far";
}

/// An endpoint, and the certificates of which it must show one.
pub struct Endpoint<'a> {
    /// `https://host[:port]`.
    pub url: &'a str,
    /// What the directory names; `None` where any will do for now, because a later step judges.
    pub named: Option<&'a [Certificate]>,
    /// Where we may connect to.
    pub rules: &'a OutboundRules,
}

/// The names that the three steps of [`reach`] are reported under.
#[derive(Clone, Copy, Debug)]
pub struct WayNames {
    /// From the name to an address.
    pub dns: &'static str,
    /// A connection.
    pub tcp: &'static str,
    /// The certificate.
    pub tls: &'static str,
}

/// DNS, TCP, TLS: whether the endpoint can be reached and shows a certificate that is named.
pub async fn reach(chain: &mut Chain, names: WayNames, endpoint: &Endpoint<'_>, now: Timestamp) {
    let (url, rules) = (endpoint.url.to_owned(), endpoint.rules.clone());
    let found = chain.try_step(names.dns, STEP, resolve(url, rules)).await;
    let found = found.unwrap_or_else(|| (nowhere(), Vec::new()));
    let target = found.0.clone();
    let connection = chain
        .try_step(names.tcp, STEP, async move {
            let (target, addresses) = found;
            let connection = target.connect(&addresses).await.map_err(|e| said(&e))?;
            let seen = Said::well(connection.at);
            Ok((connection, seen))
        })
        .await;
    let named = endpoint.named.map(<[Certificate]>::to_vec);
    chain
        .try_step(names.tls, STEP, async move {
            match connection {
                Some(connection) => shake_hands(connection, target, named, now).await,
                None => Err(Said::code(super::NOT_TRIED)),
            }
        })
        .await;
}

/// What the steps after a failed one are given; they are not tried.
fn nowhere() -> Target {
    Target {
        host: String::new(),
        port: 0,
    }
}

async fn resolve(
    url: String,
    rules: OutboundRules,
) -> Result<((Target, Vec<std::net::SocketAddr>), Said), Said> {
    let target = Target::of(&url, &rules).map_err(|error| said(&error))?;
    let addresses = target.resolve(&rules).await.map_err(|error| said(&error))?;
    let seen: Vec<_> = addresses.iter().map(|at| at.ip().to_string()).collect();
    Ok(((target, addresses), Said::well(seen.join(", "))))
}

async fn shake_hands(
    connection: Connection,
    target: Target,
    named: Option<Vec<Certificate>>,
    now: Timestamp,
) -> Result<((), Said), Said> {
    let shown = connection.shown_certificate(&target).await;
    let shown = shown.map_err(|error| said(&error))?;
    let is_named = |all: &Vec<Certificate>| all.iter().any(|one| one.der() == shown);
    if !named.as_ref().is_none_or(is_named) {
        let print = Certificate::from_der(shown).fingerprint();
        return Err(Said::code(CERTIFICATE_OTHER).with("fingerprint", print));
    }
    Ok(((), judge_certificate(&shown, &target.host, now)))
}

/// Whether a certificate (DER) stands for `host` at `now`, and for how long.
#[must_use]
pub fn judge_certificate(der: &[u8], host: &str, now: Timestamp) -> Said {
    let Ok(facts) = CertificateFacts::read(der) else {
        return CERTIFICATE_UNREADABLE.into();
    };
    let until = facts.not_after;
    if now < facts.not_before {
        return Said::code(CERTIFICATE_EARLY).with("from", facts.not_before);
    }
    if until <= now {
        return Said::code(CERTIFICATE_EXPIRED).with("until", until);
    }
    if !facts.names(host) {
        return Said::code(CERTIFICATE_HOST).with("host", host);
    }
    let days = days_left(until, now);
    if days < SOON_DAYS {
        return Said::code(CERTIFICATE_SOON)
            .with("until", until)
            .with("days", days);
    }
    Said::well(format!("… {until}"))
}

/// Whole days from `now` to `until`.
#[must_use]
pub fn days_left(until: Timestamp, now: Timestamp) -> i64 {
    until.seconds_since(now).div_euclid(DAY_SECONDS)
}

/// How a clock that reads `theirs` stands to ours, which reads `ours`.
#[must_use]
pub fn judge_clock(theirs: Timestamp, ours: Timestamp) -> Said {
    let seconds = ours.seconds_since(theirs);
    let apart = seconds.saturating_abs();
    let code = if apart <= CLOCK_OFF_SECONDS {
        return Said::well(format!("{seconds:+} s"));
    } else if apart <= CLOCK_FAR_SECONDS {
        CLOCK_OFF
    } else {
        CLOCK_FAR
    };
    Said::code(code)
        .with("seconds", format!("{seconds:+}"))
        .with("theirs", theirs)
        .with("ours", ours)
}

fn said(error: &ProbeError) -> Said {
    let code = match error {
        ProbeError::Url(_) => ENDPOINT_URL,
        ProbeError::Name(_) => NAME_UNKNOWN,
        ProbeError::Refused(_) => ADDRESS_REFUSED,
        ProbeError::Connect(_) => CONNECTION_REFUSED,
        ProbeError::Tls(_) => TLS_FAILED,
    };
    Said::code(code).with("reason", error)
}

/// Bytes that this user may still write where `folder` is; `None` where the system does not tell.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The host of `https://host[:port]`, as certificates name it.
#[must_use]
pub fn host_of(endpoint: &str) -> String {
    let everything = ["0.0.0.0/0", "::/0"].iter().flat_map(|range| range.parse());
    let target = Target::of(endpoint, &OutboundRules::new(everything));
    let host = target.map(|target| target.host).unwrap_or_default();
    // One spelling of an address.
    host.parse::<IpAddr>().map_or(host, |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_782_864_000);

    fn judged(from_days: i64, until_days: i64, host: &str) -> &'static str {
        let at = |days: i64| NOW.plus_seconds(days * DAY_SECONDS);
        let made =
            crate::tls::TlsIdentity::generate("minato.example", at(from_days), at(until_days));
        let der = made
            .and_then(|made| made.certificate_der())
            .unwrap_or_default();
        judge_certificate(&der, host, NOW).code.name
    }

    #[test]
    fn a_certificate_is_judged_by_its_days_and_its_host() {
        let host = "minato.example";
        assert_eq!(judged(-1, 31, host), "well");
        assert_eq!(judged(-1, 29, host), "certificate-ends-soon");
        assert_eq!(judged(-2, -1, host), "certificate-expired");
        assert_eq!(judged(1, 100, host), "certificate-not-yet-valid");
        assert_eq!(judged(-1, 100, "yukimi.example"), "certificate-host");
        assert_eq!(
            judge_certificate(b"no", host, NOW).code.name,
            "certificate-unreadable"
        );
    }

    #[test]
    fn clocks_may_be_five_seconds_apart_and_must_not_be_more_than_sixty() {
        let judged = |seconds| judge_clock(NOW, NOW.plus_seconds(seconds)).code.name;
        for (seconds, code) in [
            (0, "well"),
            (5, "well"),
            (-5, "well"),
            (6, "clock-off"),
            (-60, "clock-off"),
            (61, "clock-far"),
            (-3_600, "clock-far"),
        ] {
            assert_eq!(judged(seconds), code, "{seconds}");
        }
    }

    #[test]
    fn the_host_of_an_endpoint_is_as_certificates_name_it() {
        assert_eq!(host_of("https://Minato.example:9443"), "minato.example");
        assert_eq!(host_of("https://[0:0::1]:9443"), "::1");
        assert_eq!(host_of("not a url"), "");
    }
}
