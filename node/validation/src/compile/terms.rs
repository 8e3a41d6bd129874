//! Value sets, as far as a package lists their codes itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Keep;
use crate::model::{Codes, Element};
use crate::package::{Archive, text};
use crate::system::canonical;
use crate::table::Written;

/// A value set of more codes than this is not kept.
const MAX_CODES: usize = 20_000;
/// How many value sets may include one another in a chain.
const MAX_DEPTH: usize = 8;
/// What HL7 publishes with FHIR itself.
const BASE_FHIR: [&str; 2] = ["http://hl7.org/fhir/", "http://terminology.hl7.org/"];
/// The units that base FHIR lists by itself, for ages and timings.
const UCUM: &str = "http://unitsofmeasure.org";
/// JP Core's own code systems.
const JP_CORE: &str = "http://jpfhir.jp/fhir/core/CodeSystem/JP_";
/// JP Core's larger systems hold the terms of others.
const JP_CORE_FEW: usize = 20;

/// The terminology of one package.
pub(super) struct Terms<'a> {
    archive: &'a Archive,
}

impl<'a> Terms<'a> {
    pub(super) fn of(archive: &'a Archive) -> Self {
        Terms { archive }
    }

    /// The value sets to keep. What ships loses the bindings that nothing shipped could serve.
    pub(super) fn sets(&self, keep: Keep, written: &mut [Written]) -> Vec<(String, Codes)> {
        let mut bound = BTreeSet::new();
        for definition in written.iter() {
            bindings(&definition.root, &mut bound);
        }
        let wanted: Vec<String> = match keep {
            Keep::All => self.archive.value_sets.keys().cloned().collect(),
            Keep::BaseFhir | Keep::JpCore => bound.into_iter().collect(),
        };
        let listed = wanted.into_iter().filter_map(|url| {
            let codes = self.codes(&url, MAX_DEPTH)?;
            may_keep(keep, &codes).then_some((url, codes))
        });
        listed.collect()
    }

    fn codes(&self, url: &str, depth: usize) -> Option<Codes> {
        let set = self.archive.value_sets.get(url)?;
        let compose = set.get("compose")?;
        let mut codes = Codes::default();
        for include in compose.get("include")?.as_array()? {
            let included = self.included(include, depth.checked_sub(1)?)?;
            for (system, more) in included.0 {
                codes.0.entry(system).or_default().extend(more);
            }
        }
        for exclude in compose
            .get("exclude")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let excluded = self.included(exclude, depth.checked_sub(1)?)?;
            for (system, fewer) in &excluded.0 {
                if let Some(codes) = codes.0.get_mut(system) {
                    codes.retain(|code| !fewer.contains(code));
                }
            }
        }
        let count: usize = codes.0.values().map(BTreeSet::len).sum();
        ((1..=MAX_CODES).contains(&count)).then_some(codes)
    }

    /// The codes of one `include`; None where the package does not list them.
    fn included(&self, include: &Value, depth: usize) -> Option<Codes> {
        let sets = include.get("valueSet").and_then(Value::as_array);
        let system = text(include, "system");
        match (system, sets.map(Vec::as_slice)) {
            (Some(system), None) => {
                let codes = self.of_system(&system, include)?;
                let system = canonical(&system).to_owned();
                Some(Codes([(system, codes)].into()))
            }
            (None, Some([set])) => self.codes(set.as_str()?.split('|').next()?, depth),
            _ => None, // an intersection; none of ours has one
        }
    }

    fn of_system(&self, system: &str, include: &Value) -> Option<BTreeSet<String>> {
        if let Some(concepts) = include.get("concept").and_then(Value::as_array) {
            return Some(concepts.iter().filter_map(|c| text(c, "code")).collect());
        }
        let definition = self.archive.code_systems.get(system)?;
        if text(definition, "content")? != "complete" {
            return None;
        }
        let mut above = BTreeMap::new();
        ancestors(definition, &mut Vec::new(), &mut above);
        let mut codes: BTreeSet<String> = above.keys().cloned().collect();
        for filter in include
            .get("filter")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let (op, value) = (text(filter, "op")?, text(filter, "value")?);
            let below = |code: &String| above.get(code).is_some_and(|a| a.contains(&value));
            match (text(filter, "property")?.as_str(), op.as_str()) {
                ("concept", "is-a") => codes.retain(|code| *code == value || below(code)),
                ("concept", "descendent-of") => codes.retain(below),
                _ => return None,
            }
        }
        Some(codes)
    }
}

/// Every code of a system with the codes above it.
fn ancestors(
    level: &Value,
    above: &mut Vec<String>,
    found: &mut BTreeMap<String, BTreeSet<String>>,
) {
    for concept in level
        .get("concept")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(code) = text(concept, "code") else {
            continue;
        };
        let known = found.entry(code.clone()).or_default();
        known.extend(above.iter().cloned());
        above.push(code);
        ancestors(concept, above, found);
        above.pop();
    }
}

fn bindings(element: &Element, into: &mut BTreeSet<String>) {
    into.extend(element.binding.clone());
    for child in &element.children {
        bindings(child, into);
    }
    for slice in element.slices() {
        bindings(&slice.rule, into);
    }
}

fn may_keep(keep: Keep, codes: &Codes) -> bool {
    codes.0.iter().all(|(system, codes)| match keep {
        Keep::All => true,
        Keep::BaseFhir => BASE_FHIR.iter().any(|s| system.starts_with(s)) || system == UCUM,
        Keep::JpCore => system.starts_with(JP_CORE) && codes.len() <= JP_CORE_FEW,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use serde_json::json;

    use super::*;

    fn archive() -> Archive {
        let mut archive = Archive::default();
        archive.code_systems.insert(
            "http://cs".to_owned(),
            json!({"content": "complete", "concept": [
                {"code": "a", "concept": [{"code": "b"}, {"code": "c"}]}, {"code": "d"}]}),
        );
        let sets = [
            ("http://all", json!([{"system": "http://cs"}])),
            (
                "http://some",
                json!([{"system": "http://cs", "concept": [{"code": "d"}]}]),
            ),
            (
                "http://below",
                json!([{"system": "http://cs", "filter":
                    [{"property": "concept", "op": "descendent-of", "value": "a"}]}]),
            ),
            ("http://nested", json!([{"valueSet": ["http://some|1"]}])),
            ("http://round", json!([{"valueSet": ["http://round"]}])),
            ("http://foreign", json!([{"system": "http://elsewhere"}])),
        ];
        for (url, include) in sets {
            let set = json!({"compose": {"include": include}});
            archive.value_sets.insert(url.to_owned(), set);
        }
        archive
    }

    #[test]
    fn only_what_the_package_lists_itself_is_known() {
        let archive = archive();
        let terms = Terms::of(&archive);
        let codes = |url: &str| {
            let codes = terms.codes(url, MAX_DEPTH)?;
            let codes = codes.0.into_values().flatten();
            Some(codes.collect::<Vec<_>>().concat())
        };
        assert_eq!(codes("http://all").unwrap(), "abcd");
        assert_eq!(codes("http://some").unwrap(), "d");
        assert_eq!(codes("http://below").unwrap(), "bc");
        assert_eq!(codes("http://nested").unwrap(), "d");
        assert_eq!(codes("http://round"), None);
        assert_eq!(codes("http://foreign"), None);
        assert_eq!(codes("http://absent"), None);
    }

    #[test]
    fn what_ships_holds_no_codes_of_others() {
        let of = |system: &str| Codes([(system.to_owned(), ["x".to_owned()].into())].into());
        let own = of("http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS");
        assert!(may_keep(Keep::JpCore, &own));
        for foreign in [
            "http://loinc.org",
            "http://dicom.nema.org/resources/ontology/DCM",
        ] {
            assert!(!may_keep(Keep::JpCore, &of(foreign)));
            assert!(!may_keep(Keep::BaseFhir, &of(foreign)));
            assert!(may_keep(Keep::All, &of(foreign)));
        }
    }
}
