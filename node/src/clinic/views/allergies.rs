//! The strip on top of every page: allergies, or that none is recorded, which is not that there is
//! none.

use super::Chart;
use super::fhir::{concept, has_code, list, said, text};

/// The most that the strip lists.
const MOST: usize = 60;
/// Codes and words that say that somebody asked, and there was none.
const NONE_KNOWN: [&str; 4] = ["716186003", "409137002", "428607008", "1003774007"];

/// What is known of allergies.
#[derive(Clone, Debug, Default)]
pub struct Allergies {
    /// What is recorded, the gravest first.
    pub recorded: Vec<Allergy>,
    /// The hospitals that recorded that none is known.
    pub none_known: Vec<usize>,
}

/// One allergy or intolerance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allergy {
    /// The place of its hospital.
    pub source: usize,
    /// Against what.
    pub to: String,
    /// What happened.
    pub reaction: Option<String>,
    /// `medication`, `food`, `environment`, `biologic`; none where it is not said.
    pub category: Option<&'static str>,
    /// Whether it may kill.
    pub is_grave: bool,
    /// Whether it is only suspected.
    pub is_suspected: bool,
}

impl Allergies {
    /// The allergies of `chart` that are not over and not refuted.
    #[must_use]
    pub fn of(chart: &Chart) -> Self {
        let mut allergies = Self::default();
        for taken in chart.of("AllergyIntolerance").take(1000) {
            let value = &taken.value;
            let is_over = ["inactive", "resolved"]
                .iter()
                .any(|code| has_code(value, "clinicalStatus", code));
            if is_over || has_code(value, "verificationStatus", "refuted") {
                continue;
            }
            let Some(to) = concept(value, "code") else {
                continue;
            };
            if NONE_KNOWN.iter().any(|code| has_code(value, "code", code)) {
                allergies.none_known.push(taken.source);
                continue;
            }
            allergies.recorded.push(Allergy {
                source: taken.source,
                to,
                reaction: reaction(value),
                category: category(value),
                is_grave: text(value, &["criticality"]) == Some("high"),
                is_suspected: has_code(value, "verificationStatus", "unconfirmed"),
            });
        }
        allergies.none_known.dedup();
        allergies
            .recorded
            .sort_by_key(|one| (!one.is_grave, one.category != Some("medication")));
        allergies.recorded.truncate(MOST);
        allergies
    }
}

fn reaction(value: &serde_json::Value) -> Option<String> {
    let mut each = list(value, "reaction").flat_map(|one| list(one, "manifestation"));
    each.find_map(said)
}

fn category(value: &serde_json::Value) -> Option<&'static str> {
    let first = value.get("category")?.as_array()?.first()?.as_str()?;
    ["medication", "food", "environment", "biologic"]
        .into_iter()
        .find(|known| *known == first)
}
