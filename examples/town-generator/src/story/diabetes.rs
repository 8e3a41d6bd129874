//! The followed diabetic: every one to three months blood is taken, the pressure measured, and a
//! prescription written until the next visit. What the laboratory finds becomes a diagnosis.

use super::{Teller, month_before};
use crate::calendar::LAST_DAY;
use crate::course::{State, Therapy};
use crate::fhir::laboratory::{self as lab, Material};
use crate::fhir::prescription::{self as drugs, Drug, Line};
use crate::fhir::{clinical, vitals};
use crate::hospital::Department;
use crate::illness::Diabetes;
use crate::person::{Person, Sex};
use crate::visit::Visit;

/// What is known of the patient, by reference, as the chart grows.
struct Known {
    diabetes: String,
    pressure: Option<String>,
    fat: Option<String>,
    /// The stage of kidney disease that was written down last; 0: none.
    kidney_stage: i32,
    /// The laboratory saw too little filtration at the last visit.
    suspected: bool,
    /// The nephropathy was written down.
    nephropathy: bool,
}

impl Teller<'_, '_> {
    pub(super) fn diabetes(&mut self, diabetes: Diabetes) {
        let mut before = diabetes.followed_months * 30;
        let mut number = 0;
        let mut known = None;
        let rhythm = self.dice.between(2, 3);
        while before > 0 {
            // The physician's own rhythm, now and then a month sooner or later.
            let months = (rhythm + self.dice.between(-1, 1)).clamp(1, 3);
            let days = months * 28;
            let at = self.moment_before(before);
            let visit = self
                .folder
                .visit(Department::Internal, self.turn, at, "糖尿病の定期受診");
            let known = known.get_or_insert_with(|| self.first(&visit, diabetes));
            self.regular(&visit, known, number, days);
            number += 1;
            before -= days;
        }
    }

    /// What is asked and written once.
    fn first(&mut self, visit: &Visit<'_>, diabetes: Diabetes) -> Known {
        let day = visit.at.day;
        let person = self.folder.person;
        let at_last = diabetes.years_since_onset;
        let passed = days_between(visit) / 365;
        let onset = month_before(day, (at_last - passed).max(0));
        let (code, name) = match diabetes.eyes {
            true => ("E113", "２型糖尿病・糖尿病性網膜症あり"),
            false => ("E119", "２型糖尿病"),
        };
        let known = Known {
            diabetes: self.find(visit, code, name, onset),
            pressure: person.illness.hypertension.then(|| {
                let onset = month_before(day, self.dice.between(1, 9));
                self.find(visit, "I10", "本態性高血圧症", onset)
            }),
            fat: person.illness.dyslipidaemia.then(|| {
                let onset = month_before(day, self.dice.between(1, 9));
                self.find(visit, "E785", "脂質異常症", onset)
            }),
            kidney_stage: 0,
            suspected: false,
            nephropathy: false,
        };
        let height = self.course.height;
        let smokes = person.illness.smokes;
        self.folder
            .keep("Observation", |id| vitals::height(id, visit, height));
        self.folder
            .keep("Observation", |id| vitals::smoking(id, visit, smokes));
        if self.dice.chance(450) {
            let relation = if self.dice.chance(500) { "MTH" } else { "FTH" };
            self.folder.keep("FamilyMemberHistory", |id| {
                clinical::diabetic_relative(id, visit, relation)
            });
        }
        known
    }

    fn regular(&mut self, visit: &Visit<'_>, known: &mut Known, number: i32, days: i32) {
        let state = self.course.at(visit.at.day);
        self.blood_pressure(visit);
        if number % 2 == 0 {
            self.weight(visit);
        }
        self.panel(visit, known, number, state);
        let lines = lines(state.therapy, days, known);
        self.prescribe(visit, &lines);
    }

    /// Sugar and kidneys at each visit, fat at every third, urine at every fifth.
    fn panel(&mut self, visit: &Visit<'_>, known: &mut Known, number: i32, state: State) {
        let blood = self.sample(visit, Material::Blood);
        let glucose = self.dice.around(state.a1c * 27.0 - 55.0, 14.0).max(62.0);
        let measured = self.dice.around(state.egfr, 1.2);
        let creatinine = creatinine(measured, self.folder.person, visit);
        let filtration = filtration(creatinine, self.folder.person, visit);
        let mut values = vec![
            (&lab::HBA1C, self.dice.around(state.a1c, 0.04)),
            (&lab::GLUCOSE, glucose),
            (&lab::CREATININE, creatinine),
            (&lab::EGFR, filtration),
        ];
        if number % 3 == 0 {
            values.push((&lab::LDL, self.dice.around(state.ldl, 4.0)));
            values.push((&lab::HDL, self.dice.around(state.hdl, 1.5)));
            values.push((
                &lab::TRIGLYCERIDES,
                self.dice.around(state.triglycerides, 9.0).max(32.0),
            ));
        }
        let mut results: Vec<String> = values
            .iter()
            .map(|(test, value)| self.result(visit, &blood, test, *value))
            .collect();
        let mut samples = vec![blood];
        let mut albumin = None;
        if number % 5 == 0 {
            let urine = self.sample(visit, Material::Urine);
            let value = self.dice.around(state.albumin, state.albumin * 0.06);
            results.push(self.result(visit, &urine, &lab::ALBUMIN, value));
            samples.push(urine);
            albumin = Some(value);
        }
        self.report(visit, &samples, &results, conclusion(state.a1c, filtration));
        self.kidneys(visit, known, filtration, albumin);
    }

    /// Too little filtration twice in a row is kidney disease; a worse stage is written anew.
    fn kidneys(
        &mut self,
        visit: &Visit<'_>,
        known: &mut Known,
        filtration: f64,
        albumin: Option<f64>,
    ) {
        let onset = visit.at.day.to_string();
        let (stage, code, name) = match filtration {
            ..15.0 => (5, "N185", "慢性腎臓病ステージＧ５"),
            15.0..30.0 => (4, "N184", "慢性腎臓病ステージＧ４"),
            30.0..60.0 => (3, "N183", "慢性腎臓病ステージＧ３"),
            _ => (0, "", ""),
        };
        if stage > known.kidney_stage && known.suspected {
            self.find(visit, code, name, onset.clone());
            known.kidney_stage = stage;
        }
        known.suspected = stage > 0;
        if albumin.is_some_and(|albumin| albumin >= 30.0) && !known.nephropathy {
            self.find(visit, "E112", "２型糖尿病性腎症", onset);
            known.nephropathy = true;
        }
    }
}

/// Days from a visit to the last day.
fn days_between(visit: &Visit<'_>) -> i32 {
    let hours = LAST_DAY.duration_since(visit.at.day).as_hours();
    i32::try_from(hours / 24).unwrap_or(0)
}

fn lines(therapy: Therapy, days: i32, known: &Known) -> Vec<Line<'_>> {
    let sugar = Some(known.diabetes.as_str());
    let line = |drug: &'static Drug, dose: i32, reason| {
        (dose > 0).then_some(Line {
            drug,
            dose,
            days,
            reason,
        })
    };
    let one = i32::from;
    let pressure = known.pressure.as_deref();
    let all = [
        line(&drugs::METFORMIN, therapy.metformin / 2, sugar),
        line(&drugs::SITAGLIPTIN, one(therapy.sitagliptin), sugar),
        line(&drugs::INSULIN, therapy.insulin, sugar),
        line(&drugs::AMLODIPINE, one(therapy.amlodipine), pressure),
        line(&drugs::CANDESARTAN, one(therapy.candesartan), pressure),
        line(
            &drugs::ROSUVASTATIN,
            one(therapy.rosuvastatin),
            known.fat.as_deref(),
        ),
    ];
    all.into_iter().flatten().collect()
}

fn conclusion(a1c: f64, filtration: f64) -> &'static str {
    match (a1c < 7.0, filtration < 60.0) {
        (true, false) => "血糖コントロール良好。腎機能は保たれている。",
        (true, true) => "血糖コントロール良好。腎機能低下あり、経過観察。",
        (false, false) => "血糖コントロール不十分。食事・運動療法を再確認。",
        (false, true) => "血糖コントロール不十分。腎機能低下あり、投薬量に注意。",
    }
}

/// Creatinine (mg/dL, two digits, as it is reported) at a filtration rate.
///
/// Source: the Japanese equation of 2009, 194 × Cr^-1.094 × age^-0.287, × 0.739 for women.
fn creatinine(filtration: f64, person: &Person, visit: &Visit<'_>) -> f64 {
    let exact = libm::pow(constant(person, visit) / filtration.max(4.0), 1.0 / 1.094);
    (exact * 100.0).round() / 100.0
}

/// The filtration rate that the laboratory computes from the creatinine it reports.
fn filtration(creatinine: f64, person: &Person, visit: &Visit<'_>) -> f64 {
    constant(person, visit) * libm::pow(creatinine, -1.094)
}

fn constant(person: &Person, visit: &Visit<'_>) -> f64 {
    let age = f64::from(person.age(visit.at.day).max(18));
    let sex = if person.sex == Sex::Female {
        0.739
    } else {
        1.0
    };
    194.0 * libm::pow(age, -0.287) * sex
}
