//! The committed tables are what the generator makes of the published packages.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use fhir_validation::generator::{make, text_of};
use serde_json::Value;

mod shared;

/// The repository's limit for all tables together, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

#[test]
fn the_committed_tables_equal_what_the_generator_makes() {
    let Some(archives) = shared::archives() else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables");
    let mut bytes = 0;
    for table in make(&archives).unwrap() {
        let kept = std::fs::read(folder.join(&table.file)).unwrap();
        bytes += kept.len();
        // Texts, not bytes: another version of the compressor may write other bytes.
        assert!(
            text_of(&kept).unwrap() == table.text,
            "{}: run make-tables",
            table.file
        );
    }
    assert!(bytes < MAX_BYTES, "{bytes} bytes of tables");
}

/// The longest text that a profile of R4 or JP Core fixes, in characters: a code's display.
const LONGEST_FIXED: usize = 60;

#[test]
fn the_tables_hold_facts_and_no_sentences() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tables");
    for file in std::fs::read_dir(folder).unwrap() {
        let text = text_of(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for line in text.lines().skip(1) {
            let [kind, url, _version, _type, body] =
                line.splitn(5, '\t').collect::<Vec<_>>().try_into().unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            if kind == "V" {
                let codes: BTreeMap<String, Vec<String>> = serde_json::from_value(body).unwrap();
                assert!(
                    codes.into_values().flatten().all(|c| c.len() <= 64),
                    "{url}"
                );
            } else {
                only_facts(&body, url);
            }
        }
    }
}

fn only_facts(element: &Value, url: &str) {
    for (member, value) in element.as_object().unwrap() {
        match member.as_str() {
            "n" | "x" | "l" | "m" | "t" | "b" | "r" | "i" => (),
            "f" | "p" => short_texts(value, url),
            "e" => value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|e| only_facts(e, url)),
            "s" => {
                for slice in value
                    .get("s")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    only_facts(slice.get("e").unwrap(), url);
                }
            }
            _ => panic!("{url}: {member}"),
        }
    }
}

fn short_texts(value: &Value, url: &str) {
    match value {
        Value::String(text) if !text.contains("://") => {
            assert!(text.chars().count() <= LONGEST_FIXED, "{url}: {text}");
        }
        Value::Array(items) => items.iter().for_each(|item| short_texts(item, url)),
        Value::Object(members) => members.values().for_each(|m| short_texts(m, url)),
        _ => (),
    }
}
