//! A hospital that does not exist: its numbers, its place, its physicians.

use crate::dice::{Dice, Topic};
use crate::names::{self, City, Written};
use crate::person::Sex;

/// Where a patient is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Department {
    Internal,
    Psychiatry,
    Ophthalmology,
}

impl Department {
    /// SS-MIX2 department code (HL7 table 0069 of JAMI).
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Internal => "01",
            Self::Psychiatry => "02",
            Self::Ophthalmology => "26",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Internal => "内科",
            Self::Psychiatry => "精神科",
            Self::Ophthalmology => "眼科",
        }
    }
}

/// Who works here beside the head, one line a physician.
const STAFF: [Department; 6] = [
    Department::Internal,
    Department::Internal,
    Department::Internal,
    Department::Psychiatry,
    Department::Ophthalmology,
    Department::Ophthalmology,
];

#[derive(Debug)]
pub(crate) struct Doctor {
    /// The logical id of the Practitioner.
    pub(crate) id: String,
    /// In the medical register.
    pub(crate) registration: String,
    pub(crate) department: Department,
    pub(crate) sex: Sex,
    pub(crate) family: Written,
    pub(crate) given: Written,
}

impl Doctor {
    fn of(dice: &mut Dice, hospital: u16, position: u32, department: Department) -> Self {
        let sex = if dice.chance(700) {
            Sex::Male
        } else {
            Sex::Female
        };
        let given = match sex {
            Sex::Male => &names::YOUNGER_MEN,
            Sex::Female => &names::YOUNGER_WOMEN,
        };
        Self {
            id: format!("{hospital:05}-dr{position:02}"),
            registration: format!("99{hospital:05}{position:02}"),
            department,
            sex,
            family: *dice.pick(&names::FAMILIES),
            given: *dice.pick(given),
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.family.kanji, self.given.kanji)
    }
}

#[derive(Debug)]
pub(crate) struct Hospital {
    /// From 1.
    pub(crate) number: u16,
    /// Ten digits: Hokkaido (01), medical (1), and seven of which the first two, 99, are given to
    /// nobody.
    pub(crate) institution: String,
    /// The logical id of the Organization.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kana: String,
    pub(crate) city: City,
    /// Of internal medicine; every hospital has one.
    head: Doctor,
    others: Vec<Doctor>,
}

impl Hospital {
    pub(crate) fn of(seed: u64, number: u16) -> Self {
        let mut dice = Dice::of(seed, Topic::Hospital, u64::from(number), 0);
        let (word, kind) = (dice.pick(&names::HOSPITALS), dice.pick(&names::KINDS));
        let city = *dice.pick(&names::CITIES);
        let head = Doctor::of(&mut dice, number, 1, Department::Internal);
        let others = (2..)
            .zip(STAFF)
            .map(|(position, department)| Doctor::of(&mut dice, number, position, department));
        let others = others.collect();
        Self {
            number,
            institution: format!("01199{number:05}"),
            id: format!("{number:05}"),
            name: format!("{}{}", word.kanji, kind.kanji),
            kana: format!("{}{}", word.kana, kind.kana),
            city,
            head,
            others,
        }
    }

    pub(crate) fn doctors(&self) -> impl Iterator<Item = &Doctor> {
        std::iter::once(&self.head).chain(&self.others)
    }

    /// The physician of this department who has the `turn`: the same one for the same turn.
    pub(crate) fn doctor(&self, department: Department, turn: u32) -> &Doctor {
        let there = || {
            self.doctors()
                .filter(|doctor| doctor.department == department)
        };
        let turn = usize::try_from(turn).unwrap_or(0);
        let chosen = turn.checked_rem(there().count()).unwrap_or(0);
        there().nth(chosen).unwrap_or(&self.head)
    }
}
