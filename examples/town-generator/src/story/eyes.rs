//! The diabetic's eyes, looked at once or twice a year at another hospital.

use super::{Teller, month_before};
use crate::fhir::clinical;
use crate::hospital::Department;
use crate::illness::Diabetes;

impl Teller<'_, '_> {
    pub(super) fn eyes(&mut self, diabetes: Diabetes) {
        let apart = if diabetes.eyes { 170 } else { 340 };
        let mut before = diabetes.followed_months * 30 - self.dice.between(0, 60);
        let mut first = true;
        while before > 0 {
            let at = self.moment_before(before);
            let visit =
                self.folder
                    .visit(Department::Ophthalmology, self.turn, at, "糖尿病の眼底検査");
            if first {
                self.find(&visit, "E119", "２型糖尿病", month_before(at.day, 2));
            }
            if first && diabetes.eyes {
                let onset = at.day.to_string();
                self.find(&visit, "H360", "糖尿病網膜症", onset);
            }
            let seen = match (diabetes.eyes, self.dice.chance(300)) {
                (true, true) => "両眼に点状出血、左眼に軟性白斑。硬性白斑の増加なし。",
                (true, false) => "両眼に毛細血管瘤と点状出血。前回と著変なし。",
                (false, _) => "両眼とも糖尿病性変化を認めない。",
            };
            self.folder.keep("Procedure", |id| {
                clinical::fundus_examination(id, &visit, seen)
            });
            first = false;
            before -= apart;
        }
    }
}
