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

use super::cursor::{CursorError, LIFE_SECONDS, NO_TRAIL, Position};
use super::fold::folded;
use super::query::{SearchQuery, Sort, SortBy};
use super::reads::Reads;
use super::search::{Reach, Search, lives_from};
use super::strict::strict;
use super::types::Parameter;
use super::values::{self, Measure};
use super::{Entry, Page, Records, RecordsError, permitted, store};

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

impl Place {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            rid: entry.rid,
            version: entry.version,
        }
    }
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

/// What of a list stands on one page.
#[derive(Debug, Default)]
struct Shown {
    entries: Vec<Entry>,
    /// Where the next page begins, if anything permitted is left.
    end: Option<usize>,
    withheld: usize,
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
        reads: &mut impl Reads,
        reach: &impl Reach,
        query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        let now = self.clock.now();
        let (id, offset, list, begun, mut withheld) = match &query.cursor {
            Some(cursor) => {
                let opened = self.seal.opened(cursor, query.fingerprint, now)?;
                let (at, begun) = (opened.position, opened.begun);
                let list = self.lists.0.get(&at.date).filter(|_| at.txn == IN_A_LIST);
                let offset = usize::try_from(at.rid).map_err(|_negative| CursorError::Foreign)?;
                let list = list.ok_or(CursorError::Expired)?;
                (at.date, offset, list, lives_from(reach, begun, now), 0)
            }
            None => {
                let (places, withheld) = self.in_order(reads, reach, &query).await?;
                (self.seal.random()?, 0, Arc::new(places), now, withheld)
            }
        };
        let total = list.len();
        let shown = self
            .shown_from(reads, reach, (&list, offset), query.count())
            .await?;
        withheld = shown.withheld.saturating_add(withheld);
        let next = match shown.end {
            Some(end) => {
                let rid = i64::try_from(end).unwrap_or(i64::MAX);
                let position = Position {
                    date: id,
                    rid,
                    txn: IN_A_LIST,
                };
                if begun == now {
                    self.lists.0.insert(id, list);
                }
                let sealed = self
                    .seal
                    .sealed(position, NO_TRAIL, query.fingerprint, begun);
                Some(sealed?)
            }
            None => None,
        };
        Ok(Page {
            entries: shown.entries,
            next,
            total: Some(total),
            withheld,
            ..Page::default()
        })
    }

    /// A page of a list, judged anew: what was allowed when the list was made may not be by now, and
    /// then no further page tells of it either.
    async fn shown_from(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        (list, offset): (&[Place], usize),
        count: usize,
    ) -> Result<Shown, RecordsError> {
        let mut shown = Shown::default();
        let mut at = offset;
        while at < list.len() {
            let wanted = count.saturating_sub(shown.entries.len()).saturating_add(1);
            let end = at.saturating_add(wanted).min(list.len());
            let places = list.get(at..end).unwrap_or_default().to_vec();
            for (place, found) in (at..end).zip(self.at_places(reads, places).await?) {
                match found.map(|entry| permitted(reach, entry)) {
                    Some(Ok(_)) if shown.entries.len() >= count => {
                        shown.end = Some(place);
                        return Ok(shown);
                    }
                    Some(Ok(entry)) => shown.entries.push(entry),
                    Some(Err(_)) => shown.withheld = shown.withheld.saturating_add(1),
                    None => {}
                }
            }
            at = end;
        }
        Ok(shown)
    }

    /// All permitted matches, in order, and how many others were met.
    async fn in_order(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        query: &SearchQuery,
    ) -> Result<(Vec<Place>, usize), RecordsError> {
        let mut keyed: Vec<(Vec<Option<Key>>, Place)> = Vec::new();
        let (mut after, mut withheld) = (None, 0_usize);
        let mut rest = query.clone();
        loop {
            let search = Search::resumed(rest, BATCH, reach, after);
            let found = self.run(reads, search, reach).await?;
            withheld = withheld.saturating_add(found.withheld);
            for entry in found.entries {
                keyed.push((keys(&query.sort, &entry), Place::of(&entry)));
            }
            if keyed.len() > MOST_SORTED {
                return Err(RecordsError::TooWide);
            }
            let Some(position) = found.next else { break };
            (after, rest) = (Some(position), found.query);
        }
        keyed.sort_by(|(one, at), (other, place)| {
            in_order_of(&query.sort, one, other).then(at.rid.cmp(&place.rid))
        });
        let places = keyed.into_iter().map(|(_, place)| place);
        Ok((places.collect(), withheld))
    }

    /// The versions that a list names; `None` for one that is no longer kept.
    pub(super) async fn at_places(
        &self,
        reads: &mut impl Reads,
        places: Vec<Place>,
    ) -> Result<Vec<Option<Entry>>, RecordsError> {
        let own = Arc::clone(&self.own);
        reads
            .read(move |connection| {
                let mut entries = Vec::with_capacity(places.len());
                for Place { rid, version } in places {
                    entries.push(store::at_place(connection, rid, version, &own)?);
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
