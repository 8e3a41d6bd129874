//! P3: one item: what it is, the newest value, how it went.

use askama::Template;
use askama::filters::Safe;
use jiff::civil::Date;

use super::results::{Row, row};
use super::{Around, long};
use crate::pages::Sheet;
use crate::patient::gather::Gathered;
use crate::patient::results::{Course, LabResult, course, explained, place_on_bar, results};

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
    figure: Option<Safe<String>>,
    rows: Vec<Past>,
}

/// What of it changes when others have answered.
#[derive(Template)]
#[template(path = "patient/templates/item_part.html")]
pub(in crate::patient) struct ItemPart {
    page: Sheet,
    around: Around,
    newest: Option<Newest>,
    figure: Option<Safe<String>>,
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
            newest: course.as_ref().map(|course| newest(page, gathered, course.newest)),
            figure: course.as_ref().and_then(|course| figure(page, gathered, course, &title)),
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
            &[("value", &row.value), ("unit", &row.unit), ("range", &range)],
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
fn figure(
    _page: &Sheet,
    _gathered: &Gathered,
    _course: &Course<'_>,
    _title: &str,
) -> Option<Safe<String>> {
    None
}
