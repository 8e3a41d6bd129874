//! Steps: a phone and a watch count the same walk, so what they say is not added up. Each stretch of
//! time is believed to one source, the watch before the phone before other apps; a stretch that is
//! partly covered counts in proportion. What comes out is one total a day.

use std::collections::BTreeMap;

use crate::{Kind, Moment, Reading, Skipped, Source, Value};

/// Steps of one source in a stretch of one day. Small: an export has hundreds of thousands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    start: i64,
    seconds: u32,
    steps: f64,
    source: Source,
}

impl Stretch {
    fn end(&self) -> i64 {
        self.start.saturating_add(i64::from(self.seconds))
    }
}

/// Steps, by day.
#[derive(Default)]
pub(crate) struct Steps {
    days: BTreeMap<i64, (Moment, Vec<Stretch>)>,
    kept: usize,
}

const DAY_SECONDS: i64 = 86_400;

impl Steps {
    pub(crate) fn len(&self) -> usize {
        self.kept
    }

    /// Adds the steps between two moments, apart at midnight.
    ///
    /// # Errors
    /// `Unreadable` for a time that runs backwards or lasts longer than two days; `Impossible` for a
    /// number that nobody walks.
    pub(crate) fn add(
        &mut self,
        (start, end): (Moment, Moment),
        steps: f64,
        source: Source,
    ) -> Result<(), Skipped> {
        let whole = end.seconds().saturating_sub(start.seconds());
        if !(0..=2 * DAY_SECONDS).contains(&whole) {
            return Err(Skipped::Unreadable);
        }
        if !Kind::Steps.possible().holds(steps) {
            return Err(Skipped::Impossible);
        }
        let mut from = start;
        loop {
            let midnight = from.midnight().later(DAY_SECONDS);
            let to = end.seconds().min(midnight.seconds());
            let seconds = to.saturating_sub(from.seconds());
            let part = if whole == 0 {
                1.0
            } else {
                ratio(seconds, whole)
            };
            self.put(from, seconds, steps * part, source);
            if end.seconds() <= midnight.seconds() || midnight <= from {
                return Ok(());
            }
            from = midnight;
        }
    }

    fn put(&mut self, start: Moment, seconds: i64, steps: f64, source: Source) {
        let day = self.days.entry(start.day());
        let (_, stretches) = day.or_insert_with(|| (start.midnight(), Vec::new()));
        stretches.push(Stretch {
            start: start.seconds(),
            seconds: u32::try_from(seconds).unwrap_or(0),
            steps,
            source,
        });
        self.kept = self.kept.saturating_add(1);
    }

    /// The total of each day, and how many stretches were said twice.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Result<Reading, Skipped>, u64)> {
        self.days.into_values().map(|(midnight, mut stretches)| {
            let before = stretches.len();
            order(&mut stretches);
            stretches.dedup();
            let twice = before.saturating_sub(stretches.len());
            let twice = u64::try_from(twice).unwrap_or(u64::MAX);
            let (total, source) = total(&stretches);
            let value = Value::Quantity(total.round());
            let reading = Reading::new(Kind::Steps, (midnight, midnight), value, source);
            (reading.map_err(Skipped::from), twice)
        })
    }
}

/// By source, the most believed first, then by time.
fn order(stretches: &mut [Stretch]) {
    stretches.sort_unstable_by(|one, other| {
        let key = |it: &Stretch| (it.source, it.start, it.seconds);
        key(one)
            .cmp(&key(other))
            .then(one.steps.total_cmp(&other.steps))
    });
}

/// The steps of a day and the source that most of the time was believed to.
fn total(stretches: &[Stretch]) -> (f64, Source) {
    let mut covered = Covered::default();
    let (mut total, mut best) = (0.0, None);
    for group in stretches.chunk_by(|one, other| one.source == other.source) {
        let mut counted = 0.0;
        for stretch in group {
            counted += stretch.steps * covered.free_part(stretch);
        }
        covered.add(group);
        total += counted;
        if let Some(first) = group.first()
            && best.is_none_or(|(most, _)| counted > most)
        {
            best = Some((counted, first.source));
        }
    }
    (total, best.map_or(Source::hand(), |(_, source)| source))
}

/// Stretches of time that are counted already: sorted, apart, each with the seconds before it.
#[derive(Default)]
struct Covered(Vec<(i64, i64, i64)>);

impl Covered {
    /// The part of a stretch that is not covered, 0 to 1.
    fn free_part(&self, stretch: &Stretch) -> f64 {
        let (start, end) = (stretch.start, stretch.end());
        if start == end {
            return if self.holds(start) { 0.0 } else { 1.0 };
        }
        let taken = self.until(end).saturating_sub(self.until(start));
        1.0 - ratio(taken, end.saturating_sub(start))
    }

    /// The one that begins last, not after `at`.
    fn last_before(&self, at: i64) -> Option<&(i64, i64, i64)> {
        let after = self.0.partition_point(|(start, ..)| *start <= at);
        self.0.get(after.checked_sub(1)?)
    }

    fn holds(&self, at: i64) -> bool {
        self.last_before(at).is_some_and(|(_, end, _)| at < *end)
    }

    /// How many covered seconds there are before a moment.
    fn until(&self, at: i64) -> i64 {
        let last = self.last_before(at);
        last.map_or(0, |(start, end, before)| {
            before.saturating_add(at.min(*end).saturating_sub(*start))
        })
    }

    fn add(&mut self, group: &[Stretch]) {
        let old = self.0.iter().map(|(start, end, _)| (*start, *end));
        let new = group.iter().map(|one| (one.start, one.end()));
        let mut all: Vec<(i64, i64)> = old.chain(new).filter(|(from, to)| from < to).collect();
        all.sort_unstable();
        let mut merged: Vec<(i64, i64, i64)> = Vec::new();
        for (start, end) in all {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                last => {
                    let before = last.map_or(0, |last| {
                        last.2.saturating_add(last.1.saturating_sub(last.0))
                    });
                    merged.push((start, end, before));
                }
            }
        }
        self.0 = merged;
    }
}

/// A part of a whole that is not nothing.
fn ratio(part: i64, whole: i64) -> f64 {
    // Both are seconds of at most two days.
    let exact = |seconds: i64| i32::try_from(seconds).map_or(0.0, f64::from);
    exact(part) / exact(whole).max(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::Pseudonyms;

    fn at(text: &str) -> Moment {
        Moment::parse(&format!("2026-01-{text} +0900")).unwrap()
    }

    fn source(name: &str) -> Source {
        Pseudonyms::under(b"key").source(name, "")
    }

    fn totals(steps: Steps) -> Vec<(String, f64)> {
        let one = |(reading, _): (Result<Reading, Skipped>, u64)| {
            let reading = reading.unwrap();
            match reading.value() {
                Value::Quantity(total) => (reading.start().date(), total),
                Value::Pressure { .. } => (String::new(), 0.0),
            }
        };
        steps.finish().map(one).collect()
    }

    #[test]
    fn the_same_walk_on_two_wrists_is_one_walk() {
        let mut steps = Steps::default();
        let walk = (at("14 07:00:00"), at("14 07:10:00"));
        steps.add(walk, 1_000.0, source("花子のiPhone")).unwrap();
        steps
            .add(walk, 1_050.0, source("花子のApple Watch"))
            .unwrap();
        steps.add(walk, 900.0, source("歩数アプリ")).unwrap();
        assert_eq!(totals(steps), [("2026-01-14".to_owned(), 1_050.0)]);
    }

    #[test]
    fn what_only_the_phone_saw_is_added_in_proportion() {
        let mut steps = Steps::default();
        let (phone, watch) = (source("iPhone"), source("Apple Watch"));
        steps
            .add((at("14 07:00:00"), at("14 07:10:00")), 600.0, watch)
            .unwrap();
        // Half of it is the watch's.
        steps
            .add((at("14 07:05:00"), at("14 07:15:00")), 800.0, phone)
            .unwrap();
        steps
            .add((at("14 09:00:00"), at("14 09:00:00")), 5.0, phone)
            .unwrap();
        assert_eq!(totals(steps), [("2026-01-14".to_owned(), 1_005.0)]);
    }

    #[test]
    fn a_walk_over_midnight_belongs_to_both_days() {
        let mut steps = Steps::default();
        let walk = (at("14 23:50:00"), at("15 00:10:00"));
        steps.add(walk, 2_000.0, source("iPhone")).unwrap();
        let days = ["2026-01-14", "2026-01-15"].map(|day| (day.to_owned(), 1_000.0));
        assert_eq!(totals(steps), days);
    }

    #[test]
    fn what_is_said_twice_counts_once() {
        let mut steps = Steps::default();
        let walk = (at("14 07:00:00"), at("14 07:10:00"));
        for _ in 0..3 {
            steps.add(walk, 1_000.0, source("iPhone")).unwrap();
        }
        let (reading, twice) = steps.finish().next().unwrap();
        assert_eq!(reading.unwrap().value(), Value::Quantity(1_000.0));
        assert_eq!(twice, 2);
    }

    #[test]
    fn time_that_runs_backwards_and_walks_round_the_world_are_refused() {
        let mut steps = Steps::default();
        let (early, late) = (at("14 07:00:00"), at("14 08:00:00"));
        let phone = source("iPhone");
        assert_eq!(
            steps.add((late, early), 1.0, phone),
            Err(Skipped::Unreadable)
        );
        assert_eq!(
            steps.add((early, late), 1e9, phone),
            Err(Skipped::Impossible)
        );
        assert_eq!(
            steps.add((early, late), f64::NAN, phone),
            Err(Skipped::Impossible)
        );
    }
}
