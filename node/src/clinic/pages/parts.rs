//! The parts of a chart's page that fill by themselves: each is the same on the whole page and in the
//! stream.

use askama::Template;

use crate::clinic::open::{OpenChart, Snapshot};
use crate::clinic::row::{Look, Row, State};
use crate::clinic::views::{Allergies, Chart};
use crate::pages::Sheet;
use crate::pages::chart::Key;

use super::text;

#[derive(Template)]
#[template(path = "clinic/templates/row.html")]
struct RowPart<'a> {
    page: &'a Sheet,
    place: usize,
    hue: usize,
    key: Key,
    name: &'a str,
    is_own: bool,
    is_asking: bool,
    look: &'static str,
    text: String,
    why: String,
    phone: Option<&'a str>,
    retry: Option<String>,
}

/// The row number `place`; `again` is where its hospital is asked again, for who may.
pub(super) fn row(sheet: &Sheet, place: usize, row: &Row, again: Option<String>) -> String {
    let (text, why) = text::row(sheet, row);
    let retry = match &row.state {
        State::Missing(cause) if cause.may_pass() => again,
        _ => None,
    };
    let part = RowPart {
        page: sheet,
        place,
        hue: place % 8,
        key: Key(place),
        name: &row.source.name,
        is_own: row.source.is_own,
        is_asking: row.state.is_asking(),
        look: row.state.look().class(),
        text,
        why,
        phone: match &row.state {
            State::Missing(_) => row.source.phone.as_deref(),
            _ => None,
        },
        retry,
    };
    rendered(&part)
}

#[derive(Template)]
#[template(path = "clinic/templates/summary.html")]
struct Summary<'a> {
    page: &'a Sheet,
    sentence: String,
    retrieved: String,
    is_complete: bool,
    is_asking: bool,
}

pub(super) fn summary(sheet: &Sheet, open: &OpenChart, now: &Snapshot) -> String {
    rendered(&Summary {
        page: sheet,
        sentence: text::sentence(sheet, &now.completeness),
        retrieved: text::retrieved(sheet, open.asked_at, open.under.purpose),
        is_complete: now.completeness.is_complete(),
        is_asking: now.completeness.asking > 0,
    })
}

#[derive(Template)]
#[template(path = "clinic/templates/notes.html")]
struct Notes<'a> {
    page: &'a Sheet,
    is_cleared: bool,
    is_unsure: bool,
    nothing_came: bool,
    again: Option<String>,
}

pub(super) fn notes(sheet: &Sheet, open: &OpenChart, now: &Snapshot, is_unsure: bool) -> String {
    let patient = open.under.patient.as_ref();
    let others = || now.rows.iter().filter(|row| !row.source.is_own);
    let all_missing = others()
        .all(|row| row.state.look() != Look::Busy && matches!(row.state, State::Missing(_)));
    rendered(&Notes {
        page: sheet,
        is_cleared: now.is_cleared,
        is_unsure: is_unsure && !now.is_cleared,
        nothing_came: !now.is_cleared && all_missing && others().next().is_some(),
        again: patient.map(|patient| format!("/c/patients/{patient}/consent")),
    })
}

#[derive(Template)]
#[template(path = "clinic/templates/allergies.html")]
struct AllergyStrip<'a> {
    page: &'a Sheet,
    chart: &'a Chart,
    allergies: Allergies,
    is_complete: bool,
    look: &'static str,
}

pub(super) fn allergies(sheet: &Sheet, now: &Snapshot) -> String {
    let allergies = Allergies::of(&now.chart);
    rendered(&AllergyStrip {
        page: sheet,
        chart: &now.chart,
        look: if allergies.recorded.is_empty() {
            "calm"
        } else {
            "bad"
        },
        allergies,
        is_complete: now.completeness.is_complete(),
    })
}

/// The markup of a part; nothing where it could not be written, which no template of ours does.
pub(super) fn rendered(part: &impl Template) -> String {
    part.render().unwrap_or_else(|error| {
        tracing::error!("a part of a page could not be written: {error}");
        String::new()
    })
}
