//! References that a search names by this node's own URL.

use crate::records::interaction::Pairs;
use crate::records::{Address, ResourceType};
use fhir_search_parameters::ParameterType;

/// The parameters, every reference to `base/Type/id` also as the `Type/id` that it is here. A
/// reference may have been written either way, so that both are looked for.
///
/// Source: FHIR R4 search, section "reference".
pub(super) fn also_local(kind: ResourceType, pairs: &Pairs, base: &str) -> Pairs {
    let refers = |name: &str| {
        let bare = name.split(':').next().unwrap_or_default();
        let known = kind.parameter(bare).map(|by| by.definition.kind());
        known == Some(ParameterType::Reference)
    };
    let both = |value: &str| {
        let values = value.split(',').map(|one| match local(one, base) {
            Some(address) => format!("{address},{one}"),
            None => one.to_owned(),
        });
        values.collect::<Vec<_>>().join(",")
    };
    let each = pairs.iter().map(|(name, value)| {
        let value = if refers(name) {
            both(value)
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    each.collect()
}

/// What a URL is the address of here.
pub(super) fn local(url: &str, base: &str) -> Option<Address> {
    Address::parse(url.strip_prefix(base)?.strip_prefix('/')?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_reference_by_our_own_url_is_one_to_here_and_nothing_else_is() {
        let base = "https://minato.example/fhir";
        let both = |name: &str, value: &str| {
            let pairs = vec![(name.to_owned(), value.to_owned())];
            let kind = ResourceType::named("Observation").unwrap();
            also_local(kind, &pairs, base).pop().unwrap().1
        };
        let own = format!("{base}/Patient/1");
        assert_eq!(both("subject", &own), format!("Patient/1,{own}"));
        assert_eq!(
            both("subject", &format!("Patient/2,{own}")),
            format!("Patient/2,Patient/1,{own}")
        );
        for (name, value) in [
            ("subject", "https://minato.example/fhirPatient/1"),
            ("subject", "https://yukimi.example/fhir/Patient/1"),
            ("identifier", own.as_str()),
            ("unknown", own.as_str()),
        ] {
            assert_eq!(both(name, value), value);
        }
    }
}
