//! What people may upload of what they measured themselves.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::settings::Settings;
use super::values;

/// What people may upload.
#[derive(Clone, Debug)]
pub struct VitalsSettings {
    /// The folder of uploads that are not saved yet; made when it is first needed.
    pub folder: PathBuf,
    /// Bytes that one upload may have.
    pub max_upload: u64,
    /// Bytes that all uploads may have together.
    pub max_disk: u64,
}

const MEBIBYTE: u64 = 1 << 20;

/// `[vitals]`.
pub(super) fn vitals(settings: &Settings, state_dir: &Path) -> Result<VitalsSettings, ConfigError> {
    let size = |key: &str, default: u64| -> Result<u64, ConfigError> {
        let given = settings.parsed(key, values::size)?;
        let bytes = given.map_or(default, |bytes| u64::try_from(bytes).unwrap_or(u64::MAX));
        if bytes < MEBIBYTE {
            return Err(settings.invalid(key, "expected at least 1MiB"));
        }
        Ok(bytes)
    };
    let max_upload = size("vitals.max_upload", 500 * MEBIBYTE)?;
    let max_disk = size("vitals.max_disk", 10_240 * MEBIBYTE)?;
    if max_disk < max_upload {
        return Err(settings.invalid(
            "vitals.max_disk",
            "is less than one upload may have (vitals.max_upload)",
        ));
    }
    Ok(VitalsSettings {
        folder: state_dir.join("vitals"),
        max_upload,
        max_disk,
    })
}
