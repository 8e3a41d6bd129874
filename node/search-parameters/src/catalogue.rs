//! All parameters of all types.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::definition::{self, DefinitionError};
use crate::fhir_type::{self, Sort};
use crate::parameter::SearchParameter;
use crate::table;

/// The search parameters of every FHIR R4 resource type, those of all types included. Cheap to
/// clone and to extend: parameters are shared.
#[derive(Debug, Clone)]
pub struct Catalogue {
    types: BTreeMap<&'static str, Vec<Arc<SearchParameter>>>,
}

impl Catalogue {
    /// What ships: FHIR R4 4.0.1, and JP Core 1.1.2 and 1.2.0 together.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<Catalogue> = LazyLock::new(Catalogue::from_tables);
        &SHIPPED
    }

    fn from_tables() -> Self {
        let mut catalogue = Self {
            types: Self::types().map(|name| (name, Vec::new())).collect(),
        };
        for (on, parameter) in table::parameters() {
            catalogue.put(on, &Arc::new(parameter));
        }
        catalogue
    }

    /// The names of all resource types of FHIR R4, in the order of the alphabet.
    pub fn types() -> impl Iterator<Item = &'static str> {
        let resources = fhir_type::all()
            .iter()
            .filter(|named| named.sort == Sort::Resource);
        resources.map(|named| named.name)
    }

    /// Every parameter of a type, those of all types (`_id`) included, by code. Empty if FHIR R4
    /// has no such type.
    #[must_use]
    pub fn of(&self, resource_type: &str) -> &[Arc<SearchParameter>] {
        self.types.get(resource_type).map_or(&[], Vec::as_slice)
    }

    /// The parameter of that code on that type.
    #[must_use]
    pub fn named(&self, resource_type: &str, code: &str) -> Option<&Arc<SearchParameter>> {
        let parameters = self.of(resource_type);
        let place = parameters.binary_search_by(|one| one.code().cmp(code));
        place.ok().and_then(|place| parameters.get(place))
    }

    /// The codes of the reference parameters that put a resource of this type in the compartment of
    /// the patient they lead to; empty if none does. A Patient stands in its own besides.
    ///
    /// Source: FHIR R4, CompartmentDefinition `patient`.
    #[must_use]
    pub fn patient_compartment(resource_type: &str) -> &'static [&'static str] {
        fhir_type::named(resource_type).map_or(&[], |named| &named.compartment)
    }

    /// This catalogue and a hospital's own definitions: SearchParameter resources, of which a later
    /// one takes the place of an earlier one with the same code on the same type. A composite may
    /// name components that are defined beside it.
    ///
    /// # Errors
    /// The first definition that cannot be used, and why.
    pub fn extended<'d>(
        &self,
        definitions: impl IntoIterator<Item = &'d Value>,
    ) -> Result<Self, DefinitionError> {
        let mut extended = self.clone();
        let (composites, others): (Vec<_>, Vec<_>) = definitions
            .into_iter()
            .partition(|one| definition::is_composite(one));
        for definition in others.into_iter().chain(composites) {
            for (on, parameter) in definition::read(definition, &extended)? {
                extended.put(on, &Arc::new(parameter));
            }
        }
        Ok(extended)
    }

    /// Puts a parameter on its type, or on all types if it is defined on an abstract one.
    fn put(&mut self, on: &str, parameter: &Arc<SearchParameter>) {
        let everywhere = fhir_type::named(on).is_some_and(|named| named.sort == Sort::Abstract);
        for (name, parameters) in &mut self.types {
            if !everywhere && *name != on {
                continue;
            }
            let by_code = |one: &Arc<SearchParameter>| one.code().cmp(parameter.code());
            match parameters.binary_search_by(by_code) {
                Ok(place) => parameters
                    .iter_mut()
                    .skip(place)
                    .take(1)
                    .for_each(|old| old.clone_from(parameter)),
                Err(place) => parameters.insert(place, Arc::clone(parameter)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
