//! The shipped tables, read: one line per row, cells between tabs, `#` before what is said about
//! them. A line that is not a row would be passed over; a test counts them.

use std::borrow::Cow;

use crate::expression::Expression;
use crate::fhir_type;
use crate::parameter::{Component, ParameterType, SearchParameter};

/// The cells of each row.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

/// Every shipped parameter, with the type it is defined on (`Resource`: on all).
pub(crate) fn parameters() -> impl Iterator<Item = (&'static str, SearchParameter)> {
    rows(PARAMETERS).filter_map(|cells| parameter(&cells))
}

const PARAMETERS: &str = include_str!("../tables/search-parameters.tsv");

fn parameter(cells: &[&'static str]) -> Option<(&'static str, SearchParameter)> {
    let [on, code, kind, types, targets, url, expression, components] = cells else {
        return None;
    };
    let on = fhir_type::named(on)?.name;
    let components = components.split(" ; ").filter(|text| !text.is_empty());
    let parameter = SearchParameter {
        code: Cow::Borrowed(code),
        url: Cow::Borrowed(url),
        kind: ParameterType::named(kind)?,
        targets: targets.split_whitespace().collect(),
        element_types: types.split_whitespace().collect(),
        components: components
            .map(|text| component(on, text))
            .collect::<Option<_>>()?,
        text: Cow::Borrowed(expression),
        expression: Expression::parse(expression, on).ok()?,
    };
    Some((on, parameter))
}

/// `token http://… CodeableConcept,Coding value.as(CodeableConcept)`; `-` for no types.
fn component(on: &str, text: &'static str) -> Option<Component> {
    let mut cells = text.splitn(4, ' ');
    let (kind, url) = (cells.next()?, cells.next()?);
    let (types, expression) = (cells.next()?, cells.next()?);
    Some(Component {
        url: Cow::Borrowed(url),
        kind: ParameterType::named(kind)?,
        element_types: types.split(',').filter(|name| *name != "-").collect(),
        expression: Expression::parse(expression, on).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_shipped_table_is_a_parameter_whose_expression_compiles() {
        for cells in rows(PARAMETERS) {
            assert!(parameter(&cells).is_some(), "{cells:?}");
        }
        assert_eq!(rows(PARAMETERS).count(), 1720);
    }
}
