//! When something was measured: an instant, and how far the clock on the wall was from UTC.

use jiff::civil;
use jiff::tz::Offset;

/// An instant to the second, with the offset of the place where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    seconds: i64,
    offset_minutes: i16,
}

/// The text is no moment, or none between 1900 and 2200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time with its offset")]
pub struct MomentError;

impl Moment {
    /// The moment of these seconds since 1970 UTC, at a place this far from UTC.
    ///
    /// # Errors
    /// [`MomentError`] outside 1900 to 2200, or for an offset of more than 18 h.
    pub fn new(seconds: i64, offset_minutes: i16) -> Result<Self, MomentError> {
        let lawful = (EARLIEST..LATEST).contains(&seconds) && offset_minutes.abs() <= 18 * 60;
        lawful
            .then_some(Self {
                seconds,
                offset_minutes,
            })
            .ok_or(MomentError)
    }

    /// Reads `2026-01-14 07:00:58 +0900` as exports write it, RFC 3339, and what exporter apps write
    /// on phones that show twelve hours (`2:30:00 PM`, `午後2:30:00`).
    ///
    /// # Errors
    /// [`MomentError`]: without an offset nobody knows when it was.
    pub fn parse(text: &str) -> Result<Self, MomentError> {
        parse(text).ok_or(MomentError)
    }

    /// Seconds since 1970 UTC.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// How far the wall clock was from UTC, in minutes.
    #[must_use]
    pub fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }

    /// The day on the wall, as days since 1970-01-01.
    #[must_use]
    pub fn day(self) -> i64 {
        self.wall_seconds().div_euclid(DAY_SECONDS)
    }

    /// The last midnight on the wall.
    #[must_use]
    pub fn midnight(self) -> Self {
        let since = self.wall_seconds().rem_euclid(DAY_SECONDS);
        Self {
            seconds: self.seconds.saturating_sub(since),
            ..self
        }
    }

    /// This many seconds later, at the same place; the same moment where that is no moment.
    #[must_use]
    pub fn later(self, seconds: i64) -> Self {
        let later = self.seconds.saturating_add(seconds);
        Self::new(later, self.offset_minutes).unwrap_or(self)
    }

    /// A FHIR `dateTime`, with seconds and offset.
    #[must_use]
    pub fn date_time(self) -> String {
        let Some(wall) = self.wall() else {
            return String::new();
        };
        let minutes = self.offset_minutes.unsigned_abs();
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes / 60, minutes % 60);
        format!(
            "{}{sign}{hours:02}:{rest:02}",
            wall.strftime("%Y-%m-%dT%H:%M:%S")
        )
    }

    /// The day on the wall as a FHIR `date`.
    #[must_use]
    pub fn date(self) -> String {
        let wall = self.wall();
        wall.map(|wall| wall.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default()
    }

    fn wall_seconds(self) -> i64 {
        let offset = i64::from(self.offset_minutes).saturating_mul(60);
        self.seconds.saturating_add(offset)
    }

    fn wall(self) -> Option<civil::DateTime> {
        let offset =
            Offset::from_seconds(i32::from(self.offset_minutes).saturating_mul(60)).ok()?;
        let instant = jiff::Timestamp::from_second(self.seconds).ok()?;
        Some(offset.to_datetime(instant))
    }
}

const DAY_SECONDS: i64 = 86_400;
/// 1900-01-01 and 2200-01-01, in seconds since 1970.
const EARLIEST: i64 = -2_208_988_800;
const LATEST: i64 = 7_258_118_400;

fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.trim_start_matches(['T', ' ', '\u{202f}', '\u{a0}']);
    let mut halves = date.split('-');
    let (year, month, day) = (halves.next()?, halves.next()?, halves.next()?);
    let (time, offset) = apart(rest)?;
    let (hour, minute, second) = of_day(time)?;
    let date = civil::Date::new(digits(year)?, digits(month)?, digits(day)?).ok()?;
    let wall = date.to_datetime(civil::Time::new(hour, minute, second, 0).ok()?);
    let offset_minutes = minutes(offset)?;
    let offset = Offset::from_seconds(i32::from(offset_minutes).checked_mul(60)?).ok()?;
    let instant = offset.to_timestamp(wall).ok()?;
    Moment::new(instant.as_second(), offset_minutes).ok()
}

/// The time of day and the offset.
fn apart(text: &str) -> Option<(&str, &str)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, "+0000"));
    }
    let at = text.rfind(['+', '-'])?;
    let (time, offset) = text.split_at_checked(at)?;
    Some((time, offset))
}

/// Hour, minute and second; fractions of seconds are cut off.
fn of_day(text: &str) -> Option<(i8, i8, i8)> {
    let signs: &[char] = &[' ', '\u{202f}', '\u{a0}'];
    let text = text.trim_matches(signs);
    let half = |mark: &str, kana: &str| {
        let upper = text.to_ascii_uppercase();
        upper.ends_with(mark) || text.starts_with(kana)
    };
    let (morning, evening) = (half("AM", "午前"), half("PM", "午後"));
    let clock = text
        .trim_start_matches("午前")
        .trim_start_matches("午後")
        .trim_end_matches(['A', 'P', 'M', 'a', 'p', 'm'])
        .trim_matches(signs);
    let mut parts = clock.split(':');
    let hour: i8 = digits(parts.next()?)?;
    let minute = digits(parts.next()?)?;
    let second = parts.next().unwrap_or("0");
    let second = digits(second.split('.').next()?)?;
    if parts.next().is_some() {
        return None;
    }
    let hour = match (morning, evening) {
        (true, true) => return None,
        (true, false) if hour == 12 => 0,
        (false, true) if hour < 12 => hour.checked_add(12)?,
        (false, false) => hour,
        _stated if hour <= 12 => hour,
        _impossible => return None,
    };
    Some((hour, minute, second))
}

/// `+0900`, `-03:30`, `+09`, as minutes.
fn minutes(text: &str) -> Option<i16> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1_i16, rest),
        ("-", rest) => (-1_i16, rest),
        _ => return None,
    };
    let bare: String = rest.chars().filter(|sign| *sign != ':').collect();
    let (hours, minutes) = match bare.len() {
        2 => (bare.as_str(), "0"),
        4 => bare.split_at_checked(2)?,
        _ => return None,
    };
    let (hours, minutes): (i16, i16) = (digits(hours)?, digits(minutes)?);
    let lawful = hours <= 18 && minutes < 60;
    lawful.then_some(sign.checked_mul(hours.checked_mul(60)?.checked_add(minutes)?)?)
}

/// A number of digits alone: no sign, no space.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn every_way_of_writing_it_is_one_moment() {
        for text in [
            "2026-01-14 07:00:58 +0900",
            "2026-01-14T07:00:58+09:00",
            "2026-01-13T22:00:58Z",
            "2026-01-14T07:00:58.123+09:00",
            "2026-01-14 7:00:58 AM +0900",
            "2026-01-14 7:00:58\u{202f}AM +0900",
            "2026-01-14 午前7:00:58 +0900",
        ] {
            assert_eq!(
                Moment::parse(text).unwrap().seconds(),
                1_768_341_658,
                "{text}"
            );
        }
        let evening = Moment::parse("2026-01-14 午後2:30:00 +0900").unwrap();
        assert_eq!(evening.date_time(), "2026-01-14T14:30:00+09:00");
        let midnight = Moment::parse("2026-01-14 12:00:00 AM -0330").unwrap();
        assert_eq!(midnight.date_time(), "2026-01-14T00:00:00-03:30");
    }

    #[test]
    fn a_time_without_its_offset_is_none() {
        for text in [
            "",
            "2026-01-14",
            "2026-01-14 07:00:58",
            "2026-02-30 07:00:58 +0900",
            "2026-01-14 07:00:58 +2500",
            "2026-01-14 27:00:58 +0900",
            "0026-01-14 07:00:58 +0900",
            "2026-01-14 14:00:00 PM AM +0900",
            "2026-01-14 00:-1:00 +0900",
        ] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_day_is_that_of_the_wall() {
        let late = Moment::parse("2026-01-14 00:10:00 +0900").unwrap();
        assert_eq!(late.date(), "2026-01-14");
        assert_eq!(late.midnight().date_time(), "2026-01-14T00:00:00+09:00");
        assert_eq!(late.day(), late.midnight().day());
    }
}
