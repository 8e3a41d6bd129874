//! The charts of the pages, with their words.

use federation_protocol::time::Timestamp;

use crate::clinic::open::Snapshot;
use crate::clinic::views::{Labs, Medicines, Row as LabRow, Timeline};
use crate::pages::Sheet;
use crate::pages::chart::{Bars, ChartWords, Figure, LaneSpot, Lanes, LineChart, sparkline};

/// The words of charts, owned.
struct Spoken(Vec<String>);

const KEYS: [&str; 16] = [
    "clinic-chart-table",
    "clinic-day",
    "clinic-hospital",
    "clinic-value",
    "clinic-range",
    "clinic-chart-high",
    "clinic-chart-low",
    "clinic-chart-least",
    "clinic-chart-median",
    "clinic-chart-most",
    "clinic-chart-count",
    "clinic-medicine",
    "clinic-chart-from",
    "clinic-chart-until",
    "clinic-chart-systolic",
    "clinic-chart-diastolic",
];

impl Spoken {
    fn of(sheet: &Sheet) -> Self {
        Self(KEYS.iter().map(|key| sheet.t(key)).collect())
    }

    fn words(&self) -> ChartWords<'_> {
        let say = |place: usize| self.0.get(place).map_or("", String::as_str);
        ChartWords {
            table: say(0),
            day: say(1),
            source: say(2),
            value: say(3),
            range: say(4),
            high: say(5),
            low: say(6),
            spread: [say(7), say(8), say(9), say(10)],
            item: say(11),
            span: [say(12), say(13)],
            pressure: [say(14), say(15)],
        }
    }
}

/// The results of one item, a series a hospital.
pub(super) fn of_item(sheet: &Sheet, now: &Snapshot, row: &LabRow) -> Figure {
    let spoken = Spoken::of(sheet);
    let series = row.series(&now.chart);
    let description = sheet.t2(
        "clinic-chart-says",
        "hospitals",
        series.len(),
        "count",
        row.readings.len(),
    );
    let numbers = row.numbers();
    let spread = |fold: fn(f64, f64) -> f64| numbers.iter().copied().reduce(fold).unwrap_or(0.0);
    // A hundredfold rise, such as of a tumour marker, is read on no linear axis.
    let is_log = spread(f64::min) > 0.0 && spread(f64::max) > 100.0 * spread(f64::min);
    LineChart {
        title: &row.name,
        description: &description,
        unit: &row.unit,
        series: &series,
        is_log,
    }
    .draw(&spoken.words())
}

/// The course of an item in a cell; nothing for one value.
pub(super) fn of_row(sheet: &Sheet, row: &LabRow) -> String {
    let numbers = row.numbers();
    if numbers.len() < 2 {
        return String::new();
    }
    let newest = row
        .newest()
        .and_then(|newest| newest.mark)
        .and_then(|mark| mark.outside());
    let title = sheet.t2(
        "clinic-spark",
        "item",
        row.name.as_str(),
        "count",
        numbers.len(),
    );
    sparkline(&numbers, newest, &title)
}

/// The medicines by days supplied.
pub(super) fn of_medicines(
    sheet: &Sheet,
    now: &Snapshot,
    medicines: &Medicines,
    today: Timestamp,
) -> Option<Figure> {
    let rows = medicines.bars();
    if rows.is_empty() {
        return None;
    }
    let spoken = Spoken::of(sheet);
    let sources: Vec<String> = now
        .chart
        .sources
        .iter()
        .map(|source| source.name.clone())
        .collect();
    let description = sheet.t1("clinic-bars-says", "count", rows.len());
    let bars = Bars {
        title: &sheet.t("clinic-bars"),
        description: &description,
        rows: &rows,
        sources: &sources,
        today: Some(today),
    };
    Some(bars.draw(&spoken.words()))
}

/// The timeline in lanes.
pub(super) fn of_timeline(
    sheet: &Sheet,
    now: &Snapshot,
    timeline: &Timeline,
    since: Option<Timestamp>,
    today: Timestamp,
) -> Option<Figure> {
    if timeline.is_empty() {
        return None;
    }
    let lanes: Vec<(String, Vec<LaneSpot>)> = crate::clinic::views::LANES
        .into_iter()
        .map(|lane| {
            let events = timeline.events().filter(|event| event.lane == lane);
            let spots = events.map(|event| LaneSpot {
                at: event.at.at,
                place: event.source,
                text: format!("{} {}", event.at.day.short(), now.chart.short(event.source)),
            });
            (
                sheet.coded("clinic-lane-", lane.key(), "visit"),
                spots.collect(),
            )
        })
        .collect();
    let spoken = Spoken::of(sheet);
    let sources: Vec<String> = now
        .chart
        .sources
        .iter()
        .map(|source| source.name.clone())
        .collect();
    let description = sheet.t1("clinic-lanes-says", "count", timeline.events().count());
    let drawn = Lanes {
        title: &sheet.t("clinic-tab-timeline"),
        description: &description,
        lanes: &lanes,
        sources: &sources,
        since,
        today,
    };
    Some(drawn.draw(&spoken.words()))
}

/// Every row's course, by its name in addresses.
pub(super) fn of_labs(sheet: &Sheet, labs: &Labs) -> std::collections::HashMap<String, String> {
    labs.rows()
        .map(|row| (row.id.clone(), of_row(sheet, row)))
        .collect()
}
