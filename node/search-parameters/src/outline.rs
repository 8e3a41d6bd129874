//! Which elements a resource must have, and which are enough to know it by.

use std::sync::LazyLock;

use crate::table;

/// The elements of one resource type, by name, without the `[x]` of choices.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline {
    name: &'static str,
    mandatory: Vec<&'static str>,
    summary: Vec<&'static str>,
}

impl Outline {
    /// Of that type, if FHIR R4 has it.
    #[must_use]
    pub fn of(resource_type: &str) -> Option<&'static Self> {
        let place = OUTLINES
            .binary_search_by(|row| row.name.cmp(resource_type))
            .ok()?;
        OUTLINES.get(place)
    }

    /// The elements without which a resource is not valid.
    #[must_use]
    pub fn mandatory(&self) -> &[&'static str] {
        &self.mandatory
    }

    /// The elements of the summary (`isSummary` in the definition).
    ///
    /// Source: FHIR R4 search, "_summary".
    #[must_use]
    pub fn summary(&self) -> &[&'static str] {
        &self.summary
    }
}

static OUTLINES: LazyLock<Vec<Outline>> = LazyLock::new(|| {
    let rows = table::rows(include_str!("../tables/outlines.tsv"));
    let mut outlines: Vec<_> = rows.filter_map(|cells| outline(&cells)).collect();
    outlines.sort_unstable_by_key(|row| row.name);
    outlines
});

fn outline(cells: &[&'static str]) -> Option<Outline> {
    let [name, mandatory, summary] = cells else {
        return None;
    };
    Some(Outline {
        name,
        mandatory: mandatory.split_whitespace().collect(),
        summary: summary.split_whitespace().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_must_say_what_it_is_and_a_summary_has_no_narrative() {
        let outline = Outline::of("Observation");
        let mandatory = outline.map(Outline::mandatory);
        assert_eq!(mandatory, Some(&["status", "code"][..]));
        let summary = outline.map(Outline::summary).unwrap_or_default();
        assert!(summary.contains(&"value") && !summary.contains(&"text"));
        assert_eq!(Outline::of("Unicorn"), None);
    }
}
