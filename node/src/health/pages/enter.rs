//! The form of one measurement: empty, filled to be corrected, or asking whether it is so.

use apple_health::{Kind, Moment, Value};
use askama::Template;

use super::{MAIN, name, unit};
use crate::health::hand::Entry;
use crate::health::shown::Measured;
use crate::pages::Sheet;

/// A kind that can be chosen.
pub(super) struct Choice {
    kind: &'static str,
    name: String,
    here: bool,
}

/// `/p/vitals/new`.
#[derive(Template)]
#[template(path = "health/templates/enter.html")]
pub(in crate::health) struct EnterPage {
    page: Sheet,
    kind: &'static str,
    name: String,
    unit: String,
    field: String,
    kinds: Vec<Choice>,
    entry: Entry,
    is_pressure: bool,
    is_sleep: bool,
    is_day: bool,
    asks: Option<String>,
    wrong: Option<String>,
}

impl EnterPage {
    pub(in crate::health) fn new(page: Sheet, kind: Kind, entry: Entry) -> Self {
        let choice = |one: Kind| Choice {
            kind: one.as_str(),
            name: name(&page, one),
            here: one == kind,
        };
        let extra = (!MAIN.contains(&kind)).then_some(kind);
        let kinds = MAIN.into_iter().chain(extra).map(choice).collect();
        let (called, of) = (name(&page, kind), unit(&page, kind));
        Self {
            kind: kind.as_str(),
            field: page.t2("vitals-field-value", "kind", &called, "unit", &of),
            name: called,
            unit: of,
            kinds,
            entry,
            is_pressure: kind == Kind::BloodPressure,
            is_sleep: kind == Kind::Sleep,
            is_day: kind == Kind::Steps,
            asks: None,
            wrong: None,
            page,
        }
    }

    /// Asking whether an unusual value is so.
    pub(in crate::health) fn asking(mut self) -> Self {
        let value = match self.is_pressure {
            true => format!("{}/{}", self.entry.value, self.entry.lower),
            false => self.entry.value.clone(),
        };
        let unit = self.unit.clone();
        self.asks = Some(
            self.page
                .t2("vitals-sure-why", "value", value, "unit", unit),
        );
        self
    }

    /// Saying what is wrong.
    pub(in crate::health) fn saying(mut self, code: &str) -> Self {
        self.wrong = Some(self.page.coded("vitals-error-", code, "internal"));
        self
    }

    pub(in crate::health) fn sheet(&self) -> &Sheet {
        &self.page
    }
}

impl Entry {
    /// An empty one of now, in seconds since 1970.
    pub(in crate::health) fn of_now(kind: Kind, now: i64) -> Self {
        Self {
            kind: kind.as_str().to_owned(),
            at: local(now, kind),
            ..Self::default()
        }
    }

    /// A measurement, to be corrected.
    pub(in crate::health) fn of(kind: Kind, one: &Measured) -> Self {
        let (value, lower) = match one.value {
            Value::Quantity(value) => (value.to_string(), String::new()),
            Value::Pressure {
                systolic,
                diastolic,
            } => (systolic.to_string(), diastolic.to_string()),
        };
        let until = one.until.as_deref().and_then(|end| Moment::parse(end).ok());
        Self {
            kind: kind.as_str().to_owned(),
            value,
            lower,
            at: local(one.at_seconds, kind),
            until: until.map_or_else(String::new, |end| local(end.seconds(), kind)),
            confirmed: false,
            replaces: one.id.clone(),
        }
    }
}

/// A moment as a form's field has it, in Japan.
fn local(seconds: i64, kind: Kind) -> String {
    let text = Moment::new(seconds, 540).map(Moment::date_time);
    let text = text.unwrap_or_default();
    let digits = if kind == Kind::Steps { 10 } else { 16 };
    text.get(..digits).unwrap_or_default().to_owned()
}
