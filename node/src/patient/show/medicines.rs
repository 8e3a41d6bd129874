//! P4: medicines now and before, allergies, and the QR codes for a medication notebook.

use askama::Template;
use askama::filters::Safe;
use jiff::civil::Date;

use super::{Around, Chip, chip, long, short};
use crate::pages::Sheet;
use crate::patient::beside::{Allergy, allergies};
use crate::patient::gather::Gathered;
use crate::patient::medicines::{Medicine, medicines};
use crate::patient::notebook::Symbols;

/// The most medicines of the past on the page.
const MOST_PAST: usize = 60;

/// The page.
#[derive(Template)]
#[template(path = "patient/templates/medicines.html")]
pub(in crate::patient) struct MedicinesPage {
    page: Sheet,
    around: Around,
    now: Vec<Taken>,
    past: Vec<Taken>,
    allergies: Vec<Intolerance>,
}

/// What of it changes when others have answered.
#[derive(Template)]
#[template(path = "patient/templates/medicines_part.html")]
pub(in crate::patient) struct MedicinesPart {
    page: Sheet,
    around: Around,
    now: Vec<Taken>,
    past: Vec<Taken>,
    allergies: Vec<Intolerance>,
}

/// A medicine in a list.
#[derive(Clone, Debug)]
pub(in crate::patient) struct Taken {
    pub(in crate::patient) name: String,
    pub(in crate::patient) how: String,
    pub(in crate::patient) dose: String,
    pub(in crate::patient) left: String,
    pub(in crate::patient) is_soon_over: bool,
    pub(in crate::patient) is_double: bool,
    pub(in crate::patient) notes: Vec<String>,
    pub(in crate::patient) prescriber: String,
    pub(in crate::patient) since: String,
    pub(in crate::patient) hospital: Chip,
}

/// An allergy in a list.
#[derive(Clone, Debug)]
pub(in crate::patient) struct Intolerance {
    pub(in crate::patient) of: String,
    pub(in crate::patient) reactions: String,
    pub(in crate::patient) is_grave: bool,
    pub(in crate::patient) is_suspected: bool,
    pub(in crate::patient) since: String,
    pub(in crate::patient) hospital: Chip,
}

/// Below this many days one should think of the next visit.
const SOON_DAYS: i64 = 7;

/// A medicine as it stands in a list.
pub(super) fn taken(page: &Sheet, gathered: &Gathered, medicine: &Medicine) -> Taken {
    let newest = &medicine.newest;
    let dose = newest.dose.as_ref().map(|dose| {
        let amount = format!("{}{}", dose.number.written, dose.unit);
        page.t1("patient-dose", "amount", amount)
    });
    Taken {
        name: newest.short_name(),
        how: newest.how.clone(),
        dose: dose.unwrap_or_default(),
        left: left(page, medicine),
        is_soon_over: medicine.days_left.is_some_and(|days| days <= SOON_DAYS),
        is_double: medicine.is_double,
        notes: newest.notes.clone(),
        prescriber: newest.prescriber.clone().unwrap_or_default(),
        since: short(page, medicine.since),
        hospital: chip(gathered, newest.hospital),
    }
}

fn left(page: &Sheet, medicine: &Medicine) -> String {
    match (medicine.days_left, medicine.until) {
        (Some(days), Some(until)) => page.t2(
            "patient-days-left",
            "count",
            days,
            "day",
            short(page, until),
        ),
        (None, Some(until)) => page.t1("patient-until", "day", short(page, until)),
        _ => String::new(),
    }
}

/// An allergy as it stands in a list.
pub(super) fn intolerance(page: &Sheet, gathered: &Gathered, allergy: &Allergy) -> Intolerance {
    Intolerance {
        of: allergy.of.clone(),
        reactions: allergy.reactions.join("、"),
        is_grave: allergy.is_grave,
        is_suspected: allergy.is_suspected,
        since: allergy
            .since
            .map(|since| long(page, since))
            .unwrap_or_default(),
        hospital: chip(gathered, allergy.hospital),
    }
}

impl MedicinesPage {
    /// The page of what was gathered.
    pub(in crate::patient) fn new(page: &Sheet, gathered: &Gathered, today: Date) -> Self {
        let held = gathered.held();
        let medicines = medicines(&held, today);
        let allergies = allergies(&held);
        let past = medicines.past.iter().take(MOST_PAST);
        Self {
            around: Around::of(page, gathered, "/p/medicines"),
            now: medicines
                .now
                .iter()
                .map(|one| taken(page, gathered, one))
                .collect(),
            past: past.map(|one| taken(page, gathered, one)).collect(),
            allergies: allergies
                .iter()
                .map(|one| intolerance(page, gathered, one))
                .collect(),
            page: page.clone(),
        }
    }

    /// Its part.
    pub(in crate::patient) fn part(self) -> MedicinesPart {
        MedicinesPart {
            page: self.page,
            around: self.around,
            now: self.now,
            past: self.past,
            allergies: self.allergies,
        }
    }
}

/// The QR codes for a notebook.
#[derive(Template)]
#[template(path = "patient/templates/notebook.html")]
pub(in crate::patient) struct NotebookPage {
    page: Sheet,
    around: Around,
    count: usize,
    codes: Vec<Code>,
    is_too_much: bool,
}

/// One code: a drawing that this program made of bytes that it wrote.
struct Code {
    title: String,
    svg: Safe<String>,
}

impl NotebookPage {
    /// The page of `count` medicines.
    pub(in crate::patient) fn new(
        page: &Sheet,
        gathered: &Gathered,
        count: usize,
        symbols: Symbols,
    ) -> Self {
        let (codes, is_too_much) = match symbols {
            Symbols::Codes(codes) => (codes, false),
            Symbols::TooMany => (Vec::new(), true),
        };
        let of = codes.len();
        let numbered = codes.into_iter().enumerate().map(|(at, svg)| Code {
            title: page.t2(
                "patient-notebook-code",
                "at",
                at.saturating_add(1),
                "of",
                of,
            ),
            svg: Safe(svg),
        });
        Self {
            around: Around::of(page, gathered, "/p/medicines/notebook"),
            count,
            codes: numbered.collect(),
            is_too_much,
            page: page.clone(),
        }
    }
}
