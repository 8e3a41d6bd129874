//! Break-glass: whether this house asks without consent in an emergency, and whether it answers.

use super::error::ConfigError;
use super::settings::Settings;

/// Whether this house takes part in emergency access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmergencySettings {
    /// `emergency.ask`: whether its description applies for the capability. Approvers grant it.
    pub asks: bool,
    /// `emergency.answer`: whether members that hold the capability are answered.
    pub answers: bool,
}

/// `[emergency]`.
pub(super) fn emergency(settings: &Settings) -> Result<EmergencySettings, ConfigError> {
    let asks = settings.parsed("emergency.ask", on_or_off)?;
    let answers = settings.parsed("emergency.answer", on_or_off)?;
    Ok(EmergencySettings {
        asks: asks.unwrap_or(false),
        answers: answers.unwrap_or(true),
    })
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{text}` is none of: on, off")),
    }
}
