//! The question before a measurement is deleted.

use apple_health::Kind;
use askama::Template;

use super::{said, unit, when};
use crate::health::shown::Measured;
use crate::pages::Sheet;

/// `/p/vitals/delete/{id}`.
#[derive(Template)]
#[template(path = "health/templates/delete.html")]
pub(in crate::health) struct DeletePage {
    page: Sheet,
    id: String,
    kind: &'static str,
    why: String,
}

impl DeletePage {
    pub(in crate::health) fn new(page: Sheet, kind: Kind, one: &Measured) -> Self {
        let value = format!("{} {}", said(kind, one.value), unit(&page, kind));
        Self {
            id: one.id.clone(),
            kind: kind.as_str(),
            why: page.t2(
                "vitals-delete-why",
                "value",
                value,
                "when",
                when(&page, one),
            ),
            page,
        }
    }

    pub(in crate::health) fn sheet(&self) -> &Sheet {
        &self.page
    }
}
