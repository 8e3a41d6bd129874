//! What a read or a search gives.

use federation_protocol::consent::{ResourceFacts, Span};
use federation_protocol::time::Timestamp;

use super::Address;
use super::classify::Facts;
use super::date::UNDATED;
use super::extract::Extracted;
use super::store::Stored;

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
}

impl Entry {
    /// The newest version. `own` is the member id of this hospital: what no patient wrote, it wrote.
    pub(super) fn of_stored(stored: Stored, own: &str) -> Option<Self> {
        let address = stored.address()?;
        let when = stored.when();
        Some(Self::new(
            address,
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
        version: i32,
        at: i64,
        extracted: Extracted,
        own: &str,
        raw: String,
    ) -> Self {
        Self::new(
            address,
            version,
            at,
            extracted.facts,
            extracted.when,
            own,
            raw,
        )
    }

    fn new(
        address: Address,
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
        }
    }
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Permitted matches, newest first.
    pub entries: Vec<Entry>,
    /// The `_cursor` of the next page; `None` when no permitted match is left.
    pub next: Option<String>,
    /// How many matches on the way were not permitted. For this hospital's own audit alone.
    pub withheld: usize,
}
