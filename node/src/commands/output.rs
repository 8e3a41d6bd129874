//! Results on standard output: an aligned table for people, JSON for programs.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use super::cli::Output;
use super::failure::{Exit, Failure};

/// Prints one line of result. A closed pipe ends the printing, not the program.
pub(crate) fn line(text: &str) {
    let _closed_pipe = writeln!(std::io::stdout(), "{text}");
}

/// Prints one line of progress or advice, on standard error.
pub(crate) fn note(text: &str) {
    let _closed_pipe = writeln!(std::io::stderr(), "{text}");
}

/// Shows how far long work has come, on standard error: over itself at a terminal, not at all
/// where nobody watches.
pub(crate) fn progress(text: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _closed_pipe = write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush());
    }
}

/// Shows a QR code of `text` on standard error, to be scanned from the screen; nothing where nobody
/// looks.
pub(crate) fn qr(text: &str) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    if let Ok(code) = qrcode::QrCode::new(text) {
        note(&code.render::<qrcode::render::unicode::Dense1x2>().build());
    }
}

/// A list of things of one kind: column names and rows; the JSON form has the names as members.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Listing {
    /// An empty list with these columns, in lower case with `_` between words.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells in the order of the columns.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints it. An empty table says so on standard error.
    pub(crate) fn print(&self, output: Output) -> Result<(), Failure> {
        match output {
            Output::Json => json(&self.to_json()),
            Output::Table => {
                self.table();
                Ok(())
            }
        }
    }

    fn to_json(&self) -> Value {
        let object = |row: &Vec<String>| {
            let members = self.columns.iter().zip(row).map(|(column, cell)| {
                let value = match cell.as_str() {
                    "-" => Value::Null,
                    text => Value::String(text.to_owned()),
                };
                ((*column).to_owned(), value)
            });
            Value::Object(members.collect())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    fn table(&self) {
        if self.rows.is_empty() {
            note("(none)");
            return;
        }
        let heads: Vec<String> = self
            .columns
            .iter()
            .map(|column| column.replace('_', " ").to_uppercase())
            .collect();
        let widths: Vec<usize> = heads
            .iter()
            .enumerate()
            .map(|(column, head)| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells
                    .map(|cell| width(cell))
                    .chain([width(head)])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        line(&aligned(&heads, &widths));
        for row in &self.rows {
            line(&aligned(row, &widths));
        }
    }
}

/// Prints one JSON value.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Exit::Failure, error, "report this as a bug"))?;
    line(&text);
    Ok(())
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, &full)| {
        let missing = full.saturating_sub(width(cell));
        format!("{cell}{}", " ".repeat(missing))
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Columns that a terminal gives this text: kana and kanji take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| {
            let wide = matches!(
                u32::from(c),
                0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF
                    | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x20000..=0x3FFFD
            );
            if wide { 2 } else { 1 }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kanji_and_latin_stand_under_each_other() {
        assert_eq!(
            aligned(&["港病院".into(), "ok".into()], &[8, 2]),
            "港病院    ok"
        );
        assert_eq!(width("ﾐﾅﾄ"), 3);
    }

    #[test]
    fn a_dash_is_null_for_programs() {
        let mut listing = Listing::new(&["id", "ended"]);
        listing.row(["7".into(), "-".into()]);
        assert_eq!(
            listing.to_json(),
            serde_json::json!([{ "id": "7", "ended": null }])
        );
    }
}
