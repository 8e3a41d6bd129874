//! FHIR's dates and times: their forms, and which of two comes first.
//!
//! Never reads a clock: it only judges and compares texts.

use std::cmp::Ordering;

/// A year, month or day.
pub(crate) fn is_date(text: &str) -> bool {
    Moment::parse(text).is_some_and(|m| m.second.is_none())
}

/// A date, or a date with a time of day and an offset.
pub(crate) fn is_date_time(text: &str) -> bool {
    Moment::parse(text).is_some()
}

/// A full date with a time of day and an offset.
pub(crate) fn is_instant(text: &str) -> bool {
    Moment::parse(text).is_some_and(|m| m.second.is_some())
}

/// `hh:mm:ss` with or without a fraction.
pub(crate) fn is_time(text: &str) -> bool {
    time_of_day(text).is_some()
}

/// Which comes first; None where the precision of the two does not tell, or one is no date.
pub(crate) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Moment::parse(one)?, Moment::parse(other)?);
    if let (Some(a), Some(b)) = (&one.second, &other.second) {
        let order = one.minute_utc().cmp(&other.minute_utc());
        return Some(order.then_with(|| a.trim_end_matches('0').cmp(b.trim_end_matches('0'))));
    }
    let parts = [
        (Some(one.year), Some(other.year)),
        (one.month, other.month),
        (one.day, other.day),
    ];
    for (a, b) in parts {
        match a?.cmp(&b?) {
            Ordering::Equal => (),
            order => return Some(order),
        }
    }
    // The same day, and one of them is not more precise than a day.
    (one.second.is_none() && other.second.is_none()).then_some(Ordering::Equal)
}

/// A text taken apart.
struct Moment<'t> {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    minute_of_day: i64,
    /// Seconds and fraction, always with a dot: `07.`, `07.25`.
    second: Option<String>,
    offset: Option<&'t str>,
}

impl<'t> Moment<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4).filter(|year| *year > 0)?;
        let month = match parts.next() {
            Some(month) => Some(digits(month, 2)?),
            None => None,
        };
        let day = match parts.next() {
            Some(day) => Some(digits(day, 2)?),
            None => None,
        };
        let in_calendar = month.is_none_or(|m| (1..=12).contains(&m))
            && day.is_none_or(|d| (1..=days_in(year, month.unwrap_or(1))).contains(&d));
        if !in_calendar || parts.next().is_some() {
            return None;
        }
        let mut moment = Moment {
            year,
            month,
            day,
            minute_of_day: 0,
            second: None,
            offset: None,
        };
        if let Some(time) = time {
            day?;
            let at = time.find(['Z', '+', '-'])?;
            let (time, offset) = time.split_at_checked(at)?;
            let (minute, second) = time_of_day(time)?;
            offset_minutes(offset)?;
            moment.minute_of_day = minute;
            moment.second = Some(second);
            moment.offset = Some(offset);
        }
        Some(moment)
    }

    fn minute_utc(&self) -> i64 {
        let days = days_before(self.year, self.month.unwrap_or(1)) + self.day.unwrap_or(1);
        let offset = self.offset.and_then(offset_minutes).unwrap_or(0);
        days * 24 * 60 + self.minute_of_day - offset
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let good = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// Minute of the day, and the seconds as text.
fn time_of_day(text: &str) -> Option<(i64, String)> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2).filter(|h| *h < 24)?;
    let minute = digits(parts.next()?, 2).filter(|m| *m < 60)?;
    let second = parts.next()?;
    let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let good = digits(whole, 2).is_some_and(|s| s <= 60)
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && parts.next().is_none();
    good.then(|| (hour * 60 + minute, format!("{whole}.{fraction}")))
}

fn offset_minutes(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let real = hours <= 13 && minutes < 60 || hours == 14 && minutes == 0;
    real.then_some(sign * (hours * 60 + minutes))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the calendar before the month begins, counted from year 1.
fn days_before(year: i64, month: i64) -> i64 {
    let past = year - 1;
    let months: i64 = (1..month).map(|m| days_in(year, m)).sum();
    past * 365 + past / 4 - past / 100 + past / 400 + months
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        for good in ["2026", "2026-02", "2024-02-29", "1900-02-28"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "26",
            "0000",
            "2026-2",
            "2026-13",
            "2026-00",
            "2023-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026/04/01",
            "2026-04-01-01",
            "20260401",
            "2026-04-01T09:00:00Z",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn a_time_of_day_needs_seconds_and_an_offset() {
        for good in ["2026-04-01T09:00:00+09:00", "2026-04-01T09:00:00.123Z"] {
            assert!(is_instant(good) && is_date_time(good), "{good}");
        }
        for bad in [
            "2026-04-01T09:00+09:00",
            "2026-04-01T09:00:00",
            "2026-04T09:00:00Z",
            "2026-04-01T24:00:00Z",
            "2026-04-01T09:00:00+15:00",
            "2026-04-01 09:00:00Z",
            "2026-04-01T09:00:00.Z",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
        assert!(!is_instant("2026-04-01"));
        assert!(is_time("09:30:00") && !is_time("9:30:00") && !is_time("09:30"));
    }

    #[test]
    fn moments_compare_over_offsets_and_precisions() {
        use Ordering::{Equal, Greater, Less};
        let cases = [
            (
                "2026-04-01T00:30:00+09:00",
                "2026-03-31T15:30:00Z",
                Some(Equal),
            ),
            (
                "2026-04-01T00:30:00+09:00",
                "2026-03-31T15:29:59Z",
                Some(Greater),
            ),
            (
                "2026-04-01T00:00:00.5Z",
                "2026-04-01T00:00:00.50Z",
                Some(Equal),
            ),
            ("2025", "2026-01-01", Some(Less)),
            ("2026", "2026-01-01", None),
            ("2026-04-01", "2026-04-01T09:00:00Z", None),
            ("2026-04-01", "2026-04-01", Some(Equal)),
            ("abc", "2026", None),
        ];
        for (one, other, order) in cases {
            assert_eq!(compare(one, other), order, "{one} {other}");
        }
    }
}
