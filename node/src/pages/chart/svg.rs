//! Texts and numbers as they may stand in markup.

use std::fmt::Write as _;

/// The longest text that is drawn, letters.
const LONGEST_TEXT: usize = 160;

/// A text from outside as it may be shown: without control characters and without the marks that turn
/// the direction of what stands after them, cut at `longest` letters with `…`.
///
/// It is not escaped: a template or [`escape`] does that.
#[must_use]
pub fn clean(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    // The letters left out are bounded too: ten thousand of them are no name.
    let letters = text.chars().take(longest.saturating_mul(4).max(64));
    for (place, letter) in letters.filter(|letter| !is_hidden(*letter)).enumerate() {
        if place >= longest {
            shown.push('…');
            break;
        }
        shown.push(if letter.is_whitespace() { ' ' } else { letter });
    }
    shown
}

fn is_hidden(letter: char) -> bool {
    let turns = matches!(letter,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    turns || (letter.is_control() && !letter.is_whitespace())
}

/// A text in markup, cleaned, cut and escaped; within attributes, too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in clean(text, LONGEST_TEXT).chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A coordinate, to a tenth of a pixel. What is no number stands at 0: a drawing never holds `NaN`.
pub(super) fn at(value: f64) -> String {
    let value = if value.is_finite() {
        value.clamp(-10_000.0, 10_000.0)
    } else {
        0.0
    };
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

/// A value as people read it: as many decimals as it has, six at most.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    if value.abs() >= 1e15 {
        return format!("{value:e}");
    }
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

/// A straight line.
pub(super) fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        r#"<line class="{class}" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
        at(from.0),
        at(from.1),
        at(to.0),
        at(to.1)
    );
}

/// A rectangle; turned sides are put right.
pub(super) fn rect(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
        at(from.0.min(to.0)),
        at(from.1.min(to.1)),
        at((to.0 - from.0).abs()),
        at((to.1 - from.1).abs())
    );
}

/// A text; `anchor` is `start`, `middle` or `end`.
pub(super) fn text(out: &mut String, class: &str, place: (f64, f64), anchor: &str, text: &str) {
    let _ = write!(
        out,
        r#"<text class="{class}" x="{}" y="{}" text-anchor="{anchor}">{}</text>"#,
        at(place.0),
        at(place.1),
        escape(text)
    );
}
