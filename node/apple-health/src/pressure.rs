//! Blood pressures: two records of one moment and one source are one measurement.
//!
//! An export has them twice, inside a `Correlation` and beside it; some apps write them beside it
//! only. Both ways lead to the same pair, once.

use std::collections::BTreeMap;

use crate::{Kind, Moment, Reading, Skipped, Source, Value};

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Systolic,
    Diastolic,
}

impl Half {
    pub(crate) fn of_apple(identifier: &str) -> Option<Self> {
        match identifier {
            "HKQuantityTypeIdentifierBloodPressureSystolic" => Some(Self::Systolic),
            "HKQuantityTypeIdentifierBloodPressureDiastolic" => Some(Self::Diastolic),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Pair {
    systolic: Option<f64>,
    diastolic: Option<f64>,
}

/// Pressures that wait for their other half.
#[derive(Default)]
pub(crate) struct Pressures(BTreeMap<(Moment, Moment, Source), Pair>);

impl Pressures {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds one half, in mmHg. What is said once more changes nothing.
    pub(crate) fn add(&mut self, half: Half, time: (Moment, Moment), source: Source, value: f64) {
        let pair = self.0.entry((time.0, time.1, source)).or_default();
        let place = match half {
            Half::Systolic => &mut pair.systolic,
            Half::Diastolic => &mut pair.diastolic,
        };
        place.get_or_insert(value);
    }

    /// The measurements.
    pub(crate) fn finish(self) -> impl Iterator<Item = Result<Reading, Skipped>> {
        self.0.into_iter().map(|((start, end, source), pair)| {
            let (Some(systolic), Some(diastolic)) = (pair.systolic, pair.diastolic) else {
                return Err(Skipped::HalfPressure);
            };
            let value = Value::Pressure {
                systolic,
                diastolic,
            };
            Reading::new(Kind::BloodPressure, (start, end), value, source).map_err(Skipped::from)
        })
    }
}
