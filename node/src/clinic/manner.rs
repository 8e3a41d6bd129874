//! How a page of a chart is wanted: how far back, of whom, of what. Nothing personal stands in it.

use std::fmt::Write as _;

use super::views::{LANES, Lane};
use crate::pages::when::Day;
use federation_protocol::time::Timestamp;

const DAY_SECONDS: i64 = 86_400;
/// The longest query string that is read, bytes.
const LONGEST: usize = 512;
/// The most hospitals that can be chosen among.
const MOST_SOURCES: usize = 64;

/// How far back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Zoom {
    Month,
    Quarter,
    Year,
    All,
}

impl Zoom {
    pub(super) const ALL: [Self; 4] = [Self::Month, Self::Quarter, Self::Year, Self::All];

    /// The word in addresses and in the key of its name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Month => "1m",
            Self::Quarter => "3m",
            Self::Year => "1y",
            Self::All => "all",
        }
    }

    const fn days(self) -> Option<i64> {
        match self {
            Self::Month => Some(31),
            Self::Quarter => Some(92),
            Self::Year => Some(366),
            Self::All => None,
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) zoom: Zoom,
    /// The places of the hospitals that are left out.
    pub(super) without: Vec<usize>,
    /// The lanes that are left out.
    pub(super) without_lanes: Vec<Lane>,
    /// The calendar in the place of the list; its month.
    pub(super) month: Option<String>,
    /// Whether the page waits until all have answered.
    pub(super) waits: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            zoom: Zoom::Year,
            without: Vec::new(),
            without_lanes: Vec::new(),
            month: None,
            waits: false,
        }
    }
}

impl Manner {
    /// Reads a query string. What it does not understand it passes over: nothing is wider by that than
    /// what the reader may see anyway.
    pub(super) fn of(query: &str) -> Self {
        let mut manner = Self::default();
        let query = query.get(..LONGEST.min(query.len())).unwrap_or_default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "zoom" => {
                    let zoom = Zoom::ALL.into_iter().find(|zoom| zoom.word() == value);
                    manner.zoom = zoom.unwrap_or(manner.zoom);
                }
                "without" => manner.leave_out(value),
                "month" => manner.month = Some(month(value)),
                "wait" => manner.waits = value == "1",
                _ => {}
            }
        }
        manner
    }

    fn leave_out(&mut self, value: &str) {
        for word in value.split('.').take(MOST_SOURCES) {
            match (word.parse::<usize>(), Lane::of(word)) {
                (Ok(place), _) if place < MOST_SOURCES => self.without.push(place),
                (_, Some(lane)) => self.without_lanes.push(lane),
                _ => {}
            }
        }
        self.without.sort_unstable();
        self.without.dedup();
        self.without_lanes.sort_unstable();
        self.without_lanes.dedup();
    }

    /// The query string that [`Manner::of`] reads, with `?`; empty for what is wanted without any.
    pub(super) fn query(&self) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            let mark = if query.is_empty() { '?' } else { '&' };
            let _ = write!(query, "{mark}{name}={value}");
        };
        if self.zoom != Zoom::Year {
            add("zoom", self.zoom.word());
        }
        let places = self.without.iter().map(ToString::to_string);
        let lanes = self.without_lanes.iter().map(|lane| lane.key().to_owned());
        let without: Vec<String> = places.chain(lanes).collect();
        if !without.is_empty() {
            add("without", &without.join("."));
        }
        if let Some(month) = &self.month {
            add("month", month);
        }
        query
    }

    /// The same, as far back as `zoom`.
    pub(super) fn zoomed(&self, zoom: Zoom) -> Self {
        Self {
            zoom,
            ..self.clone()
        }
    }

    /// The same, with the hospital at `place` let in or left out.
    pub(super) fn toggled(&self, place: usize) -> Self {
        let mut other = self.clone();
        match other.without.iter().position(|one| *one == place) {
            Some(at) => drop(other.without.remove(at)),
            None => other.leave_out(&place.to_string()),
        }
        other
    }

    /// The same, with a lane let in or left out.
    pub(super) fn toggled_lane(&self, lane: Lane) -> Self {
        let mut other = self.clone();
        match other.without_lanes.iter().position(|one| *one == lane) {
            Some(at) => drop(other.without_lanes.remove(at)),
            None => other.leave_out(lane.key()),
        }
        other
    }

    /// The same with a month of the calendar, or the list.
    pub(super) fn in_month(&self, month: Option<&str>) -> Self {
        Self {
            month: month.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Whether the hospital at `place` is let in.
    pub(super) fn shows(&self, place: usize) -> bool {
        !self.without.contains(&place)
    }

    /// The lanes that are let in.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        let lanes = LANES
            .into_iter()
            .filter(|lane| !self.without_lanes.contains(lane));
        lanes.collect()
    }

    /// Whether something that came is left out of the page.
    pub(super) fn is_filtered(&self) -> bool {
        !self.without.is_empty() || !self.without_lanes.is_empty() || self.zoom != Zoom::All
    }

    /// The first day that is shown.
    pub(super) fn since(&self, now: Timestamp) -> Option<Day> {
        let days = self.zoom.days()?;
        Some(Day::of(now.plus_seconds(-days.saturating_mul(DAY_SECONDS))))
    }
}

/// `2026-11`, or nothing: the newest month.
fn month(value: &str) -> String {
    let formed = value.len() == 7
        && value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if formed {
        value.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_stands_in_a_query_it_is_written_back_as_it_was_read(query in "[a-z0-9=&.%-]{0,80}|(zoom=(1m|all)&?)?(without=[0-9a-z.]{0,20}&?)?(month=[0-9-]{0,8})?|\\PC{0,40}") {
            let manner = Manner { waits: false, ..Manner::of(&query) };
            let written = manner.query();
            prop_assert!(written.len() < 600);
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"?&=.-".contains(&byte)));
            prop_assert_eq!(Manner::of(written.trim_start_matches('?')), manner);
        }
    }

    #[test]
    fn what_is_left_out_twice_is_let_in_again() {
        let manner = Manner::of("without=1.lab");
        assert!(!manner.shows(1));
        assert!(manner.toggled(1).shows(1));
        assert_eq!(manner.toggled(1).toggled_lane(Lane::Lab), Manner::default());
    }
}
