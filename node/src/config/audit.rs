//! How long the audit is kept, and who witnesses it.

use federation_protocol::member::MemberId;

use super::error::ConfigError;
use super::settings::Settings;

/// The shortest retention: a physician's records are kept for five years, and who looked at them as
/// long.
///
/// Source: Medical Practitioners' Act (Japan), article 24 (2).
const SHORTEST_DAYS: u32 = 5 * 365 + 2;
const LONGEST_DAYS: u32 = 100 * 366;

/// More witnesses than that prove nothing more.
const MOST_WITNESSES: usize = 16;

/// How long the audit is kept, and who witnesses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// Days after which what a line says may be erased; `None`: never.
    pub retention_days: Option<u32>,
    /// Members that are asked to cosign this node's log, beside the registry.
    pub witnesses: Vec<MemberId>,
    /// Whether this node cosigns the logs of members that ask it.
    pub cosign: bool,
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
        witnesses: settings
            .parsed("audit.witnesses", witnesses)?
            .unwrap_or_default(),
        cosign: settings.parsed("audit.cosign", cosign)?.unwrap_or(false),
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

fn witnesses(text: &str) -> Result<Vec<MemberId>, String> {
    let names = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    let mut members = Vec::new();
    for name in names {
        let member: MemberId = name
            .parse()
            .map_err(|error| format!("`{name}` is no member: {error}"))?;
        if members.contains(&member) {
            return Err(format!("`{name}` stands twice"));
        }
        members.push(member);
    }
    match members.len() {
        0..=MOST_WITNESSES => Ok(members),
        many => Err(format!("{many} witnesses: name at most {MOST_WITNESSES}")),
    }
}

fn cosign(text: &str) -> Result<bool, String> {
    match text {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err(format!("`{text}` is neither `on` nor `off`")),
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

    #[test]
    fn a_witness_is_a_member_and_stands_once() {
        let (one, two) = (
            "urn:musubi:member:0110000001",
            "urn:musubi:member:0110000002",
        );
        assert_eq!(
            witnesses(&format!("{one},{two}")).map(|all| all.len()),
            Ok(2)
        );
        assert_eq!(witnesses("").map(|all| all.len()), Ok(0));
        for text in [format!("{one},{one}"), "0110000001".to_owned()] {
            assert!(witnesses(&text).is_err(), "{text}");
        }
    }
}
