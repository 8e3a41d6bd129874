//! Days and moments as readers in Japan expect them.
//!
//! Japan has kept one offset, +09:00, and no summer time since 1951; no table of zones is needed.

use federation_protocol::time::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};

use crate::words::Language;

/// A day, a month or a year: as much as a FHIR `date` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    date: Date,
    precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Year,
    Month,
    Day,
}

fn japan() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

impl Day {
    /// The day of a FHIR `date`, `dateTime` or `instant`; of one with an offset, the day in Japan.
    ///
    /// Source: <https://hl7.org/fhir/R4/datatypes.html#date>.
    #[must_use]
    pub fn parse(fhir: &str) -> Option<Self> {
        if fhir.len() > 64 || !fhir.is_ascii() {
            return None;
        }
        match fhir.len() {
            4 => Self::start(fhir, "-01-01", Precision::Year),
            7 => Self::start(fhir, "-01", Precision::Month),
            10 => Self::start(fhir, "", Precision::Day),
            _ => {
                let at: jiff::Timestamp = fhir.parse().ok()?;
                Some(Self::of_date(at.to_zoned(japan()).date()))
            }
        }
    }

    fn start(fhir: &str, rest: &str, precision: Precision) -> Option<Self> {
        let date = format!("{fhir}{rest}").parse().ok()?;
        Some(Self { date, precision })
    }

    fn of_date(date: Date) -> Self {
        Self {
            date,
            precision: Precision::Day,
        }
    }

    /// The day of a moment, in Japan.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self::of_date(civil(at).map_or(Date::ZERO, |civil| civil.date()))
    }

    /// `2026年11月18日(水)`, `18 November 2026 (Wed)`; a month or a year where no more is known.
    #[must_use]
    pub fn long(&self, language: Language) -> String {
        let (year, month, day) = (self.date.year(), self.date.month(), self.date.day());
        match (language, self.precision) {
            (Language::Ja, Precision::Year) => format!("{year}年"),
            (Language::Ja, Precision::Month) => format!("{year}年{month}月"),
            (Language::Ja, Precision::Day) => {
                format!("{year}年{month}月{day}日({})", weekday(self.date, language))
            }
            (Language::En, Precision::Year) => year.to_string(),
            (Language::En, Precision::Month) => format!("{} {year}", month_name(month)),
            (Language::En, Precision::Day) => format!(
                "{day} {} {year} ({})",
                month_name(month),
                weekday(self.date, language)
            ),
        }
    }

    /// `2026/11/18`, `2026/11`, `2026`: for columns and axes.
    #[must_use]
    pub fn short(&self) -> String {
        let (year, month, day) = (self.date.year(), self.date.month(), self.date.day());
        match self.precision {
            Precision::Year => year.to_string(),
            Precision::Month => format!("{year}/{month}"),
            Precision::Day => format!("{year}/{month}/{day}"),
        }
    }

    /// `2026-11-18`: for `datetime` attributes and for sorting; the first day of a month or year.
    #[must_use]
    pub fn iso(&self) -> String {
        self.date.to_string()
    }

    /// Whole days from here to `later`; negative if that was before.
    #[must_use]
    pub fn days_to(&self, later: Day) -> i64 {
        let span = self.date.until(later.date);
        span.map_or(0, |span| i64::from(span.get_days()))
    }

    /// Whole years from here to `on`: the age of who was born here; `None` before it, or when only
    /// the year is known.
    #[must_use]
    pub fn age(&self, on: Day) -> Option<i64> {
        if self.precision != Precision::Day || on.date < self.date {
            return None;
        }
        let before_birthday =
            (on.date.month(), on.date.day()) < (self.date.month(), self.date.day());
        let years = i64::from(on.date.year()) - i64::from(self.date.year());
        Some(years - i64::from(before_birthday))
    }

    /// Year, month and day; 1 where no more is known.
    #[must_use]
    pub fn parts(&self) -> (i16, i8, i8) {
        (self.date.year(), self.date.month(), self.date.day())
    }
}

fn civil(at: Timestamp) -> Option<jiff::civil::DateTime> {
    let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
    Some(at.to_zoned(japan()).datetime())
}

/// `2026年11月18日(水) 14:05`, `18 November 2026 (Wed) 14:05`, in Japan.
#[must_use]
pub fn moment(at: Timestamp, language: Language) -> String {
    let clock = civil(at).map_or_else(String::new, |civil| {
        format!("{:02}:{:02}", civil.hour(), civil.minute())
    });
    format!("{} {clock}", Day::of(at).long(language))
}

fn weekday(date: Date, language: Language) -> &'static str {
    let (ja, en) = match date.weekday() {
        Weekday::Monday => ("月", "Mon"),
        Weekday::Tuesday => ("火", "Tue"),
        Weekday::Wednesday => ("水", "Wed"),
        Weekday::Thursday => ("木", "Thu"),
        Weekday::Friday => ("金", "Fri"),
        Weekday::Saturday => ("土", "Sat"),
        Weekday::Sunday => ("日", "Sun"),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

fn month_name(month: i8) -> &'static str {
    const NAMES: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let at = usize::try_from(month).unwrap_or(1).saturating_sub(1);
    NAMES.get(at).copied().unwrap_or_default()
}
