//! The residual: the detailed rules that a token carries, sealed, beside its scope.

use serde::{Deserialize, Serialize};

use crate::category::{Category, Scope};

use super::{Criteria, DataReference, LabelTerms, Period, ProvisionType, ResourceFacts};

const MOST_GROUPS: usize = 4;
const MOST_RULES: usize = 8;

/// One rule: what is left of a provision once actor, purpose and time are settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rule {
    pub(crate) kind: ProvisionType,
    pub(crate) criteria: Criteria,
}

/// 1–4 groups of 1–8 rules. Inside a group the last matching rule wins; across groups a matching
/// forbid wins over every permit; what nothing permits is not permitted.
///
/// Source: PROTOCOL section 5, `residual`; CONSENT section 3, "Projection law".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residual(Vec<Vec<Rule>>);

/// The residual does not have its form.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResidualError {
    /// It cannot be opened with this key, for this token and audience.
    #[error("the residual cannot be opened")]
    Sealed,
    /// It is not the JSON of 1–4 groups of 1–8 rules.
    #[error("the residual is not of its form")]
    Form,
}

impl Residual {
    pub(crate) fn new(groups: Vec<Vec<Rule>>) -> Result<Self, ResidualError> {
        let fits = |length: usize, most: usize| (1..=most).contains(&length);
        if fits(groups.len(), MOST_GROUPS) && groups.iter().all(|it| fits(it.len(), MOST_RULES)) {
            Ok(Self(groups))
        } else {
            Err(ResidualError::Form)
        }
    }

    /// What each rule looks at.
    pub(crate) fn criteria(&self) -> impl Iterator<Item = &Criteria> {
        self.0.iter().flatten().map(|rule| &rule.criteria)
    }

    /// Whether the rules let a resource through.
    #[must_use]
    pub fn permits(&self, facts: &ResourceFacts) -> bool {
        let verdicts = || {
            self.0.iter().filter_map(|group| {
                let last = group
                    .iter()
                    .rev()
                    .find(|it| it.criteria.match_resource(it.kind, facts));
                last.map(|rule| rule.kind)
            })
        };
        verdicts().all(|kind| kind == ProvisionType::Permit) && verdicts().next().is_some()
    }

    /// The JSON that is sealed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let groups: Vec<Vec<WireRule>> = self
            .0
            .iter()
            .map(|group| group.iter().map(WireRule::of).collect())
            .collect();
        serde_json::to_string(&groups).unwrap_or_default()
    }

    /// Reads the JSON: closed schema, no duplicate names, no empty lists.
    ///
    /// # Errors
    /// [`ResidualError::Form`].
    pub fn from_json(json: &[u8]) -> Result<Self, ResidualError> {
        let Ok(groups) = serde_json::from_slice::<Vec<Vec<WireRule>>>(json) else {
            return Err(ResidualError::Form);
        };
        let groups: Option<Vec<Vec<Rule>>> = groups
            .into_iter()
            .map(|group| group.into_iter().map(WireRule::into_rule).collect())
            .collect();
        Self::new(groups.ok_or(ResidualError::Form)?)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireType {
    Permit,
    Forbid,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WireRule {
    #[serde(rename = "type")]
    kind: WireType,
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stated"
    )]
    class: Option<Vec<Category>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stated"
    )]
    security_label: Option<Vec<String>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stated"
    )]
    data_period: Option<Period>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stated"
    )]
    data: Option<Vec<DataReference>>,
}

/// An element is there or absent; `null` is neither.
fn stated<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl WireRule {
    fn of(rule: &Rule) -> Self {
        let criteria = &rule.criteria;
        Self {
            kind: match rule.kind {
                ProvisionType::Permit => WireType::Permit,
                ProvisionType::Deny => WireType::Forbid,
            },
            class: criteria.classes.map(|classes| classes.iter().collect()),
            security_label: criteria
                .labels
                .map(|it| it.words().map(str::to_owned).collect()),
            data_period: criteria.data_period.clone(),
            data: (!criteria.data.is_empty()).then(|| criteria.data.clone()),
        }
    }

    fn into_rule(self) -> Option<Rule> {
        let classes = match self.class {
            None => None,
            Some(words) if words.is_empty() => return None,
            Some(words) => Some(words.into_iter().collect::<Scope>()),
        };
        let labels = match self.security_label {
            None => None,
            Some(words) if words.is_empty() => return None,
            Some(words) => {
                let terms = words
                    .iter()
                    .try_fold(LabelTerms::default(), |terms, word| terms.with_word(word));
                Some(terms?)
            }
        };
        if self.data.as_ref().is_some_and(Vec::is_empty)
            || self.data_period.as_ref().is_some_and(Period::is_odd)
        {
            return None;
        }
        let kind = match self.kind {
            WireType::Permit => ProvisionType::Permit,
            WireType::Forbid => ProvisionType::Deny,
        };
        let data = self.data.unwrap_or_default();
        Some(Rule {
            kind,
            criteria: Criteria {
                classes,
                labels,
                data_period: self.data_period,
                data,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_residual_reads_back_as_it_is_written() {
        let json = r#"[[{"type":"permit","class":["lab","rx"],"securityLabel":["N","PSY"]},{"type":"forbid","dataPeriod":{"end":"2019-12-31"},"data":[{"meaning":"authoredby","ref":"Practitioner/9"}]}],[{"type":"forbid"}]]"#;
        assert_eq!(
            Residual::from_json(json.as_bytes()).unwrap().to_json(),
            json
        );
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        for json in [
            "",
            "[]",
            "[[]]",
            "{}",
            "null",
            r#"[[{}]]"#,
            r#"[[{"type":"deny"}]]"#,
            r#"[[{"type":"permit","class":[]}]]"#,
            r#"[[{"type":"permit","class":null}]]"#,
            r#"[[{"type":"permit","class":["other"]}]]"#,
            r#"[[{"type":"permit","securityLabel":["X"]}]]"#,
            r#"[[{"type":"permit","type":"forbid"}]]"#,
            r#"[[{"type":"permit","actor":["R"]}]]"#,
            r#"[[{"type":"permit","dataPeriod":{}}]]"#,
            r#"[[{"type":"permit","data":[]}]]"#,
            r#"[[{"type":"permit","dataPeriod":{"start":"2026-02-30"}}]]"#,
            r#"[[{"type":"permit"}],[{"type":"permit"}],[{"type":"permit"}],[{"type":"permit"}],[{"type":"permit"}]]"#,
        ] {
            assert_eq!(
                Residual::from_json(json.as_bytes()),
                Err(ResidualError::Form),
                "{json}"
            );
        }
    }
}
