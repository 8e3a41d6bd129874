//! While a person is asked on their phone.

use askama::Template;
use federation_protocol::time::Timestamp;

use crate::clinic::views::Person;
use crate::pages::Sheet;

/// How it stands.
pub(in crate::clinic) enum Waiting {
    /// They have not answered; until when they can.
    Still(Timestamp),
    /// They allowed it: where the answers are.
    Granted(String),
    /// They said no, or it is too late.
    Over(String),
}

/// `/c/patients/{patient}/asked/{asked}`.
#[derive(Template)]
#[template(path = "clinic/templates/asked.html")]
pub(in crate::clinic) struct AskedPage {
    pub(in crate::clinic) page: Sheet,
    pub(in crate::clinic) id: String,
    pub(in crate::clinic) person: Person,
    pub(in crate::clinic) state: Waiting,
    pub(in crate::clinic) again: String,
}

impl AskedPage {
    /// The part of it that changes.
    pub(in crate::clinic) fn as_waiting(&self) -> AskedPart<'_> {
        AskedPart {
            page: &self.page,
            id: &self.id,
            state: &self.state,
            again: &self.again,
        }
    }
}

/// The part that changes.
#[derive(Template)]
#[template(path = "clinic/templates/asked_part.html")]
pub(in crate::clinic) struct AskedPart<'a> {
    page: &'a Sheet,
    id: &'a str,
    state: &'a Waiting,
    again: &'a str,
}
