//! One result: value, unit, where it stands to its hospital's own range.

use serde_json::Value;

use super::Taken;
use super::fhir::{clean, codings, concept, list, shown, text};
use super::item::{Item, Unit};
use super::moment::Moment;
use crate::pages::chart::{Outside, Range};

/// Where a result stands, as its hospital says, or as its hospital's range does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Above the range.
    High,
    /// Far above it.
    Critical,
    /// Below the range.
    Low,
    /// Far below it.
    CriticalLow,
    /// Not as it should be, without a direction.
    Abnormal,
}

impl Mark {
    /// The letters that laboratories use.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::High => "H",
            Self::Critical => "HH",
            Self::Low => "L",
            Self::CriticalLow => "LL",
            Self::Abnormal => "A",
        }
    }

    /// The class of the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::High | Self::Critical | Self::Abnormal => "high",
            Self::Low | Self::CriticalLow => "low",
        }
    }

    /// What a chart draws.
    #[must_use]
    pub const fn outside(self) -> Option<Outside> {
        match self {
            Self::High | Self::Critical => Some(Outside::High),
            Self::Low | Self::CriticalLow => Some(Outside::Low),
            Self::Abnormal => None,
        }
    }

    /// What an interpretation says; `Some(None)` is: within the range.
    fn of_code(code: &str) -> Option<Option<Self>> {
        match code {
            "H" | "HU" | "HX" | ">" => Some(Some(Self::High)),
            "HH" => Some(Some(Self::Critical)),
            "L" | "LU" | "LX" | "<" => Some(Some(Self::Low)),
            "LL" => Some(Some(Self::CriticalLow)),
            "A" | "AA" | "POS" => Some(Some(Self::Abnormal)),
            "N" | "NEG" => Some(None),
            _ => None,
        }
    }
}

/// One result of one item.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The place of its hospital among the sources.
    pub source: usize,
    /// Of what.
    pub item: Item,
    /// In which unit; empty where there is none.
    pub unit: Unit,
    /// The value as it is shown.
    pub text: String,
    /// The value as a number, where it is one and exact.
    pub number: Option<f64>,
    /// Where it stands.
    pub mark: Option<Mark>,
    /// Whether the mark was worked out here, of the hospital's own range.
    pub is_mark_ours: bool,
    /// Its hospital's own range.
    pub range: Option<Range>,
    /// The range in words, where it has no numbers.
    pub range_text: Option<String>,
    /// When.
    pub at: Moment,
    /// `preliminary`, `corrected`, `amended`, `cancelled`: what is not simply final.
    pub status: Option<&'static str>,
    /// The group of its category: `laboratory`, `vital`, or other.
    pub category: &'static str,
}

/// Every result of an Observation: its own and those of its components.
#[must_use]
pub(super) fn readings(taken: &Taken) -> Vec<Reading> {
    let observation = &taken.value;
    let names = [
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "issued",
    ];
    let Some(at) = Moment::first(observation, &names) else {
        return Vec::new();
    };
    let whole = Part {
        taken,
        element: observation,
        written: taken.written.value.as_deref(),
        at,
    };
    let mut found: Vec<Reading> = whole.reading().into_iter().collect();
    for (component, written) in list(observation, "component").zip(&taken.written.components) {
        let part = Part {
            taken,
            element: component,
            written: written.as_deref(),
            at,
        };
        found.extend(part.reading());
    }
    found
}

/// An Observation, or a component of one.
struct Part<'a> {
    taken: &'a Taken,
    element: &'a Value,
    written: Option<&'a str>,
    at: Moment,
}

impl Part<'_> {
    fn reading(&self) -> Option<Reading> {
        let item = Item::of(self.element)?;
        let quantity = self.element.get("valueQuantity");
        let unit = quantity.map(Unit::of).unwrap_or_default();
        let (text, number) = self.value()?;
        let range = own_range(self.element, &unit);
        let said = self.interpretation();
        let ours = || {
            number
                .zip(range)
                .and_then(|(number, range)| judged(number, range))
        };
        let (mark, is_mark_ours) = match said {
            Some(mark) => (mark, false),
            None => (ours(), true),
        };
        Some(Reading {
            source: self.taken.source,
            item,
            unit,
            text,
            number,
            mark,
            is_mark_ours: is_mark_ours && mark.is_some(),
            range,
            range_text: list(self.element, "referenceRange").find_map(|one| shown(one, &["text"])),
            at: self.at,
            status: status(&self.taken.value),
            category: category(&self.taken.value),
        })
    }

    /// The value as it is shown, and as a number.
    fn value(&self) -> Option<(String, Option<f64>)> {
        let element = self.element;
        if let Some(quantity) = element.get("valueQuantity") {
            let value = quantity.get("value");
            let number = value.and_then(Value::as_f64)?;
            let written = self
                .written
                .map_or_else(|| number.to_string(), str::to_owned);
            let comparator = text(quantity, &["comparator"]).unwrap_or_default();
            let comparator = clean(comparator, 2);
            let exact = comparator.is_empty().then_some(number);
            return Some((format!("{comparator}{written}"), exact));
        }
        let plain = shown(element, &["valueString"]).or_else(|| shown(element, &["valueDateTime"]));
        let coded = || concept(element, "valueCodeableConcept");
        let whole = || element.get("valueInteger").and_then(Value::as_i64);
        let absent = || concept(element, "dataAbsentReason").map(|why| format!("({why})"));
        let number = whole();
        let text = plain
            .or_else(coded)
            .or_else(|| number.map(|number| number.to_string()))
            .or_else(|| ratio(element))
            .or_else(absent)?;
        let number = number
            .and_then(|number| i32::try_from(number).ok())
            .map(f64::from);
        Some((text, number))
    }

    fn interpretation(&self) -> Option<Option<Mark>> {
        let mut each = list(self.element, "interpretation").flat_map(codings);
        each.find_map(|(_, code)| Mark::of_code(code))
    }
}

fn ratio(element: &Value) -> Option<String> {
    let ratio = element.get("valueRatio")?;
    let part = |name: &str| ratio.get(name)?.get("value")?.as_f64();
    Some(format!("{}:{}", part("numerator")?, part("denominator")?))
}

/// The hospital's own range, where it gives one: of the value's own unit alone, and only where it is
/// clear which of several is meant.
fn own_range(element: &Value, unit: &Unit) -> Option<Range> {
    let is_normal = |one: &&Value| {
        let kind = one.get("type");
        kind.is_none_or(|kind| codings(kind).any(|(_, code)| code == "normal"))
    };
    let mut ranges = list(element, "referenceRange").filter(is_normal);
    let range = ranges.next().filter(|_| ranges.next().is_none())?;
    let end = |name: &str| {
        let end = range.get(name)?;
        let same = Unit::of(end);
        let fits = same.key.is_empty() || same.key == unit.key || same.text == unit.text;
        end.get("value").and_then(Value::as_f64).filter(|_| fits)
    };
    let (low, high) = (end("low"), end("high"));
    (low.is_some() || high.is_some()).then_some(Range { low, high })
}

fn judged(number: f64, range: Range) -> Option<Mark> {
    if range.high.is_some_and(|high| number > high) {
        return Some(Mark::High);
    }
    range
        .low
        .is_some_and(|low| number < low)
        .then_some(Mark::Low)
}

fn status(observation: &Value) -> Option<&'static str> {
    match text(observation, &["status"]) {
        Some("preliminary" | "registered") => Some("preliminary"),
        Some("corrected" | "amended") => Some("corrected"),
        Some("cancelled") => Some("cancelled"),
        _ => None,
    }
}

fn category(observation: &Value) -> &'static str {
    let codes = || {
        list(observation, "category")
            .flat_map(codings)
            .map(|(_, code)| code)
    };
    for code in codes() {
        match code {
            "laboratory" => return "laboratory",
            "vital-signs" | "body-measurement" => return "vital",
            "social-history" | "survey" => return "history",
            "imaging" | "procedure" => return "imaging",
            _ => {}
        }
    }
    let is_lab = observation
        .get("code")
        .is_some_and(|code| codings(code).any(|(system, _)| system.contains("JLAC1")));
    if is_lab { "laboratory" } else { "other" }
}
