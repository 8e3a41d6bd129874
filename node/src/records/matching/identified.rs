//! Which chart an emergency question is about: one for certain, or none.
//!
//! Stricter than a grade: nobody sees this answer and decides, so whoever is not the only one who
//! could be meant is not meant.
//!
//! Source: CONSENT section 5.

use federation_protocol::emergency::{EmergencyPatient, EmergencySex};
use serde_json::{Value, json};

use super::blocks::blocks;
use super::evidence::{Agreement, Evidence, evidence};
use super::insured::SYSTEM;
use super::person::Person;
use super::{Block, Candidates};
use crate::access::Permit;
use crate::records::{Address, Records, RecordsError};

impl Records {
    /// The one chart here of the person described; `None` where there is none, where there may be
    /// several, and where more carry the name or the number than are looked at.
    ///
    /// # Errors
    /// `Database`.
    pub async fn certain_match(
        &self,
        permit: &Permit,
        patient: &EmergencyPatient,
    ) -> Result<Option<Address>, RecordsError> {
        let asked = Person::of_patient(&described(patient));
        let mut found = Candidates::default();
        for block in narrow(&asked) {
            self.add_block(permit, block, &mut found).await?;
        }
        let (known, more) = self.persons(permit, &found.patients).await?;
        if found.crowded || more {
            return Ok(None);
        }
        let institution = self.own.rsplit(':').next().unwrap_or_default();
        let mut meant = None;
        for entry in found.patients {
            let person = known.get(&entry.address.id).cloned().unwrap_or_default();
            // The chart that took its place is judged instead.
            if person.is_replaced {
                continue;
            }
            let judged = judged(patient, &evidence(&asked, &person, institution));
            if judged != Likeness::None && meant.replace((entry.address, judged)).is_some() {
                return Ok(None);
            }
        }
        Ok(meant
            .filter(|(_, judged)| *judged == Likeness::Whole)
            .map(|(address, _)| address))
    }
}

/// How a chart stands to who is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// In everything that was said.
    Whole,
    /// In all that both say, and one of the two says less.
    Possible,
    /// Somebody else.
    None,
}

fn judged(patient: &EmergencyPatient, evidence: &Evidence) -> Likeness {
    let said = match patient {
        // A family's number, without its branch on their card, may be theirs as well.
        EmergencyPatient::Insured(_) => match evidence.insured {
            Agreement::Agrees => return Likeness::Whole,
            _ => return Likeness::None,
        },
        EmergencyPatient::Described(_) => {
            [evidence.family, evidence.given, evidence.born, evidence.sex]
        }
    };
    if said.contains(&Agreement::Differs) {
        Likeness::None
    } else if said.iter().all(|one| *one == Agreement::Agrees) {
        Likeness::Whole
    } else {
        Likeness::Possible
    }
}

/// Everyone with the number; or everyone with one of the names and the birth date. More of them than
/// are looked at, and nobody is known to be the only one.
fn narrow(asked: &Person) -> impl Iterator<Item = Block> {
    let only_born = asked.insured.is_empty();
    let all = blocks(asked).into_iter();
    all.take(if only_born { 1 } else { usize::MAX })
        .map(|block| Block {
            identifying: true,
            ..block
        })
}

fn described(patient: &EmergencyPatient) -> Value {
    match patient {
        EmergencyPatient::Insured(person) => json!({
            "resourceType": "Patient",
            "identifier": [{"system": SYSTEM, "value": person.insured}],
        }),
        EmergencyPatient::Described(person) => json!({
            "resourceType": "Patient",
            "name": [{"text": person.kana}],
            "birthDate": person.birth_date,
            "gender": match person.gender {
                EmergencySex::Female => "female",
                EmergencySex::Male => "male",
            },
        }),
    }
}
