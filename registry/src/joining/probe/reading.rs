//! What an applicant's answers say: a stranger's bytes, read strictly.

use federation_protocol::json;
use federation_protocol::time::Timestamp;
use serde::Deserialize;

/// The answer to an echo.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Echoed {
    pub(super) echo: String,
    pub(super) version: u32,
    pub(super) time: Timestamp,
}

#[derive(Deserialize)]
struct Body {
    echo: String,
    version: u32,
    time: String,
}

/// Reads the body of an answered echo; more members than ours do no harm.
pub(super) fn read_echo(body: &[u8]) -> Option<Echoed> {
    let Body {
        echo,
        version,
        time,
    } = json::parse_as(body).ok()?;
    Some(Echoed {
        echo,
        version,
        time: Timestamp::parse_rfc3339(&time).ok()?,
    })
}

/// The time that a node tells when it refuses one that is off (check 5).
pub(super) fn refused_time(body: &[u8]) -> Option<Timestamp> {
    let body = json::parse(body).ok()?;
    Timestamp::parse_rfc3339(body.get("time")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn an_echo_is_read_and_anything_else_is_not() {
        let body = br#"{"echo":"a","time":"2026-07-01T00:00:00.000Z","version":1}"#;
        let at = Timestamp::from_unix_seconds(1_782_864_000);
        let echoed = read_echo(body).unwrap();
        assert_eq!((echoed.version, echoed.time), (1, at));
        for other in [
            "",
            "{}",
            "<html>",
            r#"{"echo":"a","time":"yesterday","version":1}"#,
        ] {
            assert_eq!(read_echo(other.as_bytes()), None, "{other}");
        }
        let refused = br#"{"code":"signature_time_invalid","time":"2026-07-01T00:00:00.000Z"}"#;
        assert_eq!(refused_time(refused), Some(at));
    }
}
