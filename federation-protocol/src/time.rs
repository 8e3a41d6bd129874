//! A moment, handed in by whoever has a clock: this crate never reads one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A moment in UTC, to the microsecond, counted from 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates: a time from outside can be absurd, never a panic. On the wire (serde) it
/// is an integer of whole seconds, as in JWT (RFC 7519 section 2, `NumericDate`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// The moment `micros` microseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded towards the past.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z, rounded towards the past.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This moment moved by `seconds` (negative: into the past); saturates.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(
            self.0
                .saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)),
        )
    }

    /// Whole seconds from `earlier` to this moment, rounded down; negative when it lies ahead.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0
            .saturating_sub(earlier.0)
            .div_euclid(MICROS_PER_SECOND)
    }

    /// Reads an RFC 3339 date-time: `2026-07-01T09:00:00+09:00`, `…Z`, with up to nine digits of
    /// fraction (beyond microseconds they are cut).
    ///
    /// # Errors
    /// [`TimeError`] when the text is anything else. A leap second (`:60`) is refused: no clock
    /// that we sign with has one.
    ///
    /// Source: RFC 3339 section 5.6.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        parse(text.as_bytes()).ok_or(TimeError)
    }
}

/// The text is not an RFC 3339 date-time.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date-time")]
pub struct TimeError;

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-07-01T00:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.unix_seconds();
        let millis = self.unix_millis().rem_euclid(1_000);
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.unix_seconds())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::from_unix_seconds)
    }
}

/// Year, month (1–12), day (1–31) of the proleptic Gregorian calendar for a day counted from
/// 1970-01-01. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0_i64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_at_checked(19)?;
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        t,
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return None;
    };
    if !matches!(t, b'T' | b't') {
        return None;
    }
    let year = digits(&[*y1, *y2, *y3, *y4])?;
    let month = digits(&[*m1, *m2])?;
    let day = digits(&[*d1, *d2])?;
    let (hour, minute, second) = (
        digits(&[*h1, *h2])?,
        digits(&[*n1, *n2])?,
        digits(&[*s1, *s2])?,
    );
    let days = days_from_civil(year, month, day);
    let real_day = (1..=12).contains(&month) && civil_from_days(days) == (year, month, day);
    if !real_day || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, zone) = fraction(rest)?;
    let seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(Timestamp(seconds * MICROS_PER_SECOND + micros))
}

/// Microseconds of an optional `.digits`, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = rest.split_at_checked(length)?;
    if !(1..=9).contains(&length) {
        return None;
    }
    let micros = (0..6).fold(0_i64, |micros, at| {
        micros * 10 + fraction.get(at).map_or(0, |digit| i64::from(digit - b'0'))
    });
    Some((micros, zone))
}

/// Seconds east of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let east = hours * 3_600 + minutes * 60;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'+' { east } else { -east })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_with_milliseconds() {
        let time = Timestamp::from_micros(1_782_864_000_123_456);
        assert_eq!(time.to_string(), "2026-07-01T00:00:00.123Z");
        assert_eq!(
            Timestamp::from_micros(-1).to_string(),
            "1969-12-31T23:59:59.999Z"
        );
        assert_eq!(
            Timestamp::from_unix_seconds(951_782_400).to_string(),
            "2000-02-29T00:00:00.000Z"
        );
    }

    #[test]
    fn tokyo_and_utc_name_the_same_moment() {
        let utc = Timestamp::parse_rfc3339("2026-07-01T00:00:00Z").unwrap();
        assert_eq!(
            Timestamp::parse_rfc3339("2026-07-01T09:00:00.0+09:00"),
            Ok(utc)
        );
        assert_eq!(utc.unix_seconds(), 1_782_864_000);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-07-01",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-07-01T24:00:00Z",
            "2026-07-01T00:00:60Z",
            "2026-07-01T00:00:00",
            "2026-07-01T00:00:00.Z",
            "2026-07-01T00:00:00.1234567890Z",
            "2026-07-01 00:00:00Z",
            "2026-07-01T00:00:00+0900",
            "２026-07-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Err(TimeError), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn shown_and_read_again_is_the_same_to_the_millisecond(
            millis in -62_135_596_800_000_i64..253_402_300_800_000,
        ) {
            let time = Timestamp::from_micros(millis * 1_000);
            proptest::prop_assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Ok(time));
        }

        #[test]
        fn reading_a_time_never_panics(text in ".{0,40}", micros in proptest::num::i64::ANY) {
            let _ = Timestamp::parse_rfc3339(&text);
            let time = Timestamp::from_micros(micros);
            let _ = (time.to_string(), time.plus_seconds(micros), time.seconds_since(Timestamp::from_micros(0)));
        }
    }
}
