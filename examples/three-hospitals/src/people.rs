//! The synthetic charts, carried in the binary: our own invention, JP Core 1.2.0.

/// Bundles of one hospital: file name and JSON.
pub(crate) fn bundles(hospital: &str) -> &'static [(&'static str, &'static str)] {
    match hospital {
        "minato" => MINATO,
        "yukimi" => YUKIMI,
        "shirakaba" => SHIRAKABA,
        _ => &[],
    }
}

/// The chart of Setsuko at a hospital: who comes to this town to be enrolled and linked on pages, by hand.
/// Her records are Hana's, under her own name, numbers and dates.
pub(crate) fn guest(hospital: &str) -> Option<String> {
    let (_, hana) = bundles(hospital)
        .iter()
        .find(|(name, _)| name.ends_with("/hana.json"))?;
    let (_, from, to) = GUEST_NUMBERS.iter().find(|(id, ..)| *id == hospital)?;
    let told = GUEST_WORDS
        .iter()
        .fold((*hana).to_owned(), |text, (old, new)| {
            text.replace(old, new)
        });
    let upper = told.replace(&from.to_uppercase(), &to.to_uppercase());
    Some(upper.replace(from, to))
}

/// Her chart numbers, in the place of Hana's.
pub(crate) const GUEST_NUMBERS: [(&str, &str, &str); 3] = [
    ("minato", "00012045", "00050501"),
    ("yukimi", "7810", "8801"),
    ("shirakaba", "h3310", "h4401"),
];

const GUEST_WORDS: [(&str, &str); 9] = [
    ("佐藤 花", "渡辺 節子"),
    ("\"佐藤\"", "\"渡辺\""),
    ("\"花\"", "\"節子\""),
    ("サトウ ハナ", "ワタナベ セツコ"),
    ("\"サトウ\"", "\"ワタナベ\""),
    ("\"ハナ\"", "\"セツコ\""),
    ("1958-03-14", "1957-05-20"),
    ("090-0000-1101", "090-0000-1107"),
    ("３４５６", "３９９１"),
];

macro_rules! bundles {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../people/", $path)))),*]
    };
}

const MINATO: &[(&str, &str)] = bundles![
    "minato/_hospital.json",
    "minato/hana.json",
    "minato/kenichi.json",
    "minato/mio.json",
    "minato/misaki.json",
    "minato/shigeru.json",
    "minato/tadashi.json",
];

const YUKIMI: &[(&str, &str)] = bundles![
    "yukimi/_hospital.json",
    "yukimi/hana.json",
    "yukimi/kenichi.json",
    "yukimi/mio.json",
    "yukimi/misaki.json",
    "yukimi/shigeru.json",
    "yukimi/tadashi.json",
];

const SHIRAKABA: &[(&str, &str)] = bundles![
    "shirakaba/_hospital.json",
    "shirakaba/hana.json",
    "shirakaba/mio.json"
];

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "tests fail by panicking"
    )]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::town::{HOSPITALS, PEOPLE};

    fn resources(hospital: &str) -> Vec<Value> {
        let parsed = bundles(hospital).iter().flat_map(|(path, text)| {
            let bundle: Value =
                serde_json::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"));
            assert_eq!(bundle["type"], "transaction", "{path}");
            let entries = bundle["entry"].as_array().unwrap().clone();
            entries
                .into_iter()
                .map(|mut entry| entry["resource"].take())
        });
        parsed.collect()
    }

    fn address(resource: &Value) -> String {
        let part = |key: &str| resource[key].as_str().unwrap().to_owned();
        format!("{}/{}", part("resourceType"), part("id"))
    }

    fn references(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("reference") {
                    into.push(reference.clone());
                }
                members.values().for_each(|member| references(member, into));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, into)),
            _ => {}
        }
    }

    #[test]
    fn the_guest_is_nobody_else_in_any_hospital() {
        for hospital in &HOSPITALS {
            let text = guest(hospital.id).unwrap();
            let bundle: Value = serde_json::from_str(&text).unwrap();
            let entries = bundle["entry"].as_array().unwrap();
            let hers: Vec<String> = entries.iter().map(|e| address(&e["resource"])).collect();
            let others: BTreeSet<String> = resources(hospital.id).iter().map(address).collect();
            assert!(hers.len() >= 25);
            assert!(
                hers.iter().all(|one| !others.contains(one)),
                "{}",
                hospital.id
            );
            for hanas in ["佐藤", "サトウ", "1958-03-14", "090-0000-1101", "３４５６"] {
                assert!(!text.contains(hanas), "{}: {hanas}", hospital.id);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_in_the_same_hospital() {
        for hospital in &HOSPITALS {
            let resources = resources(hospital.id);
            let known: BTreeSet<_> = resources.iter().map(address).collect();
            assert_eq!(known.len(), resources.len(), "{}: an id twice", hospital.id);
            assert!(
                resources.len() >= 40,
                "{}: {}",
                hospital.id,
                resources.len()
            );
            let mut named = Vec::new();
            resources
                .iter()
                .for_each(|resource| references(resource, &mut named));
            for reference in named {
                assert!(known.contains(&reference), "{}: {reference}", hospital.id);
            }
        }
    }

    #[test]
    fn every_resource_claims_its_jp_core_profile() {
        for hospital in &HOSPITALS {
            for resource in resources(hospital.id) {
                let profile = resource["meta"]["profile"][0].as_str().unwrap();
                let of = format!(
                    "http://jpfhir.jp/fhir/core/StructureDefinition/JP_{}",
                    resource["resourceType"].as_str().unwrap()
                );
                assert!(
                    profile.starts_with(&of),
                    "{}: {profile}",
                    address(&resource)
                );
            }
        }
    }

    #[test]
    fn laboratory_results_and_prescriptions_have_what_jp_core_requires() {
        for hospital in &HOSPITALS {
            for resource in resources(hospital.id) {
                let has = |pointer: &str| {
                    assert!(
                        resource.pointer(pointer).is_some(),
                        "{} {pointer}",
                        address(&resource)
                    );
                };
                match resource["meta"]["profile"][0]
                    .as_str()
                    .unwrap()
                    .rsplit_once('/')
                    .unwrap()
                    .1
                {
                    "JP_Observation_LabResult" => {
                        let needed = [
                            "/code/text",
                            "/code/coding/0/code",
                            "/effectiveDateTime",
                            "/specimen",
                        ];
                        needed.into_iter().for_each(has);
                    }
                    "JP_MedicationRequest" => {
                        let needed = [
                            "/identifier/1/value",
                            "/authoredOn",
                            "/medicationCodeableConcept/text",
                        ];
                        needed.into_iter().for_each(has);
                    }
                    "JP_Patient" => {
                        let needed = ["/identifier/0/value", "/name/1/family", "/birthDate"];
                        needed.into_iter().for_each(has);
                        let system = resource["identifier"][0]["system"].as_str().unwrap();
                        assert!(
                            system.ends_with(&format!(".3.51.1{}", hospital.code)),
                            "{system}"
                        );
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn the_stories_charts_are_there() {
        for person in &PEOPLE {
            for (hospital, patient) in person.charts {
                let known = resources(hospital)
                    .iter()
                    .any(|r| address(r) == format!("Patient/{patient}"));
                assert!(known, "{} at {hospital}", person.id);
            }
        }
    }
}
