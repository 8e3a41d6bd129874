//! The JSON of exporter apps (Health Auto Export and similar) and of our Shortcut:
//! `{"data":{"metrics":[{"name","units","data":[{"date","qty"}]}]}}`.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::sleep::{Nights, Stage};
use crate::{
    ExporterError, Kind, Meal, Moment, Pseudonyms, Reading, Skipped, Source, Summary, Value, fhir,
};

/// The largest body that is read, in bytes. A year of a watch by the hour is about two million.
pub const MAX_EXPORTER_BYTES: usize = 8 << 20;

/// Reads what an app sent: its readings, each once, and what was left out.
///
/// FHIR is taken too: see [`crate::read_fhir`].
///
/// Steps come out as one total a day: of several sources in one interval, the one that counted
/// most.
///
/// # Errors
/// [`ExporterError`]. What is wrong with one entry is counted, not refused.
pub fn read_exporter(
    body: &[u8],
    pseudonyms: &Pseudonyms,
) -> Result<(Vec<Reading>, Summary), ExporterError> {
    if body.len() > MAX_EXPORTER_BYTES {
        return Err(ExporterError::TooLarge);
    }
    let json: Json = serde_json::from_slice(body).map_err(|_not_json| ExporterError::Json)?;
    if fhir::is_fhir(&json) {
        return Ok(fhir::readings(&json, pseudonyms));
    }
    let metrics = json
        .pointer("/data/metrics")
        .or_else(|| json.get("metrics"));
    let metrics = metrics.and_then(Json::as_array);
    let metrics = metrics.ok_or(ExporterError::Shape)?;
    let mut body = Body::new(pseudonyms, body.len());
    for metric in metrics {
        body.metric(metric);
    }
    Ok(body.finish())
}

struct Body<'p> {
    pseudonyms: &'p Pseudonyms,
    readings: Vec<Reading>,
    seen: HashSet<String>,
    summary: Summary,
    nights: Nights,
    /// Steps by interval, of the source that counted most.
    steps: BTreeMap<Moment, (f64, Source)>,
}

impl<'p> Body<'p> {
    fn new(pseudonyms: &'p Pseudonyms, bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Self {
            pseudonyms,
            readings: Vec::new(),
            seen: HashSet::new(),
            summary: Summary {
                bytes,
                ..Summary::default()
            },
            nights: Nights::default(),
            steps: BTreeMap::new(),
        }
    }

    fn metric(&mut self, metric: &Json) {
        let name = text(metric, "name").unwrap_or_default();
        let unit = text(metric, "units").or_else(|| text(metric, "unit"));
        let unit = unit.unwrap_or_default();
        let entries = metric.get("data").and_then(Json::as_array);
        let kind = Kind::of_exporter(name);
        for entry in entries.into_iter().flatten() {
            self.summary.records = self.summary.records.saturating_add(1);
            let read = match kind {
                None => Err(Skipped::Type),
                Some(Kind::Sleep) => self.sleep(entry),
                Some(kind) => self.entry(kind, unit, entry),
            };
            match read {
                Ok(Some(reading)) => self.add(reading),
                Ok(None) => {}
                Err(reason) => self.summary.skip(reason),
            }
        }
    }

    fn entry(&mut self, kind: Kind, unit: &str, entry: &Json) -> Result<Option<Reading>, Skipped> {
        let (start, end) = times(entry)?;
        let source = self.source(entry);
        let unit = text(entry, "units")
            .or_else(|| text(entry, "unit"))
            .unwrap_or(unit);
        let in_our_unit = |value: f64| {
            let converted = kind.row().measure.converted(value, unit);
            converted.ok_or(Skipped::Unit)
        };
        let value = if kind == Kind::BloodPressure {
            let half = |name| number(entry, name).ok_or(Skipped::HalfPressure);
            Value::Pressure {
                systolic: in_our_unit(half("systolic")?)?,
                diastolic: in_our_unit(half("diastolic")?)?,
            }
        } else {
            let found = ["qty", "value", "Avg", "avg"]
                .iter()
                .find_map(|name| number(entry, name));
            Value::Quantity(in_our_unit(found.ok_or(Skipped::Unreadable)?)?)
        };
        let reading = Reading::new(kind, (start, end), value, source)?;
        if let (Kind::Steps, Value::Quantity(steps)) = (kind, reading.value()) {
            let most = self.steps.entry(start).or_insert((steps, source));
            if steps > most.0 {
                *most = (steps, source);
            }
            return Ok(None);
        }
        let meal = text(entry, "mealTime").and_then(|meal| match meal {
            "Before Meal" | "Preprandial" | "preprandial" | "1" => Some(Meal::Before),
            "After Meal" | "Postprandial" | "postprandial" | "2" => Some(Meal::After),
            _ => None,
        });
        Ok(Some(match meal {
            Some(meal) if kind == Kind::BloodGlucose => reading.at_meal(meal),
            _ => reading,
        }))
    }

    /// A stretch with its stage, or a whole night with its hours.
    fn sleep(&mut self, entry: &Json) -> Result<Option<Reading>, Skipped> {
        let source = self.source(entry);
        if let Some(stage) = text(entry, "value").and_then(Stage::of) {
            self.nights.add(stage, times(entry)?, source)?;
            return Ok(None);
        }
        let at = |name| text(entry, name).and_then(|text| Moment::parse(text).ok());
        let (start, end) = match (at("sleepStart"), at("sleepEnd")) {
            (Some(start), Some(end)) => (start, end),
            _ => times(entry)?,
        };
        let named = |name: &&str| number(entry, name).filter(|hours| *hours > 0.0);
        let stages = ["core", "deep", "rem"]
            .iter()
            .filter_map(named)
            .sum::<f64>();
        let whole = ["totalSleep", "asleep"].iter().find_map(named);
        let hours = whole.unwrap_or(stages);
        if hours <= 0.0 {
            return Err(Skipped::InBed);
        }
        let value = Value::Quantity(hours);
        Ok(Some(Reading::new(
            Kind::Sleep,
            (start, end),
            value,
            source,
        )?))
    }

    fn source(&self, entry: &Json) -> Source {
        let name = text(entry, "source").unwrap_or_default();
        self.pseudonyms.source(name, "")
    }

    fn add(&mut self, reading: Reading) {
        // The patient is the same for all of them.
        if self.seen.insert(reading.observation("").key) {
            self.summary.readings = self.summary.readings.saturating_add(1);
            self.readings.push(reading);
        } else {
            self.summary.duplicates = self.summary.duplicates.saturating_add(1);
        }
    }

    fn finish(mut self) -> (Vec<Reading>, Summary) {
        let mut days: BTreeMap<i64, (Moment, f64, Source)> = BTreeMap::new();
        for (start, (steps, source)) in std::mem::take(&mut self.steps) {
            let day = days.entry(start.day());
            let day = day.or_insert((start.midnight(), 0.0, source));
            day.1 += steps;
        }
        let steps = days.into_values().map(|(midnight, total, source)| {
            let value = Value::Quantity(total);
            Reading::new(Kind::Steps, (midnight, midnight), value, source).map_err(Skipped::from)
        });
        let nights = std::mem::take(&mut self.nights);
        for one in steps.collect::<Vec<_>>().into_iter().chain(nights.finish()) {
            match one {
                Ok(reading) => self.add(reading),
                Err(reason) => self.summary.skip(reason),
            }
        }
        (self.readings, self.summary)
    }
}

/// When it began and ended; where only one time is said, both are that.
fn times(entry: &Json) -> Result<(Moment, Moment), Skipped> {
    let at = |names: [&str; 3]| {
        let found = names.iter().find_map(|name| text(entry, name));
        found.map(|text| Moment::parse(text).map_err(|_none| Skipped::Unreadable))
    };
    let start = at(["startDate", "date", "start"]).ok_or(Skipped::Unreadable)??;
    let end = at(["endDate", "end", "end"]).unwrap_or(Ok(start))?;
    Ok((start, end))
}

fn text<'j>(entry: &'j Json, name: &str) -> Option<&'j str> {
    entry.get(name).and_then(Json::as_str)
}

/// A number, or a text that is one: Shortcuts write texts.
fn number(entry: &Json, name: &str) -> Option<f64> {
    let value = entry.get(name)?;
    let number = value.as_f64();
    let number = number.or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}
