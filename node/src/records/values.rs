//! What an element's value means to a search, seen from its shape: a coding, an identifier, a
//! period, a name, a quantity, a reference.

use fhir_search_parameters::Element;
use serde_json::Value;

use super::Address;
use super::date::{self, Span};
use super::number::{Stretch, number};
use super::system::{hash_code, hash_coded};

/// Where a reference leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// To a resource of this node, there or not.
    Here(Address),
    /// Somewhere else: the hashes of its URL, with and without a version.
    Elsewhere(Vec<i64>),
}

/// A quantity or a bare number in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Measure {
    pub(super) stretch: Stretch,
    /// The hash of system and code; 0 where there is none.
    pub(super) coded: i64,
    /// The hash of the code alone.
    pub(super) code: i64,
    /// The hash of the unit as it is displayed.
    pub(super) unit: i64,
}

impl Measure {
    /// Of a number, a Quantity (or Age, Duration, Money) or a Range.
    pub(super) fn of(value: &Value) -> Option<Self> {
        if let Some(value) = number(value) {
            return Some(Self::bare(Stretch::at(value)));
        }
        if value.get("low").is_some() || value.get("high").is_some() {
            let (low, high) = (value.get("low"), value.get("high"));
            let end = |end: Option<&Value>| end.and_then(|end| number(end.get("value")?));
            let stretch = Stretch::between(end(low), end(high))?;
            return Some(low.or(high)?).map(|unit| Self::measured(stretch, unit));
        }
        let comparator = value.get("comparator").and_then(Value::as_str);
        let stretch = Stretch::compared(number(value.get("value")?)?, comparator);
        Some(Self::measured(stretch, value))
    }

    fn bare(stretch: Stretch) -> Self {
        Self {
            stretch,
            coded: 0,
            code: 0,
            unit: 0,
        }
    }

    fn measured(stretch: Stretch, quantity: &Value) -> Self {
        let text = |name: &str| quantity.get(name).and_then(Value::as_str);
        let currency = text("currency");
        let code = text("code").or(currency);
        let system = match currency {
            Some(_) => Some("urn:iso:std:iso:4217"),
            None => text("system"),
        };
        Self {
            stretch,
            coded: code.map_or(0, |code| hash_coded(system.unwrap_or_default(), code)),
            code: code.map_or(0, hash_code),
            unit: text("unit").map_or(0, hash_code),
        }
    }
}

/// The (system, code) pairs of a CodeableConcept, Coding, Identifier, ContactPoint, code or
/// boolean. The system of a bare code is `None`: its element implies it.
pub(super) fn tokens<'v>(value: &'v Value, each: &mut dyn FnMut(Option<&'v str>, &'v str)) {
    match value {
        Value::String(code) => each(None, code),
        Value::Bool(true) => each(None, "true"),
        Value::Bool(false) => each(None, "false"),
        Value::Object(element) => {
            if let Some(Value::Array(codings)) = element.get("coding") {
                for coding in codings {
                    tokens(coding, each);
                }
                return;
            }
            let system = element
                .get("system")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let code = element.get("code").or_else(|| element.get("value"));
            if let Some(code) = code.and_then(Value::as_str) {
                each(Some(system), code);
            }
        }
        _ => {}
    }
}

/// The hashes that a token is found by.
pub(super) fn token_hashes(value: &Value, each: &mut dyn FnMut(i64)) {
    tokens(value, &mut |system, code| {
        if let Some(system) = system {
            each(hash_coded(system, code));
        }
        each(hash_code(code));
    });
}

/// The time of a date, dateTime, instant, Period or Timing.
pub(super) fn span(value: &Value) -> Option<Span> {
    let at = |value: Option<&Value>| value.and_then(Value::as_str).and_then(date::parse);
    match value {
        Value::String(text) => date::parse(text),
        Value::Object(element) => {
            if let Some(Value::Array(events)) = element.get("event") {
                let events = events.iter().filter_map(|event| at(Some(event)));
                return events.reduce(Span::union);
            }
            if let Some(bounds) = value.pointer("/repeat/boundsPeriod") {
                return Span::between(at(bounds.get("start")), at(bounds.get("end")));
            }
            Span::between(at(element.get("start")), at(element.get("end")))
        }
        _ => None,
    }
}

/// The members of a HumanName or an Address that are text.
const TEXTS: [&str; 13] = [
    "text",
    "family",
    "given",
    "prefix",
    "suffix",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
    "value",
    "display",
];

/// The texts of a string, a HumanName, an Address.
pub(super) fn texts<'v>(value: &'v Value, each: &mut dyn FnMut(&'v str)) {
    match value {
        Value::String(text) => each(text),
        Value::Object(element) => {
            for name in TEXTS {
                match element.get(name) {
                    Some(Value::String(text)) => each(text),
                    Some(Value::Array(parts)) => {
                        parts.iter().filter_map(Value::as_str).for_each(&mut *each);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Where a Reference, a canonical or a uri leads; `None` inside the resource itself.
pub(super) fn target(value: &Value) -> Option<Target> {
    let text = match value {
        Value::String(text) => text,
        other => other.get("reference")?.as_str()?,
    };
    if text.starts_with('#') {
        return None;
    }
    Some(Address::parse(text).map_or_else(|| Target::Elsewhere(url_hashes(text)), Target::Here))
}

/// The hashes that a uri is found by; a canonical also without its version.
pub(super) fn uri_hashes(element: Element<'_>, each: &mut dyn FnMut(i64)) {
    let uri = element.value.as_str();
    if element.fhir_type == Some("canonical") {
        uri.into_iter().flat_map(url_hashes).for_each(each);
    } else {
        uri.map(hash_code).into_iter().for_each(each);
    }
}

fn url_hashes(url: &str) -> Vec<i64> {
    let bare = url.split_once('|').map(|(bare, _version)| hash_code(bare));
    bare.into_iter().chain([hash_code(url)]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_carry_their_comparator_and_every_spelling_of_their_unit() {
        let below = Measure::of(&json!({
            "value": 0.5, "comparator": "<", "unit": "mg/dL",
            "system": "http://unitsofmeasure.org", "code": "mg/dL"
        }))
        .unwrap();
        assert_eq!(below.stretch.lo, i64::MIN);
        assert!(below.stretch.hi < Stretch::at(0.5).lo);
        assert_eq!(below.code, below.unit);
        let plain = Measure::of(&json!({"value": 400, "unit": "回"})).unwrap();
        assert_eq!((plain.coded, plain.code), (0, 0));
        assert_eq!(plain.unit, hash_code("回"));
        let range = Measure::of(&json!({"low": {"value": 1}, "high": {"value": 2}})).unwrap();
        assert_eq!(range.stretch.lo, Stretch::at(1.0).lo);
        assert_eq!(Measure::of(&json!({"unit": "mg"})), None);
    }

    #[test]
    fn references_lead_here_elsewhere_or_inside() {
        let to = |text: &str| target(&json!({"reference": text}));
        assert!(matches!(to("Patient/1"), Some(Target::Here(_))));
        assert!(matches!(
            to("http://x/Patient/1"),
            Some(Target::Elsewhere(_))
        ));
        assert_eq!(to("#p"), None);
        assert_eq!(target(&json!({"display": "x"})), None);
        let Some(Target::Elsewhere(hashes)) = target(&json!("http://x/y|1.0")) else {
            unreachable!()
        };
        assert_eq!(
            hashes,
            [hash_code("http://x/y"), hash_code("http://x/y|1.0")]
        );
    }
}
