//! Echo: a peer, or the registry's probe, learns that the door works, which version is spoken, and
//! how far the clocks are apart.

use federation_protocol::json;
use federation_protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::QueryError;

/// The longest text that is repeated, characters.
const LONGEST: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Echo {
    #[serde(default)]
    echo: Option<String>,
}

/// The answer to the body of `POST /federation/v1/echo`.
///
/// # Errors
/// [`QueryError::Form`] for anything but `{}` or `{"echo": text}`.
pub fn echo(body: &[u8], now: Timestamp) -> Result<String, QueryError> {
    let value = json::parse(body).or(Err(QueryError::Form))?;
    // Serde would read a list as a structure, too.
    let asked: Echo = match value {
        Value::Object(_) => serde_json::from_value(value).or(Err(QueryError::Form))?,
        _ => return Err(QueryError::Form),
    };
    let text = asked.echo.unwrap_or_default();
    if text.chars().count() > LONGEST {
        return Err(QueryError::Form);
    }
    Ok(json!({"echo": text, "version": 1, "time": now.to_string()}).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn an_echo_repeats_and_tells_the_time() {
        let now = Timestamp::from_unix_seconds(1_782_864_000);
        assert_eq!(
            echo(br#"{"echo":"hello"}"#, now).unwrap(),
            r#"{"echo":"hello","time":"2026-07-01T00:00:00.000Z","version":1}"#
        );
        assert!(echo(b"{}", now).is_ok());
        for body in [
            "",
            "[]",
            r#"{"echo":1}"#,
            r#"{"x":1}"#,
            r#"{"echo":"a","echo":"b"}"#,
        ] {
            assert!(echo(body.as_bytes(), now).is_err(), "{body}");
        }
    }
}
