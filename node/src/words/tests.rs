#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

const BOTH: [Language; 2] = [Language::Ja, Language::En];

#[test]
fn every_text_is_there_in_both_languages_with_the_same_values() {
    for file in FILES {
        let name = file.name();
        assert_eq!(file.keys(Language::Ja), file.keys(Language::En), "{name}");
        for key in file.keys(Language::En) {
            let [ja, en] = BOTH.map(|language| file.values(language, &key));
            assert_eq!(ja, en, "{key}");
            assert!(
                key.starts_with(&format!("{name}-")),
                "{key} stands in {name}.ftl"
            );
        }
    }
    let languages = Languages::open().unwrap();
    for language in BOTH {
        let speech = languages.speech(language);
        for key in FILES.iter().flat_map(|file| file.keys(language)) {
            assert!(
                speech.find(&key).is_some_and(|text| !text.is_empty()),
                "{key}"
            );
        }
    }
}

#[test]
fn every_file_of_words_is_read() {
    for language in ["ja", "en"] {
        let folder = root().join("words").join(language);
        let mut there: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            there.push(name.trim_end_matches(".ftl").to_owned());
        }
        there.sort();
        let mut read: Vec<&str> = FILES.iter().map(Page::name).collect();
        read.sort_unstable();
        assert_eq!(there, read);
    }
}

/// A key is used where its text stands in quotes in a source or a template; one that is put together
/// is named by its beginning: `"pages-role-"`.
#[test]
fn every_text_is_used_and_every_used_text_is_there() {
    let keys: BTreeSet<String> = FILES
        .iter()
        .flat_map(|file| file.keys(Language::En))
        .collect();
    let heads: Vec<String> = FILES.iter().map(|f| format!("{}-", f.name())).collect();
    let mut quoted = BTreeSet::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        quoted.extend(texts_in_quotes(&without_classes(&text)));
    }
    let used: BTreeSet<&String> = quoted
        .iter()
        .filter(|text| heads.iter().any(|head| text.starts_with(head.as_str())))
        .collect();
    let unknown: Vec<_> = used
        .iter()
        .filter(|text| !text.ends_with('-') && !keys.contains(**text))
        .collect();
    assert!(unknown.is_empty(), "not in the words: {unknown:?}");
    let beginnings: Vec<&&String> = used.iter().filter(|text| text.ends_with('-')).collect();
    let idle: Vec<&String> = keys
        .iter()
        .filter(|key| !used.contains(key))
        .filter(|key| !beginnings.iter().any(|b| key.starts_with(b.as_str())))
        .collect();
    assert!(idle.is_empty(), "used by no page: {idle:?}");
}

/// Names of classes are no texts.
fn without_classes(text: &str) -> String {
    let mut parts = text.split("class=\"");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
        kept.push(' ');
    }
    kept
}

fn texts_in_quotes(text: &str) -> impl Iterator<Item = String> + '_ {
    let shaped = |part: &&str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    };
    // Of a text that is put together its beginning counts.
    text.split('"')
        .filter_map(|part| part.split('{').next())
        .filter(shaped)
        .map(ToOwned::to_owned)
}

/// Rooms without pages: what stands in quotes there is a word of FHIR or of the protocol.
const SILENT: [&str; 11] = [
    "access",
    "audit",
    "commands",
    "config",
    "consent",
    "database",
    "doctor",
    "export",
    "federation",
    "import",
    "records",
];

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root().join("src")).unwrap();
            if SILENT.iter().any(|room| below == Path::new(room)) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs" || e == "html")
                && !below
                    .iter()
                    .any(|part| part == "tests" || part == "tests.rs")
            {
                found.push(path);
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
