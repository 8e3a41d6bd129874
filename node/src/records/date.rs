//! FHIR dates as ranges of time: a date is as long as it is precise.

/// No date at all: sorts last, matches nothing.
pub(super) const UNDATED: i64 = i64::MIN;
/// The beginning of a period that does not say it.
const BEFORE_ALL: i64 = i64::MIN + 1;
/// The end of a period that does not say it.
const AFTER_ALL: i64 = i64::MAX;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Dates without a time are days in Asia/Tokyo, which has had no other offset since 1951.
const TOKYO: i64 = 9 * 3_600 * SECOND;

/// From the first to the last microsecond, both included, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) lo: i64,
    pub(super) hi: i64,
}

impl Span {
    pub(super) const NONE: Self = Self {
        lo: UNDATED,
        hi: UNDATED,
    };

    /// A period; an end that is not said is open.
    pub(super) fn between(start: Option<Self>, end: Option<Self>) -> Option<Self> {
        match (start, end) {
            (None, None) => None,
            (start, end) => Some(Self {
                lo: start.map_or(BEFORE_ALL, |span| span.lo),
                hi: end.map_or(AFTER_ALL, |span| span.hi),
            }),
        }
    }

    /// Longer by its own length on either side.
    pub(super) fn widened(self) -> Self {
        let length = self.hi.saturating_sub(self.lo);
        Self {
            lo: self.lo.saturating_sub(length),
            hi: self.hi.saturating_add(length),
        }
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
        }
    }
}

/// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or a date-time. A date-time without an offset is Tokyo's;
/// seconds may be missing.
///
/// Source: FHIR R4 datatypes `date`, `dateTime`, `instant`; search, date.
pub(super) fn parse(text: &str) -> Option<Span> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts
        .next()
        .map(|part| digits(part, 2))
        .map_or(Some(None), |m| m.map(Some))?;
    let day = parts
        .next()
        .map(|part| digits(part, 2))
        .map_or(Some(None), |d| d.map(Some))?;
    if parts.next().is_some() || year == 0 {
        return None;
    }
    match (month, day, time) {
        (None, None, None) => days(midnight(year, 1, 1)?, midnight(year + 1, 1, 1)?),
        (Some(month), None, None) => {
            let (next_year, next) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            days(midnight(year, month, 1)?, midnight(next_year, next, 1)?)
        }
        (Some(month), Some(day), None) => {
            let start = midnight(year, month, day)?;
            days(start, start + DAY)
        }
        (Some(month), Some(day), Some(time)) => moment(midnight(year, month, day)?, time),
        _ => None,
    }
}

fn days(start: i64, end: i64) -> Option<Span> {
    Some(Span {
        lo: start - TOKYO,
        hi: end - TOKYO - 1,
    })
}

fn moment(midnight: i64, time: &str) -> Option<Span> {
    let (clock, offset) = split_offset(time)?;
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = whole.split(':');
    let hour = below(digits(parts.next()?, 2)?, 24)?;
    let minute = below(digits(parts.next()?, 2)?, 60)?;
    let second = parts
        .next()
        .map(|part| digits(part, 2))
        .map_or(Some(None), |s| s.map(Some))?;
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    // A leap second is the last moment of its minute: clinical systems write it, clocks do not.
    let seconds = below(second.unwrap_or(0), 61)?.min(59);
    let start = midnight + ((hour * 60 + minute) * 60 + seconds) * SECOND - offset;
    let (start, length) = match (second, fraction) {
        (None, _) => (start, 60 * SECOND),
        (Some(_), None) => (start, SECOND),
        (Some(_), Some(fraction)) => {
            let (micros, length) = fractional(fraction)?;
            (start + micros, length)
        }
    };
    Some(Span {
        lo: start,
        hi: start + length - 1,
    })
}

/// Microseconds and how long that precision is; beyond microseconds it is cut.
fn fractional(fraction: &str) -> Option<(i64, i64)> {
    if fraction.is_empty() || fraction.len() > 18 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = fraction.get(..fraction.len().min(6))?;
    let scale = 10_i64.pow(u32::try_from(6_usize.saturating_sub(kept.len())).ok()?);
    Some((kept.parse::<i64>().ok()? * scale, scale))
}

/// The clock part, and the offset from UTC in microseconds.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-', ' ']) else {
        return Some((time, TOKYO));
    };
    let (clock, offset) = time.split_at_checked(at)?;
    // A `+` that a client forgot to escape in a URL arrives as a space.
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let minutes = below(digits(hours, 2)?, 15)? * 60 + below(digits(minutes, 2)?, 60)?;
    Some((clock, sign * minutes * 60 * SECOND))
}

fn below(value: i64, bound: i64) -> Option<i64> {
    (value < bound).then_some(value)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let good = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if good { text.parse().ok() } else { None }
}

/// Microseconds from 1970-01-01 to this day, both at midnight in the same place.
fn midnight(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    // Days since 1970-01-01 in the proleptic Gregorian calendar, years beginning in March.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468) * DAY)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn lo(text: &str) -> i64 {
        parse(text).unwrap().lo
    }

    #[test]
    fn a_date_is_a_day_in_tokyo() {
        let day = parse("1970-01-02").unwrap();
        assert_eq!(
            day,
            Span {
                lo: DAY - TOKYO,
                hi: 2 * DAY - TOKYO - 1
            }
        );
        assert_eq!(lo("2026-07-01"), lo("2026-07-01T00:00:00+09:00"));
        assert_eq!(lo("2026-07-01T09:00:00"), lo("2026-07-01T00:00:00Z"));
        assert_eq!(parse("2024-02").unwrap().hi, lo("2024-03") - 1);
        assert_eq!(parse("2026").unwrap().hi, lo("2027-01-01") - 1);
        assert_eq!(parse("2026-12").unwrap().hi, lo("2027") - 1);
    }

    #[test]
    fn precision_is_length() {
        let length = |text: &str| parse(text).map(|span| span.hi - span.lo + 1);
        assert_eq!(length("2026-07-01T10:00Z"), Some(60 * SECOND));
        assert_eq!(length("2026-07-01T10:00:00Z"), Some(SECOND));
        assert_eq!(length("2026-07-01T10:00:00.1Z"), Some(100_000));
        assert_eq!(length("2026-07-01T10:00:00.123456789+09:00"), Some(1));
        assert_eq!(lo("2016-12-31T23:59:60Z"), lo("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "26-01-01",
            "2026-13",
            "2026-02-29",
            "2026-1-1",
            "2026-01-01T",
            "2026-01-01T25:00Z",
            "2026-01-01T10Z",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00+0900",
            "２０２６",
            "2026-01-01T10:00.5Z",
            "0000",
            "2026-01-01-01",
            "2026T10:00Z",
            "2026-01-01T10:00:61Z",
            "2026-04-31",
            "-2026",
            "2026-01-01T10:00:00+15:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), near in "[0-9T:Z+. -]{0,32}") {
            parse(&text);
            parse(&near);
        }

        #[test]
        fn it_agrees_with_the_protocols_own_reader(
            seconds in -60_000_000_000_i64..200_000_000_000,
        ) {
            let moment = federation_protocol::time::Timestamp::from_unix_seconds(seconds);
            prop_assert_eq!(lo(&moment.to_string()), seconds * SECOND);
        }
    }
}
