//! Sleep: stretches of stages become periods of sleep, each with the time asleep in it.
//!
//! Stretches of one source that are at most an hour apart are one period. Where two sources saw the
//! same night, the watch is believed before the phone. Time in bed is no sleep.

use std::collections::BTreeMap;

use crate::{Kind, Moment, Reading, Skipped, Source, Value};

/// What a stretch of a night was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Asleep,
    Awake,
    InBed,
}

impl Stage {
    /// The stage of Apple's value, or of its short form in the JSON of apps.
    pub(crate) fn of(value: &str) -> Option<Self> {
        let bare = value.strip_prefix("HKCategoryValueSleepAnalysis");
        match bare.unwrap_or(value) {
            "Asleep" | "AsleepUnspecified" | "AsleepCore" | "AsleepDeep" | "AsleepREM" | "Core"
            | "Deep" | "REM" => Some(Self::Asleep),
            "Awake" => Some(Self::Awake),
            "InBed" | "In Bed" => Some(Self::InBed),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    source: Source,
    start: Moment,
    end: Moment,
    awake: bool,
}

/// The stretches of all nights.
#[derive(Default)]
pub(crate) struct Nights(Vec<Stretch>);

/// Longer awake than this, and it is another sleep.
const APART_SECONDS: i64 = 3_600;
/// Longer than this, no stretch is one of sleep.
const LONGEST_SECONDS: i64 = 86_400;

impl Nights {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a stretch.
    ///
    /// # Errors
    /// `InBed`; `Unreadable` for a time that runs backwards or lasts longer than a day.
    pub(crate) fn add(
        &mut self,
        stage: Stage,
        (start, end): (Moment, Moment),
        source: Source,
    ) -> Result<(), Skipped> {
        let lasts = end.seconds().saturating_sub(start.seconds());
        if !(0..=LONGEST_SECONDS).contains(&lasts) {
            return Err(Skipped::Unreadable);
        }
        if stage == Stage::InBed {
            return Err(Skipped::InBed);
        }
        self.0.push(Stretch {
            source,
            start,
            end,
            awake: stage == Stage::Awake,
        });
        Ok(())
    }

    /// The periods, no two of which overlap.
    pub(crate) fn finish(mut self) -> impl Iterator<Item = Result<Reading, Skipped>> {
        self.0.sort_unstable();
        let together = |one: &Stretch, other: &Stretch| one.source == other.source;
        let mut periods: Vec<Period> = Vec::new();
        for group in self.0.chunk_by(together) {
            periods.extend(periods_of(group));
        }
        drop(self.0);
        believed(periods).into_values().map(Period::reading)
    }
}

struct Period {
    start: Moment,
    end: Moment,
    asleep_seconds: i64,
    source: Source,
}

impl Period {
    fn reading(self) -> Result<Reading, Skipped> {
        let seconds = i32::try_from(self.asleep_seconds).map_or(f64::NAN, f64::from);
        let value = Value::Quantity(seconds / 3_600.0);
        Reading::new(Kind::Sleep, (self.start, self.end), value, self.source).map_err(Skipped::from)
    }
}

/// The periods of one source, whose stretches are sorted by time.
fn periods_of(stretches: &[Stretch]) -> Vec<Period> {
    let mut periods = Vec::new();
    let mut open: Option<Period> = None;
    let mut last_seen = 0;
    for stretch in stretches {
        let start = stretch.start.seconds();
        if start.saturating_sub(last_seen) > APART_SECONDS {
            periods.extend(open.take());
        }
        last_seen = last_seen.max(stretch.end.seconds());
        if stretch.awake {
            continue;
        }
        let period = open.get_or_insert(Period {
            start: stretch.start,
            end: stretch.start,
            asleep_seconds: 0,
            source: stretch.source,
        });
        // What overlaps is slept once.
        let from = start.max(period.end.seconds());
        let slept = stretch.end.seconds().saturating_sub(from).max(0);
        period.asleep_seconds = period.asleep_seconds.saturating_add(slept);
        if stretch.end.seconds() > period.end.seconds() {
            period.end = stretch.end;
        }
    }
    periods.extend(open);
    periods
}

/// The periods that are kept, by their start: the most believed source's first, then the longest.
fn believed(mut periods: Vec<Period>) -> BTreeMap<i64, Period> {
    periods.sort_by_key(|period| {
        let device = period.source.device();
        (
            device,
            std::cmp::Reverse(period.asleep_seconds),
            period.start,
        )
    });
    let mut kept: BTreeMap<i64, Period> = BTreeMap::new();
    for period in periods {
        let (start, end) = (period.start.seconds(), period.end.seconds());
        let before = kept.range(..=start).next_back();
        let overlaps_before = before.is_some_and(|(_, other)| other.end.seconds() > start);
        let overlaps_after = kept.range(start..end.max(start)).next().is_some();
        if !overlaps_before && !overlaps_after {
            kept.insert(start, period);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::Pseudonyms;

    fn at(text: &str) -> Moment {
        Moment::parse(&format!("2026-01-{text}:00 +0900")).unwrap()
    }

    fn add(nights: &mut Nights, stage: &str, from: &str, to: &str, name: &str) {
        let source = Pseudonyms::under(b"key").source(name, "");
        let stage = Stage::of(stage).unwrap();
        let _ = nights.add(stage, (at(from), at(to)), source);
    }

    fn periods(nights: Nights) -> Vec<(String, String, Value)> {
        let one = |reading: Result<Reading, Skipped>| {
            let reading = reading.unwrap();
            (
                reading.start().date_time(),
                reading.end().date_time(),
                reading.value(),
            )
        };
        nights.finish().map(one).collect()
    }

    #[test]
    fn stages_of_one_night_are_one_period() {
        let mut nights = Nights::default();
        let watch = "花子のApple Watch";
        add(
            &mut nights,
            "HKCategoryValueSleepAnalysisInBed",
            "14 22:30",
            "15 06:30",
            watch,
        );
        add(
            &mut nights,
            "HKCategoryValueSleepAnalysisAsleepCore",
            "14 23:00",
            "15 01:00",
            watch,
        );
        add(
            &mut nights,
            "HKCategoryValueSleepAnalysisAwake",
            "15 01:00",
            "15 01:30",
            watch,
        );
        add(
            &mut nights,
            "HKCategoryValueSleepAnalysisAsleepREM",
            "15 01:30",
            "15 06:00",
            watch,
        );
        // The phone guessed the same night.
        add(
            &mut nights,
            "HKCategoryValueSleepAnalysisAsleep",
            "14 22:50",
            "15 06:20",
            "iPhone",
        );
        // A nap.
        add(
            &mut nights,
            "HKCategoryValueSleepAnalysisAsleepUnspecified",
            "15 13:00",
            "15 13:30",
            watch,
        );
        assert_eq!(
            periods(nights),
            [
                (
                    "2026-01-14T23:00:00+09:00".to_owned(),
                    "2026-01-15T06:00:00+09:00".to_owned(),
                    Value::Quantity(6.5)
                ),
                (
                    "2026-01-15T13:00:00+09:00".to_owned(),
                    "2026-01-15T13:30:00+09:00".to_owned(),
                    Value::Quantity(0.5)
                ),
            ]
        );
    }

    #[test]
    fn time_in_bed_is_no_sleep() {
        let mut nights = Nights::default();
        let source = Pseudonyms::under(b"key").source("iPhone", "");
        let night = (at("14 22:30"), at("15 06:30"));
        assert_eq!(nights.add(Stage::InBed, night, source), Err(Skipped::InBed));
        assert!(periods(nights).is_empty());
    }
}
