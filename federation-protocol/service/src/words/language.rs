//! Which language, and where the environment says so.

use std::fmt;
use std::str::FromStr;

/// A language that texts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// The text names no language that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ja or en")]
pub struct LanguageError;

impl Language {
    /// The tag of BCP 47.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// What the process's environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG`
    /// that is set decides. English unless it is Japanese.
    ///
    /// Source: POSIX.1-2017, XBD section 8.2.
    #[must_use]
    pub fn of_environment() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the language of a terminal is no setting of the service"
        )]
        let of = |name: &str| std::env::var(name).ok();
        Self::of_locale(of)
    }

    fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| variable(name).filter(|value| !value.is_empty()));
        match set {
            Some(locale) if locale.split(['_', '.', '@', '-']).next() == Some("ja") => Self::Ja,
            _ => Self::En,
        }
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        match text {
            "ja" => Ok(Self::Ja),
            "en" => Ok(Self::En),
            _ => Err(LanguageError),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Language {
        Language::of_locale(|name| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        assert_eq!(of(&[("LANG", "ja_JP.UTF-8")]), Language::Ja);
        assert_eq!(
            of(&[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")]),
            Language::En
        );
        assert_eq!(of(&[("LANG", "ja"), ("LC_ALL", "")]), Language::Ja);
        assert_eq!(of(&[("LANG", "jax_XX")]), Language::En);
        assert_eq!(of(&[]), Language::En);
    }
}
