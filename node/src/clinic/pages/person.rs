//! The pages before any other hospital is asked: who the patient is, whether they consent; and what
//! one has opened.

use askama::Template;

use crate::clinic::views::Person;
use crate::pages::Sheet;

/// What stood in the fields of a search, to stand there again.
#[derive(Clone, Debug, Default)]
pub(in crate::clinic) struct Typed {
    pub(in crate::clinic) number: String,
    pub(in crate::clinic) kana: String,
    pub(in crate::clinic) born: String,
    pub(in crate::clinic) insured: String,
}

/// A grant in a list.
pub(in crate::clinic) struct GrantLine {
    pub(in crate::clinic) href: String,
    pub(in crate::clinic) name: String,
    pub(in crate::clinic) state: String,
    pub(in crate::clinic) detail: String,
    pub(in crate::clinic) is_over: bool,
}

/// `/c`, `/c/find`.
#[derive(Template)]
#[template(path = "clinic/templates/find.html")]
pub(in crate::clinic) struct FindPage {
    pub(in crate::clinic) page: Sheet,
    pub(in crate::clinic) typed: Typed,
    pub(in crate::clinic) wrong: Option<&'static str>,
    pub(in crate::clinic) found: Option<Vec<(String, Person)>>,
    pub(in crate::clinic) recent: Vec<GrantLine>,
}

/// `/c/patients/{id}`.
#[derive(Template)]
#[template(path = "clinic/templates/patient.html")]
pub(in crate::clinic) struct PatientPage {
    pub(in crate::clinic) page: Sheet,
    pub(in crate::clinic) id: String,
    pub(in crate::clinic) person: Person,
    pub(in crate::clinic) grants: Vec<GrantLine>,
}

/// `/c/patients/{id}/consent`.
#[derive(Template)]
#[template(path = "clinic/templates/consent.html")]
pub(in crate::clinic) struct ConsentPage {
    pub(in crate::clinic) page: Sheet,
    pub(in crate::clinic) id: String,
    pub(in crate::clinic) person: Person,
    pub(in crate::clinic) standing: Option<GrantLine>,
    /// What went wrong, and what to do.
    pub(in crate::clinic) wrong: Option<(String, String)>,
    pub(in crate::clinic) homes: Vec<(String, String)>,
    /// Each kind of data, and whether it is asked for unless the physician says otherwise.
    pub(in crate::clinic) categories: Vec<(&'static str, bool)>,
    pub(in crate::clinic) reasons: Vec<&'static str>,
    pub(in crate::clinic) is_urgent: bool,
}

/// A line of one's own history.
pub(in crate::clinic) struct HistoryLine {
    pub(in crate::clinic) when: String,
    pub(in crate::clinic) act: String,
    pub(in crate::clinic) patient: Option<String>,
    pub(in crate::clinic) name: String,
    pub(in crate::clinic) purpose: String,
    pub(in crate::clinic) hospital: String,
    pub(in crate::clinic) result: String,
}

/// `/c/history`.
#[derive(Template)]
#[template(path = "clinic/templates/history.html")]
pub(in crate::clinic) struct HistoryPage {
    pub(in crate::clinic) page: Sheet,
    pub(in crate::clinic) lines: Vec<HistoryLine>,
    pub(in crate::clinic) older: Option<String>,
}
