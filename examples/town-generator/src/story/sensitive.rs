//! What is nobody else's business: diagnoses, and departments, that nodes must label and hold back.

use super::{Teller, month_before};
use crate::fhir::prescription::{self as drugs, Line};
use crate::hospital::Department;
use crate::illness::Sensitive;

impl Teller<'_, '_> {
    pub(super) fn sensitive(&mut self, illness: &Sensitive) {
        let (department, reason) = match illness.psychiatric {
            true => (Department::Psychiatry, "精神科定期受診"),
            false => (Department::Internal, "定期受診"),
        };
        let medicine = matches!(illness.code, "F329" | "F419");
        let mut before = self.dice.between(6, 18) * 28;
        let mut known: Option<String> = None;
        while before > 0 {
            let at = self.moment_before(before);
            let visit = self.folder.visit(department, self.turn, at, reason);
            let condition = match &known {
                Some(known) => known.clone(),
                None => {
                    let onset = month_before(at.day, self.dice.between(0, 6));
                    self.find(&visit, illness.code, illness.name, onset)
                }
            };
            if medicine {
                let line = Line {
                    drug: &drugs::SERTRALINE,
                    dose: 1,
                    days: 28,
                    reason: Some(&condition),
                };
                self.prescribe(&visit, &[line]);
            }
            known = Some(condition);
            before -= 28 * self.dice.between(1, 2);
        }
    }
}
