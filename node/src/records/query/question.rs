//! A question between members: a search, less what would name the patient or lead to what never
//! leaves.
//!
//! Nothing here is needed to keep a secret: whatever is asked, the permit judges every resource that
//! is looked at. What is refused here could only ever be answered with nothing, or would make much
//! work of one question.
//!
//! Source: docs/WIRE.md section 4.2.

use super::condition::{Chain, Condition, Has};
use super::criterion::{clinical_date, target_types};
use super::shape::{Include, SortBy};
use super::{QueryError, SearchQuery, fingerprint};
use crate::records::types::Parameter;
use crate::records::{LogicalId, ResourceType};

/// The most searches that the links of one question may need.
const MOST_LINK_SEARCHES: usize = 32;
/// The most `_include` and `_revinclude` of one question.
const MOST_INCLUDES: usize = 8;

impl SearchQuery {
    /// A question between members. `date` is the clinical date of every type, `code` of an
    /// Immunization its vaccine; all else is FHIR's and JP Core's, not the hospital's own.
    ///
    /// # Errors
    /// [`QueryError`]: also for what is never asked between members.
    ///
    /// Source: docs/WIRE.md section 4.2.
    pub fn of_question<N, V>(kind: ResourceType, pairs: &[(N, V)]) -> Result<Self, QueryError>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let pairs = pairs.iter();
        let asked: Vec<(&str, &str)> = pairs.map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
        let (dates, rest): (Vec<_>, Vec<_>) = asked.iter().partition(|(name, _)| *name == "date");
        let vaccines = kind.name() == "Immunization";
        let rest: Vec<(&str, &str)> = rest
            .into_iter()
            .map(|(name, value)| match name {
                // What was given, whatever FHIR calls it in this type.
                "code" if vaccines => ("vaccine-code", value),
                _ => (name, value),
            })
            .collect();
        let mut query = Self::parse(kind, &rest)?;
        for (_, value) in dates {
            query.conditions.push(clinical_date(value)?);
        }
        query.fingerprint = fingerprint(kind, asked);
        query.between_members()?;
        Ok(query)
    }

    /// The same search within one patient's chart, for the asker's own records.
    #[must_use]
    pub fn in_chart_of(mut self, patient: LogicalId) -> Self {
        let made_for = format!("{} {patient}", self.fingerprint);
        self.fingerprint = fingerprint(self.kind, vec![("patient", &made_for)]);
        self.conditions.push(Condition::Chart(vec![patient]));
        self
    }

    /// How many searches its links need, each over what one permit shows of one chart.
    #[must_use]
    pub fn link_searches(&self) -> usize {
        self.conditions.iter().map(searches).sum()
    }

    /// How many `_include` and `_revinclude` it has.
    #[must_use]
    pub fn includes(&self) -> usize {
        self.includes.len()
    }

    /// Whether all matches must be put in order before the first is shown.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        !self.sort.is_empty()
    }

    fn between_members(&mut self) -> Result<(), QueryError> {
        let shaped = self.summary != super::Summary::default()
            || self.total != super::Total::default()
            || !self.elements.is_empty();
        if shaped {
            return Err(QueryError::NotBetweenMembers("a total, a summary or parts"));
        }
        for sort in &self.sort {
            if let SortBy::Parameter(by) = sort.by {
                never_the_patient(by)?;
            }
        }
        for condition in &mut self.conditions {
            judge(self.kind, condition)?;
        }
        self.includes.iter().try_for_each(include)?;
        if self.includes.len() > MOST_INCLUDES || self.link_searches() > MOST_LINK_SEARCHES {
            return Err(QueryError::TooMuch);
        }
        Ok(())
    }
}

/// Refuses what names the patient, and takes the types that never leave out of a chain.
fn judge(kind: ResourceType, condition: &mut Condition) -> Result<(), QueryError> {
    match condition {
        Condition::Chart(_) | Condition::ChartRow(_) | Condition::RowNumber(_) => {
            Err(QueryError::NotBetweenMembers("patient"))
        }
        Condition::Row(rows) => {
            let parameters = kind.parameters().iter();
            let mut charts = parameters.filter(|by| by.names_the_patient());
            match charts.find(|by| rows.slots.contains(&by.slot)) {
                Some(by) => never_the_patient(by),
                None => Ok(()),
            }
        }
        Condition::Verify(verify) => never_the_patient(verify.by),
        Condition::Not(inner) => judge(kind, inner),
        Condition::Any(parts) | Condition::All(parts) => {
            parts.iter_mut().try_for_each(|part| judge(kind, part))
        }
        Condition::Chain(Chain { by, to }) => {
            never_the_patient(by)?;
            to.retain(|(kind, _)| kind.may_leave());
            if to.is_empty() {
                return Err(QueryError::NotBetweenMembers(by.definition.code()));
            }
            to.iter_mut()
                .try_for_each(|(kind, inner)| judge(*kind, inner))
        }
        Condition::Has(Has {
            kind, by, inner, ..
        }) => {
            never_the_patient(by)?;
            leaves(*kind)?;
            judge(*kind, inner)
        }
        Condition::Id(_) | Condition::Updated(_) | Condition::When(_) => Ok(()),
    }
}

fn include(include: &Include) -> Result<(), QueryError> {
    leaves(include.from)?;
    include.to.map_or(Ok(()), leaves)?;
    let Some(by) = include.by else { return Ok(()) };
    never_the_patient(by)?;
    let leads = include.reverse || target_types(by).any(ResourceType::may_leave);
    if leads {
        Ok(())
    } else {
        Err(QueryError::NotBetweenMembers(by.definition.code()))
    }
}

fn leaves(kind: ResourceType) -> Result<(), QueryError> {
    if kind.may_leave() {
        Ok(())
    } else {
        Err(QueryError::NotBetweenMembers(kind.name()))
    }
}

/// The patient is the one that the token's `sub` means to the responder.
fn never_the_patient(by: &Parameter) -> Result<(), QueryError> {
    if by.names_the_patient() {
        Err(QueryError::NotBetweenMembers(by.definition.code()))
    } else {
        Ok(())
    }
}

fn searches(condition: &Condition) -> usize {
    match condition {
        Condition::Chain(chain) => {
            let inner = chain.to.iter().map(|(_, inner)| searches(inner));
            inner.map(|searches| searches.saturating_add(1)).sum()
        }
        Condition::Has(has) => searches(&has.inner).saturating_add(1),
        Condition::Not(inner) => searches(inner),
        Condition::Any(parts) | Condition::All(parts) => parts.iter().map(searches).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
