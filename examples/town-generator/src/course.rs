//! How somebody's body does, month by month: one truth, which every hospital measures in its own way.
//! Treatment follows the values and the values follow the treatment. Never knows a hospital.

use jiff::civil::Date;

use crate::calendar::{LAST_DAY, days_after};
use crate::dice::{Dice, Topic};
use crate::person::{Person, Sex};

/// Months that are known, up to the last day.
const MONTHS: i32 = 42;
const DAYS_PER_MONTH: f64 = 30.437;

/// What somebody takes every day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Therapy {
    /// Tablets of 250 mg a day: 0, 2 or 4.
    pub(crate) metformin: i32,
    pub(crate) sitagliptin: bool,
    /// Units a day.
    pub(crate) insulin: i32,
    pub(crate) rosuvastatin: bool,
    pub(crate) amlodipine: bool,
    pub(crate) candesartan: bool,
}

impl Therapy {
    /// What it takes off HbA1c, in percentage points.
    fn against_sugar(self) -> f64 {
        let insulin = (f64::from(self.insulin) * 0.07).min(2.8);
        f64::from(self.metformin) * 0.25 + if self.sitagliptin { 0.7 } else { 0.0 } + insulin
    }

    /// What it takes off the systolic pressure, in mmHg.
    fn against_pressure(self) -> f64 {
        f64::from(u8::from(self.amlodipine)) * 14.0 + f64::from(u8::from(self.candesartan)) * 11.0
    }

    /// The next step when sugar is too high. Metformin is not for failing kidneys, and insulin only
    /// for the willing.
    fn step(&mut self, egfr: f64, willing: bool) {
        if self.metformin < most_metformin(egfr) {
            self.metformin += 2;
        } else if !self.sitagliptin {
            self.sitagliptin = true;
        } else if willing {
            self.insulin = (self.insulin + 4).clamp(8, 40);
        }
    }
}

fn most_metformin(egfr: f64) -> i32 {
    match egfr {
        ..30.0 => 0,
        30.0..45.0 => 2,
        _ => 4,
    }
}

/// How somebody is in one month.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct State {
    /// HbA1c (NGSP), %.
    pub(crate) a1c: f64,
    /// Estimated glomerular filtration rate, mL/min/1.73 m².
    pub(crate) egfr: f64,
    /// Albumin in urine, mg/gCr.
    pub(crate) albumin: f64,
    /// mg/dL, as the next two.
    pub(crate) ldl: f64,
    pub(crate) hdl: f64,
    pub(crate) triglycerides: f64,
    /// mmHg.
    pub(crate) systolic: f64,
    pub(crate) diastolic: f64,
    /// kg.
    pub(crate) weight: f64,
    pub(crate) therapy: Therapy,
}

#[derive(Debug)]
pub(crate) struct Course {
    /// cm.
    pub(crate) height: f64,
    first: State,
    later: Vec<State>,
}

impl Course {
    pub(crate) fn of(seed: u64, person: &Person) -> Self {
        let mut dice = Dice::of(seed, Topic::Course, u64::from(person.number), 0);
        let tallness = if person.sex == Sex::Male {
            168.0
        } else {
            154.0
        };
        let height = dice.around(tallness, 6.0);
        let mut body = Body::of(&mut dice, person, height);
        let first = body.state;
        let first_day = days_after(LAST_DAY, -MONTHS * 30);
        let later = (1..=MONTHS)
            .map(|month| body.month(&mut dice, days_after(first_day, month * 30)))
            .collect();
        Self {
            height,
            first,
            later,
        }
    }

    /// The month in which `day` is; the first or last one known for a day before or after.
    pub(crate) fn at(&self, day: Date) -> State {
        let back = LAST_DAY.duration_since(day).as_hours() / 24;
        let back = f64::from(i32::try_from(back).unwrap_or(0)) / DAYS_PER_MONTH;
        let mut months = std::iter::once(&self.first).chain(&self.later).rev();
        let wanted = (0..MONTHS).take_while(|month| f64::from(*month) + 1.0 <= back);
        months.nth(wanted.count()).copied().unwrap_or(self.first)
    }
}

/// What drives the months and is not seen.
struct Body {
    state: State,
    /// HbA1c without any treatment, %.
    sugar: f64,
    /// Systolic pressure without any treatment, mmHg.
    pressure: f64,
    /// LDL cholesterol without any treatment, mg/dL.
    fat: f64,
    /// The share of the prescribed that is really taken, or works.
    adherence: f64,
    /// mL/min/1.73 m² lost in a month.
    kidney_loss: f64,
    /// By which albumin grows in a month.
    albumin_growth: f64,
    diabetic: bool,
}

impl Body {
    fn of(dice: &mut Dice, person: &Person, height: f64) -> Self {
        let illness = &person.illness;
        let diabetes = illness.diabetes;
        let kidneys = diabetes.is_some_and(|diabetes| diabetes.kidneys);
        let long = f64::from(diabetes.map_or(0, |diabetes| diabetes.years_since_onset));
        let over_40 = f64::from((person.age(LAST_DAY) - 40).max(0));
        let sugar = match diabetes {
            Some(_) => dice.around(7.2 + long * 0.05, 1.0).max(6.2),
            None => dice.around(5.5, 0.18),
        };
        let pressure = dice.around(if illness.hypertension { 152.0 } else { 123.0 }, 7.0);
        let fat = dice.around(if illness.dyslipidaemia { 158.0 } else { 112.0 }, 16.0);
        let loss = if kidneys { long * 1.2 + 12.0 } else { 0.0 };
        let egfr = dice
            .around(98.0 - over_40 * 0.75 - loss, 8.0)
            .clamp(14.0, 125.0);
        let metres = height / 100.0;
        let body_mass = dice.around(if diabetes.is_some() { 25.6 } else { 23.0 }, 2.6);
        let state = State {
            a1c: sugar,
            egfr,
            albumin: dice.around(if kidneys { 140.0 } else { 14.0 }, 3.0) + long * 0.3,
            ldl: fat,
            hdl: dice.around(55.0, 9.0),
            triglycerides: dice.around(if illness.dyslipidaemia { 185.0 } else { 115.0 }, 28.0),
            systolic: pressure,
            diastolic: pressure * 0.56,
            weight: body_mass * metres * metres,
            therapy: Therapy::default(),
        };
        let mut body = Self {
            state,
            sugar,
            pressure,
            fat,
            adherence: dice.around(0.78, 0.16).clamp(0.25, 1.0),
            kidney_loss: if kidneys {
                dice.around(0.3, 0.07)
            } else {
                0.06
            },
            albumin_growth: if kidneys { 1.025 } else { 1.002 },
            diabetic: diabetes.is_some(),
        };
        body.already_treated(dice, person);
        body
    }

    /// What was begun before the months that are known.
    fn already_treated(&mut self, dice: &mut Dice, person: &Person) {
        let therapy = &mut self.state.therapy;
        therapy.rosuvastatin = person.illness.dyslipidaemia;
        therapy.amlodipine = person.illness.hypertension;
        while self.diabetic
            && self.sugar - therapy.against_sugar() * self.adherence > 7.6
            && dice.chance(850)
        {
            therapy.step(self.state.egfr, dice.chance(300));
        }
        self.state.a1c = self.sugar - therapy.against_sugar() * self.adherence;
        self.state.systolic = self.pressure - therapy.against_pressure();
        self.state.diastolic = self.state.systolic * 0.56;
        if therapy.rosuvastatin {
            self.state.ldl = self.fat * 0.64;
        }
    }

    fn month(&mut self, dice: &mut Dice, day: Date) -> State {
        if day.month() % 3 == 0 {
            self.review(dice);
        }
        let therapy = self.state.therapy;
        let state = &mut self.state;
        // Winter: little walking, New Year's rice cakes, cold rooms.
        let winter = matches!(day.month(), 12 | 1 | 2);
        let (sweeter, tighter) = match (winter, self.diabetic) {
            (true, true) => (0.2, 4.0),
            (true, false) => (0.03, 4.0),
            (false, _) => (0.0, 0.0),
        };
        self.sugar += if self.diabetic { 0.012 } else { 0.0 };
        let wanted = (self.sugar - therapy.against_sugar() * self.adherence).max(5.2) + sweeter;
        let unrest = if self.diabetic { 0.12 } else { 0.04 };
        state.a1c = (towards(state.a1c, wanted) + dice.around(0.0, unrest)).clamp(4.8, 14.0);
        state.egfr = (state.egfr - self.kidney_loss + dice.around(0.0, 0.5)).clamp(6.0, 130.0);
        state.albumin = (state.albumin * self.albumin_growth).min(4_000.0);
        let fat = self.fat * if therapy.rosuvastatin { 0.64 } else { 1.0 };
        state.ldl = (towards(state.ldl, fat) + dice.around(0.0, 3.0)).clamp(35.0, 260.0);
        state.hdl = (state.hdl + dice.around(0.0, 0.8)).clamp(28.0, 110.0);
        state.triglycerides = (state.triglycerides + dice.around(0.0, 6.0)).clamp(40.0, 600.0);
        let pressure = self.pressure - therapy.against_pressure() + tighter;
        state.systolic = towards(state.systolic, pressure) + dice.around(0.0, 2.0);
        state.diastolic = state.systolic * 0.56;
        let fatter = if therapy.insulin > 0 { 0.04 } else { -0.01 };
        state.weight = (state.weight + fatter + dice.around(0.0, 0.25)).clamp(32.0, 140.0);
        *state
    }

    /// The physician looks at the last months and changes what is not good enough.
    fn review(&mut self, dice: &mut Dice) {
        let State {
            egfr,
            a1c,
            systolic,
            ..
        } = self.state;
        let therapy = &mut self.state.therapy;
        if self.diabetic && a1c > 7.4 && dice.chance(300) {
            therapy.step(egfr, dice.chance(300));
        }
        if therapy.metformin > most_metformin(egfr) {
            therapy.metformin = most_metformin(egfr);
            therapy.sitagliptin = true;
        }
        if therapy.amlodipine && systolic > 136.0 {
            therapy.candesartan = true;
        }
    }
}

/// A quarter of the way from one to the other.
fn towards(from: f64, to: f64) -> f64 {
    from + (to - from) * 0.25
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        clippy::float_cmp,
        reason = "tests fail by panicking; the same month is the same number"
    )]

    use super::*;

    fn courses() -> impl Iterator<Item = (Person, Course)> {
        (1..=400).map(|number| {
            let person = Person::of(7, number, 3);
            let course = Course::of(7, &person);
            (person, course)
        })
    }

    #[test]
    fn sugar_is_high_in_diabetics_alone_and_drifts_slowly() {
        for (person, course) in courses() {
            let diabetic = person.illness.diabetes.is_some();
            let mut before = course.first.a1c;
            for state in &course.later {
                assert!(diabetic || state.a1c < 6.5, "{}", state.a1c);
                assert!((state.a1c - before).abs() < 1.3);
                before = state.a1c;
            }
        }
    }

    #[test]
    fn most_diabetics_are_controlled_and_some_are_not() {
        let of_diabetics = courses().filter(|(person, _)| person.illness.diabetes.is_some());
        let last: Vec<f64> = of_diabetics
            .map(|(_, course)| course.at(LAST_DAY).a1c)
            .collect();
        let share = |low: f64, high: f64| {
            let count = last.iter().filter(|a1c| (low..high).contains(a1c)).count();
            count * 100 / last.len()
        };
        assert!((45..85).contains(&share(0.0, 7.5)), "{}", share(0.0, 7.5));
        assert!(share(7.5, 20.0) >= 10);
    }

    #[test]
    fn metformin_ends_where_the_kidneys_fail() {
        for (_, course) in courses() {
            // A review may be three months away.
            for months in course.later.windows(4) {
                let failing = months.iter().all(|state| state.egfr < 30.0);
                assert!(!failing || months[3].therapy.metformin == 0);
            }
        }
    }

    #[test]
    fn a_day_finds_its_month() {
        let person = Person::of(7, 1, 1);
        let course = Course::of(7, &person);
        let known = course.later.len();
        assert_eq!(course.at(LAST_DAY).egfr, course.later[known - 1].egfr);
        assert_eq!(
            course.at(days_after(LAST_DAY, -40)).egfr,
            course.later[known - 2].egfr
        );
        assert_eq!(
            course.at(days_after(LAST_DAY, -9_000)).egfr,
            course.first.egfr
        );
    }
}
