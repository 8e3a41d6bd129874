//! The compact form of a package: one line for each definition and value set, deflated.
//!
//! Owns the form. Its lines are found without being parsed: a definition costs nothing until a
//! resource is of its type or claims it.

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::Value;

use crate::model::{Codes, Element, Kind};
use crate::package::PackageError;

/// First word of the first line; raised whenever the form or the meaning of a line changes.
const FORM: &str = "fhir-tables-1";
/// The most that a compiled package may hold, in bytes.
const MAX_TEXT: u64 = 128 * 1024 * 1024;

/// What is written of one definition.
pub(crate) struct Written {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    /// The version it says of itself, else the package's.
    pub(crate) version: String,
    /// The type it defines or constrains.
    pub(crate) type_name: String,
    pub(crate) root: Element,
}

/// A package, as text: what is compared, deflated and read.
pub(crate) fn write(
    name: &str,
    version: &str,
    definitions: &[Written],
    sets: &[(String, Codes)],
) -> String {
    let mut text = format!("{FORM}\t{name}\t{version}\n");
    for written in definitions {
        let root = serde_json::to_string(&written.root).unwrap_or_default();
        let (kind, url) = (written.kind.letter(), &written.url);
        let (version, type_name) = (&written.version, &written.type_name);
        text.push_str(&format!("{kind}\t{url}\t{version}\t{type_name}\t{root}\n"));
    }
    for (url, codes) in sets {
        let codes = serde_json::to_string(codes).unwrap_or_default();
        text.push_str(&format!("V\t{url}\t\t\t{codes}\n"));
    }
    text
}

/// Makes a text small.
pub(crate) fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(text.as_bytes());
    debug_assert!(written.is_ok(), "a Vec takes every byte");
    encoder.finish().unwrap_or_default()
}

/// The text again.
///
/// # Errors
/// `Form` if these are not the bytes of `deflate`.
pub(crate) fn inflate(bytes: &[u8]) -> Result<String, PackageError> {
    let mut text = String::new();
    DeflateDecoder::new(bytes)
        .take(MAX_TEXT)
        .read_to_string(&mut text)
        .map_err(|_damaged| PackageError::Form)?;
    Ok(text)
}

/// A compiled package in memory.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) version: String,
    text: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) sets: Vec<SetEntry>,
}

/// One definition, parsed when first asked for.
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) type_name: String,
    root: Range<usize>,
    parsed: OnceLock<Element>,
}

/// One value set, parsed when first asked for.
pub(crate) struct SetEntry {
    pub(crate) url: String,
    codes: Range<usize>,
    parsed: OnceLock<Codes>,
}

impl Table {
    /// Finds the lines of a text that `write` made.
    ///
    /// # Errors
    /// `Form` if it is another text.
    pub(crate) fn read(text: String) -> Result<Self, PackageError> {
        let mut lines = text.split_inclusive('\n');
        let head = lines.next().ok_or(PackageError::Form)?;
        let mut head_parts = head.trim_end().split('\t');
        let parts = (head_parts.next(), head_parts.next(), head_parts.next());
        let (Some(FORM), Some(name), Some(version)) = parts else {
            return Err(PackageError::Form);
        };
        let (mut entries, mut sets) = (Vec::new(), Vec::new());
        let mut start = head.len();
        for line in lines {
            let mut parts = line.trim_end_matches('\n').splitn(5, '\t');
            let mut part = || parts.next().ok_or(PackageError::Form);
            let (letter, url, version, type_name, body) =
                (part()?, part()?, part()?, part()?, part()?);
            let end = start + line.trim_end_matches('\n').len();
            let body = end - body.len()..end;
            start += line.len();
            if letter == "V" {
                sets.push(SetEntry {
                    url: url.to_owned(),
                    codes: body,
                    parsed: OnceLock::new(),
                });
            } else {
                entries.push(Entry {
                    kind: Kind::from_letter(letter).ok_or(PackageError::Form)?,
                    url: url.to_owned(),
                    version: version.to_owned(),
                    type_name: type_name.to_owned(),
                    root: body,
                    parsed: OnceLock::new(),
                });
            }
        }
        let (name, version) = (name.to_owned(), version.to_owned());
        Ok(Table {
            name,
            version,
            text,
            entries,
            sets,
        })
    }

    /// The tree of a definition. A line that is damaged demands nothing.
    pub(crate) fn root<'t>(&'t self, entry: &'t Entry) -> &'t Element {
        entry.parsed.get_or_init(|| {
            let line = self.text.get(entry.root.clone()).unwrap_or_default();
            let mut root: Element = serde_json::from_str(line).unwrap_or_default();
            root.prepare();
            root
        })
    }

    /// The codes of a value set. A line that is damaged lists none.
    pub(crate) fn codes<'t>(&'t self, entry: &'t SetEntry) -> &'t Codes {
        entry.parsed.get_or_init(|| {
            let line = self.text.get(entry.codes.clone()).unwrap_or_default();
            serde_json::from_str(line).unwrap_or_default()
        })
    }

    /// Whether every line can be parsed: asked once, when a package is added.
    ///
    /// # Errors
    /// `Form` at the first line that cannot.
    pub(crate) fn check(&self) -> Result<(), PackageError> {
        let lines = self.entries.iter().map(|e| e.root.clone());
        let lines = lines.chain(self.sets.iter().map(|s| s.codes.clone()));
        for line in lines {
            let line = self.text.get(line).ok_or(PackageError::Form)?;
            serde_json::from_str::<Value>(line).map_err(|_damaged| PackageError::Form)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_package_reads_as_it_was_written() {
        let mut root = Element::named("", false);
        root.min = 1;
        let written = Written {
            kind: Kind::Profile,
            url: "http://example.org/p".to_owned(),
            version: "2".to_owned(),
            type_name: "Patient".to_owned(),
            root: root.clone(),
        };
        let set = Codes([("s".to_owned(), ["a".to_owned()].into())].into());
        let text = write(
            "x.y",
            "1",
            &[written],
            &[("http://v".to_owned(), set.clone())],
        );
        let table = Table::read(inflate(&deflate(&text)).unwrap()).unwrap();

        assert_eq!((table.name.as_str(), table.version.as_str()), ("x.y", "1"));
        let entry = table.entries.first().unwrap();
        assert_eq!(table.root(entry).min, 1);
        assert_eq!(entry.type_name, "Patient");
        assert_eq!(table.codes(table.sets.first().unwrap()), &set);
        table.check().unwrap();
    }

    #[test]
    fn another_form_is_refused() {
        for text in ["", "fhir-tables-0\ta\t1\n", "fhir-tables-1\ta\t1\nQ\tx\n"] {
            assert!(Table::read(text.to_owned()).is_err(), "{text:?}");
        }
        assert!(inflate(b"no deflate").is_err());
    }
}
