//! Charts drawn by the server: inline SVG that works without script, prints, and reads aloud.
//!
//! Knows numbers and moments, no FHIR and no words: whoever draws hands its texts in. Every text is
//! escaped and cut, every number finite, every chart bounded, whatever comes in: values and names are
//! those of strangers. Nothing has an inline style (the pages' content security policy forbids it);
//! what a chart looks like stands in `assets/chart.css`.
//!
//! Each figure is drawn twice, for a phone and for a desk: a wide drawing made small has letters that
//! nobody can read. The style sheet shows one of them.

mod bars;
mod day;
mod dense;
mod figure;
mod frame;
mod lanes;
mod legend;
mod line;
mod marker;
mod pressure;
mod scale;
mod spark;
mod svg;
#[cfg(test)]
mod tests;
mod twin;

pub use bars::{Bar, BarRow, Bars};
pub use figure::{ChartWords, Figure};
pub use lanes::{LaneSpot, Lanes};
pub use line::{LineChart, Point, Range, Series};
pub use marker::Key;
pub use pressure::{Pressure, Pressures};
pub use spark::sparkline;
pub use svg::clean;

/// How wide a drawing is, in CSS pixels.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Width {
    /// 328: a screen of 360 less its margins.
    Phone,
    /// 720.
    Desk,
}

impl Width {
    /// Both, in the order in which they are drawn.
    pub const BOTH: [Self; 2] = [Self::Phone, Self::Desk];

    const fn pixels(self) -> f64 {
        match self {
            Self::Phone => 328.0,
            Self::Desk => 720.0,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Phone => "chart-phone",
            Self::Desk => "chart-desk",
        }
    }
}

/// Where a value stands to its own range. Shown as ▲ or ▼ beside the colour.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Above it.
    High,
    /// Below it.
    Low,
}

/// The most series that one chart draws.
const MOST_SERIES: usize = 12;
/// How many colours and shapes there are, `s0` to `s7` in the style sheet.
const HUES: usize = 8;
/// Larger values are drawn nowhere: no laboratory has them.
const LARGEST: f64 = 1e12;

/// Whether a value can be drawn.
fn is_drawable(value: f64) -> bool {
    value.is_finite() && value.abs() <= LARGEST
}
