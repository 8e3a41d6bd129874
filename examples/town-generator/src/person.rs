//! Somebody of the town: who they are, how they are insured, and which hospitals they go to.
//! All of it follows from (seed, number), but the hospitals, which also follow from how many there are.

use jiff::civil::Date;

use crate::calendar::{LAST_DAY, age, days_after};
use crate::dice::{Dice, Topic};
use crate::illness::Illness;
use crate::names::{self, City, Written};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sex {
    Female,
    Male,
}

impl Sex {
    /// FHIR's word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }
}

/// Who pays. The numbers are given to nobody.
#[derive(Debug)]
pub(crate) struct Insurer {
    pub(crate) number: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) static EMPLOYEES: Insurer = Insurer {
    number: "01990001",
    name: "架空北海道健康保険組合",
};
pub(crate) static NATIONAL: Insurer = Insurer {
    number: "00990001",
    name: "架空北海道国民健康保険",
};
pub(crate) static ELDERS: Insurer = Insurer {
    number: "39990001",
    name: "架空北海道後期高齢者医療広域連合",
};

/// How somebody is insured.
#[derive(Debug)]
pub(crate) struct Insured {
    pub(crate) insurer: &'static Insurer,
    /// Full-width, empty for the very old.
    pub(crate) symbol: String,
    /// Full-width.
    pub(crate) number: String,
    /// Two digits; empty for the very old.
    pub(crate) branch: &'static str,
}

impl Insured {
    /// The insured-person identifier, which is the same at every hospital.
    pub(crate) fn id(&self) -> String {
        let insurer = self.insurer.number;
        format!("{insurer}:{}:{}:{}", self.symbol, self.number, self.branch)
    }
}

/// What somebody goes to a hospital for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Followed for what they have, or seen when they are ill.
    Home,
    /// Eyes, if diabetic; seen now and then.
    Second,
    /// Seen now and then.
    Third,
}

#[derive(Debug)]
pub(crate) struct Person {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) sex: Sex,
    pub(crate) family: Written,
    pub(crate) given: Written,
    pub(crate) born: Date,
    pub(crate) city: City,
    pub(crate) postal_code: String,
    /// Without the city.
    pub(crate) line: String,
    pub(crate) phone: String,
    pub(crate) insured: Insured,
    pub(crate) illness: Illness,
    /// Different hospitals, the home first. Empty only if the town has none.
    pub(crate) hospitals: Vec<(u16, Role)>,
}

impl Person {
    pub(crate) fn of(seed: u64, number: u32, hospitals: u16) -> Self {
        let whom = u64::from(number);
        let mut dice = Dice::of(seed, Topic::Person, whom, 0);
        let sex = if dice.chance(520) {
            Sex::Female
        } else {
            Sex::Male
        };
        let years = years(&mut dice);
        let born = days_after(LAST_DAY, -(years * 365 + years / 4 + dice.between(1, 364)));
        let years = age(born, LAST_DAY);
        let family = *dice.pick(&names::FAMILIES);
        let given = *dice.pick(match (sex, years >= 50) {
            (Sex::Female, true) => &names::ELDER_WOMEN,
            (Sex::Female, false) => &names::YOUNGER_WOMEN,
            (Sex::Male, true) => &names::ELDER_MEN,
            (Sex::Male, false) => &names::YOUNGER_MEN,
        });
        let city = *dice.pick(&names::CITIES);
        let postal_code = format!("{}-{:04}", city.postal, dice.below(10_000));
        let quarter = dice.pick(&names::QUARTERS);
        let (block, house) = (dice.between(90, 99), dice.between(1, 20));
        let line = format!("{quarter}{block}丁目{house}番{}号", dice.between(1, 30));
        // 090-0000: exchanges that no carrier has.
        let phone = format!("090-0000-{:04}", dice.below(10_000));
        let insured = insured(&mut dice, number, years);
        let illness = Illness::of(seed, number, years);
        let hospitals = attended(&mut dice, hospitals, illness.diabetes.is_some());
        Self {
            number,
            sex,
            family,
            given,
            born,
            city,
            postal_code,
            line,
            phone,
            insured,
            illness,
            hospitals,
        }
    }

    pub(crate) fn age(&self, day: Date) -> i32 {
        age(self.born, day)
    }
}

/// An age, skewed old as a hospital's waiting room is.
fn years(dice: &mut Dice) -> i32 {
    match dice.below(100) {
        0..6 => dice.between(0, 17),
        6..20 => dice.between(18, 39),
        20..42 => dice.between(40, 59),
        42..72 => dice.between(60, 74),
        _ => dice.between(75, 96),
    }
}

fn insured(dice: &mut Dice, number: u32, years: i32) -> Insured {
    let member = full_width(&format!("{number:08}"));
    if years >= 75 {
        return Insured {
            insurer: &ELDERS,
            symbol: String::new(),
            number: member,
            branch: "",
        };
    }
    let (insurer, symbol) = match dice.chance(550) {
        true => (&EMPLOYEES, full_width(&dice.between(10, 999).to_string())),
        false => (
            &NATIONAL,
            format!("架{}", full_width(&dice.between(1, 99).to_string())),
        ),
    };
    Insured {
        insurer,
        symbol,
        number: member,
        branch: if years < 18 || dice.chance(300) {
            "02"
        } else {
            "01"
        },
    }
}

/// ASCII digits as insurance cards print them.
fn full_width(digits: &str) -> String {
    let wide = |digit: char| char::from_u32(u32::from(digit) + 0xFEE0).unwrap_or(digit);
    digits.chars().map(wide).collect()
}

fn attended(dice: &mut Dice, hospitals: u16, diabetic: bool) -> Vec<(u16, Role)> {
    let wanted = match (dice.below(100), diabetic) {
        (0..40, true) | (0..75, false) => 1,
        (0..75, true) | (_, false) => 2,
        (_, true) => 3,
    };
    let roles = [Role::Home, Role::Second, Role::Third];
    let mut chosen: Vec<(u16, Role)> = Vec::new();
    for (left_out, role) in (0..hospitals.min(wanted)).zip(roles) {
        // One of those not yet chosen: counted over the numbers that are left.
        let turn = dice.below(u32::from(hospitals - left_out));
        let mut number = u16::try_from(turn).unwrap_or(0) + 1;
        let mut taken: Vec<u16> = chosen.iter().map(|(taken, _)| *taken).collect();
        taken.sort_unstable();
        for taken in taken {
            number += u16::from(taken <= number);
        }
        chosen.push((number, role));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_to_a_hospital_twice_and_all_of_them_are_in_town() {
        for number in 1..2_000 {
            let mut seen: Vec<u16> = Person::of(7, number, 3)
                .hospitals
                .iter()
                .map(|(hospital, _)| *hospital)
                .collect();
            let count = seen.len();
            assert!((1..=3).contains(&count));
            assert!(seen.iter().all(|hospital| (1..=3).contains(hospital)));
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), count);
        }
    }

    #[test]
    fn a_town_without_hospitals_has_people_without_charts() {
        assert!(Person::of(7, 1, 0).hospitals.is_empty());
    }

    #[test]
    fn insured_person_ids_are_full_width_and_padded_to_eight() {
        let number = full_width("0123");
        assert_eq!(number, "０１２３");
        let id = Person::of(7, 12, 1).insured.id();
        assert_eq!(id.split(':').count(), 4, "{id}");
        assert!(id.contains("００００００１２"), "{id}");
    }

    #[test]
    fn the_waiting_room_is_old() {
        let over_60 = (1..=1_000)
            .filter(|number| Person::of(7, *number, 1).age(LAST_DAY) >= 60)
            .count();
        assert!((530..630).contains(&over_60), "{over_60}");
    }
}
