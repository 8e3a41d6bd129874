//! What a read or a search gives.

use std::borrow::Cow;
use std::sync::Arc;

use federation_protocol::consent::{ResourceFacts, Span};
use federation_protocol::time::Timestamp;

use super::Address;
use super::LogicalId;
use super::ResourceType;
use super::classify::{Apart, Facts, apart};
use super::date::UNDATED;
use super::dress::Dress;
use super::extract::Extracted;
use super::store::Stored;
use super::strict::strict;
use super::types::Parameter;
use super::values::{self, Target};
use crate::database::Rid;

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
    /// This hospital, where something contained says itself when it was or who wrote it: see
    /// [`Entry::apart`].
    apart_at: Option<String>,
    /// Of a former version: what decides about it beside itself.
    pub(super) standing: Option<Arc<Standing>>,
    pub(super) rid: i64,
}

/// A resource as it stands by now or, where it is deleted, as it last stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) entry: Entry,
    /// Whose chart it is in.
    pub(super) chart: Rid,
}

impl Entry {
    /// The newest version. `own` is the member id of this hospital: what no patient wrote, it wrote.
    pub(super) fn of_stored(stored: Stored, own: &str) -> Option<Self> {
        let address = stored.address()?;
        let when = stored.when();
        let apart_at = stored.has_apart().then(|| own.to_owned());
        let entry = Self::new(
            address,
            stored.rid,
            stored.version,
            stored.at,
            stored.facts(),
            when,
            own,
            stored.raw,
        );
        Some(Self { apart_at, ..entry })
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
        let seen = ResourceFacts {
            id: address.to_string(),
            category: facts.category,
            labels: facts.labels,
            date: dated(when),
            authors: with_own(facts.authors, own),
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
            last_updated: Timestamp::from_micros(at),
            raw,
            facts: seen,
            inner,
            apart_at: (!facts.apart.is_empty()).then(|| own.to_owned()),
            standing: None,
            rid,
        }
    }
}

fn dated(when: super::date::Span) -> Option<Span> {
    let moment = Timestamp::from_micros;
    (when.lo != UNDATED).then(|| Span::new(moment(when.lo), moment(when.hi)))
}

/// What no patient wrote, this hospital wrote.
fn with_own(mut authors: Vec<String>, own: &str) -> Vec<String> {
    let by_patient =
        |author: &String| author.starts_with("Patient/") || author.starts_with("RelatedPerson/");
    if !authors.iter().any(by_patient) {
        authors.push(own.to_owned());
    }
    authors
}

impl Entry {
    /// What it contains and that says itself when it was or who wrote it: with that in place of the
    /// container's date and authors. Read from the text, which few need; `None` for one that cannot be
    /// read.
    pub(super) fn apart(&self) -> Option<Vec<ResourceFacts>> {
        let Some(own) = &self.apart_at else {
            return Some(Vec::new());
        };
        let value = strict(&self.raw).ok()?;
        let all = apart(&value, self.facts.category).into_iter();
        Some(all.map(|one| self.with_apart(one, own)).collect())
    }

    fn with_apart(&self, one: Apart, own: &str) -> ResourceFacts {
        let authors = match one.authors {
            none if none.is_empty() => self.facts.authors.clone(),
            some => with_own(some, own),
        };
        ResourceFacts {
            category: one.category,
            date: dated(one.when).or(self.facts.date),
            authors,
            ..self.facts.clone()
        }
    }

    /// A former version, with what the resource is by now.
    pub(super) fn by_now(self, standing: Option<Arc<Standing>>) -> Self {
        Self { standing, ..self }
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
