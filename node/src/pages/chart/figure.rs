//! A chart as it stands in a page: both drawings, the legend, the table with the same numbers.

use std::fmt;

use super::twin::Twin;

/// The words of a chart, in the reader's language.
#[derive(Copy, Clone, Debug)]
pub struct ChartWords<'a> {
    /// Opens the table: "show the numbers as a table".
    pub table: &'a str,
    /// Heads the column of days.
    pub day: &'a str,
    /// Heads the column of who says so (a hospital).
    pub source: &'a str,
    /// Heads the column of values.
    pub value: &'a str,
    /// Heads the column of reference ranges; stands before them in the legend.
    pub range: &'a str,
    /// Above the range.
    pub high: &'a str,
    /// Below the range.
    pub low: &'a str,
    /// The least, median and most of a stretch, and how many readings it had.
    pub spread: [&'a str; 4],
    /// Heads the column of medicines or other items.
    pub item: &'a str,
    /// Heads the columns of first and last day.
    pub span: [&'a str; 2],
    /// Heads the columns of systolic and diastolic pressure.
    pub pressure: [&'a str; 2],
}

/// A chart, ready to stand in a page: put it there as it is (`{{ figure }}`), it is markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    markup: String,
}

impl Figure {
    pub(super) fn new(
        drawings: [String; 2],
        legend: &str,
        twin: &Twin,
        words: &ChartWords<'_>,
    ) -> Self {
        let [phone, desk] = drawings;
        let table = twin.markup(words.table);
        Self {
            markup: format!(r#"<figure class="chart">{phone}{desk}{legend}{table}</figure>"#),
        }
    }

    /// The markup.
    #[must_use]
    pub fn markup(&self) -> &str {
        &self.markup
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.markup)
    }
}

// Every text in it was escaped where it was put in (property tests).
impl askama::filters::HtmlSafe for Figure {}
