//! Searches in another order than newest first: all matches are put in order once, and the list is
//! kept while its pages are read.
//!
//! What is kept is row numbers and versions alone. Each page is read and judged anew.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::time::Timestamp;
use fhir_search_parameters::ParameterType;
use moka::sync::Cache;
use serde_json::Value;

use super::cursor::{CursorError, LIFE_SECONDS, Position};
use super::fold::folded;
use super::query::{SearchQuery, Sort, SortBy};
use super::search::{Reach, Search};
use super::strict::strict;
use super::types::Parameter;
use super::values::{self, Measure};
use super::{Entry, Page, Records, RecordsError, store};

/// The most matches that are put in order.
const MOST_SORTED: usize = 100_000;
/// How many matches are read at a time.
const BATCH: usize = 500;
/// Bytes of all lists that are kept.
const MOST_KEPT: u64 = 64 * 1024 * 1024;
/// A cursor's `txn` when it stands for a place in a kept list: no commit has it.
const IN_A_LIST: i64 = -1;

/// Lists whose pages may still be asked for.
#[derive(Clone)]
pub(super) struct Lists(Cache<i64, Arc<Vec<Place>>>);

/// One match in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rid: i64,
    pub(super) version: i32,
}

impl Lists {
    pub(super) fn new() -> Self {
        let weigh = |_: &i64, list: &Arc<Vec<Place>>| {
            let bytes = list
                .len()
                .saturating_mul(size_of::<Place>())
                .saturating_add(64);
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let life = Duration::from_secs(LIFE_SECONDS.unsigned_abs());
        Self(
            Cache::builder()
                .weigher(weigh)
                .max_capacity(MOST_KEPT)
                .time_to_live(life)
                .build(),
        )
    }
}

/// What one key of the order compares. Nothing sorts behind everything, whichever way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
}

impl Records {
    /// A page in the order that the query asks for.
    pub(super) async fn sorted_page(
        &self,
        reach: &impl Reach,
        query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        let now = self.clock.now();
        let (id, offset, list) = match &query.cursor {
            Some(cursor) => {
                let at = self.seal.open(cursor, query.fingerprint, now)?;
                let list = self.lists.0.get(&at.date).filter(|_| at.txn == IN_A_LIST);
                let offset = usize::try_from(at.rid).map_err(|_too_large| CursorError::Foreign)?;
                (at.date, offset, list.ok_or(CursorError::Expired)?)
            }
            None => {
                let list = Arc::new(self.in_order(reach, &query).await?);
                (self.seal.random()?, 0, list)
            }
        };
        let end = offset.saturating_add(query.count()).min(list.len());
        let places: Vec<Place> = list.get(offset..end).unwrap_or_default().to_vec();
        let total = list.len();
        let next = if end < total {
            let rid = i64::try_from(end).unwrap_or(i64::MAX);
            let position = Position {
                date: id,
                rid,
                txn: IN_A_LIST,
            };
            self.lists.0.insert(id, list);
            Some(self.seal.sealed(position, query.fingerprint, now)?)
        } else {
            None
        };
        let entries = self.at_places(places).await?;
        let entries = entries
            .into_iter()
            .filter(|entry| reach.allows_entry(entry));
        Ok(Page {
            entries: entries.collect(),
            next,
            total: Some(total),
            ..Page::default()
        })
    }

    /// All permitted matches, in order.
    async fn in_order(
        &self,
        reach: &impl Reach,
        query: &SearchQuery,
    ) -> Result<Vec<Place>, RecordsError> {
        let mut keyed: Vec<(Vec<Option<Key>>, Place)> = Vec::new();
        let mut after = None;
        loop {
            let search = Search::resumed(query.clone(), BATCH, reach, after);
            let (entries, position) = self.run(search, reach).await?;
            for entry in entries {
                let place = Place {
                    rid: entry.rid,
                    version: entry.version,
                };
                keyed.push((keys(&query.sort, &entry), place));
            }
            if keyed.len() > MOST_SORTED {
                return Err(RecordsError::TooWide);
            }
            let Some(position) = position else { break };
            after = Some(position);
        }
        keyed.sort_by(|(one, at), (other, place)| {
            in_order_of(&query.sort, one, other).then(at.rid.cmp(&place.rid))
        });
        Ok(keyed.into_iter().map(|(_, place)| place).collect())
    }

    /// The versions that a list names; one that is no longer kept is left out.
    async fn at_places(&self, places: Vec<Place>) -> Result<Vec<Entry>, RecordsError> {
        let own = Arc::clone(&self.own);
        self.database
            .read(move |connection| {
                let mut entries = Vec::with_capacity(places.len());
                for Place { rid, version } in places {
                    entries.extend(store::at_place(connection, rid, version, &own)?);
                }
                Ok::<_, RecordsError>(entries)
            })
            .await
    }
}

fn in_order_of(sort: &[Sort], one: &[Option<Key>], other: &[Option<Key>]) -> Ordering {
    let pairs = sort.iter().zip(one.iter().zip(other));
    let mut orders = pairs.map(|(sort, keys)| match keys {
        (Some(one), Some(other)) if sort.descending => other.cmp(one),
        (Some(one), Some(other)) => one.cmp(other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    orders
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn keys(sort: &[Sort], entry: &Entry) -> Vec<Option<Key>> {
    let value = strict(&entry.raw).unwrap_or(Value::Null);
    let key = |sort: &Sort| match sort.by {
        SortBy::Id => Some(Key::Text(entry.address.id.as_str().to_owned())),
        SortBy::LastUpdated => Some(Key::Number(Timestamp::micros(entry.last_updated))),
        SortBy::Parameter(by) => key_of(by, &value, sort.descending),
    };
    sort.iter().map(key).collect()
}

/// The least value of a parameter, or, descending, the greatest.
fn key_of(by: &Parameter, resource: &Value, descending: bool) -> Option<Key> {
    let mut best: Option<Key> = None;
    let mut take = |key: Key| {
        let better = best
            .as_ref()
            .is_none_or(|best| if descending { key > *best } else { key < *best });
        if better {
            best = Some(key);
        }
    };
    by.definition.elements(resource, &mut |element| {
        let value = element.value;
        match by.definition.kind() {
            ParameterType::Date => {
                let edge = |span: super::date::Span| if descending { span.hi } else { span.lo };
                values::span(value)
                    .into_iter()
                    .for_each(|span| take(Key::Number(edge(span))));
            }
            ParameterType::Number | ParameterType::Quantity => {
                let measures = Measure::of(value).into_iter();
                measures.for_each(|measure| take(Key::Number(measure.stretch.lo)));
            }
            ParameterType::String => values::texts(value, &mut |text| {
                let text = folded(text);
                if !text.is_empty() {
                    take(Key::Text(text));
                }
            }),
            ParameterType::Token => values::tokens(value, &mut |_system, code| {
                take(Key::Text(code.to_lowercase()));
            }),
            ParameterType::Uri => {
                let uris = value.as_str().into_iter();
                uris.for_each(|uri| take(Key::Text(uri.to_owned())));
            }
            ParameterType::Reference | ParameterType::Composite | ParameterType::Special => {}
        }
    });
    best
}
