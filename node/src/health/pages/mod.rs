//! The pages of vital signs: what they show, in the reader's words. Templates stand beside them.

mod delete;
mod drawn;
mod enter;
mod import;
mod series;
mod token;

use apple_health::{Kind, Value};
use askama::Template;

use super::HealthError;
use super::shown::{Measured, Series};
use crate::pages::Sheet;
use crate::pages::chart::Figure;

pub(super) use delete::DeletePage;
pub(super) use enter::EnterPage;
pub(super) use import::{ImportPage, JobPage, JobPart};
pub(super) use series::SeriesPage;
pub(super) use token::TokenPage;

/// The kinds that everybody finds on the page; the others are there once they have a value.
pub(super) const MAIN: [Kind; 8] = [
    Kind::BloodPressure,
    Kind::HeartRate,
    Kind::BodyMass,
    Kind::BloodGlucose,
    Kind::OxygenSaturation,
    Kind::BodyTemperature,
    Kind::Steps,
    Kind::Sleep,
];

/// One kind on the first page.
pub(super) struct Card {
    kind: &'static str,
    name: String,
    unit: String,
    newest: Option<(String, String)>,
    spark: Option<String>,
}

/// `/p/vitals`.
#[derive(Template)]
#[template(path = "health/templates/vitals.html")]
pub(super) struct VitalsPage {
    page: Sheet,
    cards: Vec<Card>,
    is_empty: bool,
    pressure: Option<Figure>,
    notice: Option<&'static str>,
}

impl VitalsPage {
    pub(super) fn new(page: Sheet, all: &[Series], notice: Option<&'static str>) -> Self {
        let shown = |series: &&Series| !series.measured.is_empty() || MAIN.contains(&series.kind);
        let cards = all.iter().filter(shown).map(|series| {
            let newest = series
                .measured
                .first()
                .map(|one| (said(series.kind, one.value), page.short_day(&one.at)));
            Card {
                kind: series.kind.as_str(),
                name: name(&page, series.kind),
                unit: unit(&page, series.kind),
                newest,
                spark: drawn::spark(&page, series),
            }
        });
        let cards = cards.collect();
        let pressure = all.iter().find(|one| one.kind == Kind::BloodPressure);
        let pressure =
            pressure.and_then(|one| drawn::chart_of(&page, one, &unit(&page, Kind::BloodPressure)));
        Self {
            cards,
            pressure,
            is_empty: all.iter().all(|series| series.measured.is_empty()),
            notice,
            page,
        }
    }

    pub(super) fn sheet(&self) -> &Sheet {
        &self.page
    }
}

/// What was not done, and what to do.
#[derive(Template)]
#[template(path = "health/templates/refused.html")]
pub(super) struct RefusedPage {
    page: Sheet,
    why: String,
    code: &'static str,
}

impl RefusedPage {
    pub(super) fn new(page: Sheet, error: &HealthError) -> Self {
        let code = error.code();
        Self {
            why: page.coded("vitals-error-", code, "internal"),
            code,
            page,
        }
    }

    pub(super) fn sheet(&self) -> &Sheet {
        &self.page
    }
}

/// What a kind is called.
pub(super) fn name(page: &Sheet, kind: Kind) -> String {
    page.t(&format!("vitals-kind-{kind}"))
}

/// The unit of a kind.
pub(super) fn unit(page: &Sheet, kind: Kind) -> String {
    page.t(&format!("vitals-unit-{kind}"))
}

/// A value, without its unit.
pub(super) fn said(kind: Kind, value: Value) -> String {
    match value {
        Value::Pressure {
            systolic,
            diastolic,
        } => format!("{systolic:.0}/{diastolic:.0}"),
        Value::Quantity(value) => number(value, kind.decimals()),
    }
}

/// When something was measured.
fn when(page: &Sheet, one: &Measured) -> String {
    if one.at.len() == 10 {
        return page.day(&one.at);
    }
    let at = federation_protocol::time::Timestamp::from_unix_seconds(one.at_seconds);
    page.moment(at)
}

/// A number as people read it: thousands apart, no zeros behind the point.
fn number(value: f64, decimals: u8) -> String {
    let digits = usize::from(decimals);
    let text = format!("{value:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let point = if part.is_empty() { "" } else { "." };
    format!("{}{point}{part}", thousands(whole))
}

/// `12345` as `12,345`.
fn thousands(whole: &str) -> String {
    let count = whole.chars().count();
    let mut out = String::with_capacity(count.saturating_add(count / 3));
    for (place, digit) in whole.chars().enumerate() {
        let left = count.saturating_sub(place);
        if place > 0 && left % 3 == 0 && digit.is_ascii_digit() {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A whole number as people read it.
fn count(number: u64) -> String {
    thousands(&number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        for (value, decimals, text) in [
            (12_345.0, 0, "12,345"),
            (70.0, 2, "70"),
            (70.5, 2, "70.5"),
            (36.25, 2, "36.25"),
            (999.0, 0, "999"),
            (1_234_567.0, 0, "1,234,567"),
        ] {
            assert_eq!(number(value, decimals), text);
        }
    }
}
