//! P2: results by date.

use askama::Template;
use jiff::civil::Date;

use super::{Around, Chip, chip, long, short};
use crate::pages::Sheet;
use crate::patient::fhir::{Exact, When};
use crate::patient::gather::Gathered;
use crate::patient::results::{LabResult, by_day, results};

/// How many results one page lists, but for a day's, which stay together.
const ROWS: usize = 120;

/// The page.
#[derive(Template)]
#[template(path = "patient/templates/results.html")]
pub(in crate::patient) struct ResultsPage {
    page: Sheet,
    around: Around,
    days: Vec<DayBlock>,
    items: Vec<Item>,
    newer: Option<usize>,
    older: Option<usize>,
}

/// What of it changes when others have answered.
#[derive(Template)]
#[template(path = "patient/templates/results_part.html")]
pub(in crate::patient) struct ResultsPart {
    page: Sheet,
    around: Around,
    days: Vec<DayBlock>,
    items: Vec<Item>,
    newer: Option<usize>,
    older: Option<usize>,
}

/// The results of one day at one hospital.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::patient) struct DayBlock {
    pub(in crate::patient) day: String,
    pub(in crate::patient) hospital: Chip,
    pub(in crate::patient) rows: Vec<Row>,
}

/// One result in a list.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::patient) struct Row {
    pub(in crate::patient) href: String,
    pub(in crate::patient) name: String,
    pub(in crate::patient) value: String,
    pub(in crate::patient) unit: String,
    pub(in crate::patient) standing: &'static str,
    pub(in crate::patient) word: String,
    pub(in crate::patient) is_new: bool,
    pub(in crate::patient) is_preliminary: bool,
    pub(in crate::patient) day: String,
    pub(in crate::patient) hospital: Chip,
}

/// An item in the list of items.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::patient) struct Item {
    pub(in crate::patient) href: String,
    pub(in crate::patient) name: String,
    pub(in crate::patient) count: usize,
}

/// One result as it stands in a list.
pub(super) fn row(page: &Sheet, gathered: &Gathered, result: &LabResult) -> Row {
    let standing = result.standing;
    let word = match standing.is_marked() {
        true => page.t(&format!("patient-standing-{}", standing.as_str())),
        false => String::new(),
    };
    let value = match result.found.value() {
        none if none.is_empty() => page.t("patient-no-value"),
        value => value,
    };
    Row {
        href: format!("/p/results/{}", result.item),
        name: result.name.clone(),
        value,
        unit: result.found.unit().to_owned(),
        standing: standing.as_str(),
        word,
        is_new: result.is_new,
        is_preliminary: result.is_preliminary,
        day: short(page, result.taken.day),
        hospital: chip(gathered, result.hospital),
    }
}

fn blocks(page: &Sheet, gathered: &Gathered, results: &[LabResult]) -> Vec<DayBlock> {
    let mut blocks: Vec<DayBlock> = Vec::new();
    for day in by_day(results) {
        let said = long(page, day_alone(day.day));
        let mut last: Option<usize> = None;
        for result in day.results {
            if last != Some(result.hospital) {
                last = Some(result.hospital);
                blocks.push(DayBlock {
                    day: said.clone(),
                    hospital: chip(gathered, result.hospital),
                    rows: Vec::new(),
                });
            }
            if let Some(block) = blocks.last_mut() {
                block.rows.push(row(page, gathered, result));
            }
        }
    }
    blocks
}

fn day_alone(day: Date) -> When {
    When {
        day,
        time: None,
        exact: Exact::Day,
    }
}

/// The blocks of page `at` (from 0), and whether there are older ones.
fn cut(blocks: Vec<DayBlock>, at: usize) -> (Vec<DayBlock>, bool) {
    let mut pages: Vec<Vec<DayBlock>> = vec![Vec::new()];
    let mut rows = 0_usize;
    for block in blocks {
        if rows >= ROWS {
            pages.push(Vec::new());
            rows = 0;
        }
        rows = rows.saturating_add(block.rows.len());
        if let Some(page) = pages.last_mut() {
            page.push(block);
        }
    }
    let more = pages.len() > at.saturating_add(1);
    (pages.into_iter().nth(at).unwrap_or_default(), more)
}

fn items(results: &[LabResult]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for result in results {
        let href = format!("/p/results/{}", result.item);
        if let Some(item) = items.iter_mut().find(|item| item.href == href) {
            item.count = item.count.saturating_add(1);
        } else if items.len() < ROWS {
            items.push(Item {
                href,
                name: result.name.clone(),
                count: 1,
            });
        }
    }
    items
}

impl ResultsPage {
    /// Page `at` (from 0) of what was gathered.
    pub(in crate::patient) fn new(
        page: &Sheet,
        gathered: &Gathered,
        today: Date,
        at: usize,
    ) -> Self {
        let results = results(&gathered.held(), today);
        let (days, more) = cut(blocks(page, gathered, &results), at);
        Self {
            around: Around::of(page, gathered, "/p/results"),
            days,
            items: items(&results),
            newer: at.checked_sub(1),
            older: more.then_some(at.saturating_add(1)),
            page: page.clone(),
        }
    }

    /// Its part.
    pub(in crate::patient) fn part(self) -> ResultsPart {
        ResultsPart {
            page: self.page,
            around: self.around,
            days: self.days,
            items: self.items,
            newer: self.newer,
            older: self.older,
        }
    }
}
