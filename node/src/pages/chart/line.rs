//! Values over time: one series a hospital, each with its own reference range as its own band.

use federation_protocol::time::Timestamp;

use super::dense::binned;
use super::figure::{ChartWords, Figure};
use super::frame::{Frame, close};
use super::legend::legend;
use super::marker::{hue, marker, outside};
use super::scale::Scale;
use super::svg::{self, at, number};
use super::twin::Twin;
use super::{MOST_SERIES, Outside, Width, day, is_drawable};

/// The most readings of one series that are looked at.
const MOST_POINTS: usize = 20_000;

/// One reading.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// The value in the chart's unit; `None` breaks the line: it was measured, and has no number.
    pub value: Option<f64>,
    /// Whether it lies outside of its range, as the hospital says or its range does.
    pub outside: Option<Outside>,
}

/// A hospital's own reference range. An open end is drawn to the chart's edge.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub struct Range {
    /// The least value within.
    pub low: Option<f64>,
    /// The greatest value within.
    pub high: Option<f64>,
}

/// The readings of one hospital.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Whose; shown in legend and table.
    pub name: String,
    /// Which shape and colour it has in every chart of a page, from 0.
    pub place: usize,
    /// In any order.
    pub points: Vec<Point>,
    /// Its own range, where it has one.
    pub range: Option<Range>,
}

/// Values over time. All series have one unit: values of two units are two charts.
#[derive(Clone, Debug)]
pub struct LineChart<'a> {
    /// What it is called aloud.
    pub title: &'a str,
    /// What can be seen on it, in a sentence.
    pub description: &'a str,
    /// The unit of the values; empty where there is none.
    pub unit: &'a str,
    /// The readings.
    pub series: &'a [Series],
    /// Whether equal ratios are equal distances; taken only where each value is positive.
    pub is_log: bool,
}

/// A reading that can be drawn: minutes, value, mark. `None` for a value is a gap.
type Spot = (i32, Option<f64>, Option<Outside>);

impl LineChart<'_> {
    /// Draws it. Nothing that comes in makes it fail: what cannot be drawn is left out, and stands in
    /// the table as it is.
    #[must_use]
    pub fn draw(&self, words: &ChartWords<'_>) -> Figure {
        let drawings = Width::BOTH.map(|width| self.drawing(width));
        let drawn = self.series.iter().take(MOST_SERIES);
        let entries = drawn.map(|series| {
            let range = series.range.map(|range| range.text()).unwrap_or_default();
            let beside = match range.is_empty() {
                true => range,
                false => format!("{} {range}", words.range),
            };
            (series.place, series.name.as_str(), beside)
        });
        Figure::new(drawings, &legend(entries), &self.twin(words), words)
    }

    fn spots(&self) -> Vec<(&Series, Vec<Spot>)> {
        let drawn = self.series.iter().take(MOST_SERIES);
        drawn.map(|series| (series, series.spots())).collect()
    }

    fn drawing(&self, width: Width) -> String {
        let height = match width {
            Width::Phone => 220.0,
            Width::Desk => 270.0,
        };
        let frame = Frame::new(width, height);
        let all = self.spots();
        let (values, span) = self.extent(&all);
        let y = Scale::around(&values, frame.bottom - 6.0, frame.top + 8.0, self.is_log);
        let x = frame.days(span);
        let mut out = frame.open(width.class(), self.title, self.description);
        for (series, _) in &all {
            series.band(&mut out, &frame, &y);
        }
        frame.across(&mut out, &y, self.unit);
        frame.down(&mut out, &x, span);
        for (series, spots) in &all {
            draw_series(&mut out, &frame, series.place, spots, &x, &y);
        }
        close(out)
    }

    /// What the axes have to hold: every value and every end of a range that is not far away.
    fn extent(&self, all: &[(&Series, Vec<Spot>)]) -> (Vec<f64>, (i32, i32)) {
        let spots = || all.iter().flat_map(|(_, spots)| spots);
        let mut values: Vec<f64> = spots().filter_map(|(_, value, _)| *value).collect();
        let ranges = all.iter().filter_map(|(series, _)| series.range);
        values.extend(ranges.flat_map(|range| range.ends()));
        let times = spots().map(|(at, ..)| *at);
        let first = times.clone().min().unwrap_or(0);
        (values, (first, times.max().unwrap_or(first)))
    }

    fn twin(&self, words: &ChartWords<'_>) -> Twin {
        let mut rows: Vec<(Timestamp, Vec<String>)> = Vec::new();
        for series in self.series.iter().take(MOST_SERIES) {
            let range = series.range.map(|range| range.text()).unwrap_or_default();
            for point in series.points.iter().take(MOST_POINTS) {
                let when = day::minutes(point.at).map(|at| day::date(at.into()));
                let value = point.value.map(number).unwrap_or_default();
                let value = [value.as_str(), self.unit, mark_of(point.outside, words)];
                let cells = vec![
                    when.unwrap_or_default(),
                    series.name.clone(),
                    value.join(" ").trim().to_owned(),
                    range.clone(),
                ];
                rows.push((point.at, cells));
            }
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.0));
        let heads = [words.day, words.source, words.value, words.range];
        Twin {
            heads: heads.map(str::to_owned).to_vec(),
            rows: rows.into_iter().map(|(_, cells)| cells).collect(),
        }
    }
}

fn mark_of<'a>(outside: Option<Outside>, words: &ChartWords<'a>) -> &'a str {
    match outside {
        Some(Outside::High) => words.high,
        Some(Outside::Low) => words.low,
        None => "",
    }
}

impl Series {
    fn spots(&self) -> Vec<Spot> {
        let points = self.points.iter().take(MOST_POINTS);
        let mut spots: Vec<Spot> = points
            .filter_map(|point| {
                let value = point.value.filter(|value| is_drawable(*value));
                Some((day::minutes(point.at)?, value, point.outside))
            })
            .collect();
        spots.sort_by_key(|(at, ..)| *at);
        spots
    }

    /// The range behind the readings: a faint area, its ends as dashed lines.
    fn band(&self, out: &mut String, frame: &Frame, y: &Scale) {
        let Some(range) = self.range.filter(|range| range.ends().next().is_some()) else {
            return;
        };
        let hue = hue(self.place);
        let inside = |place: f64| place.clamp(frame.top, frame.bottom);
        let end = |value: Option<f64>, open: f64| {
            value
                .filter(|value| is_drawable(*value))
                .map_or(open, |value| inside(y.place(value)))
        };
        let (high, low) = (end(range.high, frame.top), end(range.low, frame.bottom));
        svg::rect(
            out,
            &format!("band s{hue}"),
            (frame.left, high),
            (frame.right, low),
        );
        for value in range.ends() {
            let y = inside(y.place(value));
            svg::line(
                out,
                &format!("edge s{hue}"),
                (frame.left, y),
                (frame.right, y),
            );
        }
    }
}

impl Range {
    fn ends(&self) -> impl Iterator<Item = f64> + use<> {
        [self.low, self.high]
            .into_iter()
            .flatten()
            .filter(|value| is_drawable(*value))
    }

    /// `4.9–6`, `≥4.9`, `≤6`; empty without an end.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                let (low, high) = alike(&number(low), &number(high));
                format!("{low}–{high}")
            }
            (Some(low), None) => format!("≥{}", number(low)),
            (None, Some(high)) => format!("≤{}", number(high)),
            (None, None) => String::new(),
        }
    }
}

/// Both with as many decimals as the one that has more: `4.9` and `6.0`.
fn alike(one: &str, other: &str) -> (String, String) {
    let decimals = |text: &str| {
        text.split_once('.')
            .map_or(0, |(_, decimals)| decimals.len())
    };
    let wanted = decimals(one).max(decimals(other));
    let filled = |text: &str| {
        let missing = wanted.saturating_sub(decimals(text));
        let point = if missing > 0 && decimals(text) == 0 {
            "."
        } else {
            ""
        };
        format!("{text}{point}{}", "0".repeat(missing))
    };
    (filled(one), filled(other))
}

/// The readings of a series: a line through them, a marker for each; or, where they are denser than
/// the pixels, what each stretch had.
fn draw_series(
    out: &mut String,
    frame: &Frame,
    place: usize,
    spots: &[Spot],
    x: &Scale,
    y: &Scale,
) {
    let columns = if frame.width < 400.0 { 60_u16 } else { 150 };
    if spots.len() > usize::from(columns) {
        return draw_bins(out, place, spots, columns, x, y);
    }
    for stretch in spots.split(|(_, value, _)| value.is_none()) {
        let corners: Vec<String> = stretch
            .iter()
            .filter_map(|(when, value, _)| {
                Some(format!(
                    "{},{}",
                    at(x.place(f64::from(*when))),
                    at(y.place((*value)?))
                ))
            })
            .collect();
        if corners.len() > 1 {
            let hue = hue(place);
            let corners = corners.join(" ");
            out.push_str(&format!(
                r#"<polyline class="run s{hue}" points="{corners}"/>"#
            ));
        }
    }
    for (when, value, mark) in spots {
        let Some(value) = value else { continue };
        let spot = (x.place(f64::from(*when)), y.place(*value));
        marker(out, place, spot);
        if let Some(mark) = mark {
            outside(out, *mark, spot);
        }
    }
}

fn draw_bins(out: &mut String, place: usize, spots: &[Spot], columns: u16, x: &Scale, y: &Scale) {
    let readings: Vec<(i32, f64)> = spots
        .iter()
        .filter_map(|(at, value, _)| Some((*at, (*value)?)))
        .collect();
    let hue = hue(place);
    let bins = binned(&readings, columns);
    let corners: Vec<String> = bins
        .iter()
        .map(|bin| format!("{},{}", at(x.place(bin.at.into())), at(y.place(bin.median))))
        .collect();
    for bin in &bins {
        let when = x.place(bin.at.into());
        svg::line(
            out,
            &format!("spread s{hue}"),
            (when, y.place(bin.least)),
            (when, y.place(bin.most)),
        );
    }
    out.push_str(&format!(
        r#"<polyline class="run s{hue}" points="{}"/>"#,
        corners.join(" ")
    ));
}
