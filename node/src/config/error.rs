//! Why a configuration was not accepted, in words that name the key and where its value stands.

use std::path::PathBuf;

/// The exit code of a program whose configuration is wrong (EX_CONFIG of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;

/// Why a configuration was not accepted. Its text names the key and the file (or environment
/// variable) that the value came from, and never a secret's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The configuration file, or a file that one of its keys names.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{}: not TOML: {reason}", path.display())]
    Syntax {
        /// The configuration file.
        path: PathBuf,
        /// What the parser said, with line and column.
        reason: String,
    },
    /// A key that no room knows: never ignored, because a mistyped limit is a missing limit.
    #[error("{origin}: unknown key `{key}`{}", did_you_mean(suggestion.as_deref()))]
    UnknownKey {
        /// The key as written, dotted.
        key: String,
        /// The file, or the environment.
        origin: String,
        /// The known key most like it, when one is near enough.
        suggestion: Option<String>,
    },
    /// A key without which no node runs.
    #[error("{origin}: missing key `{key}`: {meaning}")]
    Missing {
        /// The key, dotted.
        key: &'static str,
        /// The file that was read.
        origin: String,
        /// What the key says.
        meaning: &'static str,
    },
    /// A value of the wrong kind or out of bounds.
    #[error("{origin}: `{key}`: {problem}")]
    Invalid {
        /// The key, dotted.
        key: String,
        /// The file, or the environment.
        origin: String,
        /// What is wrong with the value.
        problem: String,
    },
}

impl ConfigError {
    /// The exit code that a program ends with: always [`EXIT_CONFIG`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        EXIT_CONFIG
    }

    /// What the operator does next, for the `next:` line of a command.
    #[must_use]
    pub fn next(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => {
                format!(
                    "check that {} exists and is readable by this user",
                    path.display()
                )
            }
            Self::Syntax { path, .. } => format!("mend {} at the place named", path.display()),
            Self::UnknownKey {
                suggestion: Some(known),
                ..
            } => {
                format!("write `{known}`, or remove the key")
            }
            Self::UnknownKey { .. } => {
                "remove the key; deploy/ holds an example with every key".into()
            }
            Self::Missing { key, .. } => format!("add `{key}` to the configuration file"),
            Self::Invalid { key, .. } => format!("mend `{key}` and run `musubi-node check-config`"),
        }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion
        .map(|known| format!(", did you mean `{known}`?"))
        .unwrap_or_default()
}
