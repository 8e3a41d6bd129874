//! The tables of one database.

use std::fmt;
use std::time::Duration;

use musubi_node::config::Validation;

use crate::arguments::StoreChoice;
use crate::asking::Row;
use crate::house::{Imported, Used};
use crate::layout::Table;
use crate::machine;
use crate::measure::peak_rss_kib;
use crate::question::Kind;
use crate::source::Source;

/// Everything measured on one database.
pub(crate) struct Report {
    store: StoreChoice,
    resources: u64,
    bytes: u64,
    imports: Vec<(Validation, Imported)>,
    rows: Vec<Row>,
    tables: Vec<Table>,
}

impl Report {
    pub(crate) fn new(store: StoreChoice, source: &Source) -> Self {
        Self {
            store,
            resources: source.resources,
            bytes: source.bytes,
            imports: Vec::new(),
            rows: Vec::new(),
            tables: Vec::new(),
        }
    }

    pub(crate) fn import(&mut self, policy: Validation, imported: Imported) {
        self.imports.push((policy, imported));
    }

    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn layout(&mut self, tables: Vec<Table>) {
        self.tables = tables;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:?}: {} resources, {} bytes each as NDJSON; load {} at the end, \
             peak memory of the process {} MiB",
            self.store,
            self.resources,
            self.bytes / self.resources.max(1),
            machine::load(),
            peak_rss_kib(std::process::id()) / 1024,
        )?;
        self.imports(f)?;
        if !self.rows.is_empty() {
            self.rows(f)?;
            self.tables(f)?;
        }
        Ok(())
    }
}

impl Report {
    fn imports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  import, validation   resources/s   CPU µs   of PostgreSQL   peak memory MiB"
        )?;
        for (policy, one) in &self.imports {
            let (micros, backends) = each(&one.used, one.resources as f64);
            writeln!(
                f,
                "  {:<18}   {:>11.0}   {micros:>6.0}   {backends:>13}   {:>15}",
                policy.as_str(),
                one.resources as f64 / one.took.as_secs_f64(),
                one.peak_rss_kib / 1024,
            )?;
        }
        Ok(())
    }

    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n  asked                               at once   per second    p50 ms    p99 ms   \
             CPU µs   of PostgreSQL"
        )?;
        for row in &self.rows {
            line(f, row.kind, row, &row.took)?;
            if row.kind == Kind::Mix {
                line(f, Kind::Transaction, row, &row.writing)?;
            }
        }
        Ok(())
    }

    fn tables(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |number: i64| number as f64 / self.resources as f64;
        let bytes = self.tables.iter().map(|table| table.bytes).sum();
        let index = self
            .tables
            .iter()
            .filter(|table| table.name.starts_with("ix_"));
        writeln!(
            f,
            "\n  after the import: {:.0} bytes a resource in all, {:.1} index rows",
            each(bytes),
            index.map(|table| each(table.rows)).sum::<f64>(),
        )?;
        writeln!(
            f,
            "  table                  bytes a resource   rows a resource"
        )?;
        for table in self.tables.iter().filter(|table| each(table.bytes) >= 1.0) {
            writeln!(
                f,
                "  {:<20}   {:>16.1}   {:>15.2}",
                table.name,
                each(table.bytes),
                each(table.rows)
            )?;
        }
        Ok(())
    }
}

/// One line. What the transactions of the mix used is not told apart.
fn line(f: &mut fmt::Formatter<'_>, kind: Kind, row: &Row, took: &[Duration]) -> fmt::Result {
    let at = |share: f64| {
        let place = (took.len().saturating_sub(1)) as f64 * share;
        took.get(place as usize)
            .map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
    };
    write!(
        f,
        "  {:<33}   {:>7}   {:>10.0}   {:>7.2}   {:>7.2}",
        kind.name(),
        row.lanes,
        took.len() as f64 / row.elapsed.as_secs_f64(),
        at(0.50),
        at(0.99),
    )?;
    if kind != row.kind {
        return writeln!(f);
    }
    let (micros, backends) = each(&row.used, took.len() as f64);
    writeln!(f, "   {micros:>6.0}   {backends:>13}")
}

/// CPU microseconds of one, here and on the server.
fn each(used: &Used, of: f64) -> (f64, String) {
    let backends = used.backends().map(|micros| format!("{:.0}", micros / of));
    (used.process.micros / of, backends.unwrap_or_default())
}
