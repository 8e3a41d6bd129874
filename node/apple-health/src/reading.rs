//! One measurement, checked: of a kind, at a time, in the unit of its kind, possible.

use crate::{Kind, Moment, Skipped, Source};

/// Whether a blood sugar was measured before or after a meal. Neither says that it was fasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meal {
    /// 食前.
    Before,
    /// 食後.
    After,
}

/// What was measured, in the unit of its kind, rounded to its decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number.
    Quantity(f64),
    /// Both blood pressures, in mmHg.
    Pressure {
        /// 最高血圧.
        systolic: f64,
        /// 最低血圧.
        diastolic: f64,
    },
}

/// Why a value is no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadingError {
    /// No body shows it, or it is not a number.
    #[error("no living body shows this value")]
    Impossible,
    /// It ends before it begins, or lasts longer than two days.
    #[error("it ends before it begins, or lasts too long")]
    Period,
    /// A pressure is a pair and everything else is not.
    #[error("the kind has another sort of value")]
    Sort,
}

impl From<ReadingError> for Skipped {
    fn from(error: ReadingError) -> Self {
        match error {
            ReadingError::Impossible | ReadingError::Sort => Self::Impossible,
            ReadingError::Period => Self::Unreadable,
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    kind: Kind,
    start: Moment,
    end: Moment,
    value: Value,
    source: Source,
    meal: Option<Meal>,
}

impl Reading {
    /// A reading of a kind; its value in the unit of the kind, `start` and `end` the same where it
    /// has no length.
    ///
    /// # Errors
    /// [`ReadingError`].
    pub fn new(
        kind: Kind,
        (start, end): (Moment, Moment),
        value: Value,
        source: Source,
    ) -> Result<Self, ReadingError> {
        let lasts = end.seconds().saturating_sub(start.seconds());
        if !(0..=LONGEST_SECONDS).contains(&lasts) {
            return Err(ReadingError::Period);
        }
        let value = checked(kind, value)?;
        Ok(Self {
            kind,
            start,
            end,
            value,
            source,
            meal: None,
        })
    }

    /// The same, before or after a meal.
    #[must_use]
    pub fn at_meal(mut self, meal: Meal) -> Self {
        self.meal = Some(meal);
        self
    }

    /// What it is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it began.
    #[must_use]
    pub fn start(&self) -> Moment {
        self.start
    }

    /// When it ended.
    #[must_use]
    pub fn end(&self) -> Moment {
        self.end
    }

    /// What was measured.
    #[must_use]
    pub fn value(&self) -> Value {
        self.value
    }

    /// Who measured.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Before or after a meal, where that is known.
    #[must_use]
    pub fn meal(&self) -> Option<Meal> {
        self.meal
    }
}

/// Two days: a step counter's longest stretch and more than anybody sleeps.
const LONGEST_SECONDS: i64 = 2 * 86_400;

fn checked(kind: Kind, value: Value) -> Result<Value, ReadingError> {
    match (kind, value) {
        (
            Kind::BloodPressure,
            Value::Pressure {
                systolic,
                diastolic,
            },
        ) => {
            let (possible, _) = Kind::diastolic();
            let (systolic, diastolic) = (rounded(systolic, 0), rounded(diastolic, 0));
            let lawful = kind.possible().holds(systolic)
                && possible.holds(diastolic)
                && diastolic < systolic;
            lawful
                .then_some(Value::Pressure {
                    systolic,
                    diastolic,
                })
                .ok_or(ReadingError::Impossible)
        }
        (Kind::BloodPressure, _) | (_, Value::Pressure { .. }) => Err(ReadingError::Sort),
        (_, Value::Quantity(value)) => {
            let value = rounded(value, kind.decimals());
            let lawful = kind.possible().holds(value);
            lawful
                .then_some(Value::Quantity(value))
                .ok_or(ReadingError::Impossible)
        }
    }
}

/// To so many digits after the point. What is no number stays none, and no range holds it.
pub(crate) fn rounded(value: f64, decimals: u8) -> f64 {
    let scale = 10_f64.powi(i32::from(decimals));
    (value * scale).round() / scale
}
