//! The table of what is stored: which types, whose chart each belongs to, when it happened, and
//! what it can be searched by. There is no code per type; a new type or parameter is a line here.
//!
//! A path names elements from the resource's root; lists are walked. What an element's value means
//! (a coding, an identifier, a period, …) is seen from its shape.
//!
//! Source: FHIR R4 search parameter registry; JP Core 1.2.0 server CapabilityStatement.

mod table;

use std::fmt;

pub(super) use table::TABLE;

/// One row of the table.
#[derive(Debug)]
pub(super) struct Row {
    /// Stored in the database: never changed, never reused.
    pub(super) code: i16,
    pub(super) name: &'static str,
    /// Where the patient is named; the first that names one decides. Empty: in no chart.
    pub(super) patient: &'static [&'static str],
    /// The clinical date: the first path with a date decides.
    pub(super) when: &'static [&'static str],
    /// Who wrote it, for `authoredby` in a consent.
    pub(super) authors: &'static [&'static str],
    pub(super) parameters: &'static [Parameter],
}

/// One search parameter of one type.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) paths: &'static [&'static str],
}

/// What a parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Codings, identifiers: `system|code`, `|code`, `code`.
    Token,
    /// A bare code whose system the element implies.
    Code,
    /// A date or a period.
    Date,
    /// The clinical date of [`Row::when`].
    When,
    /// Text, folded, by its beginning.
    Text,
    /// A reference to another resource.
    Reference,
    /// The patient of [`Row::patient`].
    Patient,
}

/// A type of resource that this node serves.
#[derive(Clone, Copy)]
pub struct ResourceType(&'static Row);

impl ResourceType {
    /// The type of that name, if it is served.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(Self)
    }

    pub(super) fn coded(code: i16) -> Option<Self> {
        TABLE.iter().find(|row| row.code == code).map(Self)
    }

    /// Every type that is served, in the table's order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The FHIR name, as in `resourceType`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) fn code(self) -> i16 {
        self.0.code
    }

    pub(super) fn row(self) -> &'static Row {
        self.0
    }

    /// Whether resources of this type stand in a patient's chart.
    #[must_use]
    pub fn in_a_chart(self) -> bool {
        !self.0.patient.is_empty() || self.0.name == "Patient"
    }

    /// The search parameter of that name, and its slot in the index tables.
    pub(super) fn parameter(self, name: &str) -> Option<(i16, &'static Parameter)> {
        self.parameters()
            .find(|(_, parameter)| parameter.name == name)
    }

    /// Every search parameter with its slot.
    pub(super) fn parameters(self) -> impl Iterator<Item = (i16, &'static Parameter)> {
        let first = self.0.code.saturating_mul(SLOTS_PER_TYPE);
        (first..).zip(self.0.parameters)
    }
}

impl ResourceType {
    /// The slot under which the encounter that a resource belongs to is indexed: that of the
    /// parameter for it, or one of its own where the type has none.
    pub(super) fn encounter_slot(self) -> i16 {
        let parameter = self
            .parameter("encounter")
            .or_else(|| self.parameter("context"));
        let none = self
            .0
            .code
            .saturating_mul(SLOTS_PER_TYPE)
            .saturating_add(SLOTS_PER_TYPE - 1);
        parameter.map_or(none, |(slot, _)| slot)
    }
}

/// Room for this many parameters of one type in the numbering of slots.
const SLOTS_PER_TYPE: i16 = 128;

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for ResourceType {}

impl std::hash::Hash for ResourceType {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.code.hash(state);
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_names_and_parameters_are_unique() {
        let codes: BTreeSet<_> = TABLE.iter().map(|row| row.code).collect();
        let names: BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!((codes.len(), names.len()), (TABLE.len(), TABLE.len()));
        for kind in ResourceType::all() {
            let parameters: BTreeSet<_> = kind.parameters().map(|(_, p)| p.name).collect();
            assert_eq!(parameters.len(), kind.row().parameters.len(), "{kind}");
            assert!(parameters.len() < usize::try_from(SLOTS_PER_TYPE).unwrap_or(0) - 1);
        }
    }
}
