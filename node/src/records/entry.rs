//! What a read or a search gives.

use std::borrow::Cow;

use federation_protocol::consent::{ResourceFacts, Span};
use federation_protocol::time::Timestamp;

use super::Address;
use super::LogicalId;
use super::ResourceType;
use super::classify::Facts;
use super::date::UNDATED;
use super::dress::Dress;
use super::extract::Extracted;
use super::store::Stored;
use super::strict::strict;
use super::types::Parameter;
use super::values::{self, Target};

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Type and id.
    pub address: Address,
    /// Rises by one with each write, from 1.
    pub version: i32,
    /// When this version was written.
    pub last_updated: Timestamp,
    /// The resource, as its sender wrote it but for `id` and `meta`.
    pub raw: String,
    /// What the decision looked at.
    pub facts: ResourceFacts,
    /// Facts with the category of each contained resource in place of its container's.
    pub(super) inner: Vec<ResourceFacts>,
    pub(super) rid: i64,
}

impl Entry {
    /// The newest version. `own` is the member id of this hospital: what no patient wrote, it wrote.
    pub(super) fn of_stored(stored: Stored, own: &str) -> Option<Self> {
        let address = stored.address()?;
        let when = stored.when();
        Some(Self::new(
            address,
            stored.rid,
            stored.version,
            stored.at,
            stored.facts(),
            when,
            own,
            stored.raw,
        ))
    }

    /// A former version, its facts read again.
    pub(super) fn of_former(
        address: Address,
        rid: i64,
        version: i32,
        at: i64,
        extracted: Extracted,
        own: &str,
        raw: String,
    ) -> Self {
        Self::new(
            address,
            rid,
            version,
            at,
            extracted.facts,
            extracted.when,
            own,
            raw,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a version is, from two kinds of rows"
    )]
    fn new(
        address: Address,
        rid: i64,
        version: i32,
        at: i64,
        facts: Facts,
        when: super::date::Span,
        own: &str,
        raw: String,
    ) -> Self {
        let mut authors = facts.authors;
        let by_patient = |author: &String| {
            author.starts_with("Patient/") || author.starts_with("RelatedPerson/")
        };
        if !authors.iter().any(by_patient) {
            authors.push(own.to_owned());
        }
        let dated = when.lo != UNDATED;
        let moment = Timestamp::from_micros;
        let seen = ResourceFacts {
            id: address.to_string(),
            category: facts.category,
            labels: facts.labels,
            date: dated.then(|| Span::new(moment(when.lo), moment(when.hi))),
            authors,
            related: facts.related,
        };
        let within = |category: &_| ResourceFacts {
            category: *category,
            ..seen.clone()
        };
        let inner = facts.contained.iter().map(within).collect();
        Self {
            address,
            version,
            last_updated: moment(at),
            raw,
            facts: seen,
            inner,
            rid,
        }
    }
}

impl Entry {
    /// Cut to what is wanted of it.
    pub(super) fn dressed(mut self, dress: &Dress) -> Self {
        if let Cow::Owned(cut) = dress.on(self.address.kind, &self.raw) {
            self.raw = cut;
        }
        self
    }

    /// The ids of the resources of a type here that it refers to by a parameter.
    pub(super) fn leads_to(&self, by: &Parameter, kind: ResourceType) -> Vec<LogicalId> {
        let mut ids = Vec::new();
        if let Ok(value) = strict(&self.raw) {
            by.definition.elements(&value, &mut |element| {
                if let Some(Target::Here(target)) = values::target(element.value)
                    && target.kind == kind
                {
                    ids.push(target.id);
                }
            });
        }
        ids
    }
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Permitted matches, newest first or as the query wants them sorted.
    pub entries: Vec<Entry>,
    /// What the query wants beside them.
    pub included: Vec<Entry>,
    /// How many permitted matches there are, where that was asked for.
    pub total: Option<usize>,
    /// What was left out, for the caller: parameters that are not known, includes beyond the limit.
    pub notes: Vec<String>,
    /// The `_cursor` of the next page; `None` when no permitted match is left.
    pub next: Option<String>,
    /// More would stand beside the matches than one page carries.
    pub cut: bool,
    /// How each is cut before it is shown.
    pub(super) dress: Dress,
    /// How many matches on the way, and resources beside them, were not permitted. For this hospital's own audit alone.
    pub withheld: usize,
}
