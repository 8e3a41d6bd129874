//! The list of problems: diagnoses that are not over.

use super::Chart;
use super::fhir::{concept, folded, has_code};
use super::moment::Moment;

/// The most that are listed.
const MOST: usize = 100;

/// One diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name.
    pub name: String,
    /// The places of the hospitals that have it.
    pub sources: Vec<usize>,
    /// Since when, as far as the first of them says.
    pub since: Option<Moment>,
    /// Whether it is only suspected.
    pub is_suspected: bool,
}

/// The diagnoses of `chart` that are neither over nor refuted, each name once.
#[must_use]
pub fn problems(chart: &Chart) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    for taken in chart.of("Condition").take(2000) {
        let value = &taken.value;
        let over = ["inactive", "resolved", "remission"];
        let is_over = over
            .iter()
            .any(|code| has_code(value, "clinicalStatus", code))
            || has_code(value, "verificationStatus", "refuted");
        let Some(name) = concept(value, "code").filter(|_| !is_over) else {
            continue;
        };
        let has_room = found.len() < MOST;
        let same = |one: &&mut Problem| folded(&one.name) == folded(&name);
        match found.iter_mut().find(same) {
            Some(known) if !known.sources.contains(&taken.source) => {
                known.sources.push(taken.source)
            }
            Some(_) => {}
            None if has_room => found.push(Problem {
                name,
                sources: vec![taken.source],
                since: Moment::first(value, &["onsetDateTime", "onsetPeriod", "recordedDate"]),
                is_suspected: ["unconfirmed", "provisional", "differential"]
                    .iter()
                    .any(|code| has_code(value, "verificationStatus", code)),
            }),
            None => {}
        }
    }
    found
}
