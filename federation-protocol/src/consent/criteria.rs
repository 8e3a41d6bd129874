//! What a provision or a residual rule says about resources, and when it matches one.

use crate::category::{Category, Scope};
use crate::label::{Confidentiality, Label, Labels};

use super::{Period, ResourceFacts};

/// Whether a provision gives or takes. On the wire a Consent says `permit` or `deny`, a residual
/// rule `permit` or `forbid`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProvisionType {
    /// Gives.
    Permit,
    /// Takes.
    Deny,
}

/// What a `securityLabel` lists: confidentialities and sensitivities.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct LabelTerms {
    /// `N`.
    pub normal: bool,
    /// `R`.
    pub restricted: bool,
    /// The sensitivities, and NOPAT (which only a deny can list with effect).
    pub labels: Labels,
}

impl LabelTerms {
    /// Whether nothing is listed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.normal && !self.restricted && self.labels.is_empty()
    }

    /// Adds the term of a word: `N`, `R`, or a label.
    #[must_use]
    pub fn with_word(self, word: &str) -> Option<Self> {
        match word {
            "N" => Some(Self {
                normal: true,
                ..self
            }),
            "R" => Some(Self {
                restricted: true,
                ..self
            }),
            _ => {
                let label: Label = word.parse().ok()?;
                Some(Self {
                    labels: self.labels.with(label),
                    ..self
                })
            }
        }
    }

    /// The words: `N`, `R`, then labels.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let normal = self.normal.then_some("N").into_iter();
        let restricted = self.restricted.then_some("R");
        normal
            .chain(restricted)
            .chain(self.labels.iter().map(Label::as_str))
    }

    fn lists(self, confidentiality: Confidentiality) -> bool {
        match confidentiality {
            Confidentiality::Normal => self.normal,
            Confidentiality::Restricted => self.restricted,
        }
    }

    /// A deny matches if anything that the resource carries is listed. A permit matches if the
    /// confidentiality is listed, or the resource has sensitivities and all of them are: a permit
    /// for psychiatry says nothing of a Normal resource, nor of one that is HIV as well.
    pub(crate) fn matches(self, kind: ProvisionType, labels: Labels) -> bool {
        if self.lists(labels.confidentiality()) {
            return true;
        }
        let sensitivities = labels.sensitivities();
        match kind {
            ProvisionType::Permit => {
                !sensitivities.is_empty() && sensitivities.is_within(self.labels)
            }
            ProvisionType::Deny => labels.meets(self.labels),
        }
    }
}

/// How a resource is named in a provision's `data`.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum DataMeaning {
    /// The resource itself.
    Instance,
    /// What belongs to it, and itself.
    Related,
    /// What it wrote.
    Authoredby,
}

impl DataMeaning {
    /// The code of `http://hl7.org/fhir/consent-data-meaning`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Related => "related",
            Self::Authoredby => "authoredby",
        }
    }
}

/// One entry of a provision's `data`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct DataReference {
    /// How.
    pub meaning: DataMeaning,
    /// What: `Observation/17`, `Encounter/4`, `Practitioner/9`, or a member id for an author.
    #[serde(rename = "ref")]
    pub reference: String,
}

impl DataReference {
    fn names(&self, facts: &ResourceFacts) -> bool {
        match self.meaning {
            DataMeaning::Instance => facts.id == self.reference,
            DataMeaning::Related => {
                facts.id == self.reference || facts.related.contains(&self.reference)
            }
            DataMeaning::Authoredby => facts.authors.contains(&self.reference),
        }
    }
}

/// Everything that a provision says about resources. What is absent means any; alternatives stand
/// inside an element, and every element that is there must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Criteria {
    /// `class`.
    pub classes: Option<Scope>,
    /// `securityLabel`.
    pub labels: Option<LabelTerms>,
    /// `dataPeriod`.
    pub data_period: Option<Period>,
    /// `data`; empty means any.
    pub data: Vec<DataReference>,
}

impl Criteria {
    /// Whether a provision of this kind matches a resource.
    ///
    /// `dataPeriod` errs towards less: a permit needs the whole of the resource's date inside, a
    /// deny any part of it; an undated resource is matched by a deny and by no permit.
    pub(crate) fn match_resource(&self, kind: ProvisionType, facts: &ResourceFacts) -> bool {
        self.may_match(kind, facts.category, facts.labels)
            && self.matches_date(kind, facts)
            && (self.data.is_empty() || self.data.iter().any(|data| data.names(facts)))
    }

    fn matches_date(&self, kind: ProvisionType, facts: &ResourceFacts) -> bool {
        match (&self.data_period, facts.date, kind) {
            (None, _, _) | (Some(_), None, ProvisionType::Deny) => true,
            (Some(_), None, ProvisionType::Permit) => false,
            (Some(period), Some(date), ProvisionType::Permit) => period.covers(date),
            (Some(period), Some(date), ProvisionType::Deny) => period.meets(date),
        }
    }

    /// Whether some resource of this category and these labels can match.
    pub(crate) fn may_match(
        &self,
        kind: ProvisionType,
        category: Category,
        labels: Labels,
    ) -> bool {
        self.classes
            .is_none_or(|classes| classes.contains(category))
            && self.labels.is_none_or(|terms| terms.matches(kind, labels))
    }

    /// Whether every resource of this category and these labels matches.
    pub(crate) fn must_match(
        &self,
        kind: ProvisionType,
        category: Category,
        labels: Labels,
    ) -> bool {
        self.data_period.is_none() && self.data.is_empty() && self.may_match(kind, category, labels)
    }
}
