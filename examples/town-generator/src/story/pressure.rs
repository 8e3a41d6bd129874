//! High blood pressure without diabetes: a look and a prescription every three months.

use super::{Teller, month_before};
use crate::fhir::prescription::{self as drugs, Line};
use crate::hospital::Department;

const DAYS: i32 = 84;

impl Teller<'_, '_> {
    pub(super) fn pressure(&mut self) {
        let mut before = self.dice.between(4, 10) * DAYS;
        let mut known: Option<String> = None;
        while before > 0 {
            let at = self.moment_before(before);
            let visit =
                self.folder
                    .visit(Department::Internal, self.turn, at, "高血圧症の定期受診");
            let reason = match &known {
                Some(known) => known.clone(),
                None => {
                    let onset = month_before(at.day, self.dice.between(0, 12));
                    self.find(&visit, "I10", "本態性高血圧症", onset)
                }
            };
            self.blood_pressure(&visit);
            let therapy = self.course.at(at.day).therapy;
            let line = |drug| Line {
                drug,
                dose: 1,
                days: DAYS,
                reason: Some(&reason),
            };
            let lines = [
                therapy.amlodipine.then(|| line(&drugs::AMLODIPINE)),
                therapy.candesartan.then(|| line(&drugs::CANDESARTAN)),
            ];
            let lines: Vec<Line<'_>> = lines.into_iter().flatten().collect();
            self.prescribe(&visit, &lines);
            known = Some(reason);
            before -= DAYS;
        }
    }
}
