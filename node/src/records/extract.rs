//! What the index and the decision need to know about a resource, read from its JSON once, before
//! anything is locked.

use fhir_search_parameters::ParameterType;
use serde_json::Value;

use super::classify::{Facts, facts};
use super::date::Span;
use super::matching::hashes;
use super::types::{Parameter, Role};
use super::values::{self, Measure, Target, span};
use super::{Address, ResourceType};

/// Everything that is stored beside the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extracted {
    /// Whose chart; a Patient's is its own, which only the store knows.
    pub(super) patient: Option<Address>,
    /// Whose sensitivity it shares: the encounters it belongs to, the medication that it is about.
    pub(super) marked_by: Vec<Address>,
    /// The clinical date.
    pub(super) when: Span,
    pub(super) tokens: Vec<(i16, i64)>,
    pub(super) dates: Vec<(i16, Span)>,
    pub(super) texts: Vec<(i16, String)>,
    pub(super) references: Vec<(i16, Address)>,
    pub(super) measures: Vec<(i16, Measure)>,
    pub(super) facts: Facts,
}

/// Raised with every change of what is extracted: the index is then made anew when the database is
/// opened. (A new table of types or of labels does the same by itself.)
pub(super) const EXTRACTION_VERSION: i64 = 6;

/// Reads what the index needs.
pub(super) fn extract(kind: ResourceType, resource: &Value) -> Extracted {
    let mut found = Extracted {
        patient: patient(kind, resource),
        marked_by: marked_by(resource),
        when: when(kind, resource),
        facts: facts(kind, resource),
        ..Extracted::by(&[], resource)
    };
    for parameter in kind.parameters() {
        if matches!(parameter.role, Role::Indexed | Role::Chart | Role::Charts) {
            found.read(parameter, resource);
        }
    }
    let encounters = found
        .marked_by
        .iter()
        .filter(|by| by.kind.name() == "Encounter");
    let rows = encounters.map(|encounter| (kind.encounter_slot(), encounter.clone()));
    found.references.extend(rows.collect::<Vec<_>>());
    for hash in hashes(kind, resource) {
        found.tokens.push((kind.matching_slot(), hash));
    }
    found.once();
    found
}

/// Whose chart it is in: the first patient that is named.
fn patient(kind: ResourceType, resource: &Value) -> Option<Address> {
    let mut found = None;
    kind.patient_parameter()?
        .definition
        .elements(resource, &mut |element| {
            if let Some(Target::Here(target)) = values::target(element.value)
                && target.kind.name() == "Patient"
            {
                found.get_or_insert(target);
            }
        });
    found
}

/// The clinical date.
pub(super) fn when(kind: ResourceType, resource: &Value) -> Span {
    let chart = kind.chart();
    let by_path = chart
        .when
        .iter()
        .find_map(|path| spans(resource, path).into_iter().reduce(Span::union));
    let by_parameter = || {
        let mut named = chart
            .when_else()
            .iter()
            .filter_map(|name| kind.parameter(name));
        named.find_map(|parameter| {
            let mut spans = Vec::new();
            if parameter.definition.kind() == ParameterType::Date {
                let read = &mut |element: fhir_search_parameters::Element<'_>| {
                    spans.extend(span(element.value));
                };
                parameter.definition.elements(resource, read);
            }
            spans.into_iter().reduce(Span::union)
        })
    };
    by_path.or_else(by_parameter).unwrap_or(Span::NONE)
}

impl Extracted {
    /// How many rows its values are in the index.
    pub(super) fn rows(&self) -> usize {
        let scalars = self.tokens.len() + self.dates.len() + self.measures.len();
        scalars + self.texts.len() + self.references.len()
    }

    /// What these parameters say, and nothing else.
    pub(super) fn by(parameters: &[&'static Parameter], resource: &Value) -> Self {
        let mut found = Self {
            patient: None,
            marked_by: Vec::new(),
            when: Span::NONE,
            tokens: Vec::new(),
            dates: Vec::new(),
            texts: Vec::new(),
            references: Vec::new(),
            measures: Vec::new(),
            facts: Facts::none(),
        };
        found.read_by(parameters, resource);
        found
    }

    /// Adds what these parameters say.
    pub(super) fn read_by(&mut self, parameters: &[&'static Parameter], resource: &Value) {
        for parameter in parameters {
            self.read(parameter, resource);
        }
        self.once();
    }

    /// What one parameter says.
    fn read(&mut self, parameter: &Parameter, resource: &Value) {
        let slot = parameter.slot;
        let definition = parameter.definition;
        definition.elements(resource, &mut |element| {
            let value = element.value;
            match definition.kind() {
                ParameterType::Token => values::token_hashes(value, &mut |hash| {
                    self.tokens.push((slot, hash));
                }),
                ParameterType::Date => self.dates.extend(span(value).map(|span| (slot, span))),
                ParameterType::String => values::texts(value, &mut |text| {
                    let text = super::fold::folded(text);
                    if !text.is_empty() {
                        self.texts.push((slot, text));
                    }
                }),
                ParameterType::Uri => values::uri_hashes(element, &mut |hash| {
                    self.tokens.push((slot, hash));
                }),
                ParameterType::Reference => self.refer(parameter, values::target(value)),
                ParameterType::Number | ParameterType::Quantity => {
                    self.measures
                        .extend(Measure::of(value).map(|measure| (slot, measure)));
                }
                ParameterType::Composite | ParameterType::Special => {}
            }
        });
    }

    fn refer(&mut self, parameter: &Parameter, target: Option<Target>) {
        let slot = parameter.slot;
        match target {
            // The chart says it already.
            Some(Target::Here(target))
                if parameter.role == Role::Chart && Some(&target) == self.patient.as_ref() => {}
            Some(Target::Here(target)) => self.references.push((slot, target)),
            Some(Target::Elsewhere(hashes)) => {
                self.tokens
                    .extend(hashes.into_iter().map(|hash| (slot, hash)));
            }
            None => {}
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
        self.measures.sort_unstable();
        self.measures.dedup();
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

fn spans(resource: &Value, path: &str) -> Vec<Span> {
    let mut found = Vec::new();
    walk(resource, path, &mut |value| found.extend(span(value)));
    found
}

/// Where a resource names what it shares the sensitivity of. (A DocumentReference's context is no
/// reference, but has some.)
const MARKED_BY: [(&str, &str); 4] = [
    ("encounter", "Encounter"),
    ("context", "Encounter"),
    ("context.encounter", "Encounter"),
    ("medicationReference", "Medication"),
];

fn marked_by(resource: &Value) -> Vec<Address> {
    let mut found = Vec::new();
    for (path, to) in MARKED_BY {
        walk(resource, path, &mut |value| {
            if let Some(Target::Here(target)) = values::target(value)
                && target.kind.name() == to
                && !found.contains(&target)
            {
                found.push(target);
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::super::date;
    use super::super::system::{hash_code, hash_coded};
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
            .slot
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
        assert_eq!(found.marked_by, [Address::parse("Encounter/e1").unwrap()]);
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
