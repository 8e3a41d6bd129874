//! Laboratory results of all hospitals as a person reads them: by date, with 高い and 低い in words, and
//! per item with how it went.
//!
//! High and low are what the hospital that measured said, or its own range; never another's.

use std::collections::BTreeMap;

use jiff::civil;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::fhir::{
    Held, Number, When, clean, codes_of, concept, list, number, quantity, text, when,
};
use super::items::{Item, folded, known};

/// How many days a result is marked as new.
pub(super) const NEW_DAYS: i64 = 14;
/// The most results that are looked at.
const MOST_RESULTS: usize = 5_000;

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LabResult {
    /// Which of the hospitals measured.
    pub(super) hospital: usize,
    /// What groups it with others of the same item: an id of [`Item`], or `x-` and a digest of its name.
    pub(super) item: String,
    /// Its name as the hospital wrote it.
    pub(super) name: String,
    /// Whether the item is explained.
    pub(super) is_known: bool,
    /// When the sample was taken.
    pub(super) taken: When,
    /// What was found.
    pub(super) found: Found,
    /// The hospital's own range.
    pub(super) range: Range,
    /// How it stands to that.
    pub(super) standing: Standing,
    /// The hospital may still change it.
    pub(super) is_preliminary: bool,
    /// The hospital changed it after it had been told.
    pub(super) is_corrected: bool,
    /// Whether it came in the last days.
    pub(super) is_new: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// A number with its unit.
    Number {
        /// The value.
        number: Number,
        /// `<` and the like; empty for an exact value.
        comparator: &'static str,
        /// Its unit; empty where none is said.
        unit: String,
    },
    /// Words, such as (−) or 陰性.
    Words(String),
    /// The hospital says that there is no value.
    Nothing,
}

impl Found {
    /// The value as it is shown, without its unit.
    pub(super) fn value(&self) -> String {
        match self {
            Self::Number {
                number, comparator, ..
            } => format!("{comparator}{}", number.written),
            Self::Words(words) => words.clone(),
            Self::Nothing => String::new(),
        }
    }

    /// Its unit; empty where there is none.
    pub(super) fn unit(&self) -> &str {
        match self {
            Self::Number { unit, .. } => unit,
            _ => "",
        }
    }
}

/// A hospital's range.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Range {
    /// Its lower end.
    pub(super) low: Option<Number>,
    /// Its upper end.
    pub(super) high: Option<Number>,
    /// In words, where it has no ends.
    pub(super) words: String,
}

impl Range {
    /// Whether the hospital said one.
    pub(super) fn is_known(&self) -> bool {
        self.low.is_some() || self.high.is_some() || !self.words.is_empty()
    }

    /// As it is shown: `4.9〜6.0`, `60 以上` is left to words: here `60〜`.
    pub(super) fn shown(&self) -> String {
        let end = |end: &Option<Number>| end.as_ref().map(|end| end.written.clone());
        match (end(&self.low), end(&self.high)) {
            (None, None) => self.words.clone(),
            (low, high) => format!("{}〜{}", low.unwrap_or_default(), high.unwrap_or_default()),
        }
    }
}

/// How a result stands to the hospital's range.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Above it.
    High,
    /// Below it.
    Low,
    /// Outside, without a direction, or positive.
    Outside,
    /// Within.
    Within,
    /// The hospital says nothing of it.
    Unsaid,
}

impl Standing {
    /// The word in keys of texts and in classes.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
            Self::Outside => "outside",
            Self::Within => "within",
            Self::Unsaid => "unsaid",
        }
    }

    /// Whether it wants a mark.
    pub(super) const fn is_marked(self) -> bool {
        matches!(self, Self::High | Self::Low | Self::Outside)
    }
}

/// The laboratory results among what is held, newest first.
pub(super) fn results(held: &[Held], today: civil::Date) -> Vec<LabResult> {
    let observations = held.iter().filter(|one| is_lab(one));
    let found = observations.take(MOST_RESULTS);
    let mut results: Vec<LabResult> = found.filter_map(|one| result(one, today)).collect();
    results.sort_by(|a, b| (b.taken, &a.name, a.hospital).cmp(&(a.taken, &b.name, b.hospital)));
    results
}

fn is_lab(held: &Held) -> bool {
    held.kind() == "Observation"
        && !held.is_void()
        && codes_of(&held.resource, "category").any(|code| code == "laboratory")
}

fn result(held: &Held, today: civil::Date) -> Option<LabResult> {
    let observation = &held.resource;
    let code = observation.get("code")?;
    let name = concept(code)?;
    let item = known(code);
    let taken = when(
        observation,
        &[
            "effectiveDateTime",
            "effectivePeriod",
            "effectiveInstant",
            "issued",
        ],
    )?;
    let found = found(observation);
    let range = range(observation);
    let standing = standing(observation, &found, &range);
    let status = text(observation, "status").unwrap_or_default();
    Some(LabResult {
        hospital: held.hospital,
        item: item.map_or_else(|| unexplained(&name), |item| item.id.to_owned()),
        name,
        is_known: item.is_some(),
        taken,
        found,
        range,
        standing,
        is_preliminary: matches!(status, "registered" | "preliminary"),
        is_corrected: matches!(status, "amended" | "corrected"),
        is_new: is_new(observation, taken, today),
    })
}

/// What groups results of an item that is not explained: a digest, so that no name of an examination
/// stands in an address.
fn unexplained(name: &str) -> String {
    let digest = Sha256::digest(folded(name).as_bytes());
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("x-{hex}")
}

/// Whether `item` could be the id of an item: what a path may say.
pub(super) fn is_item(item: &str) -> bool {
    (1..=24).contains(&item.len())
        && item
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_new(observation: &Value, taken: When, today: civil::Date) -> bool {
    let told = when(observation, &["issued"]).unwrap_or(taken);
    (0..NEW_DAYS).contains(&told.days_until(today))
}

fn found(observation: &Value) -> Found {
    if let Some(quantity) = observation.get("valueQuantity").and_then(quantity) {
        return Found::Number {
            number: quantity.number,
            comparator: quantity.comparator,
            unit: quantity.unit,
        };
    }
    let words = text(observation, "valueString").map(clean);
    let concept = || observation.get("valueCodeableConcept").and_then(concept);
    let integer = || number(observation, "valueInteger").map(|number| number.written);
    let boolean = || {
        let said = observation.get("valueBoolean").and_then(Value::as_bool)?;
        Some(if said { "(+)" } else { "(-)" }.to_owned())
    };
    let words = words
        .filter(|words| !words.is_empty())
        .or_else(concept)
        .or_else(integer)
        .or_else(boolean);
    words.map_or(Found::Nothing, Found::Words)
}

fn range(observation: &Value) -> Range {
    let normal = |range: &&Value| {
        let kind = range.get("type").map(|kind| {
            let mut codes = super::fhir::codes(kind);
            codes.any(|(_, code)| code == "normal")
        });
        kind.unwrap_or(true)
    };
    let Some(range) = list(observation, "referenceRange").find(normal) else {
        return Range::default();
    };
    let end = |member: &str| number(range.get(member)?, "value");
    Range {
        low: end("low"),
        high: end("high"),
        words: text(range, "text").map(clean).unwrap_or_default(),
    }
}

/// Source: HL7 v3-ObservationInterpretation.
fn standing(observation: &Value, found: &Found, range: &Range) -> Standing {
    for code in codes_of(observation, "interpretation") {
        match code {
            "H" | "HH" | "HU" | "H>" | "HX" => return Standing::High,
            "L" | "LL" | "LU" | "L<" | "LX" => return Standing::Low,
            "A" | "AA" | "POS" | "E" | "DET" => return Standing::Outside,
            "N" | "NEG" | "ND" => return Standing::Within,
            _ => {}
        }
    }
    let Found::Number {
        number, comparator, ..
    } = found
    else {
        return Standing::Unsaid;
    };
    let below = range
        .low
        .as_ref()
        .is_some_and(|low| number.value < low.value);
    let above = range
        .high
        .as_ref()
        .is_some_and(|high| number.value > high.value);
    match (below, above) {
        _ if range.low.is_none() && range.high.is_none() => Standing::Unsaid,
        // "less than 0.3" may lie anywhere below: it is low only if the bound is.
        (true, _) if comparator.is_empty() || matches!(*comparator, "<" | "≤") => Standing::Low,
        (_, true) if comparator.is_empty() || matches!(*comparator, ">" | "≥") => Standing::High,
        (false, false) if comparator.is_empty() => Standing::Within,
        _ => Standing::Unsaid,
    }
}

/// The results of one day, as the list shows them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Day<'r> {
    /// The day.
    pub(super) day: civil::Date,
    /// Its results: those that want a mark first.
    pub(super) results: Vec<&'r LabResult>,
}

/// Results grouped by the day of the sample, newest first.
pub(super) fn by_day(results: &[LabResult]) -> Vec<Day<'_>> {
    let mut days: BTreeMap<civil::Date, Vec<&LabResult>> = BTreeMap::new();
    for result in results {
        days.entry(result.taken.day).or_default().push(result);
    }
    let mut days: Vec<Day<'_>> = days
        .into_iter()
        .map(|(day, results)| Day { day, results })
        .collect();
    days.reverse();
    for day in &mut days {
        day.results
            .sort_by_key(|result| (result.hospital, !result.standing.is_marked()));
    }
    days
}

/// One item over time, of the hospitals that wrote it in the same unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Course<'r> {
    /// The newest result.
    pub(super) newest: &'r LabResult,
    /// Every result of the item, newest first, whatever its unit.
    pub(super) all: Vec<&'r LabResult>,
    /// Those that can be drawn in one line with the newest: numbers of the same unit, oldest first.
    pub(super) drawn: Vec<&'r LabResult>,
}

/// The course of an item; `None` if there is no result of it.
pub(super) fn course<'r>(results: &'r [LabResult], item: &str) -> Option<Course<'r>> {
    let all: Vec<&LabResult> = results.iter().filter(|one| one.item == item).collect();
    let newest = *all.first()?;
    let unit = folded(newest.found.unit());
    let same = |one: &&LabResult| {
        matches!(one.found, Found::Number { .. }) && folded(one.found.unit()) == unit
    };
    let mut drawn: Vec<&LabResult> = all.iter().copied().filter(same).collect();
    drawn.reverse();
    Some(Course { newest, all, drawn })
}

/// Where a value stands on a bar that shows the range in its middle third: hundredths from the left.
///
/// `None` where the hospital said no whole range, or there is no exact number.
pub(super) fn place_on_bar(result: &LabResult) -> Option<u8> {
    let Found::Number { number, .. } = &result.found else {
        return None;
    };
    let (low, high) = (
        result.range.low.as_ref()?.value,
        result.range.high.as_ref()?.value,
    );
    let width = high - low;
    if !width.is_finite() || width <= 0.0 {
        return None;
    }
    let place = 33.3 + 33.4 * ((number.value - low) / width);
    hundredths(place)
}

/// Cut to 2–98: a mark stays on the bar however far out the value lies.
fn hundredths(place: f64) -> Option<u8> {
    if place.is_nan() {
        return None;
    }
    let whole = place.clamp(2.0, 98.0).round();
    (0..=100_u8).find(|step| f64::from(*step) >= whole)
}

/// The item of an id, where it is explained.
pub(super) fn explained(item: &str) -> Option<&'static Item> {
    super::items::with_id(item)
}

#[cfg(test)]
mod tests;
