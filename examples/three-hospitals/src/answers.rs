//! The parts that `musubi-node ask` prints, gathered by hospital.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::outputs::Printed;
use crate::trouble::Trouble;

/// What one hospital did with all the questions of one asking.
pub(crate) struct Outcome {
    pub(crate) member: String,
    pub(crate) name: String,
    /// The asker's own chart.
    pub(crate) own: bool,
    /// `answered`, or the word and code of what it did instead.
    pub(crate) word: String,
    pub(crate) shown: u64,
    /// The slowest of its answers.
    pub(crate) milliseconds: u64,
    /// From its own audit, where it could be read.
    pub(crate) withheld: Option<u64>,
}

impl Outcome {
    pub(crate) fn answered(&self) -> bool {
        self.word.starts_with("answered")
    }
}

/// The resources of one part.
fn resources(part: &Value) -> impl Iterator<Item = &Value> {
    let entries = part
        .pointer("/bundle/entry")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    entries
        .filter(|entry| entry.pointer("/search/mode").and_then(Value::as_str) != Some("outcome"))
        .filter_map(|entry| entry.get("resource"))
}

fn parts(printed: &Printed) -> impl Iterator<Item = &Value> {
    printed
        .value()
        .get("parts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(part: &'a Value, key: &str) -> &'a str {
    part.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// One outcome for each hospital, in the order in which they first appear.
pub(crate) fn outcomes(printed: &Printed) -> Result<Vec<Outcome>, Trouble> {
    let mut order: Vec<&str> = Vec::new();
    let mut by_member: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for part in parts(printed) {
        let member = text(part, "member");
        if !order.contains(&member) {
            order.push(member);
        }
        by_member.entry(member).or_default().push(part);
    }
    let outcomes = order
        .iter()
        .filter_map(|member| Some(outcome(member, by_member.get(member)?)));
    let outcomes: Vec<Outcome> = outcomes.collect();
    if outcomes.is_empty() {
        return Err(Trouble::new(
            "nobody was asked",
            "make a visit code for linked hospitals",
        ));
    }
    Ok(outcomes)
}

fn outcome(member: &str, parts: &[&Value]) -> Outcome {
    let unanswered: BTreeSet<String> = parts
        .iter()
        .filter(|part| text(part, "outcome") != "answered")
        .map(|part| format!("{} ({})", text(part, "outcome"), text(part, "code")))
        .collect();
    let others = unanswered.into_iter().collect::<Vec<_>>().join(", ");
    let answered: Vec<&str> = parts
        .iter()
        .filter(|part| text(part, "outcome") == "answered")
        .map(|part| text(part, "type"))
        .collect();
    let word = match (others.is_empty(), answered.is_empty()) {
        (true, _) => "answered".to_owned(),
        (false, true) => others,
        (false, false) => format!("answered {}; the rest {others}", answered.join(", ")),
    };
    let count: usize = parts.iter().map(|part| resources(part).count()).sum();
    let slowest = parts
        .iter()
        .filter_map(|part| part.get("duration_ms").and_then(Value::as_u64));
    Outcome {
        member: member.to_owned(),
        name: parts
            .first()
            .map(|part| text(part, "name"))
            .unwrap_or_default()
            .to_owned(),
        own: parts
            .iter()
            .any(|part| part.get("self").and_then(Value::as_bool) == Some(true)),
        word,
        shown: u64::try_from(count).unwrap_or(u64::MAX),
        milliseconds: slowest.max().unwrap_or_default(),
        withheld: None,
    }
}

/// Every resource that came, each with its hospital's name beside it.
pub(crate) fn seen(printed: &Printed) -> Vec<Value> {
    let all = parts(printed).flat_map(|part| {
        resources(part).map(|resource| {
            let mut resource = resource.clone();
            if let Some(members) = resource.as_object_mut() {
                members.insert("_hospital".to_owned(), text(part, "name").into());
            }
            resource
        })
    });
    all.collect()
}

/// What a resource is about, in its own words.
pub(crate) fn title(resource: &Value) -> &str {
    let places = [
        "/code/text",
        "/medicationCodeableConcept/text",
        "/vaccineCode/text",
    ];
    let words = places
        .iter()
        .find_map(|place| resource.pointer(place).and_then(Value::as_str));
    words.unwrap_or_else(|| text(resource, "resourceType"))
}

/// The day that a resource is about.
pub(crate) fn day(resource: &Value) -> &str {
    let places = [
        "effectiveDateTime",
        "authoredOn",
        "performedDateTime",
        "recordedDate",
    ];
    let found = places
        .iter()
        .map(|place| text(resource, place))
        .find(|text| !text.is_empty());
    found.and_then(|text| text.get(..10)).unwrap_or_default()
}

/// Drugs on active prescriptions of more than one hospital, and of which.
pub(crate) fn doubled(seen: &[Value]) -> Vec<(String, BTreeSet<String>)> {
    let mut by_drug: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in seen {
        let active = text(resource, "status") == "active";
        if text(resource, "resourceType") == "MedicationRequest" && active {
            let drug = title(resource).to_owned();
            by_drug
                .entry(drug)
                .or_default()
                .insert(text(resource, "_hospital").to_owned());
        }
    }
    by_drug
        .into_iter()
        .filter(|(_, hospitals)| hospitals.len() > 1)
        .collect()
}
