//! Readings on their way into the chart: each once, with who brought them.

use std::collections::HashSet;
use std::sync::Arc;

use apple_health::{Kind, Reading, Value};
use serde_json::Value as Json;

use super::provenance::Origin;
use super::{Counts, Desk, HealthError, UploadId, store};
use crate::access::Permit;
use crate::consent::Subject;
use crate::database::HospitalConnection;
use crate::linkage::Person;
use crate::records::{Address, Incoming, Intake, RecordsError, Standing};

/// How many are saved in one commit.
pub(super) const AT_ONCE: usize = 250;

/// Readings that are to be saved together.
#[derive(Clone)]
pub(super) struct Batch {
    desk: Desk,
    permit: Arc<Permit>,
    origin: Origin,
    /// The upload that brings them, if one does.
    upload: Option<UploadId>,
    measured: Vec<Measured>,
}

#[derive(Clone)]
struct Measured {
    reading: Reading,
    id: String,
    address: Address,
    incoming: Incoming,
}

impl Desk {
    /// Who brings measurements, in which way.
    pub(super) async fn origin(
        &self,
        person: &Person,
        way: &'static str,
        of: &str,
    ) -> Result<Origin, HealthError> {
        let subject = Subject::Person(person.id.clone());
        let directives = self.parts.consents.list(subject).await?;
        let mut active = directives.into_iter().filter(|one| one.status == "active");
        Ok(Origin {
            patient: person.patient_id.clone(),
            way,
            of: of.to_owned(),
            consent: active.next().map(|one| one.id.to_string()),
        })
    }

    /// Makes readings ready to be saved.
    ///
    /// # Errors
    /// `Records`, where a resource of ours is none that the node stores.
    pub(super) fn batch(
        &self,
        permit: &Arc<Permit>,
        origin: &Origin,
        upload: Option<&UploadId>,
        readings: Vec<Reading>,
    ) -> Result<Batch, HealthError> {
        let mut measured = Vec::with_capacity(readings.len());
        for reading in readings {
            let observation = reading.observation(&origin.patient);
            let incoming = Incoming::parse(&self.parts.validator, observation.json.as_bytes());
            let incoming = incoming.map_err(RecordsError::from)?;
            measured.push(Measured {
                reading,
                id: observation.id,
                address: incoming.address().clone(),
                incoming,
            });
        }
        Ok(Batch {
            desk: self.clone(),
            permit: Arc::clone(permit),
            origin: origin.clone(),
            upload: upload.cloned(),
            measured,
        })
    }
}

impl Batch {
    /// Saves it in the caller's transaction; what became of it.
    ///
    /// # Errors
    /// `Records`, `Database`: nothing of it is to be committed then.
    pub(super) fn save(
        &self,
        connection: &mut HospitalConnection,
        without: Option<&Address>,
    ) -> Result<Counts, HealthError> {
        let records = &self.desk.parts.records;
        let mut counts = Counts::default();
        let (mut intakes, mut created, mut met) = (Vec::new(), Vec::new(), HashSet::new());
        let brought = self.brought(connection)?;
        for one in &self.measured {
            let standing = records.standing_vital(&self.permit, connection, &one.address);
            let replaces = match standing {
                // Somebody else's stands there: what never happens unless somebody wants it to.
                Err(RecordsError::NotFound) => {
                    counts.outside = counts.outside.saturating_add(1);
                    continue;
                }
                Ok(Standing::Measured(text)) => Some(text),
                Ok(Standing::Nothing) => None,
                Err(error) => return Err(error.into()),
            };
            // A correction counts whatever it says, a smaller total of a day too.
            let corrects = without == Some(&one.address);
            let known = is_known(one, replaces.as_deref()) && !corrects;
            if !met.insert(&one.id) || known {
                let count = if brought.contains(&one.id) {
                    &mut counts.saved
                } else {
                    &mut counts.duplicates
                };
                *count = count.saturating_add(1);
                continue;
            }
            if replaces.is_none() && !brought.contains(&one.id) {
                created.push(one.id.clone());
            }
            counts.saved = counts.saved.saturating_add(1);
            intakes.push(Intake::Put(Box::new(one.incoming.clone())));
        }
        self.put(connection, intakes, without)?;
        if let Some(upload) = &self.upload {
            store::brought(connection, upload, &created)?;
        }
        Ok(counts)
    }

    /// Which of them this upload brought before it was broken off.
    fn brought(&self, connection: &mut HospitalConnection) -> Result<HashSet<String>, HealthError> {
        let Some(upload) = &self.upload else {
            return Ok(HashSet::new());
        };
        let ids: Vec<String> = self.measured.iter().map(|one| one.id.clone()).collect();
        Ok(store::brought_among(connection, upload, &ids)?)
    }

    fn put(
        &self,
        connection: &mut HospitalConnection,
        mut intakes: Vec<Intake>,
        without: Option<&Address>,
    ) -> Result<(), HealthError> {
        let parts = &self.desk.parts;
        let targets: Vec<String> = intakes
            .iter()
            .map(|intake| intake.address().to_string())
            .collect();
        if !targets.is_empty() {
            let text = self.origin.provenance(&targets, parts.clock.now());
            let beside = Incoming::parse(&parts.validator, text.as_bytes());
            let beside = beside.map_err(RecordsError::from)?;
            intakes.push(Intake::Put(Box::new(beside)));
        }
        let kept = |address: &&Address| !targets.contains(&address.to_string());
        intakes.extend(without.filter(kept).cloned().map(Intake::Delete));
        parts
            .records
            .record_vitals(&self.permit, connection, intakes)?;
        Ok(())
    }
}

/// Whether what stands there says it already. A day's total grows while the day goes on: the larger
/// one is the later one.
fn is_known(one: &Measured, stands: Option<&str>) -> bool {
    let Some(stands) = stands else {
        return false;
    };
    match (one.reading.kind(), one.reading.value()) {
        (Kind::Steps, Value::Quantity(total)) => {
            let stands: Json = serde_json::from_str(stands).unwrap_or(Json::Null);
            let before = stands.pointer("/valueQuantity/value");
            before.and_then(Json::as_f64).unwrap_or(0.0) >= total
        }
        _ => true,
    }
}
