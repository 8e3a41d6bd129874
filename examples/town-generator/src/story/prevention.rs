//! What the home hospital keeps for everybody: what they must not be given, and the autumn's
//! vaccination.

use jiff::civil::date;

use super::Teller;
use crate::calendar::{LAST_DAY, Moment, days_after, working_day};
use crate::fhir::clinical;
use crate::hospital::Department;

impl Teller<'_, '_> {
    pub(super) fn prevention(&mut self) {
        let illness = &self.folder.person.illness;
        let allergy = illness.allergy;
        if illness.vaccinated {
            for year in [2023, 2024, 2025] {
                self.vaccination(year);
            }
        }
        if let Some(allergy) = allergy {
            let before = self.dice.between(30, 900);
            let at = self.moment_before(before);
            let visit =
                self.folder
                    .visit(Department::Internal, self.turn, at, "アレルギー歴の確認");
            self.folder.keep("AllergyIntolerance", |id| {
                clinical::allergy(id, &visit, allergy)
            });
        }
    }

    fn vaccination(&mut self, year: i16) {
        let day = days_after(date(year, 10, 15), self.dice.between(0, 60));
        let day = working_day(day.min(LAST_DAY));
        let at = Moment::at(day, self.dice.between(14 * 60, 16 * 60));
        let lot = format!("HA{:02}{}", year % 100, self.dice.between(101, 160));
        let visit = self.folder.visit(
            Department::Internal,
            self.turn,
            at,
            "インフルエンザ予防接種",
        );
        self.folder.keep("Immunization", |id| {
            clinical::influenza_vaccination(id, &visit, &lot)
        });
    }
}
