//! The chart being written: what is kept of a visit, and the numbers that its resources get.

use crate::calendar::Moment;
use crate::fhir::{clinical, patient};
use crate::hospital::{Department, Doctor, Hospital};
use crate::json::Object;
use crate::person::Person;

/// A patient's chart at one hospital, growing.
pub(crate) struct Folder<'t> {
    pub(crate) hospital: &'t Hospital,
    pub(crate) person: &'t Person,
    /// `Patient/…`.
    pub(crate) patient: String,
    stem: String,
    resources: Vec<String>,
}

/// Somebody sits before a physician.
pub(crate) struct Visit<'t> {
    pub(crate) hospital: &'t Hospital,
    pub(crate) doctor: &'t Doctor,
    pub(crate) at: Moment,
    /// `Patient/…`.
    pub(crate) patient: String,
    /// `Encounter/…`.
    pub(crate) encounter: String,
}

impl Visit<'_> {
    /// `Practitioner/…`.
    pub(crate) fn practitioner(&self) -> String {
        format!("Practitioner/{}", self.doctor.id)
    }

    /// `Organization/…`.
    pub(crate) fn organization(&self) -> String {
        format!("Organization/{}", self.hospital.id)
    }
}

/// The hospital's number for a person, which is not the number of another hospital.
///
/// Different for different people, because the modulus is a prime above all of them.
fn chart_number(hospital: u16, person: u32) -> String {
    const PRIME: u64 = 4_294_967_311;
    let scrambled = u64::from(person) * 2_654_435_761 % PRIME;
    let number = (scrambled + u64::from(hospital) * 1_000_000_007) % PRIME;
    format!("{number:010}")
}

/// The logical id of a person's Patient at a hospital.
pub(crate) fn patient_id(hospital: u16, person: u32) -> String {
    format!("{hospital:05}-{}", chart_number(hospital, person))
}

impl<'t> Folder<'t> {
    /// A chart with who the patient is and who pays.
    pub(crate) fn open(hospital: &'t Hospital, person: &'t Person) -> Self {
        let stem = patient_id(hospital.number, person.number);
        let number = chart_number(hospital.number, person.number);
        let who = patient::patient(&stem, hospital, person, &number).into_text();
        let mut folder = Self {
            hospital,
            person,
            patient: format!("Patient/{stem}"),
            stem,
            resources: vec![who],
        };
        let beneficiary = folder.patient.clone();
        folder.keep("Coverage", |id| {
            patient::coverage(id, hospital, person, &beneficiary)
        });
        folder
    }

    /// Adds what `write` makes of the logical id it is given. Returns the reference to it.
    pub(crate) fn keep(&mut self, kind: &str, write: impl FnOnce(&str) -> Object) -> String {
        let id = format!("{}-{:04}", self.stem, self.resources.len());
        self.resources.push(write(&id).into_text());
        format!("{kind}/{id}")
    }

    /// A visit to a department; `turn` chooses the physician, `reason` is why they came.
    pub(crate) fn visit(
        &mut self,
        department: Department,
        turn: u32,
        at: Moment,
        reason: &str,
    ) -> Visit<'t> {
        let mut visit = Visit {
            hospital: self.hospital,
            doctor: self.hospital.doctor(department, turn),
            at,
            patient: self.patient.clone(),
            encounter: String::new(),
        };
        visit.encounter = self.keep("Encounter", |id| clinical::encounter(id, &visit, reason));
        visit
    }

    /// The logical id of the patient, and everything that was kept, in order.
    pub(crate) fn close(self) -> (String, Vec<String>) {
        (self.stem, self.resources)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn chart_numbers_of_a_hospital_differ_and_have_ten_digits() {
        let people = (1..=20_000).chain(u32::MAX - 20_000..=u32::MAX);
        let numbers: BTreeSet<String> = people.map(|person| chart_number(3, person)).collect();
        assert_eq!(numbers.len(), 40_001);
        assert!(numbers.iter().all(|number| number.len() == 10));
    }

    #[test]
    fn two_hospitals_number_a_person_differently() {
        assert_ne!(chart_number(1, 5), chart_number(2, 5));
    }
}
