//! `$match`: who of our patients a described person may be, graded.
//!
//! The index chooses candidates, [`score`] judges each of them alone, and two who would both be
//! certain make neither so. Nothing here is stored, and no chart is linked by it.
//!
//! Source: FHIR R4, Patient `$match`; IHE PDQm, ITI-119; facts on JP Core, sections 3.1 to 3.3.

mod answer;
mod blocks;
mod evidence;
mod identified;
mod insured;
mod name;
mod person;
mod question;
mod score;
mod shown;

use std::collections::HashMap;

use serde_json::Value;

use super::query::SearchQuery;
use super::query::condition::Condition;
use super::search::{Reach, Search};
use super::strict::strict;
use super::{Address, Entry, LogicalId, Records, RecordsError, ResourceType};
use crate::access::Permit;

use blocks::{Block, blocks};
use evidence::evidence;
use insured::insured_ids;
use person::{ChartNumber, Person};
use score::{Judged, judged, unique};

pub(super) use answer::{list_in, searchset};
pub use question::{MatchQuestion, ParametersError};
pub use score::Grade;
pub use shown::{Fit, Identified, Shown};

/// The most candidates that one block brings.
const MOST_OF_A_BLOCK: usize = 100;
/// The most Coverages that are read for all candidates.
const MOST_COVERAGES: usize = 2_000;

/// What the index has of the numbers that people are matched by, however they are spelled: families
/// of insured-person identifiers, patient numbers.
pub(super) fn hashes(kind: ResourceType, resource: &Value) -> Vec<i64> {
    let insured = insured_ids(kind, resource).into_iter();
    let mut hashes: Vec<i64> = insured.map(|id| id.family_hash()).collect();
    if kind.name() == "Patient" {
        let numbers = ChartNumber::of_patient(resource);
        hashes.extend(numbers.map(|number| number.hash()));
    }
    hashes
}

/// One patient who may be the person asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The Patient.
    pub entry: Entry,
    /// How likely it is the same person, in thousandths.
    pub points: u16,
    /// The same in a word.
    pub grade: Grade,
}

impl Records {
    /// The permitted patients who may be the person that a question describes, the likeliest first;
    /// at most as many as it wants.
    ///
    /// # Errors
    /// `Database`.
    pub async fn match_patient(
        &self,
        permit: &Permit,
        question: &MatchQuestion,
    ) -> Result<Vec<Match>, RecordsError> {
        let mut found = Candidates::default();
        for block in blocks(question.person()) {
            self.add_block(permit, block, &mut found).await?;
        }
        let institution = self.own.rsplit(':').next().unwrap_or_default();
        let (known, more) = self.persons(permit, &found.patients).await?;
        found.crowded |= more;
        let mut judged: Vec<(Entry, Judged)> = Vec::new();
        for entry in found.patients {
            let person = known.get(&entry.address.id).cloned().unwrap_or_default();
            // The chart that took its place is judged instead.
            if person.is_replaced {
                continue;
            }
            let evidence = evidence(question.person(), &person, institution);
            judged.extend(self::judged(&evidence).map(|judged| (entry, judged)));
        }
        let ranked = unique(judged, found.crowded);
        let wanted = ranked
            .into_iter()
            .filter(|(_, judged)| !question.only_certain() || judged.grade == Grade::Certain)
            .take(question.count());
        Ok(wanted
            .map(|(entry, Judged { points, grade })| Match {
                entry,
                points,
                grade,
            })
            .collect())
    }

    /// Adds the patients of one block.
    async fn add_block(
        &self,
        reach: &impl Reach,
        block: Block,
        found: &mut Candidates,
    ) -> Result<(), RecordsError> {
        let Block {
            kind,
            conditions,
            identifying,
        } = block;
        let (entries, more) = self
            .all_of(reach, kind, conditions, MOST_OF_A_BLOCK)
            .await?;
        found.crowded |= more && identifying;
        if kind.name() == "Patient" {
            found.add(entries);
            return Ok(());
        }
        let Some((patient, by)) = ResourceType::named("Patient").zip(kind.patient_parameter())
        else {
            return Ok(());
        };
        let mut ids: Vec<LogicalId> = entries
            .iter()
            .flat_map(|one| one.leads_to(by, patient))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        if !ids.is_empty() {
            let conditions = vec![Condition::Id(ids)];
            let (patients, _) = self
                .all_of(reach, patient, conditions, MOST_OF_A_BLOCK)
                .await?;
            found.add(patients);
        }
        Ok(())
    }

    /// What is known of each patient, their Coverages of all times among it; and whether there are
    /// more Coverages than were read.
    async fn persons(
        &self,
        reach: &impl Reach,
        patients: &[Entry],
    ) -> Result<(HashMap<LogicalId, Person>, bool), RecordsError> {
        let mut known = HashMap::new();
        for entry in patients {
            let patient = strict(&entry.raw).map_err(super::DraftError::from)?;
            known.insert(entry.address.id.clone(), Person::of_patient(&patient));
        }
        let coverage = ResourceType::named("Coverage")
            .and_then(|kind| Some((kind, kind.patient_parameter()?)))
            .zip(ResourceType::named("Patient"));
        let Some(((kind, by), patient)) = coverage.filter(|_| !known.is_empty()) else {
            return Ok((known, false));
        };
        let charts = vec![Condition::Chart(known.keys().cloned().collect())];
        let (coverages, more) = self.all_of(reach, kind, charts, MOST_COVERAGES).await?;
        for entry in coverages {
            let coverage = strict(&entry.raw).map_err(super::DraftError::from)?;
            for id in entry.leads_to(by, patient) {
                if let Some(person) = known.get_mut(&id) {
                    person.insured_by(&coverage);
                }
            }
        }
        Ok((known, more))
    }

    /// The newest permitted matches, and whether there are more.
    async fn all_of(
        &self,
        reach: &impl Reach,
        kind: ResourceType,
        conditions: Vec<Condition>,
        most: usize,
    ) -> Result<(Vec<Entry>, bool), RecordsError> {
        let mut query = SearchQuery::of_everything(kind);
        query.conditions = conditions;
        let search = Search::resumed(query, most, reach, None);
        let mut reads = self.database.clone();
        let found = self.run(&mut reads, search, reach).await?;
        Ok((found.entries, found.next.is_some()))
    }
}

/// Patients to be judged, each once.
#[derive(Debug, Default)]
struct Candidates {
    patients: Vec<Entry>,
    /// More carry one of the identifiers than were looked at, or have more Coverages: nobody can be
    /// known to be the only one.
    crowded: bool,
}

impl Candidates {
    fn add(&mut self, entries: Vec<Entry>) {
        let known: Vec<Address> = self
            .patients
            .iter()
            .map(|one| one.address.clone())
            .collect();
        let new = entries
            .into_iter()
            .filter(|one| !known.contains(&one.address));
        self.patients.extend(new);
    }
}
