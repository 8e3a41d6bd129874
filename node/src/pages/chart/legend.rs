//! Which shape and colour is whose.

use std::fmt::Write as _;

use super::marker::{hue, marker};
use super::svg::escape;

/// One entry of a legend for each name, with what else is to be said of it.
pub(super) fn legend<'a>(entries: impl Iterator<Item = (usize, &'a str, String)>) -> String {
    let mut out = String::new();
    for (place, name, beside) in entries {
        let mut drawn = String::new();
        marker(&mut drawn, place, (8.0, 8.0));
        let _ = write!(
            out,
            concat!(
                r#"<li><svg class="key" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">{}</svg>"#,
                r#"<bdi class="who s{}">{}</bdi>"#
            ),
            drawn,
            hue(place),
            escape(name)
        );
        if !beside.is_empty() {
            let _ = write!(out, r#" <span class="beside">{}</span>"#, escape(&beside));
        }
        out.push_str("</li>");
    }
    match out.is_empty() {
        true => out,
        false => format!(r#"<ul class="legend">{out}</ul>"#),
    }
}
