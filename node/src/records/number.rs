//! Numbers as stretches: what is written `5.4` may have been anything that rounds to it.

use serde_json::Value;

/// From the least to the greatest number, both included, as integers that sort like them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stretch {
    pub(super) lo: i64,
    pub(super) hi: i64,
}

impl Stretch {
    /// One number.
    pub(super) fn at(value: f64) -> Self {
        let place = ordered(value);
        Self {
            lo: place,
            hi: place,
        }
    }

    /// What a quantity says with its comparator.
    pub(super) fn compared(value: f64, comparator: Option<&str>) -> Self {
        let place = ordered(value);
        let (lo, hi) = match comparator {
            Some("<") => (LEAST, place.saturating_sub(1)),
            Some("<=") => (LEAST, place),
            Some(">") => (place.saturating_add(1), GREATEST),
            Some(">=") => (place, GREATEST),
            _ => (place, place),
        };
        Self { lo, hi }
    }

    /// From one number to another; an end that is not said is open.
    pub(super) fn between(low: Option<f64>, high: Option<f64>) -> Option<Self> {
        (low.is_some() || high.is_some()).then(|| Self {
            lo: low.map_or(LEAST, ordered),
            hi: high.map_or(GREATEST, ordered),
        })
    }
}

/// No number sorts before this.
const LEAST: i64 = i64::MIN;
/// No number sorts behind this.
const GREATEST: i64 = i64::MAX;

/// Integers in the order of the numbers they stand for.
fn ordered(value: f64) -> i64 {
    // -0.0 is 0.0.
    let value = if value == 0.0 { 0.0 } else { value };
    let bits = i64::from_ne_bytes(value.to_bits().to_ne_bytes());
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// A number of a resource, however it is written.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

/// A number of a query: itself, all that rounds to it, and all within a tenth of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) exactly: Stretch,
    pub(super) rounded: Stretch,
    pub(super) about: Stretch,
}

/// Most digits that a number of a query may have.
const MOST_DIGITS: usize = 24;
const FARTHEST_EXPONENT: i32 = 200;

/// Reads a number of a query. Its precision is how it is written: `5.40` is from 5.395 to 5.405,
/// `1e2` from 50 to 150.
///
/// Source: FHIR R4 search, "number".
pub(super) fn asked(text: &str) -> Option<Asked> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    if exponent.abs() > FARTHEST_EXPONENT {
        return None;
    }
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = [whole, fraction].concat();
    let good = !whole.is_empty()
        && all.len() <= MOST_DIGITS
        && all.bytes().all(|b| b.is_ascii_digit())
        && (fraction.is_empty() != digits.contains('.'));
    if !good {
        return None;
    }
    let sign = if negative { -1 } else { 1 };
    let scaled = all
        .parse::<i128>()
        .ok()?
        .checked_mul(10)?
        .checked_mul(sign)?;
    let places = i32::try_from(fraction.len()).ok()?;
    let power = exponent.checked_sub(places)?.checked_sub(1)?;
    // Read again from text: nearest to the decimal, as a resource's own numbers are.
    let at = |scaled: i128| format!("{scaled}e{power}").parse::<f64>().ok();
    let value = at(scaled)?;
    let edge = |side: i128| at(scaled.checked_add(side)?).map(ordered);
    let place = ordered(value);
    let tenth = (value / 10.0).abs();
    Some(Asked {
        exactly: Stretch::at(value),
        // With more digits than a double has, both edges are the number itself.
        rounded: Stretch {
            lo: edge(-5)?.min(place),
            hi: edge(5)?.saturating_sub(1).max(place),
        },
        about: Stretch {
            lo: ordered(value - tenth),
            hi: ordered(value + tenth),
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_as_precise_as_it_is_written() {
        let rounded = |text: &str, value: f64| {
            let Stretch { lo, hi } = asked(text).unwrap().rounded;
            (lo..=hi).contains(&ordered(value))
        };
        assert!(rounded("100", 99.5) && rounded("100", 100.49) && !rounded("100", 100.5));
        assert!(rounded("5.4", 5.35) && !rounded("5.4", 5.45) && !rounded("5.40", 5.41));
        assert!(rounded("1e2", 50.0) && rounded("1e2", 149.0) && !rounded("1e2", 150.0));
        assert!(rounded("-1", -1.5) && !rounded("-1", -0.5));
        assert!(rounded("0", -0.5) && rounded("0", 0.4));
    }

    #[test]
    fn a_number_of_more_digits_than_a_double_has_is_found_by_itself() {
        for text in [
            "99999999999999999999999",
            "-123456789012345678",
            "0.12345678901234567890",
        ] {
            let Asked {
                exactly, rounded, ..
            } = asked(text).unwrap();
            assert!(
                rounded.lo <= exactly.lo && exactly.hi <= rounded.hi,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", "-", "+1", "1.", ".5", "1,5", "0x1", "１", "1e", "1e999", "NaN", "--1",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
        assert_eq!(asked(&"9".repeat(25)), None);
    }

    proptest! {
        #[test]
        fn integers_sort_like_their_numbers(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(a.partial_cmp(&b), Some(ordered(a).cmp(&ordered(b))));
        }

        #[test]
        fn nothing_panics(text in any::<String>(), near in "[-+0-9.eE]{0,40}") {
            asked(&text);
            asked(&near);
        }
    }
}
