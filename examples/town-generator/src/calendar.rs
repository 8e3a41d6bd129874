//! Days and times of the town. Its last day is fixed: the clock is never read, so that a seed tells
//! the same tomorrow.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};

/// The day after which nothing has happened yet.
pub const LAST_DAY: Date = date(2026, 10, 30);

/// `days` after `day`; before it, if negative.
pub(crate) fn days_after(day: Date, days: i32) -> Date {
    day.saturating_add(days.clamp(-50_000, 50_000).days())
}

/// The day itself, or the Monday after a weekend.
pub(crate) fn working_day(day: Date) -> Date {
    match day.weekday() {
        Weekday::Saturday => days_after(day, 2),
        Weekday::Sunday => days_after(day, 1),
        _ => day,
    }
}

/// Whole years from `born` to `day`.
pub(crate) fn age(born: Date, day: Date) -> i32 {
    let had_birthday = (day.month(), day.day()) >= (born.month(), born.day());
    i32::from(day.year()) - i32::from(born.year()) - i32::from(!had_birthday)
}

/// A minute in Japanese time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) day: Date,
    /// Since midnight; before midnight of the next day.
    minute: i32,
}

impl Moment {
    pub(crate) fn at(day: Date, minute: i32) -> Self {
        Self {
            day,
            minute: minute.clamp(0, 24 * 60 - 1),
        }
    }

    /// Later on the same day.
    pub(crate) fn plus(self, minutes: i32) -> Self {
        Self::at(self.day, self.minute.saturating_add(minutes))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute) = (self.minute / 60, self.minute % 60);
        write!(f, "{}T{hour:02}:{minute:02}:00+09:00", self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birthday_counts_from_its_day_on() {
        let born = date(1958, 3, 14);
        assert_eq!(age(born, date(2026, 3, 13)), 67);
        assert_eq!(age(born, date(2026, 3, 14)), 68);
    }

    #[test]
    fn weekends_move_to_monday() {
        assert_eq!(working_day(date(2026, 10, 24)), date(2026, 10, 26));
        assert_eq!(working_day(date(2026, 10, 25)), date(2026, 10, 26));
        assert_eq!(working_day(date(2026, 10, 30)), date(2026, 10, 30));
    }

    #[test]
    fn a_moment_is_written_as_fhir_wants_it() {
        let moment = Moment::at(date(2026, 3, 4), 9 * 60).plus(5);
        assert_eq!(moment.to_string(), "2026-03-04T09:05:00+09:00");
    }
}
