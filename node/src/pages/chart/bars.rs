//! Medicines by the days that they were supplied for: a bar from the first day to the last.

use federation_protocol::time::Timestamp;

use super::figure::{ChartWords, Figure};
use super::frame::{Frame, close};
use super::legend::legend;
use super::marker::{hue, marker};
use super::scale::Scale;
use super::svg::{self, clean};
use super::twin::Twin;
use super::{MOST_SERIES, Width, day};

/// The most rows that are drawn.
const MOST_ROWS: usize = 60;
/// The most bars of one row.
const MOST_BARS: usize = 200;

/// One supply.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The first day.
    pub from: Timestamp,
    /// When it ends: the beginning of the day after the last.
    pub to: Timestamp,
    /// The place in the sources' list of whoever supplied it.
    pub place: usize,
    /// What is said of it in the table: dose, days.
    pub text: String,
}

/// All supplies of one medicine.
#[derive(Clone, Debug, PartialEq)]
pub struct BarRow {
    /// The medicine.
    pub name: String,
    /// In any order.
    pub bars: Vec<Bar>,
}

/// Medicines by days supplied.
#[derive(Clone, Debug)]
pub struct Bars<'a> {
    /// What it is called aloud.
    pub title: &'a str,
    /// What can be seen on it, in a sentence.
    pub description: &'a str,
    /// One row a medicine, in the order in which they are drawn.
    pub rows: &'a [BarRow],
    /// The names of those who supplied, by place.
    pub sources: &'a [String],
    /// Where today's line stands.
    pub today: Option<Timestamp>,
}

impl Bars<'_> {
    /// Draws it. What is beyond the first rows is left out of the drawing and of its table.
    #[must_use]
    pub fn draw(&self, words: &ChartWords<'_>) -> Figure {
        let drawings = Width::BOTH.map(|width| self.drawing(width));
        let places = self.sources.iter().take(MOST_SERIES).enumerate();
        let entries = places.map(|(place, name)| (place, name.as_str(), String::new()));
        Figure::new(drawings, &legend(entries), &self.twin(words), words)
    }

    fn rows(&self) -> impl Iterator<Item = &BarRow> {
        self.rows.iter().take(MOST_ROWS)
    }

    fn drawing(&self, width: Width) -> String {
        let count = u32::try_from(self.rows().count()).map_or(1.0, f64::from);
        // On a phone the name stands above its bars, at a desk before them.
        let (step, names) = match width {
            Width::Phone => (40.0, 0.0),
            Width::Desk => (28.0, 200.0),
        };
        let mut frame = Frame::new(width, count.max(1.0) * step + 40.0);
        (frame.left, frame.top) = (names + 6.0, 8.0);
        let span = self.span();
        let x = frame.days(span);
        let mut out = frame.open(width.class(), self.title, self.description);
        frame.down(&mut out, &x, span);
        for (row, number) in self.rows().zip(0_u32..) {
            let top = frame.top + step * f64::from(number);
            draw_row(&mut out, row, top, width, &x);
        }
        if let Some(today) = self.today.and_then(day::minutes) {
            let today = x.place(today.into());
            svg::line(&mut out, "today", (today, frame.top), (today, frame.bottom));
        }
        close(out)
    }

    fn span(&self) -> (i32, i32) {
        let bars = || self.rows().flat_map(|row| row.bars.iter().take(MOST_BARS));
        let ends = bars().flat_map(|bar| [bar.from, bar.to]).chain(self.today);
        let ends: Vec<i32> = ends.filter_map(day::minutes).collect();
        let first = ends.iter().min().copied().unwrap_or(0);
        (first, ends.iter().max().copied().unwrap_or(first))
    }

    fn twin(&self, words: &ChartWords<'_>) -> Twin {
        let heads = [
            words.item,
            words.source,
            words.span[0],
            words.span[1],
            words.value,
        ];
        let of_row = |row: &BarRow| {
            let bars = row.bars.iter().take(MOST_BARS);
            bars.map(|bar| self.cells(row, bar)).collect::<Vec<_>>()
        };
        Twin {
            heads: heads.map(str::to_owned).to_vec(),
            rows: self.rows().flat_map(of_row).collect(),
        }
    }

    fn cells(&self, row: &BarRow, bar: &Bar) -> Vec<String> {
        let date = |at: Timestamp| {
            day::minutes(at)
                .map(|at| day::date(at.into()))
                .unwrap_or_default()
        };
        let last = bar.to.plus_seconds(-1).max(bar.from);
        vec![
            row.name.clone(),
            self.sources.get(bar.place).cloned().unwrap_or_default(),
            date(bar.from),
            date(last),
            bar.text.clone(),
        ]
    }
}

fn draw_row(out: &mut String, row: &BarRow, top: f64, width: Width, x: &Scale) {
    let (name, longest, y) = match width {
        Width::Phone => ((4.0, top + 13.0), 24, top + 18.0),
        Width::Desk => ((4.0, top + 17.0), 15, top + 5.0),
    };
    svg::text(out, "name", name, "start", &clean(&row.name, longest));
    for bar in row.bars.iter().take(MOST_BARS) {
        let (Some(from), Some(to)) = (day::minutes(bar.from), day::minutes(bar.to)) else {
            continue;
        };
        let (from, to) = (x.place(from.into()), x.place(to.into()));
        let to = to.max(from + 3.0);
        svg::rect(
            out,
            &format!("bar s{}", hue(bar.place)),
            (from, y),
            (to, y + 16.0),
        );
        if to - from > 18.0 {
            marker(out, bar.place, (from + 9.0, y + 8.0));
        }
    }
}
