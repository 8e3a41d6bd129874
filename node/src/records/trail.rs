//! Where the links of a search led for its first page: kept while its further pages are read, which
//! are found along the same links, whatever they lead to by then.
//!
//! What is kept is row numbers, ids and versions alone.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::cursor::{CursorError, LIFE_SECONDS};
use super::query::SearchQuery;
use super::query::condition::Condition;
use super::reads::Reads;
use super::search::Reach;
use super::sorted::Place;
use super::{Records, RecordsError, permitted};

/// Bytes of all trails that are kept.
const MOST_KEPT: u64 = 16 * 1024 * 1024;
/// What one address is counted as.
const ADDRESS: usize = 64;

/// Trails that may still be gone along.
#[derive(Clone)]
pub(super) struct Trails(Cache<i64, Arc<Trail>>);

/// The links of one search.
#[derive(Debug)]
struct Trail {
    /// All its conditions; links that led to few are replaced by what they led to.
    conditions: Vec<Condition>,
    /// What they led through, where a permit had to allow each.
    through: Vec<Place>,
}

impl Trail {
    fn bytes(&self) -> usize {
        let conditions: usize = self.conditions.iter().map(Condition::targets).sum();
        let addresses = conditions.saturating_add(self.through.len());
        addresses.saturating_mul(ADDRESS).saturating_add(1_024)
    }
}

impl Trails {
    pub(super) fn new() -> Self {
        let weigh = |_: &i64, trail: &Arc<Trail>| u32::try_from(trail.bytes()).unwrap_or(u32::MAX);
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

impl Records {
    /// Keeps the links of a first page; the number that its cursor takes along.
    pub(super) fn trail_of(
        &self,
        conditions: &[Condition],
        through: Vec<Place>,
    ) -> Result<i64, RecordsError> {
        // Never the number that stands for none.
        let number = self.seal.random()? | 1;
        let trail = Trail {
            conditions: conditions.to_vec(),
            through,
        };
        self.trails.0.insert(number, Arc::new(trail));
        Ok(number)
    }

    /// The search of a further page, its links where they led for the first. What they led through
    /// is judged anew: if the permit does not allow all of it by now, there is no further page.
    pub(super) async fn links_as_before(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        mut query: SearchQuery,
    ) -> Result<SearchQuery, RecordsError> {
        let cursor = query.cursor.as_deref().unwrap_or_default();
        let now = self.clock.now();
        let opened = self.seal.opened(cursor, query.fingerprint, now)?;
        let trail = self
            .trails
            .0
            .get(&opened.trail)
            .ok_or(CursorError::Expired)?;
        for entry in self.at_places(reads, trail.through.clone()).await? {
            let entry = entry.ok_or(CursorError::Expired)?;
            permitted(reach, entry).map_err(|_withheld| CursorError::Expired)?;
        }
        query.conditions.clone_from(&trail.conditions);
        Ok(query)
    }
}
