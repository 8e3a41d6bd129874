//! Blood pressure: a bar that floats from diastolic to systolic.

use federation_protocol::time::Timestamp;

use super::dense::binned;
use super::figure::{ChartWords, Figure};
use super::frame::{Frame, close};
use super::scale::Scale;
use super::svg::{self, number};
use super::twin::Twin;
use super::{Width, day, is_drawable};

/// The most readings that are looked at.
const MOST_READINGS: usize = 20_000;

/// One reading, mmHg.
#[derive(Clone, Debug, PartialEq)]
pub struct Pressure {
    /// When.
    pub at: Timestamp,
    /// The upper value.
    pub systolic: f64,
    /// The lower value.
    pub diastolic: f64,
    /// Who measured it; shown in the table.
    pub source: String,
}

/// Blood pressure over time.
#[derive(Clone, Debug)]
pub struct Pressures<'a> {
    /// What it is called aloud.
    pub title: &'a str,
    /// What can be seen on it, in a sentence.
    pub description: &'a str,
    /// The unit.
    pub unit: &'a str,
    /// In any order.
    pub readings: &'a [Pressure],
    /// Lines across, such as 135 and 85: what somebody said they should stay below.
    pub lines: &'a [f64],
}

/// A bar: minutes, and its systolic and diastolic ends with their extremes.
type Float = (i32, [f64; 2], [f64; 2]);

impl Pressures<'_> {
    /// Draws it. Many readings are gathered: then a bar stands between the medians of a stretch, and
    /// a thin line between its extremes.
    #[must_use]
    pub fn draw(&self, words: &ChartWords<'_>) -> Figure {
        let drawings = Width::BOTH.map(|width| self.drawing(width));
        Figure::new(drawings, "", &self.twin(words), words)
    }

    fn drawable(&self) -> Vec<(i32, f64, f64)> {
        let readings = self.readings.iter().take(MOST_READINGS);
        let each = readings.filter_map(|one| {
            let (above, below) = (one.systolic, one.diastolic);
            let fits = is_drawable(above) && is_drawable(below);
            Some((day::minutes(one.at)?, above.max(below), below.min(above))).filter(|_| fits)
        });
        each.collect()
    }

    fn floats(&self, bins: u16) -> Vec<Float> {
        let readings = self.drawable();
        if readings.len() <= usize::from(bins) {
            let single = |(at, above, below): (i32, f64, f64)| (at, [below, above], [below, above]);
            return readings.into_iter().map(single).collect();
        }
        let above: Vec<_> = readings
            .iter()
            .map(|(at, above, _)| (*at, *above))
            .collect();
        let below: Vec<_> = readings
            .iter()
            .map(|(at, _, below)| (*at, *below))
            .collect();
        // The same moments, so the same stretches.
        let pairs = binned(&above, bins).into_iter().zip(binned(&below, bins));
        pairs
            .map(|(above, below)| {
                (
                    above.at,
                    [below.median, above.median],
                    [below.least, above.most],
                )
            })
            .collect()
    }

    fn drawing(&self, width: Width) -> String {
        let (height, bins) = match width {
            Width::Phone => (220.0, 40),
            Width::Desk => (260.0, 90),
        };
        let frame = Frame::new(width, height);
        let floats = self.floats(bins);
        let mut values: Vec<f64> = floats.iter().flat_map(|(.., extremes)| *extremes).collect();
        values.extend(
            self.lines
                .iter()
                .take(4)
                .filter(|value| is_drawable(**value)),
        );
        let y = Scale::around(&values, frame.bottom - 4.0, frame.top + 4.0, false);
        let times = floats.iter().map(|(at, ..)| *at);
        let first = times.clone().min().unwrap_or(0);
        let span = (first, times.max().unwrap_or(first));
        let x = frame.days(span);
        let mut out = frame.open(width.class(), self.title, self.description);
        frame.across(&mut out, &y, self.unit);
        frame.down(&mut out, &x, span);
        for line in self
            .lines
            .iter()
            .take(4)
            .filter(|value| is_drawable(**value))
        {
            let line = y.place(*line);
            svg::line(&mut out, "limit", (frame.left, line), (frame.right, line));
        }
        for (at, [below, above], [least, most]) in floats {
            let at = x.place(at.into());
            svg::line(
                &mut out,
                "spread s0",
                (at, y.place(least)),
                (at, y.place(most)),
            );
            svg::rect(
                &mut out,
                "float s0",
                (at - 3.0, y.place(above)),
                (at + 3.0, y.place(below)),
            );
        }
        close(out)
    }

    fn twin(&self, words: &ChartWords<'_>) -> Twin {
        let mut readings: Vec<&Pressure> = self.readings.iter().take(MOST_READINGS).collect();
        readings.sort_by_key(|reading| std::cmp::Reverse(reading.at));
        let heads = [
            words.day,
            words.pressure[0],
            words.pressure[1],
            words.source,
        ];
        let cells = |one: &Pressure| {
            let when = day::minutes(one.at).map(|at| day::date(at.into()));
            let value = |value: f64| format!("{} {}", number(value), self.unit);
            let values = [value(one.systolic), value(one.diastolic)];
            let [above, below] = values;
            vec![when.unwrap_or_default(), above, below, one.source.clone()]
        };
        Twin {
            heads: heads.map(str::to_owned).to_vec(),
            rows: readings.into_iter().map(cells).collect(),
        }
    }
}
