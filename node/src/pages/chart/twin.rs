//! The table that says what a drawing shows.

use super::svg::escape;

/// The most rows of a table: what nobody reads helps nobody.
const MOST_ROWS: usize = 500;

/// The numbers of a chart.
#[derive(Clone, Debug, Default)]
pub(super) struct Twin {
    pub(super) heads: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Twin {
    /// The table, folded behind `summary`.
    pub(super) fn markup(&self, summary: &str) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let heads: String = self
            .heads
            .iter()
            .map(|head| format!(r#"<th scope="col">{}</th>"#, escape(head)))
            .collect();
        let rows: String = self
            .rows
            .iter()
            .take(MOST_ROWS)
            .map(|row| of_row(row))
            .collect();
        format!(
            concat!(
                r#"<details class="twin"><summary>{}</summary><div class="scroll" tabindex="0" role="region" aria-label="{}">"#,
                "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>"
            ),
            escape(summary),
            escape(summary),
            heads,
            rows
        )
    }
}

fn of_row(cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<td>{}</td>", escape(cell)))
        .collect();
    format!("<tr>{cells}</tr>")
}
