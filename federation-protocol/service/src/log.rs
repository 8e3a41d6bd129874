//! The log: lines to stderr, for people or for machines. Ids only: never names, resources, tokens
//! or header bytes.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One line of text, for a person at a terminal.
    #[default]
    Text,
    /// One JSON object a line, for a collector.
    Json,
}

impl FromStr for Format {
    type Err = LogError;

    /// `text` or `json`.
    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(LogError::Format(other.to_owned())),
        }
    }
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Neither `text` nor `json`.
    #[error("unknown log format {0:?}: text or json")]
    Format(String),
    /// Not a level, nor a list of `target=level`.
    #[error("log level not understood: {0}")]
    Level(String),
    /// A log was started before in this process.
    #[error("the log is already started")]
    AlreadyStarted,
}

/// Starts the process's log on stderr.
///
/// `level` is `error`, `warn`, `info`, `debug`, `trace`, or a list such as
/// `info,musubi_node::federation=debug`.
///
/// # Errors
/// `Level` when `level` cannot be read; `AlreadyStarted` the second time.
pub fn start(format: Format, level: &str) -> Result<(), LogError> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => registry.with(lines.with_target(false)).try_init(),
        Format::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|_already| LogError::AlreadyStarted)
}

/// The filter of a level; libraries below us speak only from `warn` upwards unless named.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let named = level.contains('=') || level.contains(',');
    let directives = if named {
        level.to_owned()
    } else {
        let quiet = [
            "actix_server",
            "actix_http",
            "mio",
            "hyper",
            "hyper_util",
            "reqwest",
            "h2",
        ]
        .map(|library| format!(",{library}=warn"))
        .concat();
        format!("{level}{quiet}")
    };
    EnvFilter::try_new(directives).map_err(|error| LogError::Level(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_format_is_text_or_json_and_nothing_else() {
        assert_eq!("json".parse::<Format>().unwrap(), Format::Json);
        assert_eq!("text".parse::<Format>().unwrap(), Format::Text);
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn a_level_that_means_nothing_is_refused() {
        assert!(filter("info").is_ok());
        assert!(filter("info,musubi_node=debug").is_ok());
        assert!(filter("musubi_node=loudly").is_err());
    }
}
