//! How results look: a table for people, JSON for programs.

use std::io::Write;

use super::failure::{Exit, Failure};

/// `-o`
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// Columns with a heading.
    #[default]
    Table,
    /// One JSON value.
    Json,
}

/// The option that each reading command takes.
#[derive(clap::Args)]
pub(super) struct Output {
    /// How the result is written.
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(super) format: Format,
}

/// Writes `text` to standard output.
///
/// # Errors
/// A `Failure` when standard output is closed.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("standard output: {error}"),
                "run the command again",
            )
        })
}

/// Writes `value` as indented JSON.
///
/// # Errors
/// As [`print`].
pub(super) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Rows under `heading`, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(width);
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let line = |cells: &[String; N]| {
        let mut line = String::new();
        for (cell, widest) in cells.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(widest - width(cell) + 2));
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = line(&heading.map(str::to_owned));
    text.extend(rows.iter().map(line));
    text
}

/// Names and values under each other.
pub(super) fn pairs(rows: &[[String; 2]]) -> String {
    let lines = table(["", ""], rows);
    // Without the empty heading.
    lines
        .split_once('\n')
        .map(|(_, rows)| rows.to_owned())
        .unwrap_or_default()
}

/// Columns that `text` takes on a terminal: kana, kanji and full-width forms take two.
fn width(text: &str) -> usize {
    let columns = |c: char| match c {
        '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}' => 2,
        _ => 1,
    };
    text.chars().map(columns).sum()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use super::*;

    #[test]
    fn columns_line_up_under_japanese_names() {
        let rows = [
            ["みなと病院".to_owned(), "active".to_owned()],
            ["Yukimi".into(), "x".into()],
        ];
        assert_eq!(
            table(["NAME", "STATE"], &rows),
            "NAME        STATE\nみなと病院  active\nYukimi      x\n"
        );
    }
}
