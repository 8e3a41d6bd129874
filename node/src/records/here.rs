//! By which address the node's own resources are called from outside.
//!
//! A reference by it leads here, and is kept as the relative one that it means: so it stands in the
//! chart that it names, is found, followed and judged like any other. Only what the operator set
//! counts: what a request says of itself (`Host`) decides nothing about whose chart a resource is in.

use std::borrow::Cow;
use std::sync::Arc;

use super::json::{places_of, quoted, replaced};
use super::{Address, ResourceType};

/// The node's public FHIR address, if it has one.
#[derive(Debug, Clone, Default)]
pub(super) struct Here(Option<Arc<str>>);

impl Here {
    /// Below the public origin of the hospital's listener.
    pub(super) fn at(origin: &str) -> Self {
        let origin = origin.trim_end_matches('/');
        Self(Some(format!("{origin}/fhir/").into()))
    }

    /// A resource's text with each reference to here made relative, and every other byte as it was.
    /// What a Bundle or Parameters holds stays as it is: those references are resolved within.
    ///
    /// `text` must be JSON already.
    pub(super) fn localised<'t>(&self, kind: ResourceType, text: &'t str) -> Cow<'t, str> {
        let Some(base) = self.0.as_deref() else {
            return Cow::Borrowed(text);
        };
        let may_name_it = text.contains(base) || text.contains("\\/");
        if !may_name_it || matches!(kind.name(), "Bundle" | "Parameters") {
            return Cow::Borrowed(text);
        }
        let relative = |reference: &str| {
            let relative = reference.strip_prefix(base)?;
            Address::parse(relative)?;
            Some(quoted(relative))
        };
        let edits: Vec<_> = places_of(text, &["reference"])
            .into_iter()
            .filter_map(|(place, reference)| Some((place, relative(&reference)?)))
            .collect();
        if edits.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(replaced(text, edits))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn localised(kind: &str, text: &str) -> String {
        let here = Here::at("https://minato.example/");
        let kind = ResourceType::named(kind).unwrap();
        here.localised(kind, text).into_owned()
    }

    #[test]
    fn a_reference_by_our_own_address_is_a_relative_one_and_nothing_else_changes() {
        for (text, expected) in [
            (
                r#"{ "subject" : {"reference":"https://minato.example/fhir/Patient/1"} }"#,
                r#"{ "subject" : {"reference":"Patient/1"} }"#,
            ),
            (
                r#"{"reference":"https:\/\/minato.example\/fhir\/Patient\/1"}"#,
                r#"{"reference":"Patient/1"}"#,
            ),
            (
                r#"{"reference":"https://minato.example/fhir/Patient/1/_history/2"}"#,
                r#"{"reference":"Patient/1/_history/2"}"#,
            ),
        ] {
            assert_eq!(localised("Observation", text), expected);
        }
        for other in [
            r#"{"reference":"https://yukimi.example/fhir/Patient/1"}"#,
            r#"{"reference":"http://minato.example/fhir/Patient/1"}"#,
            r#"{"reference":"https://minato.example/fhirPatient/1"}"#,
            r#"{"reference":"https://minato.example/fhir/Unicorn/1"}"#,
            r#"{"reference":"https://minato.example/fhir/Patient?name=a"}"#,
            r#"{"url":"https://minato.example/fhir/Patient/1"}"#,
            r#"{"display":"reference https://minato.example/fhir/Patient/1"}"#,
        ] {
            assert_eq!(localised("Observation", other), other);
        }
        let within = r#"{"reference":"https://minato.example/fhir/Patient/1"}"#;
        assert_eq!(localised("Bundle", within), within);
        let nowhere = Here::default();
        let kind = ResourceType::named("Observation").unwrap();
        assert_eq!(nowhere.localised(kind, within), within);
    }
}
