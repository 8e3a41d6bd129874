//! The table of systems with two names says what JP Core's NamingSystems say.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use fhir_validation::system::{SAME, canonical, same};
use serde_json::Value;

mod shared;

/// By name: its OIDs, and its URLs.
type NamingSystems = BTreeMap<String, (Vec<String>, Vec<String>)>;

/// The NamingSystems of a package that have any OID.
fn naming_systems(archive: &str) -> Option<NamingSystems> {
    let mut found = BTreeMap::new();
    for (name, one) in shared::resources(archive)? {
        if one["resourceType"] != "NamingSystem" {
            continue;
        }
        let of = |wanted: &str| -> Vec<String> {
            let ids = one["uniqueId"].as_array().into_iter().flatten();
            let ids = ids.filter(|id| id["type"] == wanted);
            ids.filter_map(|id| id["value"].as_str().map(str::to_owned))
                .collect()
        };
        let (oids, mut urls) = (of("oid"), of("uri"));
        urls.retain(|url| !url.starts_with("urn:oid:"));
        if !oids.is_empty() {
            found.insert(name, (oids, urls));
        }
    }
    Some(found)
}

#[test]
fn every_naming_system_of_jp_core_1_2_0_is_one_system() {
    let Some(found) = naming_systems("jp-core-1.2.0-sushi.tgz") else {
        return;
    };
    assert!(found.len() > 30, "{}", found.len());
    for (name, (oids, urls)) in &found {
        for oid in oids {
            for url in urls {
                assert!(same(&format!("urn:oid:{oid}"), url), "{name}: {oid} {url}");
            }
        }
    }
    // And no two of them are the same: each has a URL of its own.
    for (name, (_, urls)) in &found {
        for url in urls {
            let others = found.iter().filter(|(other, _)| *other != name);
            let mut foreign = others.flat_map(|(_, (oids, _))| oids);
            assert!(
                foreign.all(|oid| !same(&format!("urn:oid:{oid}"), url)),
                "{name}: {url}"
            );
        }
    }
}

#[test]
fn what_1_1_2_names_by_oid_has_the_url_that_1_2_0_gave_it() {
    let (Some(older), Some(newer)) = (
        naming_systems("jp-core-1.1.2.tgz"),
        naming_systems("jp-core-1.2.0-sushi.tgz"),
    ) else {
        return;
    };
    let known: Vec<&String> = newer.values().flat_map(|(_, urls)| urls).collect();
    for (name, (oids, _)) in &older {
        for oid in oids {
            let url = format!("urn:oid:{oid}");
            let url = canonical(&url).to_owned();
            assert!(known.contains(&&url), "{name}: {oid} is {url}");
        }
    }
}

#[test]
fn no_url_of_the_table_is_unheard_of() {
    let mut texts = String::new();
    for archive in ["jp-core-1.1.2.tgz", "jp-core-1.2.0-sushi.tgz"] {
        let Some(all) = shared::resources(archive) else {
            return;
        };
        texts.extend(all.values().map(Value::to_string));
    }
    // LOINC and SNOMED CT are not Japan's to name.
    for (oid, url) in SAME.iter().filter(|(oid, _)| oid.starts_with("1.2.392.")) {
        assert!(texts.contains(&format!("\"{url}\"")), "{oid}: {url}");
    }
}
