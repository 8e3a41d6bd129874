//! The town: so many patients, so many hospitals, and a chart wherever somebody goes.

use std::ops::RangeInclusive;

use crate::fhir::house;
use crate::hospital::Hospital;
use crate::person::{ELDERS, EMPLOYEES, NATIONAL, Person, Role};
use crate::story;
use crate::visit::patient_id;

/// A town, made of three numbers; nothing of it is stored.
///
/// A patient's charts follow from the seed, the patient's number and the number of hospitals: a
/// town with more patients begins with the people of the smaller one, and any hospital's charts
/// can be made without the other hospitals'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Town {
    seed: u64,
    patients: u32,
    hospitals: u16,
}

/// Everything that one hospital keeps about one patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The logical id of the Patient at this hospital; the town's hospitals never share one.
    pub patient_id: String,
    /// FHIR R4 resources, JP Core 1.2.0, one JSON text each, without line breaks. The Patient comes
    /// first, and each resource after those of the chart that it refers to.
    pub resources: Vec<String>,
}

/// A hospital of the town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// From 1.
    pub number: u16,
    /// Ten digits, beginning with 01 (Hokkaido).
    pub institution: String,
    /// In Japanese.
    pub name: String,
    /// Its own resources, which its charts refer to: Organizations (itself, the insurers),
    /// Practitioners and their roles.
    pub resources: Vec<String>,
}

/// Somebody who lives in the town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// From 1.
    pub number: u32,
    /// `insurer:symbol:number:branch`, the same in the Coverage of every hospital.
    pub insured_person_id: String,
    /// Has type 2 diabetes and is followed for it at the first of the hospitals.
    pub diabetic: bool,
    /// Has a diagnosis that nodes label as sensitive.
    pub sensitive: bool,
    /// The hospitals with a chart, and the logical id of the Patient there.
    pub charts: Vec<(u16, String)>,
}

impl Town {
    /// The town of this seed with patients 1 to `patients` and hospitals 1 to `hospitals`.
    #[must_use]
    pub fn new(seed: u64, patients: u32, hospitals: u16) -> Self {
        Self {
            seed,
            patients,
            hospitals,
        }
    }

    /// Hospital `number`; `None` if the town has no such hospital.
    #[must_use]
    pub fn house(&self, number: u16) -> Option<House> {
        let hospital = self.hospital(number)?;
        let doctors = hospital.doctors();
        let doctors = doctors.flat_map(|doctor| {
            [
                house::practitioner(&hospital, doctor),
                house::practitioner_role(&hospital, doctor),
            ]
        });
        let insurers = [&EMPLOYEES, &NATIONAL, &ELDERS];
        let resources = std::iter::once(house::hospital(&hospital))
            .chain(insurers.map(|insurer| house::insurer(&hospital, insurer)))
            .chain(doctors);
        Some(House {
            number,
            resources: resources.map(|resource| resource.into_text()).collect(),
            institution: hospital.institution,
            name: hospital.name,
        })
    }

    /// The charts of hospital `number`, by the patients' numbers; none if there is no such hospital.
    /// Made one by one as they are asked for.
    pub fn charts(&self, number: u16) -> impl Iterator<Item = Chart> + Send + use<> {
        let town = *self;
        let hospital = town.hospital(number);
        (1..=town.patients).filter_map(move |patient| {
            let hospital = hospital.as_ref()?;
            let person = town.person(patient);
            let role = role(&person, number)?;
            Some(town.write(hospital, &person, role))
        })
    }

    /// Everybody in town by number, each with their charts at `hospitals`: for writing several
    /// hospitals at once. Made one by one as they are asked for.
    pub fn patients(
        &self,
        hospitals: RangeInclusive<u16>,
    ) -> impl Iterator<Item = (Resident, Vec<(u16, Chart)>)> + Send + use<> {
        let town = *self;
        let hospitals: Vec<Hospital> = hospitals
            .filter_map(|number| town.hospital(number))
            .collect();
        (1..=town.patients).map(move |number| {
            let person = town.person(number);
            let charts = hospitals.iter().filter_map(|hospital| {
                let role = role(&person, hospital.number)?;
                Some((hospital.number, town.write(hospital, &person, role)))
            });
            (resident(&person), charts.collect())
        })
    }

    /// Patient `number`; `None` if nobody in town has this number.
    #[must_use]
    pub fn resident(&self, number: u32) -> Option<Resident> {
        let there = (1..=self.patients).contains(&number);
        there.then(|| resident(&self.person(number)))
    }

    /// The chart of patient `patient` at hospital `hospital`; `None` if they never went there.
    #[must_use]
    pub fn chart(&self, patient: u32, hospital: u16) -> Option<Chart> {
        let there = (1..=self.patients).contains(&patient);
        let person = there.then(|| self.person(patient))?;
        let role = role(&person, hospital)?;
        Some(self.write(&self.hospital(hospital)?, &person, role))
    }

    fn hospital(&self, number: u16) -> Option<Hospital> {
        (1..=self.hospitals)
            .contains(&number)
            .then(|| Hospital::of(self.seed, number))
    }

    fn person(&self, number: u32) -> Person {
        Person::of(self.seed, number, self.hospitals)
    }

    fn write(&self, hospital: &Hospital, person: &Person, role: Role) -> Chart {
        let (patient_id, resources) = story::tell(self.seed, hospital, person, role).close();
        Chart {
            patient_id,
            resources,
        }
    }
}

fn resident(person: &Person) -> Resident {
    let charts = person.hospitals.iter();
    Resident {
        number: person.number,
        insured_person_id: person.insured.id(),
        diabetic: person.illness.diabetes.is_some(),
        sensitive: person.illness.sensitive.is_some(),
        charts: charts
            .map(|(hospital, _)| (*hospital, patient_id(*hospital, person.number)))
            .collect(),
    }
}

fn role(person: &Person, hospital: u16) -> Option<Role> {
    let attended = person.hospitals.iter();
    attended
        .copied()
        .find_map(|(number, role)| (number == hospital).then_some(role))
}
