//! The pages: what of the views is said, in the reader's words. One file a page.

mod around;
mod documents;
mod home;
mod item;
mod medicines;
mod results;
mod settings;
mod whole;

pub(super) use around::Around;
pub(super) use documents::DocumentsPage;
pub(super) use home::HomePage;
pub(super) use item::ItemPage;
pub(super) use medicines::{MedicinesPage, NotebookPage};
pub(super) use results::ResultsPage;
pub(super) use settings::{HelpPage, SettingsPage};
pub(super) use whole::WholePage;

use jiff::civil::Date;

use super::fhir::{Exact, When};
use super::gather::Gathered;
use crate::pages::Sheet;

/// How many colours hospitals have; the seventh looks like the first.
const COLOURS: usize = 6;

/// A hospital as a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chip {
    /// Its name.
    pub(super) name: String,
    /// Its colour's class, the same on every page of one answer.
    pub(super) colour: usize,
}

fn chip(gathered: &Gathered, hospital: usize) -> Chip {
    Chip {
        name: gathered.name(hospital).to_owned(),
        colour: hospital.checked_rem(COLOURS).unwrap_or(0).saturating_add(1),
    }
}

/// A date as exactly as it was said: `2026年11月18日(水)`.
fn long(page: &Sheet, when: When) -> String {
    page.day(&said(when))
}

/// The same, with its hour where that was said.
fn with_hour(page: &Sheet, when: When) -> String {
    match when.time {
        Some((hour, minute)) => format!("{} {hour}:{minute:02}", long(page, when)),
        None => long(page, when),
    }
}

fn short(page: &Sheet, day: Date) -> String {
    page.short_day(&day.to_string())
}

fn said(when: When) -> String {
    let day = when.day;
    match when.exact {
        Exact::Year => format!("{:04}", day.year()),
        Exact::Month => format!("{:04}-{:02}", day.year(), day.month()),
        Exact::Day => day.to_string(),
    }
}
