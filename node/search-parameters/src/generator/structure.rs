//! Which elements each type has, and of which types those are.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{ListedElement, ListedType, Structure};

/// Where a path has come to: a type (`Quantity`) or an element with members of its own
/// (`Observation.component`).
pub(super) type Place = String;

/// Every element of every type.
pub(super) struct Structures {
    /// `Observation.status` → where one is then.
    elements: BTreeMap<String, Vec<Place>>,
    /// `value` → every type that an element of that name may have.
    choices: BTreeMap<String, BTreeSet<String>>,
}

impl Structures {
    pub(super) fn of(structures: &[Structure]) -> Self {
        let mut all = Self {
            elements: BTreeMap::new(),
            choices: BTreeMap::new(),
        };
        for element in structures.iter().flat_map(|one| &one.snapshot.element) {
            all.add(element);
        }
        all
    }

    fn add(&mut self, element: &ListedElement) {
        let places = match &element.content_reference {
            Some(elsewhere) => vec![elsewhere.trim_start_matches('#').to_owned()],
            None => element.types.iter().map(|of| place(element, of)).collect(),
        };
        let path = element.path.trim_end_matches("[x]");
        if path.len() < element.path.len()
            && let Some((_, name)) = path.rsplit_once('.')
        {
            let types = self.choices.entry(name.to_owned()).or_default();
            types.extend(places.iter().cloned());
        }
        self.elements.insert(path.to_owned(), places);
    }

    /// Where the member of that name leads from `from`.
    pub(super) fn member(&self, from: &str, name: &str) -> &[Place] {
        let places = self.elements.get(&format!("{from}.{name}"));
        places.map_or(&[], Vec::as_slice)
    }

    pub(super) const fn choices(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.choices
    }
}

fn place(element: &ListedElement, of: &ListedType) -> Place {
    match of.code.as_str() {
        "BackboneElement" | "Element" => element.path.clone(),
        code if code.starts_with(FHIRPATH) => {
            let told = of.extension.iter().find(|one| one.url == FHIR_TYPE);
            let told = told.and_then(|one| one.value_url.as_deref());
            told.unwrap_or("string").to_owned()
        }
        code => code.to_owned(),
    }
}

const FHIRPATH: &str = "http://hl7.org/fhirpath/";
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
