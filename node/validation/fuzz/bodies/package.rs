//! Any bytes as a package that an operator adds.

use fhir_validation::Definitions;

pub(crate) fn run(data: &[u8]) {
    let mut definitions = Definitions::default();
    let _ = definitions.add(data, Some("any"), Some("1"));
}
