//! The shapes that tell hospitals apart where colours do not.

use std::fmt::Write as _;

use super::svg::at;
use super::{HUES, Outside};

/// The hue of the series number `place`.
pub(super) fn hue(place: usize) -> usize {
    place.checked_rem(HUES).unwrap_or_default()
}

/// The marker of the series number `place` around a point: four shapes, full and then hollow.
pub(super) fn marker(out: &mut String, place: usize, (x, y): (f64, f64)) {
    let hue = hue(place);
    let class = match hue < 4 {
        true => format!("mark s{hue}"),
        false => format!("mark hollow s{hue}"),
    };
    let _ = match hue % 4 {
        0 => write!(
            out,
            r#"<circle class="{class}" cx="{}" cy="{}" r="4"/>"#,
            at(x),
            at(y)
        ),
        1 => write!(
            out,
            r#"<rect class="{class}" x="{}" y="{}" width="7.4" height="7.4"/>"#,
            at(x - 3.7),
            at(y - 3.7)
        ),
        2 => polygon(
            out,
            &class,
            &[(x, y - 5.4), (x + 5.4, y), (x, y + 5.4), (x - 5.4, y)],
        ),
        _ => polygon(
            out,
            &class,
            &[
                (x, y - 4.8),
                (x + 4.7, y - 1.4),
                (x + 2.9, y + 4.1),
                (x - 2.9, y + 4.1),
                (x - 4.7, y - 1.4),
            ],
        ),
    };
}

/// ▲ above or ▼ below a point.
pub(super) fn outside(out: &mut String, how: Outside, (x, y): (f64, f64)) {
    let _ = match how {
        Outside::High => polygon(
            out,
            "out high",
            &[(x, y - 14.0), (x + 4.5, y - 7.0), (x - 4.5, y - 7.0)],
        ),
        Outside::Low => polygon(
            out,
            "out low",
            &[(x, y + 14.0), (x + 4.5, y + 7.0), (x - 4.5, y + 7.0)],
        ),
    };
}

fn polygon(out: &mut String, class: &str, corners: &[(f64, f64)]) -> std::fmt::Result {
    let corners: Vec<String> = corners
        .iter()
        .map(|(x, y)| format!("{},{}", at(*x), at(*y)))
        .collect();
    write!(
        out,
        r#"<polygon class="{class}" points="{}"/>"#,
        corners.join(" ")
    )
}

/// The shape and colour of the series number `place`, to stand before its name.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Key(pub usize);

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut drawn = String::new();
        marker(&mut drawn, self.0, (8.0, 8.0));
        write!(
            f,
            r#"<svg class="key" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{drawn}</svg>"#
        )
    }
}

impl askama::filters::HtmlSafe for Key {}
