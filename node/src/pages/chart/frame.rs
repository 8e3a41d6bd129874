//! The plot that a chart is drawn in: its size, its axes, what it is called.

use std::fmt::Write as _;

use super::scale::Scale;
use super::svg::{self, at, escape};
use super::{Width, day};

/// Where the plot stands within the drawing, pixels.
#[derive(Copy, Clone, Debug)]
pub(super) struct Frame {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// A plot of `height` pixels and all, with room for the labels of both axes.
    pub(super) fn new(width: Width, height: f64) -> Self {
        let left = match width {
            Width::Phone => 40.0,
            Width::Desk => 52.0,
        };
        Self {
            width: width.pixels(),
            height,
            left,
            right: width.pixels() - 14.0,
            top: 20.0,
            bottom: height - 26.0,
        }
    }

    /// Opens the drawing: an image with a name and a description.
    pub(super) fn open(&self, class: &str, title: &str, description: &str) -> String {
        let (width, height) = (at(self.width), at(self.height));
        format!(
            concat!(
                r#"<svg class="{}" role="img" viewBox="0 0 {} {}" width="{}" height="{}" "#,
                r#"xmlns="http://www.w3.org/2000/svg"><title>{}</title><desc>{}</desc>"#
            ),
            class,
            width,
            height,
            width,
            height,
            escape(title),
            escape(description)
        )
    }

    /// Lines and labels across: the values.
    pub(super) fn across(&self, out: &mut String, scale: &Scale, unit: &str) {
        for (value, label) in scale.ticks(4.0) {
            let y = scale.place(value);
            svg::line(out, "grid", (self.left, y), (self.right, y));
            svg::text(out, "tick", (self.left - 6.0, y + 4.0), "end", &label);
        }
        svg::text(out, "tick unit", (4.0, 12.0), "start", unit);
    }

    /// Lines and labels down: the days.
    pub(super) fn down(&self, out: &mut String, scale: &Scale, span: (i32, i32)) {
        let most = if self.width < 400.0 { 4 } else { 9 };
        let marks = day::ticks(span.0.into(), span.1.into(), most);
        let mut last = f64::MIN;
        for (minutes, label) in marks {
            let minutes = i32::try_from(minutes).map_or(0.0, f64::from);
            let x = scale.place(minutes);
            svg::line(out, "grid", (x, self.top), (x, self.bottom));
            if x - last > 50.0 {
                let x = x.clamp(self.left, self.right - 14.0);
                svg::text(out, "tick", (x, self.height - 8.0), "middle", &label);
                last = x;
            }
        }
    }

    /// The axis of days of `span`, minutes.
    pub(super) fn days(&self, span: (i32, i32)) -> Scale {
        // A single day stands in the middle, not at an edge.
        let (first, last) = match span.1.saturating_sub(span.0) {
            0..2880 => (span.0.saturating_sub(1440), span.1.saturating_add(1440)),
            _ => span,
        };
        Scale::new(first.into(), last.into(), self.left + 8.0, self.right - 8.0)
    }
}

/// Closes a drawing.
pub(super) fn close(mut out: String) -> String {
    let _ = write!(out, "</svg>");
    out
}
