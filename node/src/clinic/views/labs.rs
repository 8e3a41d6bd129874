//! Results as a matrix: a row an item and unit, a column a day of a hospital.

use std::collections::BTreeMap;

use super::Chart;
use super::item::opaque;
use super::reading::{Mark, Reading, readings};
use crate::pages::chart::{Point, Range, Series};
use crate::pages::when::Day;

/// The most columns that are shown; what is older is left out, and that is said.
const MOST_COLUMNS: usize = 60;
/// The most rows.
const MOST_ROWS: usize = 400;
/// The most results of one cell.
const MOST_OF_A_CELL: usize = 6;

/// The groups in the order of the matrix: the first digits of JLAC10, then what has no such code.
const GROUPS: [&str; 13] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "lab", "vital", "history", "other",
];

/// The matrix.
#[derive(Clone, Debug, Default)]
pub struct Labs {
    /// The columns, the newest first.
    pub columns: Vec<Column>,
    /// The rows, by group; groups without rows are not there.
    pub groups: Vec<Group>,
    /// How many older columns were left out.
    pub columns_cut: usize,
    /// How many rows were left out.
    pub rows_cut: usize,
}

/// A day of a hospital.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The day.
    pub day: Day,
    /// The place of the hospital.
    pub source: usize,
}

/// Rows that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// The word in the keys of its name: `1` to `9`, `lab`, `vital`, `history`, `other`.
    pub key: &'static str,
    /// The rows, by name.
    pub rows: Vec<Row>,
}

/// One item in one unit.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name in addresses: tells nothing.
    pub id: String,
    /// The item.
    pub name: String,
    /// The unit; empty where there is none.
    pub unit: String,
    /// Whether another row has the same item in another unit.
    pub has_other_unit: bool,
    /// Whether the codes name different methods.
    pub has_other_method: bool,
    /// One for each column; empty where nothing was measured.
    pub cells: Vec<Vec<Cell>>,
    /// The readings, the oldest first.
    pub readings: Vec<Reading>,
    item: String,
}

/// One result in the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The value, without its unit.
    pub text: String,
    /// Where it stands.
    pub mark: Option<Mark>,
    /// Whether the mark was worked out here.
    pub is_mark_ours: bool,
    /// What is not simply final.
    pub status: Option<&'static str>,
    /// Hour and minute.
    pub time: String,
    /// The hospital's own range, as text.
    pub range: String,
}

impl Labs {
    /// The matrix of `chart`, from `since` on, of the hospitals that `shows` lets through.
    #[must_use]
    pub fn of(chart: &Chart, since: Option<Day>, shows: &dyn Fn(usize) -> bool) -> Self {
        let all = chart.of("Observation").filter(|taken| shows(taken.source));
        let all = all.flat_map(readings);
        let all: Vec<Reading> = all
            .filter(|reading| since.is_none_or(|since| reading.at.day >= since))
            .collect();
        let (columns, columns_cut) = columns(&all);
        let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
        for reading in all {
            let key = (reading.item.key.clone(), reading.unit.key.clone());
            let row = rows
                .entry(key)
                .or_insert_with_key(|key| Row::new(key, &reading));
            row.readings.push(reading);
        }
        let rows_cut = rows.len().saturating_sub(MOST_ROWS);
        let mut rows: Vec<Row> = rows.into_values().take(MOST_ROWS).collect();
        rows.iter_mut().for_each(|row| row.fill(&columns));
        mark_other_units(&mut rows);
        Self {
            groups: grouped(rows),
            columns,
            columns_cut,
            rows_cut,
        }
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    /// The row of that name, and those of the same item in other units.
    #[must_use]
    pub fn row(&self, id: &str) -> Vec<&Row> {
        let Some(found) = self.rows().find(|row| row.id == id) else {
            return Vec::new();
        };
        let others = self
            .rows()
            .filter(|row| row.item == found.item && row.id != id);
        std::iter::once(found).chain(others).collect()
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

fn columns(readings: &[Reading]) -> (Vec<Column>, usize) {
    let mut columns: Vec<Column> = readings
        .iter()
        .map(|reading| Column {
            day: reading.at.day,
            source: reading.source,
        })
        .collect();
    columns.sort_by(|one, other| other.day.cmp(&one.day).then(one.source.cmp(&other.source)));
    columns.dedup();
    let cut = columns.len().saturating_sub(MOST_COLUMNS);
    columns.truncate(MOST_COLUMNS);
    (columns, cut)
}

impl Row {
    fn new(key: &(String, String), reading: &Reading) -> Self {
        Self {
            id: opaque(&format!("{}|{}", key.0, key.1)),
            name: reading.item.name.clone(),
            unit: reading.unit.text.clone(),
            has_other_unit: false,
            has_other_method: false,
            cells: Vec::new(),
            readings: Vec::new(),
            item: key.0.clone(),
        }
    }

    fn fill(&mut self, columns: &[Column]) {
        self.readings.sort_by_key(|reading| reading.at.at);
        let mut methods: Vec<_> = self
            .readings
            .iter()
            .filter_map(|one| one.item.method.as_ref())
            .collect();
        methods.sort_unstable();
        methods.dedup();
        self.has_other_method = methods.len() > 1;
        if let Some(newest) = self.readings.last() {
            self.name.clone_from(&newest.item.name);
        }
        let mut by_column: BTreeMap<(Day, usize), Vec<Cell>> = BTreeMap::new();
        for reading in &self.readings {
            let cells = by_column
                .entry((reading.at.day, reading.source))
                .or_default();
            if cells.len() < MOST_OF_A_CELL {
                cells.push(Cell::of(reading));
            }
        }
        let cells = columns
            .iter()
            .map(|column| by_column.remove(&(column.day, column.source)));
        self.cells = cells.map(Option::unwrap_or_default).collect();
    }

    /// The newest reading.
    #[must_use]
    pub fn newest(&self) -> Option<&Reading> {
        self.readings.last()
    }

    fn group(&self) -> &'static str {
        let digit = self.readings.iter().find_map(|reading| reading.item.group);
        let of_digit = |digit: char| {
            GROUPS
                .into_iter()
                .find(|key| key.len() == 1 && key.starts_with(digit))
        };
        let category = self.newest().map_or("other", |reading| reading.category);
        match (category, digit.and_then(of_digit)) {
            ("laboratory", Some(group)) => group,
            ("laboratory", None) => "lab",
            ("vital", _) => "vital",
            ("history", _) => "history",
            _ => "other",
        }
    }

    /// The readings as series of a chart, a hospital each, with its newest range as its band.
    #[must_use]
    pub fn series(&self, chart: &Chart) -> Vec<Series> {
        let mut by_source: BTreeMap<usize, Vec<&Reading>> = BTreeMap::new();
        for reading in &self.readings {
            by_source.entry(reading.source).or_default().push(reading);
        }
        by_source
            .into_iter()
            .map(|(source, readings)| Series {
                name: chart.name(source).to_owned(),
                place: source,
                range: newest_range(&readings),
                points: readings.iter().map(|reading| point(reading)).collect(),
            })
            .collect()
    }

    /// Each result with its day, time and hospital, the newest first.
    #[must_use]
    pub fn results(&self) -> Vec<(String, String, usize, Cell)> {
        let newest = self.readings.iter().rev();
        newest
            .map(|one| (one.at.day.short(), one.at.time(), one.source, Cell::of(one)))
            .collect()
    }

    /// The numbers of all hospitals, the oldest first.
    #[must_use]
    pub fn numbers(&self) -> Vec<f64> {
        self.readings
            .iter()
            .filter_map(|reading| reading.number)
            .collect()
    }
}

fn newest_range(readings: &[&Reading]) -> Option<Range> {
    readings.iter().rev().find_map(|reading| reading.range)
}

fn point(reading: &Reading) -> Point {
    Point {
        at: reading.at.at,
        value: reading.number,
        outside: reading.mark.and_then(Mark::outside),
    }
}

impl Cell {
    fn of(reading: &Reading) -> Self {
        let range = reading.range.map(|range| range.text());
        Self {
            text: reading.text.clone(),
            mark: reading.mark,
            is_mark_ours: reading.is_mark_ours,
            status: reading.status,
            time: reading.at.time(),
            range: range
                .or_else(|| reading.range_text.clone())
                .unwrap_or_default(),
        }
    }
}

fn mark_other_units(rows: &mut [Row]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter() {
        let count = count.entry(row.item.clone()).or_default();
        *count = count.saturating_add(1);
    }
    for row in rows {
        row.has_other_unit = count.get(&row.item).is_some_and(|count| *count > 1);
    }
}

fn grouped(rows: Vec<Row>) -> Vec<Group> {
    let mut groups = GROUPS.map(|key| Group {
        key,
        rows: Vec::new(),
    });
    for row in rows {
        let key = row.group();
        if let Some(group) = groups.iter_mut().find(|group| group.key == key) {
            group.rows.push(row);
        }
    }
    let filled = groups.into_iter().filter(|group| !group.rows.is_empty());
    let mut filled: Vec<Group> = filled.collect();
    for group in &mut filled {
        group
            .rows
            .sort_by(|one, other| one.item.cmp(&other.item).then(one.name.cmp(&other.name)));
    }
    filled
}
