//! What people may see of their own, and when.

use std::time::Duration;

use super::error::ConfigError;
use super::settings::Settings;

/// `patient.lab_release_delay`: how long laboratory results wait for the doctor's word.
pub(super) fn lab_release_delay(settings: &Settings) -> Result<Duration, ConfigError> {
    let longest = Duration::from_secs(30 * 86_400);
    settings.duration(
        "patient.lab_release_delay",
        Duration::ZERO,
        Duration::ZERO..=longest,
    )
}
