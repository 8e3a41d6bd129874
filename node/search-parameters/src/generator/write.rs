//! The tables as text.

use std::fmt::Write as _;

use super::archive::{ListedElement, Package, Structure};
use super::merge::{ComponentRow, Rows};
use super::structure::Structures;

const PARAMETERS_HEAD: &str = "\
# The search parameters of FHIR R4 4.0.1 and JP Core (1.1.2 and 1.2.0), made by search-parameters-generator.
# Those of Resource are on every type. Between tabs: type, code, kind, types of the elements found, targets,
# definition, expression, components (each: kind, definition, element types or -, expression; \" ; \" between).
";

pub(super) fn parameters(rows: &Rows) -> String {
    let mut table = PARAMETERS_HEAD.to_owned();
    for ((on, code), row) in rows {
        let components: Vec<_> = row.components.iter().map(component).collect();
        let cells = [
            on,
            code,
            &row.kind,
            &row.element_types.join(" "),
            &row.targets.join(" "),
            &row.url,
            &row.expression,
            &components.join(" ; "),
        ];
        line(&mut table, &cells.map(String::as_str));
    }
    table
}

fn component(row: &ComponentRow) -> String {
    let types = match row.element_types.as_slice() {
        [] => "-".to_owned(),
        types => types.join(","),
    };
    format!("{} {} {types} {}", row.kind, row.url, row.expression)
}

const TYPES_HEAD: &str = "\
# The types of FHIR R4 4.0.1, made by search-parameters-generator. Between tabs: sort, name, and of a resource
# the parameters that put it in a patient's compartment.
";

pub(super) fn types(core: &Package) -> String {
    let mut rows: Vec<_> = core.structures.iter().filter_map(sorted).collect();
    rows.sort_unstable();
    let mut table = TYPES_HEAD.to_owned();
    for (sort, name) in rows {
        let listed = core.patient_compartment.iter().find(|one| one.code == name);
        let parameters = listed.map_or_else(String::new, |one| one.param.join(" "));
        line(&mut table, &[sort, name, &parameters]);
    }
    table
}

fn sorted(structure: &Structure) -> Option<(&'static str, &str)> {
    let sort = match (structure.kind.as_str(), structure.is_abstract) {
        ("primitive-type", _) => "primitive",
        ("complex-type", _) => "datatype",
        ("resource", false) => "resource",
        ("resource", true) => "abstract",
        _ => return None, // logical models
    };
    Some((sort, &structure.name))
}

const CHOICES_HEAD: &str = "\
# The elements of FHIR R4 4.0.1 that may be of several types, made by search-parameters-generator. Between tabs:
# name (without the [x]), and every type that an element of that name may have anywhere.
";

pub(super) fn choices(structures: &Structures) -> String {
    let mut table = CHOICES_HEAD.to_owned();
    for (name, types) in structures.choices() {
        let types: Vec<_> = types.iter().map(String::as_str).collect();
        line(&mut table, &[name, &types.join(" ")]);
    }
    table
}

const OUTLINES_HEAD: &str = "\
# The elements of each resource type of FHIR R4 4.0.1, made by search-parameters-generator. Between tabs: type,
# mandatory elements, elements of the summary.
";

pub(super) fn outlines(core: &Package) -> String {
    let mut resources: Vec<_> = core
        .structures
        .iter()
        .filter(|one| one.kind == "resource" && !one.is_abstract)
        .collect();
    resources.sort_unstable_by_key(|one| &one.name);
    let mut table = OUTLINES_HEAD.to_owned();
    for resource in resources {
        let elements = resource.snapshot.element.iter().filter_map(|element| {
            let name = element
                .path
                .strip_prefix(&resource.name)?
                .strip_prefix('.')?;
            (!name.contains('.')).then(|| (name.trim_end_matches("[x]"), element))
        });
        let named = |wanted: &dyn Fn(&ListedElement) -> bool| {
            let names = elements.clone().filter(|(_, element)| wanted(element));
            names.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        let mandatory = named(&|element| element.min > 0);
        let summary = named(&|element| element.is_summary);
        line(&mut table, &[&resource.name, &mandatory, &summary]);
    }
    table
}

fn line(table: &mut String, cells: &[&str]) {
    let _infallible = writeln!(table, "{}", cells.join("\t"));
}
