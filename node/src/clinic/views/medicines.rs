//! All prescription lines, those of one ingredient together, with what several hospitals prescribe.

use std::collections::{BTreeMap, BTreeSet};

use federation_protocol::time::Timestamp;

use super::Chart;
use super::medicine::Supply;
use crate::pages::chart::{Bar, BarRow};
use crate::pages::when::Day;

/// The most medicines that are shown.
const MOST_MEDICINES: usize = 200;

/// What is prescribed.
#[derive(Clone, Debug, Default)]
pub struct Medicines {
    /// What reaches to today, by the days supplied.
    pub current: Vec<Medicine>,
    /// What does not, the newest first.
    pub past: Vec<Medicine>,
    /// Lines that name no medicine or no day: they are counted, not shown.
    pub unreadable: usize,
    /// How many medicines were left out.
    pub cut: usize,
}

/// Everything that was prescribed of one ingredient.
#[derive(Clone, Debug)]
pub struct Medicine {
    /// The name as it was prescribed last.
    pub name: String,
    /// The lines, the newest first.
    pub supplies: Vec<Supply>,
    /// The hospitals that supply it now, where they are several.
    pub by_several: Vec<usize>,
    /// Whether days supplied by two hospitals overlap.
    pub overlaps: bool,
    /// Whether it could be compared by its name alone.
    pub is_by_name: bool,
}

impl Medicines {
    /// The medicines of `chart`, as of `today`, of the hospitals that `shows` lets through.
    #[must_use]
    pub fn of(
        chart: &Chart,
        since: Option<Day>,
        today: Timestamp,
        shows: &dyn Fn(usize) -> bool,
    ) -> Self {
        let mut medicines = Self::default();
        let mut by_key: BTreeMap<String, Vec<Supply>> = BTreeMap::new();
        for taken in chart
            .of("MedicationRequest")
            .filter(|taken| shows(taken.source))
        {
            match Supply::of(taken) {
                Some(supply) if since.is_some_and(|since| !reaches(&supply, since)) => {}
                Some(supply) => by_key.entry(supply.key.clone()).or_default().push(supply),
                None => medicines.unreadable = medicines.unreadable.saturating_add(1),
            }
        }
        medicines.cut = by_key.len().saturating_sub(MOST_MEDICINES);
        for supplies in by_key.into_values().take(MOST_MEDICINES) {
            let (medicine, is_current) = Medicine::of(supplies, today);
            match is_current {
                true => medicines.current.push(medicine),
                false => medicines.past.push(medicine),
            }
        }
        let newest = |medicine: &Medicine| medicine.supplies.first().map(|one| one.from.at);
        medicines.current.sort_by(|one, other| {
            let several = |medicine: &Medicine| medicine.by_several.is_empty();
            several(one)
                .cmp(&several(other))
                .then(newest(other).cmp(&newest(one)))
        });
        medicines
            .past
            .sort_by_key(|medicine| std::cmp::Reverse(newest(medicine)));
        medicines
    }

    /// Whether nothing is prescribed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current.is_empty() && self.past.is_empty()
    }

    /// The medicines as rows of a chart.
    #[must_use]
    pub fn bars(&self) -> Vec<BarRow> {
        let all = self.current.iter().chain(&self.past);
        all.map(Medicine::bars)
            .filter(|row| !row.bars.is_empty())
            .collect()
    }
}

/// Whether a line's days reach to `since` or begin after it.
fn reaches(supply: &Supply, since: Day) -> bool {
    let until = supply.until().map(Day::of);
    supply.from.day >= since || until.is_some_and(|until| until >= since)
}

impl Medicine {
    fn of(mut supplies: Vec<Supply>, today: Timestamp) -> (Self, bool) {
        supplies.sort_by_key(|supply| std::cmp::Reverse(supply.from.at));
        let current: Vec<&Supply> = supplies
            .iter()
            .filter(|one| one.is_current(today))
            .collect();
        let sources: BTreeSet<usize> = current.iter().map(|supply| supply.source).collect();
        let overlaps = current.iter().any(|one| {
            let mut others = current.iter().filter(|other| other.source != one.source);
            others.any(|other| one.overlaps(other))
        });
        let several = sources.len() > 1;
        let medicine = Self {
            name: supplies
                .first()
                .map(|one| one.name.clone())
                .unwrap_or_default(),
            by_several: if several {
                sources.into_iter().collect()
            } else {
                Vec::new()
            },
            overlaps,
            is_by_name: supplies.iter().any(|one| one.is_by_name),
            supplies: Vec::new(),
        };
        let is_current = !current.is_empty();
        (
            Self {
                supplies,
                ..medicine
            },
            is_current,
        )
    }

    fn bars(&self) -> BarRow {
        let stands = self
            .supplies
            .iter()
            .filter(|supply| supply.status.is_none());
        let bars = stands.filter_map(|supply| {
            Some(Bar {
                from: supply.from.at,
                to: supply.until()?,
                place: supply.source,
                text: supply.dose.clone(),
            })
        });
        BarRow {
            name: self.name.clone(),
            bars: bars.collect(),
        }
    }
}
