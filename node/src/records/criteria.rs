//! The condition of a conditional interaction, or of a conditional reference: a search that should
//! match one resource.

use federation_protocol::category::Category;
use federation_protocol::consent::ResourceFacts;

use crate::database::{HospitalConnection, Rid};

use super::form::form_pairs;
use super::own::Asked;
use super::search::Reach;
use super::store;
use super::{Address, Records, RecordsError, ResourceType};

/// A search for one resource of a type.
///
/// Source: FHIR R4 http, sections "conditional create", "conditional update", "conditional delete".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Criteria {
    kind: ResourceType,
    pairs: Vec<(String, String)>,
    /// Where it is one identifier, its place in the index: by far the most usual.
    identifier: Option<(i16, i64)>,
}

/// The most that a condition reads of what matches.
const MOST_MATCHES: usize = 1_000;

impl Criteria {
    /// Reads the text behind the `?`, with or without it.
    ///
    /// # Errors
    /// As [`Criteria::of_pairs`].
    pub fn parse(kind: ResourceType, text: &str) -> Result<Self, RecordsError> {
        Self::of_pairs(kind, form_pairs(text.strip_prefix('?').unwrap_or(text)))
    }

    /// Reads decoded name–value pairs.
    ///
    /// # Errors
    /// `Unselective` if nothing is asked for, `Query` for what is not understood, `Unsupported` for
    /// parameters that shape an answer and choose nothing. A parameter that neither FHIR nor JP Core
    /// has may be the hospital's own, which is known when matches are looked for.
    pub fn of_pairs(
        kind: ResourceType,
        pairs: Vec<(String, String)>,
    ) -> Result<Self, RecordsError> {
        let shapes = |name: &str| {
            let bare = name.split(':').next().unwrap_or_default();
            SHAPING.contains(&bare)
        };
        if pairs.iter().any(|(name, _)| shapes(name)) {
            return Err(RecordsError::Unsupported(
                "a condition with parameters that choose nothing, like _count",
            ));
        }
        if pairs.is_empty() {
            return Err(RecordsError::Unselective(kind));
        }
        let identifier = match Asked::parse(kind, &pairs)? {
            Asked::Shipped(query) => query.one_identifier(),
            Asked::Own => None,
        };
        Ok(Self {
            kind,
            pairs,
            identifier,
        })
    }

    /// The type that is searched.
    #[must_use]
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// The token in the index that it looks for, where that is all it looks for.
    pub(super) fn identifier(&self) -> Option<(i16, i64)> {
        self.identifier
    }

    /// The resources that match, at most `limit`.
    pub(super) fn matches(
        &self,
        records: &Records,
        connection: &mut HospitalConnection,
        limit: usize,
    ) -> Result<Vec<Address>, RecordsError> {
        if let Some((slot, value)) = self.identifier {
            return Ok(store::matching(connection, self.kind, slot, value, limit)?);
        }
        let mut pairs = self.pairs.clone();
        pairs.push(("_count".to_owned(), limit.min(MOST_MATCHES).to_string()));
        let query = Asked::parse(self.kind, &pairs)?.read(connection, self.kind, &pairs)?;
        let page = records.search_on_within(connection, &WholeHouse, query)?;
        Ok(page
            .entries
            .into_iter()
            .map(|entry| entry.address)
            .collect())
    }
}

/// Parameters of a search's answer.
const SHAPING: [&str; 12] = [
    "_count",
    "_cursor",
    "_sort",
    "_include",
    "_revinclude",
    "_summary",
    "_elements",
    "_total",
    "_contained",
    "_containedType",
    "_format",
    "_pretty",
];

/// The reach of who may write: every chart here. See [`super::writing::may_write`].
pub(super) struct WholeHouse;

impl Reach for WholeHouse {
    fn chart(&self) -> Option<Rid> {
        None
    }

    fn categories(&self) -> Option<&[Category]> {
        None
    }

    fn allows(&self, _facts: &ResourceFacts) -> bool {
        true
    }

    fn sees_everything(&self) -> bool {
        true
    }
}
