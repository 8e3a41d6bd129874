//! The names of FHIR R4's types, and of the elements that may be of several.
//!
//! Both come from tables of ours (`tables/`), read once. A name that comes out of here is
//! `'static`, whatever expression asked for it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::element::Element;

/// What sort of type a name stands for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Its JSON is a string, a number or a boolean.
    Primitive,
    /// Its JSON is an object.
    Datatype,
    /// Its JSON is an object that names its type.
    Resource,
    /// Only its heirs are found in JSON.
    Abstract,
}

impl Sort {
    /// The word in the table.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "primitive" => Self::Primitive,
            "datatype" => Self::Datatype,
            "resource" => Self::Resource,
            "abstract" => Self::Abstract,
            _ => return None,
        })
    }
}

/// A type of FHIR R4.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FhirType {
    pub(crate) name: &'static str,
    pub(crate) sort: Sort,
    /// The parameters that put a resource of this type in a patient's compartment.
    pub(crate) compartment: Vec<&'static str>,
}

impl FhirType {
    /// Whether an element may be of this type: by its type if that is known, else by its shape.
    pub(crate) fn fits(&self, element: Element<'_>) -> bool {
        if let Some(known) = element.fhir_type
            && self.sort != Sort::Abstract
        {
            return known == self.name;
        }
        let named = element.value.get("resourceType").and_then(Value::as_str);
        match self.sort {
            Sort::Primitive => !element.value.is_object(),
            Sort::Datatype => element.value.is_object() && named.is_none(),
            Sort::Resource => named == Some(self.name),
            Sort::Abstract => element.value.is_object(),
        }
    }
}

/// The type of that name. `DateTime` is taken for `dateTime`, as R4's own expressions write both.
pub(crate) fn named(name: &str) -> Option<&'static FhirType> {
    let find = |name: &str| {
        let place = TYPES.binary_search_by(|row| row.name.cmp(name)).ok()?;
        TYPES.get(place)
    };
    find(name).or_else(|| {
        let initial = name.get(..1)?.to_ascii_lowercase();
        find(&(initial + name.get(1..)?)).filter(|row| row.sort == Sort::Primitive)
    })
}

/// Every type, by name.
pub(crate) fn all() -> &'static [FhirType] {
    &TYPES
}

/// An element that the specification writes `value[x]`: in JSON its name ends with its type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Without the `[x]`.
    pub(crate) name: &'static str,
    /// Members (`valueQuantity`) and their types, by member.
    variants: Vec<(String, &'static str)>,
}

impl Choice {
    /// The type that a member's name tells, if the member is one of this choice.
    pub(crate) fn told_by(&self, member: &str) -> Option<&'static str> {
        if !member.starts_with(self.name) {
            return None;
        }
        let of = |(name, _): &(String, _)| name.as_str().cmp(member);
        let place = self.variants.binary_search_by(of).ok()?;
        self.variants.get(place).map(|(_, told)| *told)
    }
}

/// The choice of that name, if R4 has one anywhere.
pub(crate) fn choice(name: &str) -> Option<&'static Choice> {
    let place = CHOICES.binary_search_by(|row| row.name.cmp(name)).ok()?;
    CHOICES.get(place)
}

/// Calls `each` with the value of an extension; an extension of extensions has none.
pub(crate) fn value_of_extension<'v>(extension: &'v Value, each: &mut dyn FnMut(Element<'v>)) {
    let (Some(members), Some(choice)) = (extension.as_object(), choice("value")) else {
        return;
    };
    for (name, value) in members {
        if let Some(told) = choice.told_by(name).filter(|_| !value.is_null()) {
            each(Element::typed(value, told));
        }
    }
}

/// `value` and `Quantity` → `valueQuantity`.
pub(crate) fn member(choice: &str, fhir_type: &str) -> String {
    let initial = fhir_type.get(..1).unwrap_or_default().to_ascii_uppercase();
    let rest = fhir_type.get(1..).unwrap_or_default();
    format!("{choice}{initial}{rest}")
}

static TYPES: LazyLock<Vec<FhirType>> = LazyLock::new(|| {
    let rows = crate::table::rows(include_str!("../tables/types.tsv"));
    let mut types: Vec<_> = rows.filter_map(|cells| fhir_type(&cells)).collect();
    types.sort_unstable_by_key(|row| row.name);
    types
});

fn fhir_type(cells: &[&'static str]) -> Option<FhirType> {
    let [sort, name, compartment] = cells else {
        return None;
    };
    Some(FhirType {
        name,
        sort: Sort::named(sort)?,
        compartment: compartment.split_whitespace().collect(),
    })
}

static CHOICES: LazyLock<Vec<Choice>> = LazyLock::new(|| {
    let rows = crate::table::rows(include_str!("../tables/choices.tsv"));
    let mut choices: Vec<_> = rows.filter_map(|cells| choice_of(&cells)).collect();
    choices.sort_unstable_by_key(|row| row.name);
    choices
});

fn choice_of(cells: &[&'static str]) -> Option<Choice> {
    let [name, types] = cells else {
        return None;
    };
    let types = types.split_whitespace();
    let mut variants: Vec<_> = types.map(|told| (member(name, told), told)).collect();
    variants.sort_unstable();
    Some(Choice { name, variants })
}
