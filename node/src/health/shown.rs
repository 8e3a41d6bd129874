//! A person's own vital signs, as their page shows them: theirs and what hospitals here measured.

use apple_health::{Kind, Pseudonyms, Value, is_patient_generated, read_fhir};
use serde_json::Value as Json;

use super::work::observation;
use super::{Health, HealthError};
use crate::access::{Act, Permit};
use crate::identity::Caller;
use crate::records::{Entry, RecordsError, ResourceType, SearchQuery};

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The logical id of its Observation.
    pub id: String,
    /// When, as a FHIR `dateTime`; of steps and of what has no time the day.
    pub at: String,
    /// When, in seconds since 1970 UTC.
    pub at_seconds: i64,
    /// When it ended, where it has a length.
    pub until: Option<String>,
    /// What was measured.
    pub value: Value,
    /// Whether the person brought it, and may change it.
    pub is_own: bool,
    /// The kind of device, and its pseudonym.
    pub source: String,
}

/// Measurements of one kind, the newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The kind.
    pub kind: Kind,
    /// The newest.
    pub measured: Vec<Measured>,
}

impl Health {
    /// The newest measurements of these kinds in the caller's own chart, at most `count` of each.
    ///
    /// # Errors
    /// `Access`, `Linkage`, `Records`, `Database`.
    pub async fn shown(
        &self,
        caller: &Caller,
        kinds: &[Kind],
        count: usize,
    ) -> Result<Vec<Series>, HealthError> {
        let person = self.desk.person(caller).await?;
        let act = Act::Search {
            kind: "Observation",
            patient: Some(person.patient),
        };
        let permit = self.desk.parts.access.permit(caller, act).await?;
        let mut all = Vec::with_capacity(kinds.len());
        for kind in kinds {
            all.push(self.series(&permit, *kind, count).await?);
        }
        Ok(all)
    }

    /// One measurement of the caller's own.
    ///
    /// # Errors
    /// `NotFound` for anything else, a hospital's too; `Access`, `Linkage`, `Records`, `Database`.
    pub async fn one(
        &self,
        caller: &Caller,
        kind: Kind,
        id: &str,
    ) -> Result<Measured, HealthError> {
        let person = self.desk.person(caller).await?;
        let address = observation(id).ok_or(HealthError::NotFound)?;
        let act = Act::Read {
            kind: "Observation",
            id,
            patient: Some(person.patient),
        };
        let permit = self.desk.parts.access.permit(caller, act).await?;
        let entry = self.desk.parts.records.read(&permit, &address).await?;
        let one = measured(kind, &entry);
        one.filter(|one| one.is_own).ok_or(HealthError::NotFound)
    }

    async fn series(
        &self,
        permit: &Permit,
        kind: Kind,
        count: usize,
    ) -> Result<Series, HealthError> {
        let observation = ResourceType::named("Observation")
            .ok_or(HealthError::Records(RecordsError::NotFound))?;
        let asked = [
            ("code", format!("http://loinc.org|{}", kind.loinc())),
            ("_count", count.to_string()),
        ];
        let query = SearchQuery::parse(observation, &asked).map_err(RecordsError::from)?;
        let page = self.desk.parts.records.search(permit, query).await?;
        let measured = page
            .entries
            .iter()
            .filter_map(|entry| measured(kind, entry));
        Ok(Series {
            kind,
            measured: measured.collect(),
        })
    }
}

fn measured(kind: Kind, entry: &Entry) -> Option<Measured> {
    // What it says is read as what comes from outside is: a hospital's units may be others.
    let (readings, _) = read_fhir(entry.raw.as_bytes(), &Pseudonyms::under(b"")).ok()?;
    let reading = readings.into_iter().find(|one| one.kind() == kind)?;
    let json: Json = serde_json::from_str(&entry.raw).ok()?;
    let source = json.pointer("/device/display").and_then(Json::as_str);
    let lasts = reading.start().seconds() != reading.end().seconds();
    Some(Measured {
        id: entry.address.id.as_str().to_owned(),
        at: match kind {
            Kind::Steps => reading.start().date(),
            _ => reading.start().date_time(),
        },
        at_seconds: reading.start().seconds(),
        until: lasts.then(|| reading.end().date_time()),
        value: reading.value(),
        is_own: is_patient_generated(&json),
        source: source.unwrap_or_default().to_owned(),
    })
}
