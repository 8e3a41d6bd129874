//! SS-MIX2 units of replacement: what each put into the records, and what is to be written when
//! its files change. Touches neither files nor tables.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ssmix2::Precedence;

use crate::records::{Address, Incoming, Intake};

/// What one unit put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// The file that it is from; none while that file is gone and no other has taken its place.
    pub(super) stem: Option<String>,
    pub(super) precedence: Precedence,
    pub(super) resources: Vec<Address>,
}

/// What one file says, ready to be stored.
#[derive(Clone)]
pub(super) struct Saying {
    pub(super) unit: String,
    pub(super) stem: String,
    pub(super) precedence: Precedence,
    pub(super) resources: Vec<Incoming>,
}

/// The units of a batch: as they were stored, then as they are to be stored.
#[derive(Default)]
pub(super) struct Ledger {
    units: BTreeMap<String, Unit>,
    touched: BTreeSet<String>,
    withdrawn: BTreeSet<String>,
    intakes: Vec<Intake>,
}

impl Ledger {
    /// Over the units that are stored.
    pub(super) fn over(units: BTreeMap<String, Unit>) -> Self {
        Self {
            units,
            ..Self::default()
        }
    }

    /// Lets a file speak for its unit, unless what it says precedes what is there.
    pub(super) fn hear(&mut self, saying: &Saying) {
        let preceded = self.units.get(&saying.unit).is_some_and(|unit| {
            unit.stem.as_ref() != Some(&saying.stem) && saying.precedence < unit.precedence
        });
        if !preceded {
            self.replace(saying);
        }
    }

    /// Lets a file speak for its unit, whatever is there. What the unit put in and this file does
    /// not say is deleted.
    pub(super) fn replace(&mut self, saying: &Saying) {
        let resources = saying.resources.iter().map(Incoming::address).cloned();
        let unit = Unit {
            stem: Some(saying.stem.clone()),
            precedence: saying.precedence.clone(),
            resources: resources.collect(),
        };
        let stays: HashSet<Address> = unit.resources.iter().cloned().collect();
        self.withdrawn.remove(&saying.unit);
        self.touched.insert(saying.unit.clone());
        let before = self.units.insert(saying.unit.clone(), unit);
        let before = before.map(|unit| unit.resources).unwrap_or_default();
        let gone = before.into_iter().filter(|one| !stays.contains(one));
        self.intakes.extend(gone.map(Intake::Delete));
        let puts = saying.resources.iter().cloned().map(Box::new);
        self.intakes.extend(puts.map(Intake::Put));
    }

    /// A file no longer speaks for a unit. Where the unit is from that file, it is to be settled
    /// once all files were seen.
    pub(super) fn fall_silent(&mut self, unit: &str, stem: &str) {
        if let Some(there) = self.units.get_mut(unit)
            && there.stem.as_deref() == Some(stem)
        {
            there.stem = None;
            self.touched.insert(unit.to_owned());
        }
    }

    /// No file speaks for a unit any more: everything that it put in is deleted.
    pub(super) fn withdraw(&mut self, unit: &str) {
        if let Some(gone) = self.units.remove(unit) {
            self.touched.remove(unit);
            self.withdrawn.insert(unit.to_owned());
            self.intakes
                .extend(gone.resources.into_iter().map(Intake::Delete));
        }
    }

    /// The units that are to be stored.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&str, &Unit)> {
        let touched = self.touched.iter();
        touched.filter_map(|key| Some((key.as_str(), self.units.get(key)?)))
    }

    /// The keys of the units that are gone.
    pub(super) fn withdrawn(&self) -> impl Iterator<Item = &str> {
        self.withdrawn.iter().map(String::as_str)
    }

    /// What is to be done to the records.
    pub(super) fn into_intakes(self) -> Vec<Intake> {
        self.intakes
    }
}

/// Of several intakes about one resource only the last, in the order of these.
pub(super) fn last_of_each(intakes: Vec<Intake>) -> Vec<Intake> {
    let mut seen = HashSet::new();
    let mut last: Vec<Intake> = intakes
        .into_iter()
        .rev()
        .filter(|intake| seen.insert(intake.address().clone()))
        .collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::records::Validator;

    fn saying(stem: &str, step: u8, ids: &[&str]) -> Saying {
        let resource = |id: &&str| {
            let text = format!("{{\"resourceType\":\"Condition\",\"id\":\"{id}\"}}");
            Incoming::parse(&Validator::off(), text.as_bytes()).unwrap()
        };
        Saying {
            unit: "u".to_owned(),
            stem: stem.to_owned(),
            precedence: Precedence {
                step,
                occurrence: "20260401000000000".to_owned(),
            },
            resources: ids.iter().map(resource).collect(),
        }
    }

    /// `+Condition/a` is written, `-Condition/a` deleted.
    fn done(ledger: Ledger) -> Vec<String> {
        let intakes = last_of_each(ledger.into_intakes());
        let said = intakes.iter().map(|intake| match intake {
            Intake::Put(incoming) => format!("+{}", incoming.address()),
            Intake::Delete(address) => format!("-{address}"),
        });
        said.collect()
    }

    #[test]
    fn a_unit_is_replaced_whole() {
        let mut ledger = Ledger::default();
        ledger.hear(&saying("first", 0, &["a", "b"]));
        ledger.hear(&saying("second", 0, &["b", "c"]));
        assert_eq!(
            done(ledger),
            ["-Condition/a", "+Condition/b", "+Condition/c"]
        );
    }

    #[test]
    fn what_precedes_does_not_replace_what_follows() {
        let mut ledger = Ledger::default();
        ledger.hear(&saying("discharge", 2, &["a"]));
        ledger.hear(&saying("admission", 0, &["b"]));
        assert_eq!(done(ledger), ["+Condition/a"]);
        // A file that says less than it said before still speaks for itself.
        let mut ledger = Ledger::default();
        ledger.hear(&saying("discharge", 2, &["a"]));
        ledger.hear(&saying("discharge", 0, &["b"]));
        assert_eq!(done(ledger), ["-Condition/a", "+Condition/b"]);
    }

    #[test]
    fn a_unit_outlives_its_file_until_it_is_settled() {
        let mut ledger = Ledger::default();
        ledger.hear(&saying("discharge", 2, &["a"]));
        ledger.fall_silent("u", "another");
        assert!(ledger.changed().all(|(_, unit)| unit.stem.is_some()));
        ledger.fall_silent("u", "discharge");
        assert!(ledger.changed().all(|(_, unit)| unit.stem.is_none()));
        ledger.replace(&saying("admission", 0, &["a"]));
        assert_eq!(ledger.withdrawn().count(), 0);
        ledger.withdraw("u");
        assert_eq!(ledger.withdrawn().collect::<Vec<_>>(), ["u"]);
        assert_eq!(done(ledger), ["-Condition/a"]);
    }
}
