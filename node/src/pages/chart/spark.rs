//! A line of 64 by 20 pixels, for a cell of a table.

use super::scale::Scale;
use super::svg::{at, escape};
use super::{Outside, is_drawable};

const WIDTH: f64 = 64.0;
const HEIGHT: f64 = 20.0;
/// The newest values that it shows.
const MOST_VALUES: usize = 32;

/// The last of `values`, the oldest first, at equal distances; `title` is what it says aloud. The
/// newest one has a dot, or a mark where it lies outside of its range.
#[must_use]
pub fn sparkline(values: &[f64], newest: Option<Outside>, title: &str) -> String {
    let skipped = values.len().saturating_sub(MOST_VALUES);
    let values: Vec<f64> = values
        .iter()
        .skip(skipped)
        .copied()
        .filter(|value| is_drawable(*value))
        .collect();
    let y = Scale::around(&values, HEIGHT - 4.0, 4.0, false);
    let last = u32::try_from(values.len()).unwrap_or(1).saturating_sub(1);
    let x = Scale::new(0.0, f64::from(last.max(1)), 4.0, WIDTH - 8.0);
    let spots: Vec<(f64, f64)> = (0_u32..)
        .zip(&values)
        .map(|(place, value)| (x.place(f64::from(place)), y.place(*value)))
        .collect();
    let corners: Vec<String> = spots
        .iter()
        .map(|(x, y)| format!("{},{}", at(*x), at(*y)))
        .collect();
    let mut out = format!(
        concat!(
            r#"<svg class="spark" role="img" width="64" height="20" viewBox="0 0 64 20">"#,
            r#"<title>{}</title><polyline class="run" points="{}"/>"#
        ),
        escape(title),
        corners.join(" ")
    );
    if let Some(spot) = spots.last() {
        out.push_str(&dot(*spot, newest));
    }
    out.push_str("</svg>");
    out
}

fn dot((x, y): (f64, f64), newest: Option<Outside>) -> String {
    let (class, tip) = match newest {
        None => {
            return format!(
                r#"<circle class="dot" cx="{}" cy="{}" r="2.5"/>"#,
                at(x),
                at(y)
            );
        }
        Some(Outside::High) => ("out high", -4.0),
        Some(Outside::Low) => ("out low", 4.0),
    };
    let corners = [
        (x, y + tip),
        (x + 4.0, y - tip / 2.0),
        (x - 4.0, y - tip / 2.0),
    ];
    let corners = corners.map(|(x, y)| format!("{},{}", at(x), at(y)));
    format!(
        r#"<polygon class="{class}" points="{}"/>"#,
        corners.join(" ")
    )
}
