//! How long the audit is kept.

use super::error::ConfigError;
use super::settings::Settings;

/// The shortest retention: a physician's records are kept for five years, and who looked at them as
/// long.
///
/// Source: Medical Practitioners' Act (Japan), article 24 (2).
const SHORTEST_DAYS: u32 = 5 * 365 + 2;
const LONGEST_DAYS: u32 = 100 * 366;

/// How long the audit is kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Days after which what a line says may be erased; `None`: never.
    pub retention_days: Option<u32>,
}

impl AuditSettings {
    /// The same in seconds.
    #[must_use]
    pub fn retention_seconds(&self) -> Option<i64> {
        self.retention_days.map(|days| i64::from(days) * 86_400)
    }
}

/// `[audit]`
pub(super) fn audit(settings: &Settings) -> Result<AuditSettings, ConfigError> {
    let retention = settings.parsed("audit.retention", retention)?;
    Ok(AuditSettings {
        retention_days: retention.flatten(),
    })
}

fn retention(text: &str) -> Result<Option<u32>, String> {
    if text == "forever" {
        return Ok(None);
    }
    let unknown = || format!("`{text}` is no retention: write `forever`, `6y` or `2200d`");
    let (number, factor) = match (text.strip_suffix('y'), text.strip_suffix('d')) {
        // A year is at least so long.
        (Some(years), _) => (years, 366),
        (_, Some(days)) => (days, 1),
        _ => return Err(unknown()),
    };
    let number: u32 = number.parse().map_err(|_ignored| unknown())?;
    match number.checked_mul(factor) {
        Some(days) if (SHORTEST_DAYS..=LONGEST_DAYS).contains(&days) => Ok(Some(days)),
        _ => Err(format!(
            "`{text}` is outside 5y to 100y: the law wants five years"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_for_less_than_five_years() {
        assert_eq!(retention("forever"), Ok(None));
        assert_eq!(retention("5y"), Ok(Some(1_830)));
        assert_eq!(retention("1827d"), Ok(Some(1_827)));
        for text in [
            "4y",
            "1826d",
            "0y",
            "",
            "y",
            "-6y",
            "6 y",
            "6m",
            "101y",
            "99999999999y",
        ] {
            assert!(retention(text).is_err(), "{text}");
        }
    }
}
