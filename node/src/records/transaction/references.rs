//! References between the entries of a transaction, and those that name their target by a
//! condition.

use std::collections::HashMap;

use super::super::draft::Draft;
use super::super::json::{places_of, quoted, replaced};
use super::super::{Address, Criteria, RecordsError, ResourceType};
use super::found::Found;
use super::task::Task;
use super::{Step, Transaction};

/// A reference `Type?criteria`.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// The first entry that has it.
    pub(super) entry: usize,
    pub(super) text: String,
    pub(super) criteria: Criteria,
}

/// Every distinct conditional reference in the tasks' resources.
pub(super) fn conditional(tasks: &[Task]) -> Result<Vec<Reference>, RecordsError> {
    let mut found: Vec<Reference> = Vec::new();
    for (place, task) in tasks.iter().enumerate() {
        let text = task.resource().unwrap_or_default();
        for (_, reference) in places_of(text, &["reference"]) {
            let Some((kind, criteria)) = reference.split_once('?') else {
                continue;
            };
            let Some(kind) = ResourceType::named(kind) else {
                continue;
            };
            if found.iter().any(|known| known.text == reference) {
                continue;
            }
            let criteria = Criteria::parse(kind, criteria);
            found.push(Reference {
                entry: place,
                criteria: criteria.map_err(|error| error.of_entry(place))?,
                text: reference.into_owned(),
            });
        }
    }
    Ok(found)
}

impl Transaction {
    /// What each name in the Bundle stands for: a `fullUrl`, or a conditional reference.
    pub(super) fn targets(
        &self,
        steps: &[Option<Step>],
        found: &Found,
    ) -> Result<HashMap<&str, Address>, RecordsError> {
        let mut targets = HashMap::new();
        for (task, step) in self.tasks.iter().zip(steps) {
            let (Some(url), Some(Step::Change { address } | Step::Keep { address })) =
                (&task.full_url, step)
            else {
                continue;
            };
            targets.insert(url.as_str(), address.clone());
        }
        for (reference, there) in self.references.iter().zip(&found.references) {
            let target = self
                .meant(reference, there.as_ref(), steps)
                .map_err(|error| error.of_entry(reference.entry))?;
            targets.insert(&reference.text, target);
        }
        Ok(targets)
    }

    /// The one resource that a conditional reference means: one that is here, or one that an entry
    /// writes. The latter is found by an identifier alone.
    fn meant(
        &self,
        reference: &Reference,
        there: Option<&Address>,
        steps: &[Option<Step>],
    ) -> Result<Address, RecordsError> {
        let kind = reference.criteria.kind();
        let mut meant: Vec<&Address> = there.into_iter().collect();
        if let Some(token) = reference.criteria.identifier() {
            for (task, step) in self.tasks.iter().zip(steps) {
                let Some(Step::Change { address }) = step else {
                    continue;
                };
                if address.kind == kind && !meant.contains(&address) && task.carries(token) {
                    meant.push(address);
                }
            }
        }
        match meant.as_slice() {
            [] => Err(RecordsError::Unresolved(kind)),
            [one] => Ok((*one).clone()),
            _ => Err(RecordsError::Ambiguous(kind)),
        }
    }
}

impl Task {
    /// Whether its resource carries a token of the index.
    fn carries(&self, token: (i16, i64)) -> bool {
        let draft = self.resource().map(Draft::unjudged);
        matches!(draft, Some(Ok(Draft { extracted, .. })) if extracted.tokens.contains(&token))
    }
}

/// Members whose values are addresses: references, and elements of the types url and uri that
/// Bundles are known to link with.
const LINKS: [&str; 8] = [
    "reference",
    "url",
    "uri",
    "valueUri",
    "valueUrl",
    "valueUuid",
    "valueOid",
    "valueCanonical",
];

/// What the names in one entry's resource stand for.
pub(super) struct Names<'n> {
    pub(super) targets: &'n HashMap<&'n str, Address>,
    /// The server that the entry comes from: what relative references in it are relative to.
    pub(super) root: Option<&'n str>,
}

impl Names<'_> {
    /// Source: FHIR R4 Bundle, section "Resolving references in Bundles".
    fn target(&self, link: &str) -> Option<&Address> {
        let absolute = || {
            Address::parse(link)?;
            self.targets.get(format!("{}/{link}", self.root?).as_str())
        };
        self.targets.get(link).or_else(absolute)
    }

    /// A resource's text with these names replaced where they are links, the narrative's too, and
    /// every other byte as it was.
    pub(super) fn resolved_in(&self, text: &str) -> String {
        if self.targets.is_empty() {
            return text.to_owned();
        }
        let links = places_of(text, &LINKS)
            .into_iter()
            .filter_map(|(place, link)| Some((place, quoted(&self.target(&link)?.to_string()))));
        let narratives = places_of(text, &["div"])
            .into_iter()
            .filter_map(|(place, div)| Some((place, quoted(&self.relinked(&div)?))));
        replaced(text, links.chain(narratives).collect())
    }

    /// A narrative with its `href`s and `src`s replaced; `None` if there are none to replace.
    fn relinked(&self, div: &str) -> Option<String> {
        let mut edits = Vec::new();
        for attribute in ["href=\"", "src=\""] {
            for (at, _) in div.match_indices(attribute) {
                let start = at + attribute.len();
                let link = div.get(start..)?.split('"').next().unwrap_or_default();
                if let Some(target) = self.target(link) {
                    edits.push((start..start + link.len(), target.to_string()));
                }
            }
        }
        (!edits.is_empty()).then(|| replaced(div, edits))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn resolved(text: &str) -> String {
        let seven = || Address::parse("Patient/7").unwrap();
        let targets = HashMap::from([
            ("urn:uuid:1", seven()),
            ("https://his.example/fhir/Patient/old", seven()),
        ]);
        let root = Some("https://his.example/fhir");
        let names = Names {
            targets: &targets,
            root,
        };
        names.resolved_in(text)
    }

    #[test]
    fn only_the_links_change() {
        let text = "{ \"a\":[{\"reference\" : \"urn:uuid:1\"},{\"reference\":\"Patient/9\"}],\
                    \"b\":\"urn:uuid:1\", \"n\":1.50}";
        let expected = text.replacen("\"urn:uuid:1\"", "\"Patient/7\"", 1);
        assert_eq!(resolved(text), expected);
        let identifier = "{\"identifier\":[{\"value\":\"urn:uuid:1\"}],\"id\":\"urn:uuid:1\"}";
        assert_eq!(resolved(identifier), identifier);
        let linked = "{\"content\":[{\"attachment\":{\"url\":\"urn:uuid:1\"}}],\
                      \"text\":{\"div\":\"<a href=\\\"urn:uuid:1\\\">x</a> urn:uuid:1\"}}";
        let expected = linked.replacen("urn:uuid:1", "Patient/7", 2);
        let relative =
            "{\"a\":{\"reference\":\"Patient/old\"},\"b\":{\"reference\":\"Patient/x\"}}";
        assert_eq!(
            resolved(relative),
            relative.replace("Patient/old", "Patient/7")
        );
        assert_eq!(resolved(linked), expected);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            resolved(&text);
            let div = serde_json::json!({"div": format!("<a href=\"{text}\" src=\"urn:uuid:1")});
            resolved(&div.to_string());
        }
    }
}
