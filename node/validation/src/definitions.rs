//! All that is known: the shipped tables and the packages that were added to them.
//!
//! Owns which definition an URL means. Added packages come before shipped ones, later before
//! earlier; the same URL may stand in several versions, and then each is a candidate.

use std::collections::HashMap;

use crate::compile::{Keep, compile};
use crate::model::{Codes, Element, Kind};
use crate::package::{Archive, PackageError};
use crate::table::{self, Entry, Table};

/// R4 core: the types that everything else constrains.
pub(crate) const BASE_TYPES: &[u8] = include_bytes!("../tables/hl7.fhir.r4.core-4.0.1.tables");
/// R4 core, JP Core 1.1.2 and 1.2.0, made by `make-tables`.
const SHIPPED: [&[u8]; 3] = [
    BASE_TYPES,
    include_bytes!("../tables/jp-core.r4-1.1.2.tables"),
    include_bytes!("../tables/jpfhir.jp.core-1.2.0.tables"),
];

/// What types and profiles demand.
#[derive(Default)]
pub struct Definitions {
    tables: Vec<Table>,
    /// Name of a base type → where it is defined.
    types: HashMap<String, Place>,
    /// URL without version → where, the last added first.
    profiles: HashMap<String, Vec<Place>>,
    /// URL without version → where, the last added wins.
    sets: HashMap<String, Place>,
}

/// A line of one of the tables.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    table: usize,
    line: usize,
}

/// A package that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its name, `jp-core.r4`.
    pub name: String,
    /// Its version, `1.1.2`.
    pub version: String,
    /// How many profiles and extensions it defines.
    pub profiles: usize,
    /// How many of its definitions came without a snapshot, and are not checked.
    pub without_snapshot: usize,
    /// How many of its invariants need more of FHIRPath than is evaluated here.
    pub ignored_invariants: usize,
}

/// A profile of a type of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimable<'d> {
    /// Its canonical URL, without version.
    pub url: &'d str,
    /// The version of the profile, `1.2.0`.
    pub version: &'d str,
    /// The type it constrains, `Patient`.
    pub type_name: &'d str,
}

/// A profile of one package.
#[derive(Clone, Copy)]
pub(crate) struct Profile<'d> {
    pub(crate) root: &'d Element,
    pub(crate) url: &'d str,
    pub(crate) version: &'d str,
    pub(crate) type_name: &'d str,
    /// Which package it stands in: its own references prefer that package.
    pub(crate) table: usize,
}

impl Definitions {
    /// What the program brings: FHIR R4, JP Core 1.1.2 and 1.2.0.
    pub fn shipped() -> Self {
        let mut definitions = Definitions::default();
        for bytes in SHIPPED {
            let table = table::inflate(bytes).and_then(Table::read);
            debug_assert!(table.is_ok(), "a test reads each shipped table");
            if let Ok(table) = table {
                definitions.insert(table);
            }
        }
        definitions
    }

    /// Nothing at all: what the tables are made from.
    #[cfg(any(test, feature = "generator"))]
    pub(crate) fn empty() -> Self {
        Definitions::default()
    }

    /// Adds a FHIR package (`.tgz`, with or without `package/` root). `name` and `version` win over
    /// its manifest, and are needed where that lacks them.
    ///
    /// # Errors
    /// As `PackageError` says; then nothing is added.
    pub fn add(
        &mut self,
        bytes: &[u8],
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Added, PackageError> {
        let archive = Archive::read(bytes)?;
        let compiled = compile(&archive, name, version, self, Keep::All)?;
        let table = Table::read(compiled.text)?;
        table.check()?;
        let added = Added {
            name: table.name.clone(),
            version: table.version.clone(),
            profiles: compiled.profiles,
            without_snapshot: compiled.without_snapshot,
            ignored_invariants: compiled.ignored_invariants,
        };
        self.insert(table);
        Ok(added)
    }

    /// Name, version and number of profiles of each package, in the order in which they were added.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.tables.iter().map(|table| {
            let profiles = table.entries.iter().filter(|e| e.kind == Kind::Profile);
            (
                table.name.as_str(),
                table.version.as_str(),
                profiles.count(),
            )
        })
    }

    /// Each profile that a resource can claim, in the order in which their packages were added.
    pub fn profiles(&self) -> impl Iterator<Item = Claimable<'_>> {
        let entries = self.tables.iter().flat_map(|table| &table.entries);
        entries
            .filter(|e| e.kind == Kind::Profile && self.is_resource(&e.type_name))
            .map(|e| Claimable {
                url: &e.url,
                version: &e.version,
                type_name: &e.type_name,
            })
    }

    pub(crate) fn insert(&mut self, table: Table) {
        let number = self.tables.len();
        for (line, entry) in table.entries.iter().enumerate() {
            let place = Place {
                table: number,
                line,
            };
            if entry.kind == Kind::Profile {
                let tables = &self.tables;
                let places = self.profiles.entry(entry.url.clone()).or_default();
                places.retain(|old| version_at(tables, *old) != Some(entry.version.as_str()));
                places.insert(0, place);
            } else {
                // Base types are R4's, whatever an added package repeats of them.
                self.types.entry(entry.type_name.clone()).or_insert(place);
            }
        }
        for (line, set) in table.sets.iter().enumerate() {
            let place = Place {
                table: number,
                line,
            };
            self.sets.insert(set.url.clone(), place);
        }
        self.tables.push(table);
    }

    fn entry(&self, place: Place) -> Option<(&Table, &Entry)> {
        let table = self.tables.get(place.table)?;
        Some((table, table.entries.get(place.line)?))
    }

    /// The tree of a base type.
    pub(crate) fn type_root(&self, name: &str) -> Option<&Element> {
        let (table, entry) = self.entry(*self.types.get(name)?)?;
        Some(table.root(entry))
    }

    /// Whether this is a type of resource.
    pub(crate) fn is_resource(&self, name: &str) -> bool {
        let place = self.types.get(name);
        let entry = place.and_then(|place| self.entry(*place));
        entry.is_some_and(|(_, entry)| entry.kind == Kind::Resource)
    }

    /// The profiles that `url` or `url|version` may mean. Asked from inside a package that defines
    /// it, only that one; else every version known, the last added first.
    pub(crate) fn candidates(&self, claim: &str, from: Option<usize>) -> Vec<Profile<'_>> {
        let (url, version) = match claim.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (claim, None),
        };
        let places = self.profiles.get(url).map_or(&[][..], Vec::as_slice);
        let own = places.iter().find(|place| Some(place.table) == from);
        let places = match (own, version) {
            (Some(own), None) => std::slice::from_ref(own),
            _ => places,
        };
        let profiles = places.iter().filter_map(|place| {
            let (table, entry) = self.entry(*place)?;
            Some(Profile {
                root: table.root(entry),
                url: &entry.url,
                version: &entry.version,
                type_name: &entry.type_name,
                table: place.table,
            })
        });
        let asked = |p: &Profile<'_>| version.is_none_or(|version| p.version == version);
        profiles.filter(asked).collect()
    }

    /// The type that a profile constrains, without reading the profile.
    pub(crate) fn profiled_type(&self, url: &str) -> Option<&str> {
        let url = url.split('|').next().unwrap_or(url);
        let (_, entry) = self.entry(*self.profiles.get(url)?.first()?)?;
        Some(&entry.type_name)
    }

    /// Whether some version of this profile is known.
    pub(crate) fn knows(&self, url: &str) -> bool {
        self.profiles
            .contains_key(url.split('|').next().unwrap_or(url))
    }

    /// The codes of a value set, if somebody listed them.
    pub(crate) fn codes(&self, url: &str) -> Option<&Codes> {
        let place = self.sets.get(url)?;
        let table = self.tables.get(place.table)?;
        Some(table.codes(table.sets.get(place.line)?))
    }
}

fn version_at(tables: &[Table], place: Place) -> Option<&str> {
    let entry = tables.get(place.table)?.entries.get(place.line)?;
    Some(&entry.version)
}
