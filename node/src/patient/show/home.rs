//! P1: what matters today.

use askama::Template;
use jiff::civil::Date;

use super::medicines::{Taken, taken};
use super::results::{Row, row};
use super::{Around, Chip, chip, with_hour};
use crate::pages::Sheet;
use crate::patient::beside::{Appointment, appointments};
use crate::patient::fhir::{called, days_between};
use crate::patient::gather::Gathered;
use crate::patient::medicines::medicines;
use crate::patient::results::results;

/// New results on the page.
const MOST_RESULTS: usize = 3;
/// Medicines on the page.
const MOST_MEDICINES: usize = 4;

/// The page.
#[derive(Template)]
#[template(path = "patient/templates/home.html")]
pub(in crate::patient) struct HomePage {
    page: Sheet,
    name: String,
    around: Around,
    next: Option<Next>,
    results: Vec<Row>,
    new_results: usize,
    medicines: Vec<Taken>,
    more_medicines: usize,
    is_empty: bool,
}

/// What of it changes when others have answered.
#[derive(Template)]
#[template(path = "patient/templates/home_part.html")]
pub(in crate::patient) struct HomePart {
    page: Sheet,
    around: Around,
    next: Option<Next>,
    results: Vec<Row>,
    new_results: usize,
    medicines: Vec<Taken>,
    more_medicines: usize,
    is_empty: bool,
}

/// The next appointment.
#[derive(Clone, Debug)]
struct Next {
    at: String,
    away: String,
    what: String,
    with: String,
    note: String,
    hospital: Chip,
}

impl HomePage {
    /// The page of what was gathered.
    pub(in crate::patient) fn new(page: &Sheet, gathered: &Gathered, today: Date) -> Self {
        let held = gathered.held();
        let fresh = results(&held, today).into_iter().filter(|one| one.is_new);
        let mut fresh: Vec<_> = fresh.collect();
        // What wants a mark is seen first.
        fresh.sort_by_key(|one| !one.standing.is_marked());
        let medicines = medicines(&held, today).now;
        let next = appointments(&held, today).into_iter().next();
        let listed = medicines.iter().take(MOST_MEDICINES);
        let shown = fresh.iter().take(MOST_RESULTS);
        let patient = held.iter().find(|one| one.kind() == "Patient");
        let records = held.iter().filter(|one| one.kind() != "Patient").count();
        Self {
            around: Around::of(page, gathered, "/p"),
            results: shown.map(|one| row(page, gathered, one)).collect(),
            new_results: fresh.len(),
            medicines: listed.map(|one| taken(page, gathered, one)).collect(),
            more_medicines: medicines.len().saturating_sub(MOST_MEDICINES),
            name: patient
                .and_then(|one| called(&one.resource))
                .unwrap_or_default(),
            is_empty: records == 0 && !gathered.is_own_only && gathered.missing.is_empty(),
            next: next.map(|one| of(page, gathered, today, one)),
            page: page.clone(),
        }
    }

    /// Its part.
    pub(in crate::patient) fn part(self) -> HomePart {
        HomePart {
            page: self.page,
            around: self.around,
            next: self.next,
            results: self.results,
            new_results: self.new_results,
            medicines: self.medicines,
            more_medicines: self.more_medicines,
            is_empty: self.is_empty,
        }
    }
}

fn of(page: &Sheet, gathered: &Gathered, today: Date, one: Appointment) -> Next {
    let away = match days_between(today, one.at.day) {
        0 => page.t("patient-today"),
        1 => page.t("patient-tomorrow"),
        days => page.t1("patient-in-days", "count", days),
    };
    Next {
        at: with_hour(page, one.at),
        away,
        what: one.what,
        with: one.with.unwrap_or_default(),
        note: one.note,
        hospital: chip(gathered, one.hospital),
    }
}
