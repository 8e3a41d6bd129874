//! Whoever comes when something is wrong: a cold, hay fever, a stomach, a back.

use super::Teller;
use crate::dice::Choice;
use crate::fhir::clinical::{self, Finding};
use crate::fhir::laboratory::{self as lab, Material};
use crate::fhir::prescription::{self as drugs, Drug, Line};
use crate::fhir::vitals;
use crate::hospital::Department;
use crate::visit::Visit;

struct Complaint {
    code: &'static str,
    name: &'static str,
    reason: &'static str,
    feverish: bool,
    drug: Option<&'static Drug>,
}

static COMPLAINTS: Choice<Complaint> = Choice(
    Complaint {
        code: "J00",
        name: "急性上気道炎",
        reason: "咽頭痛と鼻汁",
        feverish: true,
        drug: Some(&drugs::CARBOCISTEINE),
    },
    &[
        Complaint {
            code: "J209",
            name: "急性気管支炎",
            reason: "咳と痰",
            feverish: true,
            drug: Some(&drugs::CARBOCISTEINE),
        },
        Complaint {
            code: "J301",
            name: "花粉による季節性アレルギー性鼻炎",
            reason: "くしゃみと鼻閉",
            feverish: false,
            drug: Some(&drugs::LORATADINE),
        },
        Complaint {
            code: "L500",
            name: "アレルギー性じんま疹",
            reason: "かゆみを伴う発疹",
            feverish: false,
            drug: Some(&drugs::LORATADINE),
        },
        Complaint {
            code: "A09",
            name: "感染性胃腸炎",
            reason: "下痢と腹痛",
            feverish: true,
            drug: None,
        },
        Complaint {
            code: "M545",
            name: "腰痛症",
            reason: "雪かき後の腰痛",
            feverish: false,
            drug: None,
        },
    ],
);

impl Teller<'_, '_> {
    /// One to `most` visits in three years.
    pub(super) fn acute(&mut self, most: i32) {
        let count = self.dice.between(1, most);
        let mut days: Vec<i32> = (0..count).map(|_| self.dice.between(5, 1_080)).collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        for before in days {
            let complaint = self.dice.pick(&COMPLAINTS);
            let at = self.moment_before(before);
            let turn = self.dice.below(8);
            let visit = self
                .folder
                .visit(Department::Internal, turn, at, complaint.reason);
            self.complain(&visit, complaint);
        }
    }

    fn complain(&mut self, visit: &Visit<'_>, complaint: &Complaint) {
        let finding = Finding {
            code: complaint.code,
            name: complaint.name,
            onset: visit.at.day.to_string(),
            over: true,
        };
        let reason = self
            .folder
            .keep("Condition", |id| clinical::condition(id, visit, &finding));
        let warm = if complaint.feverish { 37.9 } else { 36.5 };
        let celsius = self.dice.around(warm, 0.35);
        self.folder
            .keep("Observation", |id| vitals::temperature(id, visit, celsius));
        self.blood_pressure(visit);
        if complaint.feverish && self.dice.chance(500) {
            self.inflammation(visit);
        }
        if let Some(drug) = complaint.drug {
            let line = Line {
                drug,
                dose: 1,
                days: 7,
                reason: Some(&reason),
            };
            self.prescribe(visit, &[line]);
        }
    }

    fn inflammation(&mut self, visit: &Visit<'_>) {
        let blood = self.sample(visit, Material::Blood);
        let crp = self.dice.around(2.4, 0.6).max(0.1);
        let leukocytes = (self.dice.around(95.0, 14.0)).round() * 100.0;
        let results = [
            self.result(visit, &blood, &lab::CRP, crp),
            self.result(visit, &blood, &lab::LEUKOCYTES, leukocytes),
        ];
        self.report(visit, &[blood], &results, "炎症反応の上昇を認める。");
    }
}
