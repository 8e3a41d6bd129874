//! What came of all hospitals together: one view for each tab.

use std::collections::HashMap;

use askama::Template;

use crate::clinic::open::Snapshot;
use crate::clinic::views::{
    Cell, Chart, Document, Labs, Medicine, Medicines, Month, Problem, Timeline, documents, problems,
};
use crate::pages::Sheet;
use crate::pages::chart::Figure;
use crate::pages::when::Day;

use super::chart::Showing;
use super::filters::Filters;
use super::parts::rendered;
use super::{figures, text};

#[derive(Template)]
#[template(path = "clinic/templates/timeline.html")]
struct TimelineView<'a> {
    page: &'a Sheet,
    base: &'a str,
    chart: &'a Chart,
    filters: Filters,
    problems: Vec<Problem>,
    timeline: Timeline,
    overview: Option<Figure>,
    month: Option<Month>,
    month_name: String,
    weekdays: Vec<String>,
    as_list: String,
    as_month: String,
    before: String,
    after: String,
    empty: String,
}

pub(super) fn timeline(showing: &Showing<'_>, now: &Snapshot) -> String {
    let (sheet, manner) = (showing.sheet, showing.manner);
    let path = format!("{}/timeline", showing.base);
    let today = Day::of(showing.now);
    let is_month = manner.month.is_some();
    let since = manner.since(showing.now).filter(|_| !is_month);
    let timeline = Timeline::of(
        &now.chart,
        since,
        &|place| manner.shows(place),
        &manner.lanes(),
    );
    let month = manner
        .month
        .as_deref()
        .map(|name| Month::of(&timeline, Some(name), today));
    let link = |month: Option<&str>| format!("{path}{}", manner.in_month(month).query());
    let begin = since.and_then(|since| crate::clinic::views::Moment::parse(&since.iso()));
    let begin = begin.map(|begin| begin.at);
    rendered(&TimelineView {
        page: sheet,
        base: showing.base,
        chart: &now.chart,
        filters: Filters::of(sheet, &path, manner, &now.rows, true),
        problems: problems(&now.chart),
        overview: figures::of_timeline(sheet, now, &timeline, begin, showing.now),
        month_name: month
            .as_ref()
            .map(|month| sheet.day(&month.name))
            .unwrap_or_default(),
        weekdays: sheet
            .t("clinic-weekdays")
            .split(' ')
            .map(str::to_owned)
            .collect(),
        as_list: link(None),
        as_month: link(Some("")),
        before: month
            .as_ref()
            .map(|month| link(Some(&month.before)))
            .unwrap_or_default(),
        after: month
            .as_ref()
            .map(|month| link(Some(&month.after)))
            .unwrap_or_default(),
        empty: empty(showing, now),
        month,
        timeline,
    })
}

#[derive(Template)]
#[template(path = "clinic/templates/labs.html")]
struct LabsView<'a> {
    page: &'a Sheet,
    base: &'a str,
    chart: &'a Chart,
    filters: Filters,
    labs: Labs,
    sparks: HashMap<String, String>,
    copied: String,
    empty: String,
}

impl LabsView<'_> {
    fn spark(&self, row: &crate::clinic::views::Row) -> &str {
        self.sparks.get(&row.id).map_or("", String::as_str)
    }
}

pub(super) fn labs(showing: &Showing<'_>, now: &Snapshot) -> String {
    let (sheet, manner) = (showing.sheet, showing.manner);
    let labs = showing.labs(now);
    let path = format!("{}/labs", showing.base);
    rendered(&LabsView {
        page: sheet,
        base: showing.base,
        chart: &now.chart,
        filters: Filters::of(sheet, &path, manner, &now.rows, false),
        sparks: figures::of_labs(sheet, &labs),
        copied: text::labs(
            sheet,
            now,
            &labs,
            showing.open.asked_at,
            showing.open.under.purpose,
            manner.is_filtered(),
        ),
        empty: empty(showing, now),
        labs,
    })
}

struct Panel {
    name: String,
    unit: String,
    has_other_method: bool,
    has_numbers: bool,
    figure: Figure,
    /// Day, time, hospital, result; the newest first.
    results: Vec<(String, String, usize, Cell)>,
}

#[derive(Template)]
#[template(path = "clinic/templates/item.html")]
struct ItemView<'a> {
    page: &'a Sheet,
    chart: &'a Chart,
    back: String,
    panels: Vec<Panel>,
}

/// One item: a panel for each unit. Values of two units never share an axis.
pub(super) fn item(showing: &Showing<'_>, now: &Snapshot, id: &str) -> Option<String> {
    let labs = showing.labs_of_all_times(now);
    let rows = labs.row(id);
    if rows.is_empty() && now.completeness.asking == 0 && !now.is_cleared {
        return None;
    }
    let panels = rows.into_iter().map(|row| Panel {
        name: row.name.clone(),
        unit: row.unit.clone(),
        has_other_method: row.has_other_method,
        has_numbers: !row.numbers().is_empty(),
        figure: figures::of_item(showing.sheet, now, row),
        results: row.results().into_iter().take(500).collect(),
    });
    Some(rendered(&ItemView {
        page: showing.sheet,
        chart: &now.chart,
        back: format!("{}/labs{}", showing.base, showing.manner.query()),
        panels: panels.collect(),
    }))
}

#[derive(Template)]
#[template(path = "clinic/templates/medicines.html")]
struct MedicinesView<'a> {
    page: &'a Sheet,
    chart: &'a Chart,
    filters: Filters,
    medicines: Medicines,
    bars: Option<Figure>,
    copied: String,
    empty: String,
}

impl MedicinesView<'_> {
    fn lists(&self) -> [(&'static str, &[Medicine]); 2] {
        [
            ("clinic-medicines-current", &self.medicines.current),
            ("clinic-medicines-past", &self.medicines.past),
        ]
    }
}

pub(super) fn medicines(showing: &Showing<'_>, now: &Snapshot) -> String {
    let (sheet, manner) = (showing.sheet, showing.manner);
    let path = format!("{}/medicines", showing.base);
    let since = manner.since(showing.now);
    let medicines = Medicines::of(&now.chart, since, showing.now, &|place| manner.shows(place));
    rendered(&MedicinesView {
        page: sheet,
        chart: &now.chart,
        filters: Filters::of(sheet, &path, manner, &now.rows, false),
        bars: figures::of_medicines(sheet, now, &medicines, showing.now),
        copied: text::medicines(
            sheet,
            now,
            &medicines,
            showing.open.asked_at,
            showing.open.under.purpose,
            manner.is_filtered(),
        ),
        empty: empty(showing, now),
        medicines,
    })
}

#[derive(Template)]
#[template(path = "clinic/templates/documents.html")]
struct DocumentsView<'a> {
    page: &'a Sheet,
    base: &'a str,
    chart: &'a Chart,
    filters: Filters,
    documents: Vec<Document>,
    empty: String,
}

pub(super) fn all_documents(showing: &Showing<'_>, now: &Snapshot) -> String {
    let (sheet, manner) = (showing.sheet, showing.manner);
    let path = format!("{}/documents", showing.base);
    rendered(&DocumentsView {
        page: sheet,
        base: showing.base,
        chart: &now.chart,
        filters: Filters::of(sheet, &path, manner, &now.rows, false),
        documents: documents(&now.chart, manner.since(showing.now), &|place| {
            manner.shows(place)
        }),
        empty: empty(showing, now),
    })
}

#[derive(Template)]
#[template(path = "clinic/templates/document.html")]
struct DocumentView<'a> {
    page: &'a Sheet,
    base: &'a str,
    chart: &'a Chart,
    back: String,
    document: Document,
}

pub(super) fn document(showing: &Showing<'_>, now: &Snapshot, id: &str) -> Option<String> {
    let mut each = documents(&now.chart, None, &|_| true).into_iter();
    let document = each.find(|document| document.id == id)?;
    Some(rendered(&DocumentView {
        page: showing.sheet,
        base: showing.base,
        chart: &now.chart,
        back: format!("{}/documents{}", showing.base, showing.manner.query()),
        document,
    }))
}

/// Why a view is empty. It never says that there is nothing while something is missing.
fn empty(showing: &Showing<'_>, now: &Snapshot) -> String {
    let key = if now.is_cleared {
        "clinic-empty-over"
    } else if now.completeness.asking > 0 {
        "clinic-empty-asking"
    } else if !now.completeness.is_complete() {
        "clinic-empty-incomplete"
    } else if showing.manner.is_filtered() {
        "clinic-empty-filtered"
    } else {
        "clinic-empty"
    };
    showing.sheet.t(key)
}
