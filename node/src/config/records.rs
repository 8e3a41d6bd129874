//! How the records are kept: what a resource must be like to be stored, and by which profiles.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::settings::Settings;

/// How the records are kept.
#[derive(Clone, Debug)]
pub struct RecordsSettings {
    /// What becomes of a resource that does not conform to FHIR R4 or to a profile it claims.
    pub validation: Validation,
    /// The folder of FHIR packages that the hospital added; made when it is first needed.
    pub profiles: PathBuf,
}

/// What becomes of a resource that does not conform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// It is refused.
    Strict,
    /// It is stored; whoever sent it can learn what is wrong, and it is counted.
    Warn,
    /// It is stored, and nobody looks.
    Off,
}

impl Validation {
    /// The word in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

/// `[records]`; `beside` is the database's folder.
pub(super) fn records(settings: &Settings, beside: &Path) -> Result<RecordsSettings, ConfigError> {
    let validation = settings.parsed("records.validation", |text| {
        [Validation::Strict, Validation::Warn, Validation::Off]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("`{text}` is none of: strict, warn, off"))
    })?;
    Ok(RecordsSettings {
        validation: validation.unwrap_or(Validation::Warn),
        profiles: settings
            .path("records.profiles")?
            .unwrap_or_else(|| beside.join("profiles")),
    })
}
