//! What happens to somebody at one hospital, and what of it is written down: visits in the order in
//! which they make sense, each thing after what it refers to.

mod acute;
mod diabetes;
mod eyes;
mod pressure;
mod prevention;
mod sensitive;

use jiff::civil::Date;

use crate::calendar::{LAST_DAY, Moment, days_after, working_day};
use crate::course::Course;
use crate::dice::{Dice, Topic};
use crate::fhir::clinical::{self, Finding};
use crate::fhir::laboratory::{self, Material, Sample, Test};
use crate::fhir::prescription::{self, Line, Place};
use crate::fhir::vitals;
use crate::hospital::Hospital;
use crate::json::decimal;
use crate::person::{Person, Role};
use crate::visit::{Folder, Visit};

/// What a story is told from.
struct Teller<'t, 'f> {
    dice: Dice,
    course: &'f Course,
    folder: &'f mut Folder<'t>,
    /// Which physician of each department this patient is used to.
    turn: u32,
}

/// Writes the chart of a person who goes to a hospital in this role.
pub(crate) fn tell<'t>(
    seed: u64,
    hospital: &'t Hospital,
    person: &'t Person,
    role: Role,
) -> Folder<'t> {
    let place = u64::from(hospital.number);
    let mut dice = Dice::of(seed, Topic::Chart, u64::from(person.number), place);
    let mut folder = Folder::open(hospital, person);
    let course = Course::of(seed, person);
    let turn = dice.below(1_000);
    let mut teller = Teller {
        dice,
        course: &course,
        folder: &mut folder,
        turn,
    };
    teller.tell(role);
    folder
}

impl Teller<'_, '_> {
    fn tell(&mut self, role: Role) {
        let illness = &self.folder.person.illness;
        match (role, illness.diabetes) {
            (Role::Home, Some(diabetes)) => self.diabetes(diabetes),
            (Role::Home, None) if illness.hypertension => self.pressure(),
            (Role::Home, None) => self.acute(2),
            (Role::Second, Some(diabetes)) => self.eyes(diabetes),
            (Role::Second, None) | (Role::Third, _) => self.acute(3),
        }
        if role == Role::Home {
            self.prevention();
        }
        // Whoever has something to hide often takes it to another hospital.
        let last = self.folder.person.hospitals.len() == 1 || role == Role::Second;
        if let (Some(illness), true) = (illness.sensitive, last) {
            self.sensitive(illness);
        }
    }

    /// The working day about `days` before the last day, and a minute of its office hours.
    fn moment_before(&mut self, days: i32) -> Moment {
        let day = working_day(days_after(LAST_DAY, -days));
        Moment::at(day, self.dice.between(8 * 60 + 45, 15 * 60 + 30))
    }

    fn find(&mut self, visit: &Visit<'_>, code: &str, name: &str, onset: String) -> String {
        let finding = Finding {
            code,
            name,
            onset,
            over: false,
        };
        self.folder
            .keep("Condition", |id| clinical::condition(id, visit, &finding))
    }

    /// Takes a sample at a visit.
    fn sample(&mut self, visit: &Visit<'_>, material: Material) -> Sample {
        let at = visit.at.plus(-25);
        let label = format!("{:08}", self.dice.below(100_000_000));
        let reference = self.folder.keep("Specimen", |id| {
            laboratory::specimen(id, visit, material, at, &label)
        });
        Sample { reference, at }
    }

    fn result(&mut self, visit: &Visit<'_>, sample: &Sample, test: &Test, value: f64) -> String {
        let sex = self.folder.person.sex;
        self.folder.keep("Observation", |id| {
            laboratory::result(id, visit, sample, test, value, sex)
        })
    }

    fn report(
        &mut self,
        visit: &Visit<'_>,
        samples: &[Sample],
        results: &[String],
        conclusion: &str,
    ) {
        self.folder.keep("DiagnosticReport", |id| {
            laboratory::report(id, visit, samples, results, conclusion)
        });
    }

    fn blood_pressure(&mut self, visit: &Visit<'_>) {
        let state = self.course.at(visit.at.day);
        let systolic = self.dice.around(state.systolic, 5.0);
        let diastolic = self.dice.around(state.diastolic, 4.0).min(systolic - 20.0);
        self.folder.keep("Observation", |id| {
            vitals::blood_pressure(id, visit, decimal(systolic, 0), decimal(diastolic, 0))
        });
    }

    fn weight(&mut self, visit: &Visit<'_>) {
        let clothes = self.dice.around(0.0, 0.3);
        let kilograms = self.course.at(visit.at.day).weight + clothes;
        self.folder
            .keep("Observation", |id| vitals::weight(id, visit, kilograms));
    }

    /// Writes a prescription: lines of one usage and duration stand in one group.
    fn prescribe(&mut self, visit: &Visit<'_>, lines: &[Line<'_>]) {
        let mut groups: Vec<(prescription::Usage, usize)> = Vec::new();
        for line in lines {
            let known = groups.iter().position(|(usage, _)| *usage == line.usage());
            let group = known.unwrap_or(groups.len());
            if known.is_none() {
                groups.push((line.usage(), 0));
            }
            let Some((_, order)) = groups.get_mut(group) else {
                continue;
            };
            *order += 1;
            let place = Place {
                group: group + 1,
                order: *order,
            };
            let over = days_after(visit.at.day, line.days) <= LAST_DAY;
            self.folder.keep("MedicationRequest", |id| {
                prescription::request(id, visit, line, place, over)
            });
        }
    }
}

/// A year and month, `years` before a day.
fn month_before(day: Date, years: i32) -> String {
    let then = days_after(day, -years * 365);
    format!("{:04}-{:02}", then.year(), then.month())
}
