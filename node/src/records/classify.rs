//! What the consent decision looks at, read from a resource once, when it is written.
//!
//! Where a choice must be made it hides rather than shows: every coding of the resource, whatever
//! element it stands in and contained resources included, is looked up in the table of sensitive
//! codes, and every displayed name in the list of departments.

use federation_protocol::category::Category;
use federation_protocol::label::{Label, Labels, labels_of};
use serde_json::Value;

use super::ResourceType;
use super::date::Span;
use super::extract::{walk, when};
use super::values::{Target, target, tokens};

/// The stored facts of one resource, but for its date, which the index has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) category: Category,
    /// Other categories of contained resources: all of them must be allowed too.
    pub(super) contained: Vec<Category>,
    /// Contained resources that are judged by more than their category. Not stored: a bit beside the
    /// categories says that there are some.
    pub(super) apart: Vec<Apart>,
    /// Of the resource and all that it contains.
    pub(super) labels: Labels,
    /// References to who wrote it.
    pub(super) authors: Vec<String>,
    /// Every reference in it.
    pub(super) related: Vec<String>,
}

impl Facts {
    /// Those of nothing.
    pub(super) fn none() -> Self {
        Self {
            category: Category::Other,
            contained: Vec::new(),
            apart: Vec::new(),
            labels: Labels::NONE,
            authors: Vec::new(),
            related: Vec::new(),
        }
    }
}

/// A contained resource that says itself when it was, or who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Apart {
    /// That of its container where it is part of it.
    pub(super) category: Category,
    /// [`Span::NONE`] where it does not say.
    pub(super) when: Span,
    /// Empty where it does not say.
    pub(super) authors: Vec<String>,
}

/// Every category in the order of the number it is stored under.
const CATEGORIES: [Category; 10] = [
    Category::Other,
    Category::Lab,
    Category::Rx,
    Category::Vital,
    Category::Allergy,
    Category::Condition,
    Category::Procedure,
    Category::Imaging,
    Category::Document,
    Category::Genomic,
];

/// The number that a category is stored under.
pub(super) fn category_number(category: Category) -> i16 {
    let place = CATEGORIES.iter().position(|known| *known == category);
    place
        .and_then(|place| i16::try_from(place).ok())
        .unwrap_or(0)
}

/// The category of a stored number; an unknown one is `Other`, which never leaves.
pub(super) fn category_numbered(number: i16) -> Category {
    let place = usize::try_from(number).ok();
    place
        .and_then(|place| CATEGORIES.get(place))
        .copied()
        .unwrap_or(Category::Other)
}

/// A set of categories as bits.
fn category_bits(categories: &[Category]) -> i16 {
    categories
        .iter()
        .fold(0, |bits, category| bits | (1 << category_number(*category)))
}

/// The categories of stored bits.
pub(super) fn categories_of_bits(bits: i16) -> Vec<Category> {
    CATEGORIES
        .into_iter()
        .filter(|c| bits & (1 << category_number(*c)) != 0)
        .collect()
}

/// The bit that says that something contained is judged apart. No category has it.
const APART: i16 = 1 << 14;

/// What is stored of the contained resources.
pub(super) fn contained_bits(facts: &Facts) -> i16 {
    let apart = if facts.apart.is_empty() { 0 } else { APART };
    category_bits(&facts.contained) | apart
}

/// Whether stored bits say that something contained is judged apart.
pub(super) fn is_apart_of_bits(bits: i16) -> bool {
    bits & APART != 0
}

/// Reads the facts.
pub(super) fn facts(kind: ResourceType, resource: &Value) -> Facts {
    let category = category_of(kind.name(), resource);
    let mut contained = Vec::new();
    walk(resource, "contained", &mut |inner| {
        let mut holds = |other| {
            if other != category && !contained.contains(&other) {
                contained.push(other);
            }
        };
        holds(category_inside(inner, category));
        // FHIR knows nothing contained in what is contained: whatever it is, it does not leave.
        if holds_a_resource(inner) {
            holds(Category::Other);
        }
    });
    let mut related = Vec::new();
    references(resource, &mut related);
    related.sort_unstable();
    related.dedup();
    Facts {
        category,
        contained,
        apart: apart(resource, category),
        labels: labels(resource),
        authors: authors(kind, resource),
        related,
    }
}

fn authors(kind: ResourceType, resource: &Value) -> Vec<String> {
    let mut authors = Vec::new();
    for path in kind.chart().authors {
        walk(resource, path, &mut |value| named(value, &mut authors));
    }
    authors
}

fn type_of(resource: &Value) -> &str {
    let name = resource.get("resourceType").and_then(Value::as_str);
    name.unwrap_or_default()
}

/// The category of a contained resource; its container's, if it is part of that.
fn category_inside(inner: &Value, container: Category) -> Category {
    let name = type_of(inner);
    match category_of(name, inner) {
        Category::Other if PARTS.contains(&name) => container,
        category => category,
    }
}

/// Whether a resource stands anywhere inside another that is contained itself.
fn holds_a_resource(value: &Value) -> bool {
    let is_one = |inner: &Value| inner.get("resourceType").is_some() || holds_a_resource(inner);
    match value {
        Value::Array(items) => items.iter().any(is_one),
        Value::Object(members) => members
            .iter()
            .any(|(name, inner)| name == "contained" || is_one(inner)),
        _ => false,
    }
}

/// What is contained and says itself when it was, or who wrote it.
pub(super) fn apart(resource: &Value, category: Category) -> Vec<Apart> {
    let mut found = Vec::new();
    walk(resource, "contained", &mut |inner| {
        let Some(kind) = ResourceType::named(type_of(inner)) else {
            return;
        };
        // Who or what took part is valid for years: an encounter and an order alone have a date.
        let dated = !PARTS.contains(&kind.name()) || !kind.chart().when.is_empty();
        let apart = Apart {
            category: category_inside(inner, category),
            when: if dated { when(kind, inner) } else { Span::NONE },
            authors: authors(kind, inner),
        };
        if apart.when != Span::NONE || !apart.authors.is_empty() {
            found.push(apart);
        }
    });
    found
}

/// Types of category `other` that, contained, are part of what they describe: who, where, with what.
/// Whatever else of that category is contained (a social history, a family's) keeps its container
/// from leaving, as it would not leave by itself.
const PARTS: [&str; 12] = [
    "BodyStructure",
    "Device",
    "Encounter",
    "Endpoint",
    "HealthcareService",
    "Location",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "ServiceRequest",
    "Substance",
];

fn category_of(name: &str, resource: &Value) -> Category {
    let pairs = |paths: &[&str]| {
        let mut found = Vec::new();
        for path in paths {
            walk(resource, path, &mut |value| {
                tokens(value, &mut |system, code| {
                    found.push((system.unwrap_or(""), code))
                });
            });
        }
        found
    };
    let categories = pairs(&["category", "modality", "series.modality"]);
    let codes = pairs(&["code", "medicationCodeableConcept", "vaccineCode", "type"]);
    Category::of(name, &categories, &codes)
}

/// The labels that the codes, the departments and `meta.security` give.
fn labels(resource: &Value) -> Labels {
    let mut seen = Seen::default();
    look(resource, &mut seen);
    let stated = |labels: Labels, (system, code): &(&str, &str)| {
        Label::from_security(system, code).map_or(labels, |label| labels.with(label))
    };
    let security = seen.security.iter().fold(Labels::NONE, stated);
    let mut departments = seen.codings.clone();
    departments.extend(seen.names.iter().map(|name| ("", *name)));
    labels_of(&seen.codings, &departments).or(security)
}

#[derive(Default)]
struct Seen<'v> {
    codings: Vec<(&'v str, &'v str)>,
    names: Vec<&'v str>,
    security: Vec<(&'v str, &'v str)>,
}

fn look<'v>(value: &'v Value, seen: &mut Seen<'v>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| look(item, seen)),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            if let Some(code) = text("code") {
                seen.codings.push((text("system").unwrap_or(""), code));
            }
            seen.names.extend(text("display"));
            for (name, inner) in members {
                match name.as_str() {
                    "security" => tokens_of(inner, &mut seen.security),
                    "serviceType" | "specialty" => {
                        walk(inner, "text", &mut |value| {
                            seen.names.extend(value.as_str())
                        });
                    }
                    _ => {}
                }
                look(inner, seen);
            }
        }
        _ => {}
    }
}

fn tokens_of<'v>(value: &'v Value, into: &mut Vec<(&'v str, &'v str)>) {
    walk(value, "", &mut |coding| {
        tokens(coding, &mut |system, code| {
            into.push((system.unwrap_or(""), code))
        });
    });
}

/// A reference as it is written, and, where it leads to a resource here, as a consent names that:
/// `Type/id`, without the version.
fn named(value: &Value, found: &mut Vec<String>) {
    let Some(text) = value.get("reference").and_then(Value::as_str) else {
        return;
    };
    // They are stored one a line.
    if text.contains(char::is_control) {
        return;
    }
    found.push(text.to_owned());
    if let Some(Target::Here(address)) = target(value) {
        let address = address.to_string();
        found.extend((address != text).then_some(address));
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            named(value, found);
            members.values().for_each(|inner| references(inner, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use serde_json::json;

    use super::*;

    const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";

    fn of(resource: &Value) -> Facts {
        let name = resource
            .get("resourceType")
            .and_then(Value::as_str)
            .unwrap();
        facts(ResourceType::named(name).unwrap(), resource)
    }

    #[test]
    fn what_is_contained_marks_its_container() {
        let found = of(&json!({
            "resourceType": "MedicationRequest",
            "medicationCodeableConcept": {"text": "薬"},
            "contained": [
                {"resourceType": "Condition", "id": "c",
                 "code": {"coding": [{"system": ICD10, "code": "F32.9"}]}},
                {"resourceType": "Practitioner", "id": "p"}
            ],
            "requester": {"reference": "Practitioner/7"},
            "reasonReference": [{"reference": "#c"}]
        }));
        assert_eq!(found.category, Category::Rx);
        assert_eq!(found.contained, [Category::Condition]);
        assert!(found.labels.contains(Label::Psy));
        assert_eq!(found.authors, ["Practitioner/7"]);
        assert_eq!(found.related, ["#c", "Practitioner/7"]);
    }

    #[test]
    fn what_would_not_leave_by_itself_keeps_its_container_here() {
        let of_inner = |inner: Value| {
            of(&json!({
                "resourceType": "Observation", "code": {"text": "x"},
                "category": [{"coding": [{"code": "laboratory"}]}], "contained": [inner]
            }))
        };
        let told = of_inner(json!({
            "resourceType": "Observation", "id": "s",
            "category": [{"coding": [{"code": "social-history"}]}]
        }));
        assert_eq!(told.contained, [Category::Other]);
        for kept in ["FamilyMemberHistory", "Coverage", "Nonsense", ""] {
            let found = of_inner(json!({"resourceType": kept, "id": "k"}));
            assert_eq!(found.contained, [Category::Other], "{kept}");
        }
        for part in PARTS {
            let found = of_inner(json!({"resourceType": part, "id": "k"}));
            assert!(found.contained.is_empty(), "{part}");
        }
    }

    #[test]
    fn departments_and_stated_labels_count() {
        let by_name = of(&json!({
            "resourceType": "Observation", "code": {"text": "x"},
            "performer": [{"display": "雪見病院 精神科"}]
        }));
        assert!(by_name.labels.contains(Label::Psy));
        let stated = of(&json!({
            "resourceType": "Observation", "code": {"text": "x"},
            "meta": {"security": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}
            ]}
        }));
        assert!(stated.labels.contains(Label::Hiv));
        assert!(
            of(&json!({"resourceType": "Observation"}))
                .labels
                .is_empty()
        );
    }

    #[test]
    fn a_consent_finds_what_it_names_however_a_reference_spells_it() {
        let found = of(&json!({
            "resourceType": "Observation", "code": {"text": "x"},
            "encounter": {"reference": "Encounter/4/_history/2"},
            "performer": [{"reference": "Practitioner/9/_history/1"}]
        }));
        assert!(found.related.contains(&"Encounter/4".to_owned()));
        assert!(found.authors.contains(&"Practitioner/9".to_owned()));
        let elsewhere = of(&json!({
            "resourceType": "Observation", "code": {"text": "x"},
            "encounter": {"reference": "http://elsewhere/fhir/Encounter/4"}
        }));
        assert_eq!(elsewhere.related, ["http://elsewhere/fhir/Encounter/4"]);
    }

    #[test]
    fn stored_numbers_read_back() {
        for category in CATEGORIES {
            assert_eq!(category_numbered(category_number(category)), category);
        }
        assert_eq!(category_numbered(77), Category::Other);
        let some = [Category::Lab, Category::Genomic];
        assert_eq!(categories_of_bits(category_bits(&some)), some);
    }
}
