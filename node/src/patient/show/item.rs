//! P3: one item: what it is, the newest value, how it went.

use std::collections::BTreeMap;

use askama::Template;
use jiff::civil::Date;

use super::results::{Row, row};
use super::{Around, long};
use crate::pages::Sheet;
use crate::pages::chart::{ChartWords, Figure, LineChart, Outside, Point, Range, Series};
use crate::patient::gather::Gathered;
use crate::patient::results::{
    Course, Found, LabResult, Standing, course, explained, place_on_bar, results,
};

/// The most values in the table.
const MOST_ROWS: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "patient/templates/item.html")]
pub(in crate::patient) struct ItemPage {
    page: Sheet,
    around: Around,
    title: String,
    about: String,
    newest: Option<Newest>,
    figure: Option<Figure>,
    rows: Vec<Past>,
}

/// What of it changes when others have answered.
#[derive(Template)]
#[template(path = "patient/templates/item_part.html")]
pub(in crate::patient) struct ItemPart {
    page: Sheet,
    around: Around,
    newest: Option<Newest>,
    figure: Option<Figure>,
    rows: Vec<Past>,
}

/// The newest value.
#[derive(Clone, Debug)]
struct Newest {
    row: Row,
    day: String,
    range: String,
    place: Option<u8>,
    bar: String,
    is_corrected: bool,
}

/// A value in the table.
#[derive(Clone, Debug)]
struct Past {
    row: Row,
    range: String,
}

impl ItemPage {
    /// The page of `item`; `None` if nothing is known of it: neither a result nor an explanation.
    pub(in crate::patient) fn new(
        page: &Sheet,
        gathered: &Gathered,
        today: Date,
        item: &str,
    ) -> Option<Self> {
        let results = results(&gathered.held(), today);
        let course = course(&results, item);
        let known = explained(item);
        let title = match (&known, &course) {
            (Some(item), _) => page.t(&format!("results-{}-name", item.id)),
            (None, Some(course)) => course.newest.name.clone(),
            (None, None) if gathered.is_own_only => page.t("patient-item-title"),
            (None, None) => return None,
        };
        let about = known.map(|item| page.t(&format!("results-{}-about", item.id)));
        Some(Self {
            around: Around::of(page, gathered, &format!("/p/results/{item}")),
            newest: course
                .as_ref()
                .map(|course| newest(page, gathered, course.newest)),
            figure: course
                .as_ref()
                .and_then(|course| figure(page, gathered, course, &title)),
            rows: course.map_or_else(Vec::new, |course| rows(page, gathered, &course)),
            title,
            about: about.unwrap_or_default(),
            page: page.clone(),
        })
    }

    /// Its part.
    pub(in crate::patient) fn part(self) -> ItemPart {
        ItemPart {
            page: self.page,
            around: self.around,
            newest: self.newest,
            figure: self.figure,
            rows: self.rows,
        }
    }
}

fn newest(page: &Sheet, gathered: &Gathered, result: &LabResult) -> Newest {
    let row = row(page, gathered, result);
    let range = range(result);
    Newest {
        day: long(page, result.taken),
        place: place_on_bar(result),
        bar: page.say(
            "patient-bar",
            &[
                ("value", &row.value),
                ("unit", &row.unit),
                ("range", &range),
            ],
        ),
        is_corrected: result.is_corrected,
        range,
        row,
    }
}

fn range(result: &LabResult) -> String {
    match result.range.is_known() {
        true => result.range.shown(),
        false => String::new(),
    }
}

fn rows(page: &Sheet, gathered: &Gathered, course: &Course<'_>) -> Vec<Past> {
    let listed = course.all.iter().take(MOST_ROWS);
    listed
        .map(|result| Past {
            row: row(page, gathered, result),
            range: range(result),
        })
        .collect()
}

/// The chart of two or more values; each hospital with its own range.
fn figure(page: &Sheet, gathered: &Gathered, course: &Course<'_>, title: &str) -> Option<Figure> {
    if course.drawn.len() < 2 {
        return None;
    }
    let mut by: BTreeMap<usize, Vec<&LabResult>> = BTreeMap::new();
    for result in &course.drawn {
        by.entry(result.hospital).or_default().push(result);
    }
    let series: Vec<Series> = by
        .into_iter()
        .map(|(hospital, results)| Series {
            name: gathered.name(hospital).to_owned(),
            place: hospital,
            range: results.last().and_then(|newest| band(newest)),
            points: results.into_iter().map(point).collect(),
        })
        .collect();
    let words: Vec<String> = CHART_KEYS.iter().map(|key| page.t(key)).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let words = ChartWords {
        table: word(0),
        day: word(1),
        source: word(2),
        value: word(3),
        range: word(4),
        high: word(5),
        low: word(6),
        spread: [word(7), word(8), word(9), word(10)],
        item: word(11),
        span: [word(12), word(13)],
        pressure: [word(14), word(15)],
    };
    let count = u32::try_from(course.drawn.len()).unwrap_or(u32::MAX);
    let chart = LineChart {
        title,
        description: &page.t1("patient-chart-says", "count", count),
        unit: course.newest.found.unit(),
        series: &series,
        is_log: false,
    };
    Some(chart.draw(&words))
}

/// The words of a chart, in the order of [`ChartWords`].
const CHART_KEYS: [&str; 16] = [
    "patient-chart-table",
    "patient-chart-day",
    "patient-chart-source",
    "patient-chart-value",
    "patient-chart-range",
    "patient-standing-high",
    "patient-standing-low",
    "patient-chart-least",
    "patient-chart-median",
    "patient-chart-most",
    "patient-chart-readings",
    "patient-chart-item",
    "patient-chart-first",
    "patient-chart-last",
    "patient-chart-upper",
    "patient-chart-lower",
];

fn band(result: &LabResult) -> Option<Range> {
    let end = |end: &Option<crate::patient::fhir::Number>| end.as_ref().map(|end| end.value);
    let (low, high) = (end(&result.range.low), end(&result.range.high));
    (low.is_some() || high.is_some()).then_some(Range { low, high })
}

fn point(result: &LabResult) -> Point {
    let value = match &result.found {
        Found::Number {
            number,
            comparator: "",
            ..
        } => Some(number.value),
        _ => None,
    };
    Point {
        at: result.taken.moment(),
        value,
        outside: match result.standing {
            Standing::High => Some(Outside::High),
            Standing::Low => Some(Outside::Low),
            _ => None,
        },
    }
}
