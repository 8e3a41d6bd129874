//! What the index and the decision need to know about a resource, read from its JSON once, before
//! anything is locked.

use serde_json::Value;

use super::classify::{Facts, facts};
use super::date::{self, Span};
use super::fold::folded;
use super::system::{hash_code, hash_coded};
use super::types::Kind;
use super::{Address, ResourceType};

/// Everything that is stored beside the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extracted {
    /// Whose chart; a Patient's is its own, which only the store knows.
    pub(super) patient: Option<Address>,
    /// The encounter it belongs to, whose sensitivity it shares.
    pub(super) encounter: Option<Address>,
    /// The clinical date.
    pub(super) when: Span,
    pub(super) tokens: Vec<(i16, i64)>,
    pub(super) dates: Vec<(i16, Span)>,
    pub(super) texts: Vec<(i16, String)>,
    pub(super) references: Vec<(i16, Address)>,
    pub(super) facts: Facts,
}

/// Raised with every change of what is extracted, or of the table of types: the index is then made
/// anew when the database is opened. (A new table of labels does the same by its own version.)
pub(super) const EXTRACTION_VERSION: i64 = 1;

/// Reads what the index needs.
pub(super) fn extract(kind: ResourceType, resource: &Value) -> Extracted {
    let row = kind.row();
    let mut found = Extracted {
        patient: first_reference(resource, row.patient, "Patient"),
        encounter: first_reference(resource, &["encounter", "context"], "Encounter"),
        when: row
            .when
            .iter()
            .find_map(|path| spans(resource, path).into_iter().reduce(Span::union))
            .unwrap_or(Span::NONE),
        tokens: Vec::new(),
        dates: Vec::new(),
        texts: Vec::new(),
        references: Vec::new(),
        facts: facts(kind, resource),
    };
    for (slot, parameter) in kind.parameters() {
        for path in parameter.paths {
            found.read(slot, parameter.kind, resource, path);
        }
    }
    if let Some(encounter) = &found.encounter {
        found
            .references
            .push((kind.encounter_slot(), encounter.clone()));
    }
    found.once();
    found
}

impl Extracted {
    /// What one path of one parameter says.
    fn read(&mut self, slot: i16, kind: Kind, resource: &Value, path: &str) {
        match kind {
            Kind::Token | Kind::Code => walk(resource, path, &mut |value| {
                tokens(value, &mut |system, code| {
                    if let Some(system) = system {
                        self.tokens.push((slot, hash_coded(system, code)));
                    }
                    self.tokens.push((slot, hash_code(code)));
                });
            }),
            Kind::Date => {
                let spans = spans(resource, path).into_iter();
                self.dates.extend(spans.map(|span| (slot, span)));
            }
            Kind::Text => walk(resource, path, &mut |value| {
                let text = folded(value.as_str().unwrap_or_default());
                if !text.is_empty() {
                    self.texts.push((slot, text));
                }
            }),
            Kind::Reference => walk(resource, path, &mut |value| {
                let target = reference(value);
                self.references.extend(target.map(|target| (slot, target)));
            }),
            Kind::When | Kind::Patient => {}
        }
    }

    /// The same value under the same parameter is one index row.
    fn once(&mut self) {
        self.tokens.sort_unstable();
        self.tokens.dedup();
        self.dates
            .sort_unstable_by_key(|(slot, span)| (*slot, span.lo, span.hi));
        self.dates.dedup();
        self.texts.sort_unstable();
        self.texts.dedup();
        self.references
            .sort_unstable_by_key(|(slot, to)| (*slot, to.kind.name(), to.id.clone()));
        self.references.dedup();
    }
}

/// Calls `each` with every element at `path`, lists walked.
pub(super) fn walk<'v>(value: &'v Value, path: &str, each: &mut dyn FnMut(&'v Value)) {
    if let Value::Array(items) = value {
        for item in items {
            walk(item, path, each);
        }
        return;
    }
    if path.is_empty() {
        return each(value);
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    if let Some(inner) = value.get(name) {
        walk(inner, rest, each);
    }
}

/// The (system, code) pairs of a CodeableConcept, Coding, Identifier, code or boolean. The system
/// of a bare code is `None`: its element implies it.
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

fn spans(resource: &Value, path: &str) -> Vec<Span> {
    let mut found = Vec::new();
    walk(resource, path, &mut |value| found.extend(span(value)));
    found
}

/// The time of a date, dateTime, instant, Period or Timing.
fn span(value: &Value) -> Option<Span> {
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

fn reference(value: &Value) -> Option<Address> {
    value
        .get("reference")
        .and_then(Value::as_str)
        .and_then(Address::parse)
}

fn first_reference(resource: &Value, paths: &[&str], to: &str) -> Option<Address> {
    let mut found = None;
    for path in paths {
        walk(resource, path, &mut |value| {
            let target = reference(value).filter(|target| target.kind.name() == to);
            if found.is_none() {
                found = target;
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::*;

    fn of(resource: &Value) -> Extracted {
        let name = resource
            .get("resourceType")
            .and_then(Value::as_str)
            .unwrap();
        extract(ResourceType::named(name).unwrap(), resource)
    }

    fn slot(kind: &str, parameter: &str) -> i16 {
        ResourceType::named(kind)
            .unwrap()
            .parameter(parameter)
            .unwrap()
            .0
    }

    #[test]
    fn a_laboratory_result_is_found_by_what_it_says() {
        let found = of(&json!({
            "resourceType": "Observation", "status": "final",
            "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"},
            "code": {"coding": [{"system": "urn:oid:1.2.392.200119.4.504", "code": "3D046"}]},
            "identifier": [{"system": "urn:x", "value": "００1"}],
            "effectivePeriod": {"start": "2026-03-10", "end": "2026-03-11"}
        }));
        assert_eq!(found.patient, Address::parse("Patient/p1"));
        assert_eq!(found.encounter, Address::parse("Encounter/e1"));
        let day = |text: &str| date::parse(text).unwrap();
        assert_eq!(
            found.when,
            Span {
                lo: day("2026-03-10").lo,
                hi: day("2026-03-11").hi
            }
        );
        let url = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
        for wanted in [
            (slot("Observation", "code"), hash_coded(url, "3D046")),
            (slot("Observation", "code"), hash_code("3D046")),
            (
                slot("Observation", "identifier"),
                hash_coded("urn:x", "００1"),
            ),
            (slot("Observation", "status"), hash_code("final")),
        ] {
            assert!(found.tokens.contains(&wanted));
        }
        assert_eq!(found.tokens.len(), 5);
    }

    #[test]
    fn names_are_folded_one_row_for_each_way_of_writing() {
        let found = of(&json!({
            "resourceType": "Patient",
            "name": [
                {"text": "山田 太郎", "family": "山田", "given": ["太郎"]},
                {"text": "ヤマダ タロウ", "family": "ヤマダ", "given": ["タロウ"]}
            ],
            "birthDate": "1970-01-01"
        }));
        let family: Vec<_> = found
            .texts
            .iter()
            .filter(|(of, _)| *of == slot("Patient", "family"))
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(family, ["やまた", "山田"]);
        assert_eq!(found.dates.len(), 1);
    }

    #[test]
    fn odd_shapes_are_passed_over() {
        let found = of(&json!({
            "resourceType": "Observation", "status": {"a": 1}, "code": [null, 3, "x"],
            "subject": {"reference": 5}, "effectiveDateTime": "soon", "issued": ["2026-01-01", {}],
            "identifier": {"value": {}}, "effectiveTiming": {"event": []}
        }));
        assert_eq!(found.patient, None);
        assert_eq!(found.when, date::parse("2026-01-01").unwrap());
    }
}
