//! Everything on paper: what a person takes along to a doctor outside of the federation.

use askama::Template;
use jiff::civil::Date;

use super::medicines::{Intolerance, Taken, intolerance, taken};
use super::results::{Row, row};
use super::{Around, long};
use crate::pages::Sheet;
use crate::patient::beside::{allergies, documents};
use crate::patient::gather::Gathered;
use crate::patient::medicines::medicines;
use crate::patient::results::results;
use federation_protocol::time::Timestamp;

/// The most results and documents on paper: some ten pages.
const MOST_RESULTS: usize = 400;
const MOST_DOCUMENTS: usize = 60;

/// The sheet.
#[derive(Template)]
#[template(path = "patient/templates/whole.html")]
pub(in crate::patient) struct WholePage {
    page: Sheet,
    around: Around,
    name: String,
    born: String,
    printed: String,
    allergies: Vec<Intolerance>,
    medicines: Vec<Taken>,
    results: Vec<Row>,
    cut_results: usize,
    documents: Vec<(String, String, String)>,
}

impl WholePage {
    /// The sheet of what was gathered at `now` of the person called `name`.
    pub(in crate::patient) fn new(
        page: &Sheet,
        gathered: &Gathered,
        (name, born): (String, String),
        today: Date,
        now: Timestamp,
    ) -> Self {
        let held = gathered.held();
        let (found, listed) = (results(&held, today), documents(&held));
        let written = listed.into_iter().take(MOST_DOCUMENTS).map(|one| {
            let hospital = gathered.name(one.hospital).to_owned();
            (long(page, one.written), one.title, hospital)
        });
        let taken_now = medicines(&held, today).now;
        let intolerances = allergies(&held);
        Self {
            around: Around::of(page, gathered, "/p/print"),
            name,
            born: page.day(&born),
            printed: page.moment(now),
            allergies: intolerances
                .iter()
                .map(|one| intolerance(page, gathered, one))
                .collect(),
            medicines: taken_now
                .iter()
                .map(|one| taken(page, gathered, one))
                .collect(),
            cut_results: found.len().saturating_sub(MOST_RESULTS),
            results: found
                .iter()
                .take(MOST_RESULTS)
                .map(|one| row(page, gathered, one))
                .collect(),
            documents: written.collect(),
            page: page.clone(),
        }
    }
}
