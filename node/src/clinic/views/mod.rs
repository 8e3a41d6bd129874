//! What a physician sees of FHIR resources, worked out of them without database, HTTP or words.
//!
//! The resources are those of strangers: whatever is in them, nothing here fails, and everything is
//! bounded. What cannot be read is left out of where it would mislead, and counted where leaving it
//! out would.

mod allergies;
mod conditions;
mod documents;
mod fhir;
mod item;
mod labs;
mod medicine;
mod medicines;
mod moment;
mod month;
mod narrative;
mod person;
mod reading;
#[cfg(test)]
pub(in crate::clinic) mod tests;
mod timeline;

use std::sync::Arc;

use serde_json::Value;

use crate::pages::chart::Key;

pub use allergies::{Allergies, Allergy};
pub use conditions::{Problem, problems};
pub use documents::{Attachment, Document, attachment, documents};
pub use fhir::Written;
pub use item::{Item, Unit};
pub use labs::{Cell, Column, Group, Labs, Row};
pub use medicine::Supply;
pub use medicines::{Medicine, Medicines};
pub use moment::Moment;
pub use month::{DayOfMonth, Month};
pub use person::Person;
pub use reading::{Mark, Reading};
pub use timeline::{Event, LANES, Lane, Timeline};

/// The most resources of one hospital that are looked at.
pub const MOST_RESOURCES: usize = 12_000;

/// A hospital whose resources are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its member id.
    pub member: String,
    /// Its name.
    pub name: String,
    /// A short name of at most six letters.
    pub short: String,
    /// The telephone number that people may call.
    pub phone: Option<String>,
    /// Whether it is the reader's own.
    pub is_own: bool,
}

impl Source {
    /// A hospital as the directory names it.
    #[must_use]
    pub fn new(member: &str, name: &str, is_own: bool) -> Self {
        let name = fhir::clean(name, 60);
        Self {
            member: member.to_owned(),
            short: short(&name),
            name,
            phone: None,
            is_own,
        }
    }

    /// The same with the telephone number that people may call.
    #[must_use]
    pub fn reached_at(self, phone: Option<&str>) -> Self {
        Self {
            phone: phone.map(str::to_owned),
            ..self
        }
    }
}

/// `みなと` of `医療法人社団みなと会 みなと病院`: what stands before the kind of house, in the last word.
fn short(name: &str) -> String {
    let last = name.split_whitespace().next_back().unwrap_or(name);
    let kinds = [
        "総合病院",
        "中央病院",
        "大学病院",
        "病院",
        "診療所",
        "クリニック",
        "医院",
    ];
    let stem = kinds
        .iter()
        .find_map(|kind| last.strip_suffix(kind).filter(|stem| !stem.is_empty()));
    stem.unwrap_or(last).chars().take(6).collect()
}

/// One resource of one hospital.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The place of its hospital among the sources.
    pub source: usize,
    /// The resource.
    pub value: Value,
    /// The number of `valueQuantity` and of each component's as it was written: `7.10` is not `7.1`.
    pub written: Written,
}

impl Taken {
    /// A resource in JSON text; `None` where it is none.
    #[must_use]
    pub fn read(source: usize, raw: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(raw).ok()?;
        value.is_object().then(|| Self {
            source,
            written: Written::of(raw),
            value,
        })
    }

    /// Its type; empty where it says none.
    #[must_use]
    pub fn kind(&self) -> &str {
        fhir::text(&self.value, &["resourceType"]).unwrap_or_default()
    }

    /// Its logical id; empty where it has none.
    #[must_use]
    pub fn id(&self) -> &str {
        fhir::text(&self.value, &["id"]).unwrap_or_default()
    }

    /// Whether its hospital took it back: it is shown nowhere.
    #[must_use]
    pub fn is_taken_back(&self) -> bool {
        fhir::text(&self.value, &["status"]) == Some("entered-in-error")
            || fhir::has_code(&self.value, "verificationStatus", "entered-in-error")
    }
}

/// Everything that was answered, by hospital.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// The hospitals, in the order of the rows.
    pub sources: Vec<Source>,
    /// Their resources.
    pub taken: Vec<Arc<Taken>>,
}

impl Chart {
    /// The resources of a type that stand.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Taken> {
        let taken = self.taken.iter().map(AsRef::as_ref);
        taken.filter(move |taken| taken.kind() == kind && !taken.is_taken_back())
    }

    /// A hospital's short name.
    #[must_use]
    pub fn short(&self, source: impl AsPlace) -> &str {
        let found = self.sources.get(source.place());
        found.map_or("", |source| &source.short)
    }

    /// A hospital's name.
    #[must_use]
    pub fn name(&self, source: impl AsPlace) -> &str {
        let found = self.sources.get(source.place());
        found.map_or("", |source| &source.name)
    }

    /// A hospital's shape.
    #[must_use]
    pub fn key(&self, source: impl AsPlace) -> Key {
        Key(source.place())
    }

    /// The number of a hospital's colour.
    #[must_use]
    pub fn hue(&self, source: impl AsPlace) -> usize {
        source.place() % 8
    }
}

/// A hospital's place among the sources, however a template holds it.
pub trait AsPlace {
    /// The place.
    fn place(self) -> usize;
}

impl AsPlace for usize {
    fn place(self) -> usize {
        self
    }
}

impl<T: AsPlace + Copy> AsPlace for &T {
    fn place(self) -> usize {
        (*self).place()
    }
}
