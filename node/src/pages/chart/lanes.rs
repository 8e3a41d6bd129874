//! Things that happened, in lanes over time: each a shape of its hospital that leads to its day.

use std::fmt::Write as _;

use federation_protocol::time::Timestamp;

use super::figure::{ChartWords, Figure};
use super::frame::{Frame, close};
use super::legend::legend;
use super::marker::marker;
use super::svg::{self, escape};
use super::twin::Twin;
use super::{MOST_SERIES, Width, day};

const MOST_LANES: usize = 12;
const MOST_SPOTS: usize = 1500;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneSpot {
    /// When.
    pub at: Timestamp,
    /// The place of the hospital.
    pub place: usize,
    /// What it says when it is pointed at.
    pub text: String,
}

/// Lanes over time. The page has its list beside them, so they have no table of their own.
#[derive(Clone, Debug)]
pub struct Lanes<'a> {
    /// What it is called aloud.
    pub title: &'a str,
    /// What can be seen on it, in a sentence.
    pub description: &'a str,
    /// The lanes: name and spots.
    pub lanes: &'a [(String, Vec<LaneSpot>)],
    /// The names of the hospitals, by place.
    pub sources: &'a [String],
    /// Where the axis begins, if not at the first spot.
    pub since: Option<Timestamp>,
    /// Where it ends.
    pub today: Timestamp,
}

impl Lanes<'_> {
    /// Draws it.
    #[must_use]
    pub fn draw(&self, words: &ChartWords<'_>) -> Figure {
        let drawings = Width::BOTH.map(|width| self.drawing(width));
        let places = self.sources.iter().take(MOST_SERIES).enumerate();
        let entries = places.map(|(place, name)| (place, name.as_str(), String::new()));
        Figure::new(drawings, &legend(entries), &Twin::default(), words)
    }

    fn drawing(&self, width: Width) -> String {
        let lanes = || self.lanes.iter().take(MOST_LANES);
        let count = u32::try_from(lanes().count())
            .map_or(1.0, f64::from)
            .max(1.0);
        let (step, names) = match width {
            Width::Phone => (36.0, 0.0),
            Width::Desk => (30.0, 130.0),
        };
        let mut frame = Frame::new(width, count * step + 36.0);
        (frame.left, frame.top) = (names + 4.0, 6.0);
        let span = self.span();
        let x = frame.days(span);
        let mut out = frame.open(width.class(), self.title, self.description);
        frame.down(&mut out, &x, span);
        for ((name, spots), number) in lanes().zip(0_u32..) {
            let top = frame.top + step * f64::from(number);
            svg::line(
                &mut out,
                "lane",
                (0.0, top + step),
                (frame.width, top + step),
            );
            let (label, middle) = match width {
                Width::Phone => (top + 12.0, top + step - 11.0),
                Width::Desk => (top + 20.0, top + step / 2.0),
            };
            svg::text(&mut out, "name", (2.0, label), "start", name);
            for spot in spots.iter().take(MOST_SPOTS) {
                let Some(at) = day::minutes(spot.at) else {
                    continue;
                };
                draw(&mut out, spot, (x.place(at.into()), middle));
            }
        }
        close(out)
    }

    fn span(&self) -> (i32, i32) {
        let spots = self
            .lanes
            .iter()
            .take(MOST_LANES)
            .flat_map(|(_, spots)| spots.iter().take(MOST_SPOTS));
        let ends = spots
            .map(|spot| spot.at)
            .chain(self.since)
            .chain([self.today]);
        let ends: Vec<i32> = ends.filter_map(day::minutes).collect();
        let first = ends.iter().min().copied().unwrap_or(0);
        (first, ends.iter().max().copied().unwrap_or(first))
    }
}

/// A shape that says what it is to whoever points at it. It leads nowhere: the drawing is one image, and
/// the list below it has the same, with its days.
fn draw(out: &mut String, spot: &LaneSpot, at: (f64, f64)) {
    let _ = write!(out, "<g><title>{}</title>", escape(&spot.text));
    marker(out, spot.place, (at.0, at.1 + beside(spot.place)));
    out.push_str("</g>");
}

/// Hospitals that saw the patient on the same days do not cover each other.
const fn beside(place: usize) -> f64 {
    match place % 3 {
        0 => -6.0,
        1 => 6.0,
        _ => 0.0,
    }
}
