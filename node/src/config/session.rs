//! Getting in by browser: how long a session lasts, and under which address the pages are reached.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Url;

use super::error::ConfigError;
use super::settings::Settings;

/// How long a browser stays signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// `session.staff_idle`: after so long without a request a member of staff's session is locked.
    pub staff_idle: Duration,
    /// `session.person_idle`: the same for a person's.
    pub person_idle: Duration,
    /// `session.max`: after so long any session ends.
    pub max: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            staff_idle: minute * 15,
            person_idle: minute * 10,
            max: minute * 60 * 12,
        }
    }
}

/// `[session]`.
pub(super) fn session(settings: &Settings) -> Result<SessionSettings, ConfigError> {
    let minute = Duration::from_secs(60);
    let default = SessionSettings::default();
    Ok(SessionSettings {
        staff_idle: settings.duration(
            "session.staff_idle",
            default.staff_idle,
            minute..=minute * 240,
        )?,
        person_idle: settings.duration(
            "session.person_idle",
            default.person_idle,
            minute..=minute * 240,
        )?,
        max: settings.duration("session.max", default.max, minute * 10..=minute * 60 * 24)?,
    })
}

/// Under which address browsers reach a listener: `hospital.public_url`, `patient.public_url`.
/// Without one, a listener on loopback without TLS is reached as `localhost`; any other takes no
/// browsers.
pub(super) fn public_url(
    settings: &Settings,
    section: &str,
    bind: SocketAddr,
) -> Result<Option<Url>, ConfigError> {
    settings.parsed(&format!("{section}.public_url"), |text| origin(text, bind))
}

/// An address of scheme, host and port only. Without TLS only on this machine.
fn origin(text: &str, bind: SocketAddr) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no address: {error}"))?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    let Some(host) = url.domain().filter(|_| bare) else {
        return Err(
            "expected a scheme, a host name and a port only, as in `https://musubi.example.jp`"
                .into(),
        );
    };
    let is_here = host == "localhost" || host.ends_with(".localhost");
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here && bind.ip().is_loopback() => Ok(url),
        _ => Err(format!(
            "`{text}` is refused: browsers are met by https, or by http on `localhost` where the \
             listener is bound to 127.0.0.1"
        )),
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
    fn browsers_are_met_by_https_or_on_this_machine() {
        let here = SocketAddr::from(([127, 0, 0, 1], 8444));
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 8444));
        for text in [
            "https://musubi.example.jp",
            "https://musubi.example.jp:8444/",
        ] {
            assert!(origin(text, everywhere).is_ok(), "{text}");
        }
        for text in ["http://localhost:8444", "http://minato.localhost:8444"] {
            assert!(origin(text, here).is_ok(), "{text}");
            assert!(origin(text, everywhere).is_err(), "{text}");
        }
        for text in [
            "http://musubi.example.jp",
            "http://localhost.example.jp",
            "http://notlocalhost",
            "https://musubi.example.jp/pages",
            "https://user@musubi.example.jp",
            "https://musubi.example.jp?x=1",
            "https://10.0.0.1",
            "https://[::1]",
            "ftp://localhost",
            "musubi.example.jp",
            "javascript:alert(1)",
        ] {
            assert!(origin(text, here).is_err(), "{text}");
        }
    }
}
