//! What a person takes home: the notebook, tables, a Bundle, a sheet of paper. Each waits for all
//! hospitals, and names who did not answer.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use federation_service::problem::Problem;

use super::problem;
use crate::identity::Caller;
use crate::pages::Sheet;
use crate::patient::download::{bundle, medicines_table, results_table};
use crate::patient::fhir::{When, called, called_in, text};
use crate::patient::gather::{Gathered, LAB, Patience, People, Wanted, all};
use crate::patient::medicines::{Prescription, medicines as listed};
use crate::patient::notebook::{self, Institution, Owner};
use crate::patient::show::{NotebookPage, WholePage};

const CSV: &str = "text/csv; charset=utf-8";

/// Every kind that is taken home.
const EVERYTHING: [Wanted; 15] = [
    all("Patient"),
    all("AllergyIntolerance"),
    all("Appointment"),
    all("Composition"),
    all("Condition"),
    all("Coverage"),
    all("DiagnosticReport"),
    all("DocumentReference"),
    all("Encounter"),
    all("Immunization"),
    all("MedicationRequest"),
    all("MedicationStatement"),
    all("Observation"),
    all("Procedure"),
    all("Specimen"),
];
const ON_PAPER: [Wanted; 7] = [
    LAB,
    all("MedicationRequest"),
    all("MedicationStatement"),
    all("AllergyIntolerance"),
    all("DiagnosticReport"),
    all("DocumentReference"),
    all("Composition"),
];
const MEDICINES: [Wanted; 2] = [all("MedicationRequest"), all("MedicationStatement")];

type Answer = Result<HttpResponse, Problem>;

async fn whole(people: &People, caller: &Caller, wanted: &[Wanted]) -> Result<Gathered, Problem> {
    let gathered = people.gather(caller, wanted, Patience::Whole).await;
    gathered.map_err(|error| problem(&error))
}

/// A file to keep, which nobody on the way keeps.
fn file(name: &str, kind: &str, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(body.into())
}

/// The sentences about who is missing.
fn missing(page: &Sheet, gathered: &Gathered) -> Vec<String> {
    let sentences = gathered.missing.iter().map(|one| {
        let key = format!("patient-missing-{}", one.why.as_str());
        page.t1(&key, "hospital", one.name.as_str())
    });
    sentences.collect()
}

/// `GET /p/download/results.csv`.
pub(super) async fn results(people: Data<People>, caller: Caller, page: Sheet) -> Answer {
    let gathered = whole(&people, &caller, &[LAB]).await?;
    let heads = [
        "patient-csv-day",
        "patient-csv-hospital",
        "patient-csv-name",
        "patient-csv-value",
        "patient-csv-unit",
        "patient-csv-low",
        "patient-csv-high",
        "patient-csv-words",
        "patient-csv-standing",
    ];
    let heads = heads.map(|key| page.t(key));
    let missing = missing(&page, &gathered);
    let table = results_table(&gathered, people.today(), &heads, &missing);
    Ok(file("results.csv", CSV, table))
}

/// `GET /p/download/medicines.csv`.
pub(super) async fn medicines(people: Data<People>, caller: Caller, page: Sheet) -> Answer {
    let gathered = whole(&people, &caller, &MEDICINES).await?;
    let heads = [
        "patient-csv-day",
        "patient-csv-hospital",
        "patient-csv-name",
        "patient-csv-how",
        "patient-csv-dose",
        "patient-csv-days",
        "patient-csv-supplied",
        "patient-csv-prescriber",
    ];
    let heads = heads.map(|key| page.t(key));
    let table = medicines_table(&gathered, &heads, &missing(&page, &gathered));
    Ok(file("medicines.csv", CSV, table))
}

/// `GET /p/download/fhir.json`.
pub(super) async fn everything(people: Data<People>, caller: Caller) -> Answer {
    let gathered = whole(&people, &caller, &EVERYTHING).await?;
    let text = bundle(&gathered, &people.now().to_string());
    Ok(file("records.fhir.json", "application/fhir+json", text))
}

/// `GET /p/print`: everything that matters, on paper.
pub(super) async fn print(people: Data<People>, caller: Caller, page: Sheet) -> Answer {
    let gathered = whole(&people, &caller, &ON_PAPER).await?;
    let owner = owner(&people, &caller).await?;
    let born = owner.born.map(|born| born.to_string()).unwrap_or_default();
    let (today, now) = (people.today(), people.now());
    let sheet = WholePage::new(&page, &gathered, (owner.name, born), today, now);
    Ok(page.show(&sheet))
}

/// The prescriptions that are taken now.
fn now(people: &People, gathered: &Gathered) -> Vec<Prescription> {
    let taken = listed(&gathered.held(), people.today()).now;
    taken.into_iter().map(|one| one.newest).collect()
}

async fn notebook_of(
    people: &People,
    caller: &Caller,
    gathered: &Gathered,
) -> Result<(usize, Vec<notebook::Record>), Problem> {
    let taken = now(people, gathered);
    let owner = owner(people, caller).await?;
    let hospitals = gathered.hospitals.iter().map(|hospital| Institution {
        name: hospital.name.clone(),
        number: hospital
            .member
            .as_str()
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .to_owned(),
    });
    let hospitals: Vec<Institution> = hospitals.collect();
    Ok((taken.len(), notebook::records(&owner, &hospitals, &taken)))
}

/// `GET /p/medicines/notebook`: the QR codes.
pub(super) async fn notebook(people: Data<People>, caller: Caller, page: Sheet) -> Answer {
    let gathered = whole(&people, &caller, &MEDICINES).await?;
    let (count, records) = notebook_of(&people, &caller, &gathered).await?;
    let id = fourteen_digits(people.now().unix_seconds());
    let symbols = notebook::symbols(&records, &id);
    Ok(page.show(&NotebookPage::new(&page, &gathered, count, symbols)))
}

/// `GET /p/medicines/notebook.csv`: the same records as a file, Shift_JIS.
pub(super) async fn notebook_file(people: Data<People>, caller: Caller) -> Answer {
    let gathered = whole(&people, &caller, &MEDICINES).await?;
    let (_count, records) = notebook_of(&people, &caller, &gathered).await?;
    let body = notebook::file(&records);
    Ok(file(
        "okusuri-techo.csv",
        "text/csv; charset=Shift_JIS",
        body,
    ))
}

/// What the parts of one notebook share: digits of the moment it was asked for.
fn fourteen_digits(seconds: i64) -> String {
    format!(
        "{:014}",
        seconds
            .unsigned_abs()
            .checked_rem(100_000_000_000_000)
            .unwrap_or(0)
    )
}

/// The person, as their chart here names them.
async fn owner(people: &People, caller: &Caller) -> Result<Owner, Problem> {
    let patient = people
        .patient(caller)
        .await
        .map_err(|error| problem(&error))?;
    let Some(patient) = patient else {
        return Ok(Owner::default());
    };
    Ok(Owner {
        name: called(&patient).unwrap_or_default(),
        kana: called_in(&patient, "SYL").unwrap_or_default(),
        gender: text(&patient, "gender").unwrap_or_default().to_owned(),
        born: text(&patient, "birthDate")
            .and_then(When::parse)
            .map(|born| born.day),
    })
}
