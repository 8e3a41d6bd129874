//! P5: documents, visits and vaccinations.

use askama::Template;

use super::{Around, Chip, chip, long};
use crate::pages::Sheet;
use crate::patient::beside::{Document, Visit, documents, vaccinations, visits};
use crate::patient::gather::Gathered;

/// The most of each on the page.
const MOST: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "patient/templates/documents.html")]
pub(in crate::patient) struct DocumentsPage {
    page: Sheet,
    around: Around,
    documents: Vec<Line>,
    visits: Vec<Line>,
    vaccinations: Vec<Line>,
}

/// What of it changes when others have answered.
#[derive(Template)]
#[template(path = "patient/templates/documents_part.html")]
pub(in crate::patient) struct DocumentsPart {
    page: Sheet,
    around: Around,
    documents: Vec<Line>,
    visits: Vec<Line>,
    vaccinations: Vec<Line>,
}

/// A line in a list.
#[derive(Clone, Debug)]
pub(in crate::patient) struct Line {
    pub(in crate::patient) day: String,
    pub(in crate::patient) kind: String,
    pub(in crate::patient) title: String,
    pub(in crate::patient) by: String,
    pub(in crate::patient) says: String,
    pub(in crate::patient) hospital: Chip,
}

impl DocumentsPage {
    /// The page of what was gathered.
    pub(in crate::patient) fn new(page: &Sheet, gathered: &Gathered) -> Self {
        let held = gathered.held();
        let documents = documents(&held).into_iter().take(MOST);
        let visits = visits(&held).into_iter().take(MOST);
        let vaccinations = vaccinations(&held).into_iter().take(MOST).map(|one| Line {
            day: long(page, one.given),
            kind: String::new(),
            title: one.vaccine,
            by: String::new(),
            says: one.lot,
            hospital: chip(gathered, one.hospital),
        });
        Self {
            around: Around::of(page, gathered, "/p/documents"),
            documents: documents.map(|one| document(page, gathered, one)).collect(),
            visits: visits.map(|one| visit(page, gathered, one)).collect(),
            vaccinations: vaccinations.collect(),
            page: page.clone(),
        }
    }

    /// Its part.
    pub(in crate::patient) fn part(self) -> DocumentsPart {
        DocumentsPart {
            page: self.page,
            around: self.around,
            documents: self.documents,
            visits: self.visits,
            vaccinations: self.vaccinations,
        }
    }
}

fn document(page: &Sheet, gathered: &Gathered, one: Document) -> Line {
    Line {
        day: long(page, one.written),
        kind: page.t(&format!("patient-paper-{}", one.paper.as_str())),
        title: one.title,
        by: one.author.unwrap_or_default(),
        says: one.says,
        hospital: chip(gathered, one.hospital),
    }
}

fn visit(page: &Sheet, gathered: &Gathered, one: Visit) -> Line {
    let kind = match one.is_stay {
        true => page.t("patient-visit-stay"),
        false => page.t("patient-visit-out"),
    };
    let until = one
        .until
        .map(|until| page.t1("patient-visit-until", "day", long(page, until)));
    Line {
        day: long(page, one.from),
        kind,
        title: one.department,
        by: one.seen_by.unwrap_or_default(),
        says: until.unwrap_or_default(),
        hospital: chip(gathered, one.hospital),
    }
}
