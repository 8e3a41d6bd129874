//! What a hand enters: one measurement, held against what a body can show, and asked about where it
//! is unusual.

use apple_health::{Kind, Moment, Reading, Source, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::work::observation;
use super::{Desk, Entered, Health, HealthError};
use crate::identity::Caller;
use crate::records::{Address, Intake, Standing};

/// A measurement as it was entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The word of its kind.
    pub kind: String,
    /// The value; of a blood pressure the upper one. Full-width digits are digits.
    pub value: String,
    /// The lower blood pressure.
    pub lower: String,
    /// When: `2026-11-18T07:30`, or the day of steps.
    pub at: String,
    /// When sleep ended.
    pub until: String,
    /// Whether the person was asked about an unusual value and said that it is so.
    pub confirmed: bool,
    /// The id of the measurement that this one takes the place of; empty for a new one.
    pub replaces: String,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is in the chart.
    Saved,
    /// It was there already.
    Known,
    /// It is unusual: ask, then enter it once more as confirmed.
    Unusual,
}

/// Japan has one time zone and no summer time.
const OFFSET: &str = "+09:00";
/// A clock may be so far ahead, in seconds.
const AHEAD_SECONDS: i64 = 120;

impl Entry {
    /// Reads it, as of `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Entered`].
    pub(super) fn reading(&self, now: i64) -> Result<Reading, Entered> {
        let kind: Kind = self.kind.parse().map_err(|_not| Entered::Kind)?;
        let start = match kind {
            Kind::Steps => day(&self.at)?,
            _ => moment(&self.at)?,
        };
        let (end, value) = match kind {
            Kind::Sleep => {
                let end = moment(&self.until)?;
                let asleep = end.seconds().saturating_sub(start.seconds());
                if asleep <= 0 {
                    return Err(Entered::Time);
                }
                let seconds = i32::try_from(asleep).map_err(|_long| Entered::Time)?;
                (end, Value::Quantity(f64::from(seconds) / 3_600.0))
            }
            Kind::BloodPressure => (
                start,
                Value::Pressure {
                    systolic: number(&self.value)?,
                    diastolic: number(&self.lower)?,
                },
            ),
            _ => (start, Value::Quantity(number(&self.value)?)),
        };
        if end.seconds() > now.saturating_add(AHEAD_SECONDS) {
            return Err(Entered::Future);
        }
        Ok(Reading::new(kind, (start, end), value, Source::hand())?)
    }
}

/// Whether a value is worth asking about.
fn is_unusual(reading: &Reading) -> bool {
    let usual = reading.kind().usual();
    match reading.value() {
        Value::Quantity(value) => !usual.holds(value),
        Value::Pressure {
            systolic,
            diastolic,
        } => !usual.holds(systolic) || !Kind::diastolic().1.holds(diastolic),
    }
}

fn moment(text: &str) -> Result<Moment, Entered> {
    let plain: String = text.nfkc().collect();
    let plain = plain.trim();
    let seconds = if plain.len() == 16 { ":00" } else { "" };
    Moment::parse(&format!("{plain}{seconds}{OFFSET}")).map_err(|_not| Entered::Time)
}

fn day(text: &str) -> Result<Moment, Entered> {
    let plain: String = text.nfkc().collect();
    let day = plain.trim().get(..10).ok_or(Entered::Time)?;
    Moment::parse(&format!("{day}T00:00:00{OFFSET}")).map_err(|_not| Entered::Time)
}

fn number(text: &str) -> Result<f64, Entered> {
    let plain: String = text.nfkc().collect();
    let plain = plain.trim().replace(',', "");
    let shaped = !plain.is_empty()
        && plain.len() <= 12
        && plain
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value = shaped.then(|| plain.parse::<f64>().ok()).flatten();
    value.ok_or(Entered::Number)
}

impl Health {
    /// Saves what a hand entered, in the place of what it corrects.
    ///
    /// # Errors
    /// `Entered`; `NotFound` where what it takes the place of is not the person's own; `Access`,
    /// `Linkage`, `Records`, `Database`.
    pub async fn enter(&self, caller: &Caller, entry: &Entry) -> Result<Kept, HealthError> {
        let desk = &self.desk;
        let reading = entry.reading(desk.parts.clock.now().unix_seconds())?;
        if is_unusual(&reading) && !entry.confirmed {
            return Ok(Kept::Unusual);
        }
        let kind = reading.kind().as_str();
        let (permit, person) = desk.permit(caller, "hand", kind).await?;
        let origin = desk.origin(&person, "hand", kind).await?;
        let replaced = replaced(entry)?;
        let batch = desk.batch(&permit, &origin, None, vec![reading])?;
        let records = desk.parts.records.clone();
        let counts = desk
            .parts
            .database
            .transact(move |connection| {
                if let Some(address) = &replaced {
                    let standing = records.standing_vital(&permit, connection, address)?;
                    if standing == Standing::Nothing {
                        return Err(HealthError::NotFound);
                    }
                }
                batch.save(connection, replaced.as_ref())
            })
            .await?;
        Ok(if counts.saved > 0 {
            Kept::Saved
        } else {
            Kept::Known
        })
    }

    /// Deletes what the person measured.
    ///
    /// # Errors
    /// `NotFound` for anything else; `Access`, `Linkage`, `Records`, `Database`.
    pub async fn delete(&self, caller: &Caller, id: &str) -> Result<(), HealthError> {
        let address = observation(id).ok_or(HealthError::NotFound)?;
        let of = address.to_string();
        let (permit, _) = self.desk.permit(caller, "delete", &of).await?;
        let desk: Desk = self.desk.clone();
        self.desk
            .parts
            .database
            .transact(move |connection| {
                let records = &desk.parts.records;
                let standing = records.standing_vital(&permit, connection, &address)?;
                if standing == Standing::Nothing {
                    return Err(HealthError::NotFound);
                }
                let deletes = vec![Intake::Delete(address.clone())];
                records.record_vitals(&permit, connection, deletes)?;
                Ok(())
            })
            .await
    }
}

fn replaced(entry: &Entry) -> Result<Option<Address>, HealthError> {
    match entry.replaces.trim() {
        "" => Ok(None),
        id => observation(id).map(Some).ok_or(HealthError::NotFound),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn entry(kind: &str, value: &str) -> Entry {
        Entry {
            kind: kind.to_owned(),
            value: value.to_owned(),
            at: "2026-11-18T07:30".to_owned(),
            ..Entry::default()
        }
    }

    #[test]
    fn what_a_japanese_keyboard_writes_is_understood() {
        let reading = entry("body-temperature", "３６．５").reading(NOW).unwrap();
        assert_eq!(reading.value(), Value::Quantity(36.5));
        assert_eq!(reading.start().date_time(), "2026-11-18T07:30:00+09:00");
        let steps = entry("steps", "１２,３４５").reading(NOW).unwrap();
        assert_eq!(steps.value(), Value::Quantity(12_345.0));
    }

    #[test]
    fn what_is_no_measurement_is_refused_and_says_why() {
        let refused = |kind, value| entry(kind, value).reading(NOW).unwrap_err();
        assert_eq!(refused("pulse", "70"), Entered::Kind);
        assert_eq!(refused("heart-rate", "seventy"), Entered::Number);
        assert_eq!(refused("heart-rate", "-70"), Entered::Number);
        assert_eq!(refused("heart-rate", "1e3"), Entered::Number);
        assert_eq!(refused("heart-rate", ""), Entered::Number);
        assert_eq!(refused("body-mass", "3000"), Entered::Impossible);
        let mut tomorrow = entry("heart-rate", "70");
        tomorrow.at = "2099-01-01T00:00".to_owned();
        assert_eq!(tomorrow.reading(NOW).unwrap_err(), Entered::Future);
        tomorrow.at = "yesterday".to_owned();
        assert_eq!(tomorrow.reading(NOW).unwrap_err(), Entered::Time);
        let mut swapped = entry("blood-pressure", "76");
        swapped.lower = "118".to_owned();
        assert_eq!(swapped.reading(NOW).unwrap_err(), Entered::Impossible);
    }

    #[test]
    fn three_hundred_kilograms_are_asked_about_and_seventy_are_not() {
        let unusual = |value| is_unusual(&entry("body-mass", value).reading(NOW).unwrap());
        assert!(unusual("300"));
        assert!(!unusual("70"));
    }

    #[test]
    fn sleep_is_as_long_as_its_ends_say() {
        let mut sleep = entry("sleep", "");
        sleep.at = "2026-11-17T23:00".to_owned();
        sleep.until = "2026-11-18T06:30".to_owned();
        assert_eq!(sleep.reading(NOW).unwrap().value(), Value::Quantity(7.5));
        std::mem::swap(&mut sleep.at, &mut sleep.until);
        assert_eq!(sleep.reading(NOW).unwrap_err(), Entered::Time);
    }
}
