//! A month as a sheet of the calendar, as the users of other networks know it.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan as _};

use super::timeline::{Event, Lane, Timeline};
use crate::pages::when::Day;

/// One month.
#[derive(Clone, Debug)]
pub struct Month {
    /// `2026-11`.
    pub name: String,
    /// Weeks from Sunday to Saturday.
    pub weeks: Vec<[DayOfMonth; 7]>,
    /// The month before, `2026-10`.
    pub before: String,
    /// The month after.
    pub after: String,
}

/// One day of the sheet.
#[derive(Clone, Debug, Default)]
pub struct DayOfMonth {
    /// `2026-11-18`.
    pub iso: String,
    /// The day of the month.
    pub number: i8,
    /// Whether it belongs to the month.
    pub is_within: bool,
    /// What happened: lane, and the places of the hospitals.
    pub marks: Vec<(Lane, Vec<usize>)>,
}

impl Month {
    /// The month `name` (`2026-11`) of a timeline; that of its newest event where there is no such
    /// month, or of `today`.
    #[must_use]
    pub fn of(timeline: &Timeline, name: Option<&str>, today: Day) -> Self {
        let named = name.filter(|name| name.len() == 7).and_then(Day::parse);
        let newest = timeline.days.first().map(|(day, _)| *day);
        let (year, month, _) = named.or(newest).unwrap_or(today).parts();
        let first = Date::new(year, month, 1).unwrap_or(Date::constant(1970, 1, 1));
        let begin = weeks_begin(first);
        let mut by_day: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
        for event in timeline.events() {
            by_day.entry(event.at.day.iso()).or_default().push(event);
        }
        let weeks = (0..6_i32).map(|week| {
            std::array::from_fn(|weekday| {
                let weekday = i32::try_from(weekday).unwrap_or_default();
                let date = plus(
                    begin,
                    (week.saturating_mul(7).saturating_add(weekday)).days(),
                );
                DayOfMonth::of(date, first, &by_day)
            })
        });
        let weeks = weeks.filter(|week: &[DayOfMonth; 7]| week.iter().any(|day| day.is_within));
        Self {
            name: month_name(first),
            weeks: weeks.collect(),
            before: month_name(plus(first, (-1).months())),
            after: month_name(plus(first, 1.months())),
        }
    }
}

fn plus(date: Date, span: Span) -> Date {
    date.checked_add(span).unwrap_or(date)
}

fn weeks_begin(first: Date) -> Date {
    let after_sunday = first.weekday().since(Weekday::Sunday);
    plus(first, (-i32::from(after_sunday)).days())
}

fn month_name(date: Date) -> String {
    format!("{:04}-{:02}", date.year(), date.month())
}

impl DayOfMonth {
    fn of(date: Date, first: Date, events: &BTreeMap<String, Vec<&Event>>) -> Self {
        let iso = date.to_string();
        let is_within = (date.year(), date.month()) == (first.year(), first.month());
        let mut marks: BTreeMap<Lane, Vec<usize>> = BTreeMap::new();
        for event in events.get(&iso).into_iter().flatten().filter(|_| is_within) {
            let sources = marks.entry(event.lane).or_default();
            if !sources.contains(&event.source) {
                sources.push(event.source);
            }
        }
        Self {
            number: date.day(),
            is_within,
            marks: marks.into_iter().collect(),
            iso,
        }
    }
}
