//! The kinds of value that a configuration holds, each parsed once.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_protocol::directory::is_phone;

/// A telephone number that the directory may hold.
///
/// # Errors
/// A sentence for the operator when it is none.
pub(super) fn phone(text: &str) -> Result<String, String> {
    match is_phone(text) {
        true => Ok(text.to_owned()),
        false => Err("3 to 15 digits with + - ( ) and spaces between, like 011-000-0000".into()),
    }
}

/// The code of an organisation: ten digits of a medical institution number, or `x-<label>`.
///
/// Source: PROTOCOL section 1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrganizationCode(String);

impl OrganizationCode {
    /// Parses a code.
    ///
    /// # Errors
    /// A sentence for the operator when it is neither ten digits nor an `x-` label.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit());
        let label = text.strip_prefix("x-").is_some_and(|label| {
            (1..=64).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
        if digits || label {
            return Ok(Self(text.to_owned()));
        }
        Err(
            "expected a medical institution number of 10 digits in quotes (it may start with 0), \
             or `x-` and a label of a-z, 0-9 and -"
                .into(),
        )
    }

    /// The code itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A length of time: a number and `ms`, `s`, `m` or `h`.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let number: u64 = number
        .parse()
        .map_err(|_ignored| format!("`{text}` is no length of time; try `10s`"))?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => return Err(format!("`{text}` needs a unit: ms, s, m or h, as in `10s`")),
    };
    milliseconds
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is too long"))
}

/// A number of bytes: a number, or one with `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// A sentence for the operator.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split_unit(text);
    let number: usize = number
        .parse()
        .map_err(|_ignored| format!("`{text}` is no size; try `8MiB`"))?;
    let factor: usize = match unit {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        "GiB" => 1024 * 1024 * 1024,
        _ => {
            return Err(format!(
                "`{text}` needs a unit: KiB, MiB or GiB, as in `8MiB`"
            ));
        }
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large"))
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// A SHA-256, as 43 base64url characters or 64 hexadecimal ones.
///
/// # Errors
/// A sentence for the operator.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let bytes = match text.len() {
        43 => URL_SAFE_NO_PAD.decode(text).ok(),
        64 => (0..32)
            .map(|i| {
                let pair = text.get(i * 2..i * 2 + 2)?;
                if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return None;
                }
                u8::from_str_radix(pair, 16).ok()
            })
            .collect(),
        _ => None,
    };
    bytes
        .and_then(|bytes: Vec<u8>| bytes.try_into().ok())
        .ok_or_else(|| "expected a SHA-256: 43 base64url characters or 64 hexadecimal ones".into())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use super::*;

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!(duration("10s").unwrap(), Duration::from_secs(10));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("2h").unwrap(), Duration::from_secs(7200));
        assert!(duration("10").is_err());
        assert!(duration("s").is_err());
        assert!(duration("99999999999999999999s").is_err());
        assert!(duration("18446744073709551615h").is_err());
    }

    #[test]
    fn a_size_is_bytes_or_binary_multiples() {
        assert_eq!(size("8MiB").unwrap(), 8 * 1024 * 1024);
        assert_eq!(size("300").unwrap(), 300);
        assert_eq!(size("2GiB").unwrap(), 2 * 1024 * 1024 * 1024);
        assert!(size("8MB").is_err());
        assert!(size("").is_err());
    }

    #[test]
    fn an_institution_number_keeps_its_leading_zero() {
        assert_eq!(
            OrganizationCode::parse("0110000001").unwrap().as_str(),
            "0110000001"
        );
        assert!(OrganizationCode::parse("110000001").is_err());
        assert!(OrganizationCode::parse("x-phr").is_ok());
        assert!(OrganizationCode::parse("x-").is_err());
    }

    #[test]
    fn both_spellings_of_a_hash_are_one_hash() {
        let hex = sha256(&"ab".repeat(32)).unwrap();
        let text = URL_SAFE_NO_PAD.encode(hex);
        assert_eq!(sha256(&text).unwrap(), hex);
        assert!(sha256("abc").is_err());
        assert!(sha256(&"é".repeat(32)).is_err());
    }
}
