//! Observations of other systems, as a phone's app sends them: one, or a Bundle of them. What is
//! known by its LOINC code becomes a reading; nothing else of the resource is kept, so nothing of an
//! attacker's making reaches a chart.

use serde_json::Value as Json;

use crate::systems::LOINC;
use crate::{
    ExporterError, Kind, MAX_EXPORTER_BYTES, Moment, Pseudonyms, Reading, Skipped, Summary, Value,
};

/// Whether a body is FHIR: a Bundle or an Observation.
#[must_use]
pub(crate) fn is_fhir(json: &Json) -> bool {
    let kind = json.get("resourceType").and_then(Json::as_str);
    matches!(kind, Some("Bundle" | "Observation"))
}

/// The readings of a Bundle, or of one Observation.
///
/// # Errors
/// `TooLarge`, `Json`, `Shape`.
pub fn read_fhir(
    body: &[u8],
    pseudonyms: &Pseudonyms,
) -> Result<(Vec<Reading>, Summary), ExporterError> {
    if body.len() > MAX_EXPORTER_BYTES {
        return Err(ExporterError::TooLarge);
    }
    let json: Json = serde_json::from_slice(body).map_err(|_not_json| ExporterError::Json)?;
    if !is_fhir(&json) {
        return Err(ExporterError::Shape);
    }
    Ok(readings(&json, pseudonyms))
}

pub(crate) fn readings(json: &Json, pseudonyms: &Pseudonyms) -> (Vec<Reading>, Summary) {
    let entries = json.get("entry").and_then(Json::as_array);
    let inside = entries.into_iter().flatten();
    let inside = inside.filter_map(|entry| entry.get("resource"));
    let alone = (entries.is_none()).then_some(json);
    let (mut found, mut summary) = (Vec::<Reading>::new(), Summary::default());
    let mut seen = std::collections::HashSet::new();
    for resource in inside.chain(alone) {
        summary.records = summary.records.saturating_add(1);
        match reading(resource, pseudonyms) {
            Ok(reading) if seen.insert(reading.observation("").key) => found.push(reading),
            Ok(_twice) => summary.duplicates = summary.duplicates.saturating_add(1),
            Err(reason) => summary.skip(reason),
        }
    }
    summary.readings = u64::try_from(found.len()).unwrap_or(u64::MAX);
    (found, summary)
}

fn reading(resource: &Json, pseudonyms: &Pseudonyms) -> Result<Reading, Skipped> {
    let text = |path: &str| resource.pointer(path).and_then(Json::as_str);
    if text("/resourceType") != Some("Observation") {
        return Err(Skipped::Type);
    }
    if matches!(text("/status"), Some("entered-in-error" | "cancelled")) {
        return Err(Skipped::Unreadable);
    }
    let known = |code: &str| Kind::ALL.into_iter().find(|kind| kind.has_loinc(code));
    let kind = codes(resource.get("code")).find_map(known);
    let kind = kind.ok_or(Skipped::Type)?;
    let at = |path: &str| {
        text(path).map(|time| match (kind, time.len()) {
            // The day of steps; where no place is said, a day in Japan.
            (Kind::Steps, 10) => Moment::parse(&format!("{time}T00:00:00+09:00")),
            _ => Moment::parse(time),
        })
    };
    let unreadable = |_none| Skipped::Unreadable;
    let start = at("/effectiveDateTime").or_else(|| at("/effectivePeriod/start"));
    let start = start.ok_or(Skipped::Unreadable)?.map_err(unreadable)?;
    let end = at("/effectivePeriod/end").unwrap_or(Ok(start));
    let end = end.map_err(unreadable)?;
    let value = match kind {
        Kind::BloodPressure => Value::Pressure {
            systolic: component(resource, "8480-6")?,
            diastolic: component(resource, "8462-4")?,
        },
        kind => Value::Quantity(quantity(kind, resource.get("valueQuantity"))?),
    };
    let name = text("/device/display").unwrap_or_default();
    let source = pseudonyms.source(name, "");
    let (start, end) = match kind {
        Kind::Steps => (start.midnight(), start.midnight()),
        _ => (start, end),
    };
    Ok(Reading::new(kind, (start, end), value, source)?)
}

fn component(resource: &Json, code: &str) -> Result<f64, Skipped> {
    let parts = resource.get("component").and_then(Json::as_array);
    let mut parts = parts.into_iter().flatten();
    let part = parts.find(|part| codes(part.get("code")).any(|one| one == code));
    let value = part.and_then(|part| part.get("valueQuantity"));
    if value.is_none() {
        return Err(Skipped::HalfPressure);
    }
    quantity(Kind::BloodPressure, value)
}

/// In the unit of the kind, by the UCUM code, else by the unit that people read.
fn quantity(kind: Kind, quantity: Option<&Json>) -> Result<f64, Skipped> {
    let quantity = quantity.ok_or(Skipped::Unreadable)?;
    let value = quantity.get("value").and_then(Json::as_f64);
    let value = value.ok_or(Skipped::Unreadable)?;
    let unit = |name: &str| quantity.get(name).and_then(Json::as_str);
    let measure = kind.row().measure;
    let mut units = ["code", "unit"].into_iter().filter_map(unit);
    // A percentage is one here: only Apple writes fractions under that sign.
    let ours = units.clone().any(|unit| unit == measure.ucum());
    if ours {
        return Ok(value);
    }
    units
        .find_map(|unit| measure.converted(value, unit))
        .ok_or(Skipped::Unit)
}

fn codes(concept: Option<&Json>) -> impl Iterator<Item = &str> {
    let codings = concept.and_then(|concept| concept.get("coding")?.as_array());
    let loinc = |coding: &&Json| coding.get("system").and_then(Json::as_str) == Some(LOINC);
    let codings = codings.into_iter().flatten().filter(loinc);
    codings.filter_map(|coding| coding.get("code").and_then(Json::as_str))
}
