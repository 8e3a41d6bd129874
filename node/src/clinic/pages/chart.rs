//! The page of a chart: rows of hospitals above, what came of them below, in tabs.

use askama::Template;
use federation_protocol::time::Timestamp;

use crate::clinic::manner::Manner;
use crate::clinic::open::{OpenChart, Snapshot};
use crate::clinic::views::{Labs, Person};
use crate::pages::Sheet;

use super::{parts, views};

/// A tab, with what it is open at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::clinic) enum Tab {
    Timeline,
    Labs,
    /// One item, by its name in addresses.
    Item(String),
    Medicines,
    Documents,
    /// One document, by its name in addresses.
    Document(String),
}

impl Tab {
    const ALL: [Self; 4] = [Self::Timeline, Self::Labs, Self::Medicines, Self::Documents];

    /// The word in addresses and audit lines.
    pub(in crate::clinic) const fn word(&self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::Labs | Self::Item(_) => "labs",
            Self::Medicines => "medicines",
            Self::Documents | Self::Document(_) => "documents",
        }
    }

    const fn key(&self) -> &'static str {
        match self {
            Self::Timeline => "clinic-tab-timeline",
            Self::Labs | Self::Item(_) => "clinic-tab-labs",
            Self::Medicines => "clinic-tab-medicines",
            Self::Documents | Self::Document(_) => "clinic-tab-documents",
        }
    }

    /// The path below a chart.
    pub(in crate::clinic) fn path(&self) -> String {
        match self {
            Self::Item(id) | Self::Document(id) => format!("{}/{id}", self.word()),
            plain => plain.word().to_owned(),
        }
    }
}

/// What is shown, how, and to whom.
pub(in crate::clinic) struct Showing<'a> {
    pub(in crate::clinic) sheet: &'a Sheet,
    /// `/c/grants/{grant}`.
    pub(in crate::clinic) base: &'a str,
    pub(in crate::clinic) open: &'a OpenChart,
    pub(in crate::clinic) tab: &'a Tab,
    pub(in crate::clinic) manner: &'a Manner,
    pub(in crate::clinic) now: Timestamp,
    /// The home could not say whether the consent stands.
    pub(in crate::clinic) is_unsure: bool,
}

impl Showing<'_> {
    pub(super) fn labs(&self, now: &Snapshot) -> Labs {
        let since = self.manner.since(self.now);
        Labs::of(&now.chart, since, &|place| self.manner.shows(place))
    }

    pub(super) fn labs_of_all_times(&self, now: &Snapshot) -> Labs {
        Labs::of(&now.chart, None, &|_| true)
    }

    /// The open tab; `None` where what it is open at is not there.
    fn view(&self, now: &Snapshot) -> Option<String> {
        match self.tab {
            Tab::Timeline => Some(views::timeline(self, now)),
            Tab::Labs => Some(views::labs(self, now)),
            Tab::Item(id) => views::item(self, now, id),
            Tab::Medicines => Some(views::medicines(self, now)),
            Tab::Documents => Some(views::all_documents(self, now)),
            Tab::Document(id) => views::document(self, now, id),
        }
    }

    /// The query string of a form that asks again: where it stood, to go on there.
    fn again(&self) -> String {
        let query = self.manner.query().replacen('?', "&", 1);
        format!("?at={}{query}", self.tab.word())
    }

    fn link(&self, tab: &Tab) -> String {
        format!(
            "{}/{}{}",
            self.base,
            tab.path(),
            self.manner.in_month(None).query()
        )
    }
}

/// A link to a tab.
pub(in crate::clinic) struct Place {
    pub(in crate::clinic) href: String,
    pub(in crate::clinic) key: &'static str,
    pub(in crate::clinic) here: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "clinic/templates/chart.html")]
pub(in crate::clinic) struct ChartPage {
    pub(in crate::clinic) page: Sheet,
    title: &'static str,
    again: String,
    person: Option<Person>,
    patient: String,
    is_asking: bool,
    is_emergency: bool,
    rows_open: bool,
    stream: String,
    waiting: String,
    notes: String,
    summary: String,
    rows: String,
    allergies: String,
    tabs: Vec<Place>,
    view: String,
}

/// The page of what is shown; `None` where what it is open at is not there.
pub(in crate::clinic) fn chart_page(
    showing: &Showing<'_>,
    person: Option<Person>,
) -> Option<ChartPage> {
    let now = showing.open.now();
    let (sheet, base) = (showing.sheet, showing.base);
    let is_asking = now.completeness.asking > 0;
    let query = showing.manner.query();
    let amp = if query.is_empty() { "?" } else { "&" };
    let path = showing.tab.path();
    let tabs = Tab::ALL.map(|tab| Place {
        href: showing.link(&tab),
        key: tab.key(),
        here: tab.key() == showing.tab.key(),
    });
    Some(ChartPage {
        title: showing.tab.key(),
        again: format!("{base}/ask{}", showing.again()),
        patient: showing.open.under.patient.clone().unwrap_or_default(),
        person,
        is_asking,
        is_emergency: !showing.open.under.is_grant,
        rows_open: is_asking || !now.completeness.is_complete() || *showing.tab == Tab::Timeline,
        stream: format!("{base}/rows/{path}{query}"),
        waiting: format!("{base}/{path}{query}{amp}wait=1"),
        notes: parts::notes(sheet, showing.open, &now, showing.is_unsure),
        summary: parts::summary(sheet, showing.open, &now),
        rows: parts_of_rows(showing, &now, |_| true),
        allergies: parts::allergies(sheet, &now),
        tabs: tabs.into(),
        view: showing.view(&now)?,
        page: sheet.clone(),
    })
}

/// The rows that `wanted` chooses.
pub(in crate::clinic) fn parts_of_rows(
    showing: &Showing<'_>,
    now: &Snapshot,
    wanted: impl Fn(usize) -> bool,
) -> String {
    let may_retry = showing.open.under.is_grant && !now.is_cleared;
    let rows = now
        .rows
        .iter()
        .enumerate()
        .filter(|(place, _)| wanted(*place));
    rows.map(|(place, row)| {
        let again = format!("{}/rows/{place}{}", showing.base, showing.again());
        parts::row(showing.sheet, place, row, may_retry.then_some(again))
    })
    .collect()
}

/// What changes on the page when a hospital has answered: its row, and all that is put together of
/// them.
pub(in crate::clinic) fn part_of(
    showing: &Showing<'_>,
    now: &Snapshot,
    wanted: impl Fn(usize) -> bool,
) -> String {
    let mut parts = parts::notes(showing.sheet, showing.open, now, showing.is_unsure);
    parts.push_str(&parts::summary(showing.sheet, showing.open, now));
    parts.push_str(&parts_of_rows(showing, now, wanted));
    parts.push_str(&parts::allergies(showing.sheet, now));
    parts.push_str(&showing.view(now).unwrap_or_default());
    parts
}
