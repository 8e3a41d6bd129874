//! What people measure themselves, on its way into their own chart and nowhere else.
//!
//! A permit for it is no permit to write: whatever is written under it is held against the rules
//! here, in the transaction that writes it. So whoever comes by a person's upload token, or finds a
//! hole in the room that reads uploads, writes vital signs into one chart and cannot touch what a
//! hospital wrote there.

use std::collections::HashSet;

use apple_health::is_patient_generated;
use federation_protocol::category::Category;
use serde_json::Value;

use crate::access::Permit;
use crate::database::{HospitalConnection, Rid, take_turn};

use super::intake::Incoming;
use super::store;
use super::{Address, Intake, Outcome, Records, RecordsError};

/// What stands at an address, for who may write vital signs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, or nothing any more.
    Nothing,
    /// Something that the person measured: its text.
    Measured(String),
}

impl Records {
    /// What stands at an address, under a permit to record vital signs. Waits for this writer's
    /// turn, so that it still stands there when [`Records::record_vitals`] writes in the same
    /// transaction.
    ///
    /// # Errors
    /// `ReadOnly` for any other permit; `NotFound` where something stands there that the person did
    /// not measure; `Database`.
    pub fn standing_vital(
        &self,
        permit: &Permit,
        connection: &mut HospitalConnection,
        address: &Address,
    ) -> Result<Standing, RecordsError> {
        let chart = permit.vitals_of().ok_or(RecordsError::ReadOnly)?;
        take_turn(connection)?;
        standing(connection, chart, address)
    }

    /// Writes and deletes what a person measured, in the caller's transaction; what became of each,
    /// in their order.
    ///
    /// An Observation must be a vital sign of the permit's chart, carry the tag
    /// `patient-generated`, refer to nobody but the person and contain nothing; what stands at its
    /// address must be such a one too. A Provenance must be new, carry the tag and refer to nothing
    /// but the person and the Observations that are written with it.
    ///
    /// # Errors
    /// `ReadOnly` for any other permit, and for anything else to be written; `NotFound` where
    /// something stands that the person did not measure; `Database`. The caller's transaction must
    /// not be committed then.
    pub fn record_vitals(
        &self,
        permit: &Permit,
        connection: &mut HospitalConnection,
        vitals: Vec<Intake>,
    ) -> Result<Vec<Outcome>, RecordsError> {
        let chart = permit.vitals_of().ok_or(RecordsError::ReadOnly)?;
        take_turn(connection)?;
        let written: HashSet<String> = vitals
            .iter()
            .filter(|intake| matches!(intake, Intake::Put(_)))
            .map(|intake| intake.address().to_string())
            .collect();
        for intake in &vitals {
            let before = standing(connection, chart, intake.address())?;
            match intake {
                Intake::Delete(address) if address.kind.name() == "Observation" => {}
                Intake::Put(incoming) => {
                    lawful(connection, chart, incoming, &before, &written)?;
                }
                Intake::Delete(_) => return Err(RecordsError::ReadOnly),
            }
        }
        self.put_in(connection, vitals)
    }
}

fn standing(
    connection: &mut HospitalConnection,
    chart: Rid,
    address: &Address,
) -> Result<Standing, RecordsError> {
    let Some(stored) = store::read(connection, address)? else {
        return Ok(Standing::Nothing);
    };
    if stored.deleted {
        // Whose it was is still known: another's address stays another's.
        return if stored.patient == chart.0 || stored.patient == 0 {
            Ok(Standing::Nothing)
        } else {
            Err(RecordsError::NotFound)
        };
    }
    let resource: Value = serde_json::from_str(&stored.raw).unwrap_or(Value::Null);
    if stored.patient == chart.0 && is_patient_generated(&resource) {
        Ok(Standing::Measured(stored.raw))
    } else {
        Err(RecordsError::NotFound)
    }
}

/// Whether this may be written.
fn lawful(
    connection: &mut HospitalConnection,
    chart: Rid,
    incoming: &Incoming,
    before: &Standing,
    written: &HashSet<String>,
) -> Result<(), RecordsError> {
    let draft = &incoming.draft;
    let resource = draft.value();
    let facts = &draft.extracted.facts;
    let plain = is_patient_generated(&resource)
        && resource.pointer("/meta/security").is_none()
        && resource.get("contained").is_none()
        && facts.contained.is_empty();
    let sort = match draft.kind.name() {
        "Observation" => {
            let patient = draft.extracted.patient.clone();
            let patient = patient.ok_or(RecordsError::ReadOnly)?;
            store::rid_of(connection, &patient)? == Some(chart)
                && facts.category == Category::Vital
                && refers_only_to(connection, chart, &facts.related, &HashSet::new())?
        }
        "Provenance" => {
            *before == Standing::Nothing
                && refers_only_to(connection, chart, &facts.related, written)?
        }
        _ => false,
    };
    if plain && sort {
        Ok(())
    } else {
        Err(RecordsError::ReadOnly)
    }
}

/// Whether every reference is to the person or to what is written now.
fn refers_only_to(
    connection: &mut HospitalConnection,
    chart: Rid,
    references: &[String],
    written: &HashSet<String>,
) -> Result<bool, RecordsError> {
    for reference in references {
        let known = written.contains(reference);
        let person = match Address::parse(reference) {
            Some(address) if address.kind.name() == "Patient" => {
                store::rid_of(connection, &address)? == Some(chart)
            }
            _other => false,
        };
        if !known && !person {
            return Ok(false);
        }
    }
    Ok(true)
}
