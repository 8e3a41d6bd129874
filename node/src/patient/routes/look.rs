//! The pages that are looked at. A page shows the own chart at once; its part, asked for by the
//! module, shows the others too (`part=1`: after a few seconds what has come; `part=2`: all of it);
//! `wait=1` is both on the server, for browsers without scripts.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use federation_service::problem::Problem;
use serde::Deserialize;

use super::{not_found, problem};
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::pages::routes::fragment;
use crate::patient::gather::{Gathered, LAB, Patience, People, Wanted, all};
use crate::patient::results::is_item;
use crate::patient::show::{
    DocumentsPage, HelpPage, HomePage, ItemPage, MedicinesPage, ResultsPage, SettingsPage,
};

/// What may stand in the query of a page.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Manner {
    part: Option<u8>,
    wait: Option<u8>,
    #[serde(default)]
    at: usize,
}

impl Manner {
    fn patience(&self) -> Patience {
        match (self.part, self.wait) {
            (Some(1), _) => Patience::Short,
            (Some(_), _) | (None, Some(_)) => Patience::Whole,
            (None, None) => Patience::None,
        }
    }

    fn is_part(&self) -> bool {
        self.part.is_some()
    }
}

/// The kinds that home looks at.
const OF_HOME: [Wanted; 5] = [
    all("Patient"),
    LAB,
    all("MedicationRequest"),
    all("Appointment"),
    all("Encounter"),
];
const OF_MEDICINES: [Wanted; 3] = [
    all("MedicationRequest"),
    all("MedicationStatement"),
    all("AllergyIntolerance"),
];
const OF_DOCUMENTS: [Wanted; 5] = [
    all("DiagnosticReport"),
    all("DocumentReference"),
    all("Composition"),
    all("Encounter"),
    all("Immunization"),
];

async fn gathered(
    people: &People,
    caller: &Caller,
    wanted: &[Wanted],
    manner: &Manner,
) -> Result<Gathered, Problem> {
    let gathered = people.gather(caller, wanted, manner.patience()).await;
    gathered.map_err(|error| problem(&error))
}

/// `GET /p`: P1.
pub(super) async fn home(
    people: Data<People>,
    caller: Caller,
    page: Sheet,
    manner: Query<Manner>,
) -> Result<HttpResponse, Problem> {
    let gathered = gathered(&people, &caller, &OF_HOME, &manner).await?;
    let home = HomePage::new(&page, &gathered, people.today());
    Ok(match manner.is_part() {
        true => fragment(&home.part()),
        false => page.show(&home),
    })
}

/// `GET /p/results`: P2.
pub(super) async fn results(
    people: Data<People>,
    caller: Caller,
    page: Sheet,
    manner: Query<Manner>,
) -> Result<HttpResponse, Problem> {
    let gathered = gathered(&people, &caller, &[LAB], &manner).await?;
    let results = ResultsPage::new(&page, &gathered, people.today(), manner.at);
    Ok(match manner.is_part() {
        true => fragment(&results.part()),
        false => page.show(&results),
    })
}

/// `GET /p/results/{item}`: P3.
pub(super) async fn item(
    people: Data<People>,
    caller: Caller,
    page: Sheet,
    item: Path<String>,
    manner: Query<Manner>,
) -> Result<HttpResponse, Problem> {
    if !is_item(&item) {
        return Err(not_found());
    }
    let gathered = gathered(&people, &caller, &[LAB], &manner).await?;
    let shown = ItemPage::new(&page, &gathered, people.today(), &item).ok_or_else(not_found)?;
    Ok(match manner.is_part() {
        true => fragment(&shown.part()),
        false => page.show(&shown),
    })
}

/// `GET /p/medicines`: P4.
pub(super) async fn medicines(
    people: Data<People>,
    caller: Caller,
    page: Sheet,
    manner: Query<Manner>,
) -> Result<HttpResponse, Problem> {
    let gathered = gathered(&people, &caller, &OF_MEDICINES, &manner).await?;
    let medicines = MedicinesPage::new(&page, &gathered, people.today());
    Ok(match manner.is_part() {
        true => fragment(&medicines.part()),
        false => page.show(&medicines),
    })
}

/// `GET /p/documents`: P5.
pub(super) async fn documents(
    people: Data<People>,
    caller: Caller,
    page: Sheet,
    manner: Query<Manner>,
) -> Result<HttpResponse, Problem> {
    let gathered = gathered(&people, &caller, &OF_DOCUMENTS, &manner).await?;
    let documents = DocumentsPage::new(&page, &gathered);
    Ok(match manner.is_part() {
        true => fragment(&documents.part()),
        false => page.show(&documents),
    })
}

/// `GET /p/settings`: P12.
pub(super) async fn settings(_caller: Caller, page: Sheet) -> HttpResponse {
    page.show(&SettingsPage::new(&page))
}

/// `GET /p/help`: P13.
pub(super) async fn help(_caller: Caller, page: Sheet) -> HttpResponse {
    page.show(&HelpPage::new(&page))
}
