//! The table of what is stored: every FHIR R4 type but Consent, whose chart each belongs to, when it happened,
//! and what it can be searched by. There is no code per type.
//!
//! Parameters and their expressions come from the catalogue; what FHIR does not say (which date
//! sorts a chart, who counts as the author) stands in [`charts`].
//!
//! Source: FHIR R4 search parameter registry; JP Core 1.2.0.

mod charts;
mod codes;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use fhir_search_parameters::{Catalogue, ParameterType, SearchParameter};

use charts::Chart;

/// One row of the table.
pub(super) struct Row {
    /// Stored in the database: never changed, never reused.
    code: i16,
    name: &'static str,
    chart: Chart,
    parameters: Vec<Parameter>,
    by_name: HashMap<&'static str, usize>,
}

/// One search parameter of one type.
pub(super) struct Parameter {
    /// Its number in the index tables. Parameters that read the same elements share one.
    pub(super) slot: i16,
    pub(super) role: Role,
    pub(super) definition: &'static SearchParameter,
}

/// How a parameter is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// From the rows of its slot.
    Indexed,
    /// From the rows of another parameter, which reads the same elements.
    SameAs,
    /// From the rows of several others, which together read the same elements.
    Together(Vec<i16>),
    /// From the chart that a resource is in; what is no patient stands in the rows of its slot.
    Chart,
    /// From the rows of its slot, for it may name several people: the first of them is whose chart
    /// the resource is in.
    Charts,
    /// From the resource's own row: `_id`, `_lastUpdated`.
    Own,
    /// From the rows of its components, then from the resource itself.
    Composite,
    /// Not at all.
    Refused,
}

/// A type of resource that this node serves.
#[derive(Clone, Copy)]
pub struct ResourceType(&'static Row);

/// Room for this many parameters of one type in the numbering of slots.
const SLOTS_PER_TYPE: i16 = 128;

/// The types of which some resource is of another category than `other`.
const MAY_LEAVE: [&str; 17] = [
    "AllergyIntolerance",
    "Composition",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "ImagingStudy",
    "Immunization",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "MolecularSequence",
    "Observation",
    "Procedure",
    "Specimen",
];

/// Observation's parameters that look into `component` too: their rows are those of the two parts.
const TOGETHER: [(&str, [&str; 2]); 3] = [
    ("combo-code", ["code", "component-code"]),
    (
        "combo-value-quantity",
        ["value-quantity", "component-value-quantity"],
    ),
    (
        "combo-value-concept",
        ["value-concept", "component-value-concept"],
    ),
];

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let numbered = (1_i16..).zip(codes::NAMES);
    numbered.map(|(code, name)| Row::new(code, name)).collect()
});

static BY_NAME: LazyLock<HashMap<&'static str, ResourceType>> = LazyLock::new(|| {
    TABLE
        .iter()
        .map(|row| (row.name, ResourceType(row)))
        .collect()
});

impl Row {
    fn new(code: i16, name: &'static str) -> Self {
        let first = code.saturating_mul(SLOTS_PER_TYPE);
        let mut parameters: Vec<Parameter> = Vec::new();
        for (slot, definition) in (first..).zip(Catalogue::shipped().of(name)) {
            let (slot, role) = role(name, slot, definition, &parameters);
            parameters.push(Parameter {
                slot,
                role,
                definition,
            });
        }
        if name == "Observation" {
            take_together(&mut parameters);
        }
        let codes = parameters.iter().map(|one| one.definition.code());
        let by_name = codes.zip(0..).collect();
        Self {
            code,
            name,
            chart: Chart::of(name),
            parameters,
            by_name,
        }
    }
}

fn role(name: &str, slot: i16, definition: &SearchParameter, before: &[Parameter]) -> (i16, Role) {
    let same = before.iter().find(|other| {
        other.role == Role::Indexed
            && other.definition.kind() == definition.kind()
            && other.definition.expression() == definition.expression()
    });
    match (definition.kind(), same) {
        _ if matches!(definition.code(), "_id" | "_lastUpdated") => (slot, Role::Own),
        (ParameterType::Composite, _) => (slot, Role::Composite),
        (ParameterType::Special, _) => (slot, Role::Refused),
        // They end at a resource within, which is no reference to one.
        (ParameterType::Reference, _) if definition.element_types() == ["Resource"] => {
            (slot, Role::Refused)
        }
        (ParameterType::Reference, _) if charts::names_the_patient(name, definition) => {
            let several = charts::may_name_several(name);
            (slot, if several { Role::Charts } else { Role::Chart })
        }
        (_, Some(same)) => (same.slot, Role::SameAs),
        (_, None) => (slot, Role::Indexed),
    }
}

/// Gives the parameters that look into `component` too the rows of their parts.
fn take_together(parameters: &mut [Parameter]) {
    for (whole, parts) in TOGETHER {
        let slots: Vec<i16> = parameters
            .iter()
            .filter(|one| parts.contains(&one.definition.code()))
            .map(|one| one.slot)
            .collect();
        let wholes = parameters
            .iter_mut()
            .filter(|one| one.definition.code() == whole);
        wholes.for_each(|one| one.role = Role::Together(slots.clone()));
    }
}

impl Parameter {
    /// Whether it names the patient whose chart a resource is in.
    pub(super) fn names_the_patient(&self) -> bool {
        matches!(self.role, Role::Chart | Role::Charts)
    }

    /// Whether a reference by it to a resource of this type is told by the chart, not by a row.
    pub(super) fn is_told_by_the_chart(&self, to: ResourceType) -> bool {
        self.role == Role::Chart && to.name() == "Patient"
    }

    /// The slots of the rows that answer it.
    pub(super) fn slots(&self) -> Vec<i16> {
        match &self.role {
            Role::Together(slots) => slots.clone(),
            _ => vec![self.slot],
        }
    }
}

impl ResourceType {
    /// The type of that name, if it is served.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied()
    }

    pub(super) fn coded(code: i16) -> Option<Self> {
        let place = usize::try_from(code).ok()?.checked_sub(1)?;
        TABLE.get(place).map(Self)
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

    pub(super) fn chart(self) -> &'static Chart {
        &self.0.chart
    }

    /// Whether resources of this type stand in a patient's chart.
    #[must_use]
    pub fn in_a_chart(self) -> bool {
        self.0.name == "Patient" || self.0.parameters.iter().any(Parameter::names_the_patient)
    }

    /// The slots under which resources of this type, which stand in no chart, are found by the
    /// patients whose compartment they are in; empty for every other type.
    ///
    /// Source: FHIR R4, CompartmentDefinition `patient`.
    pub(super) fn naming_slots(self) -> Vec<i16> {
        if !charts::names_patients_in_no_chart(self.name()) {
            return Vec::new();
        }
        let codes = Catalogue::patient_compartment(self.name()).iter();
        let parameters = codes.filter_map(|code| self.parameter(code));
        parameters.flat_map(Parameter::slots).collect()
    }

    /// Whether any resource of this type can be of a category that a person can let out: every other
    /// type never leaves a hospital. See `Category::of`.
    #[must_use]
    pub fn may_leave(self) -> bool {
        MAY_LEAVE.contains(&self.0.name)
    }

    /// Whether a parameter reads the element that dates a chart's resources first.
    pub(super) fn is_dated_by(self, by: &Parameter) -> bool {
        let definition = by.definition;
        definition.code() == "date"
            && self.in_a_chart()
            && self.0.chart.is_dated_by(self.0.name, definition)
    }

    /// The search parameter of that name.
    pub(super) fn parameter(self, name: &str) -> Option<&'static Parameter> {
        let place = self.0.by_name.get(name)?;
        self.0.parameters.get(*place)
    }

    /// Every search parameter.
    pub(super) fn parameters(self) -> &'static [Parameter] {
        &self.0.parameters
    }

    /// The parameter that names the patient whose chart a resource is in.
    pub(super) fn patient_parameter(self) -> Option<&'static Parameter> {
        let mut charts = self.0.parameters.iter().filter(|p| p.names_the_patient());
        charts
            .clone()
            .find(|p| p.definition.code() == "patient")
            .or_else(|| charts.next())
    }

    /// The slot under which the encounter that a resource belongs to is indexed: that of the
    /// parameter for it, or one of its own where the type has none.
    pub(super) fn encounter_slot(self) -> i16 {
        let parameter = ["encounter", "context"]
            .into_iter()
            .find_map(|name| self.parameter(name))
            .filter(|parameter| parameter.definition.kind() == ParameterType::Reference);
        let none = self
            .0
            .code
            .saturating_mul(SLOTS_PER_TYPE)
            .saturating_add(SLOTS_PER_TYPE - 1);
        parameter.map_or(none, |parameter| parameter.slot)
    }

    /// The slots under which others name a resource of this type whose sensitivity they share; none
    /// for most types.
    pub(super) fn marking_slots(self) -> Vec<i64> {
        let slot_in = |kind: Self| match self.name() {
            "Encounter" => Some(kind.encounter_slot()),
            "Medication" => kind.parameter("medication").map(|named| named.slot),
            _ => None,
        };
        Self::all().filter_map(slot_in).map(i64::from).collect()
    }

    /// The slot under which the numbers that people are matched by are indexed, spelled one way.
    pub(super) fn matching_slot(self) -> i16 {
        let first = self.0.code.saturating_mul(SLOTS_PER_TYPE);
        first.saturating_add(SLOTS_PER_TYPE - 2)
    }
}

/// What the rows of the index were read by: changes whenever a type is read differently.
pub(super) fn reading() -> String {
    let mut text = String::new();
    for kind in ResourceType::all() {
        text.push_str(&format!("{}{:?}\n", kind.name(), kind.chart()));
        for Parameter {
            slot,
            role,
            definition,
        } in kind.parameters()
        {
            let expression = definition.expression();
            let line = format!("{slot} {role:?} {:?} {expression}\n", definition.kind());
            text.push_str(&line);
        }
    }
    text
}

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

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.definition, other.definition) && self.slot == other.slot
    }
}

impl Eq for Parameter {}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.definition.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use federation_protocol::category::Category;

    use super::*;

    #[test]
    fn every_type_of_the_catalogue_is_numbered_once() {
        let numbered: BTreeSet<_> = codes::NAMES.into_iter().collect();
        // Consent belongs to the consent room.
        let known: BTreeSet<_> = Catalogue::types()
            .filter(|name| *name != "Consent")
            .collect();
        assert_eq!(numbered, known);
        assert_eq!(numbered.len(), codes::NAMES.len());
    }

    #[test]
    fn what_may_leave_is_what_has_a_category_that_a_consent_can_name() {
        let coded = [
            ("", "laboratory"),
            ("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"),
        ];
        for kind in ResourceType::all() {
            let categories = coded.map(|code| Category::of(kind.name(), &[code], &[]));
            let leaves = categories.iter().any(|one| *one != Category::Other);
            assert_eq!(kind.may_leave(), leaves, "{kind}");
        }
    }

    #[test]
    fn numbers_that_are_in_databases_do_not_move() {
        for (code, name) in [(1, "Patient"), (9, "Observation"), (23, "Endpoint")] {
            assert_eq!(
                ResourceType::coded(code).map(ResourceType::name),
                Some(name)
            );
        }
    }

    #[test]
    fn slots_of_one_type_do_not_reach_into_the_next() {
        for kind in ResourceType::all() {
            let limit = usize::try_from(SLOTS_PER_TYPE).unwrap_or(0) - 2;
            assert!(kind.parameters().len() < limit, "{kind}");
        }
    }

    #[test]
    fn charts_are_named_by_the_patient_parameter() {
        let in_charts =
            |name: &str| ResourceType::named(name).is_some_and(ResourceType::in_a_chart);
        for name in ["Patient", "Observation", "Coverage", "RelatedPerson"] {
            assert!(in_charts(name), "{name}");
        }
        for name in ["Practitioner", "Provenance", "AuditEvent", "Appointment"] {
            assert!(!in_charts(name), "{name}");
        }
    }
}
