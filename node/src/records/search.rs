//! Filling a page: candidates from the query plan, each judged again by the permit.

use federation_protocol::category::Category;
use federation_protocol::consent::ResourceFacts;
use federation_protocol::time::Timestamp;

use crate::access::Permit;
use crate::database::{HospitalConnection, Rid};

use super::classify::category_number;
use super::cursor::{Position, Seal};
use super::query::SearchQuery;
use super::store::{self, Plan, Stored};
use super::{Entry, Page, RecordsError};

/// What a search must know of its permit.
pub(super) trait Reach {
    fn chart(&self) -> Option<Rid>;
    fn categories(&self) -> Option<&[Category]>;
    fn allows(&self, facts: &ResourceFacts) -> bool;

    /// The resource itself, and everything that it contains.
    fn allows_entry(&self, entry: &Entry) -> bool {
        self.allows(&entry.facts) && entry.inner.iter().all(|facts| self.allows(facts))
    }
}

impl Reach for Permit {
    fn chart(&self) -> Option<Rid> {
        self.patient()
    }

    fn categories(&self) -> Option<&[Category]> {
        Permit::categories(self)
    }

    fn allows(&self, facts: &ResourceFacts) -> bool {
        Permit::allows(self, facts)
    }
}

/// A search under way: made at the door, fed with candidates, until the page is full.
pub(super) struct Search {
    query: SearchQuery,
    chart: Option<Rid>,
    categories: Option<Vec<i16>>,
    /// Where the last candidate stood.
    after: Option<Position>,
    /// The commit that the first page saw; `None` until the first candidates come.
    as_of: Option<i64>,
    entries: Vec<Entry>,
    withheld: usize,
    rounds: u32,
    more: More,
}

#[derive(Debug, PartialEq, Eq)]
enum More {
    Unknown,
    Exhausted,
    /// One more permitted match than the page holds was seen.
    Yes,
}

/// A round's candidates.
#[derive(Debug, Clone)]
pub(super) struct Round {
    rows: Vec<Stored>,
    limit: usize,
}

/// A search as a database thread needs it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    query: SearchQuery,
    chart: Option<Rid>,
    categories: Option<Vec<i16>>,
    after: Option<Position>,
    limit: usize,
}

impl Question {
    /// One round, on a database thread.
    pub(super) fn ask(self, connection: &mut HospitalConnection) -> Result<Round, RecordsError> {
        let Self {
            query,
            chart,
            categories,
            after,
            limit,
        } = self;
        let plan = Plan::of(connection, &query, chart, categories.as_deref(), after)?;
        let rows = match plan {
            Some(plan) => store::candidates(connection, &plan, limit)?,
            None => Vec::new(),
        };
        Ok(Round { rows, limit })
    }
}

impl Search {
    pub(super) fn new(
        query: SearchQuery,
        reach: &impl Reach,
        seal: &Seal,
        now: Timestamp,
    ) -> Result<Self, RecordsError> {
        let after = match &query.cursor {
            Some(cursor) => Some(seal.open(cursor, query.fingerprint, now)?),
            None => None,
        };
        let categories = reach.categories();
        Ok(Self {
            chart: reach.chart(),
            categories: categories.map(|list| {
                list.iter()
                    .map(|category| category_number(*category))
                    .collect()
            }),
            after,
            as_of: after.map(|position| position.txn),
            entries: Vec::new(),
            withheld: 0,
            rounds: 0,
            more: More::Unknown,
            query,
        })
    }

    /// What to ask next; `None` when the page is done.
    pub(super) fn question(&self) -> Option<Question> {
        if self.more != More::Unknown {
            return None;
        }
        // One more than fits tells whether there is a next page. Where much is withheld, rounds
        // grow.
        let missing = self
            .query
            .count
            .saturating_sub(self.entries.len())
            .saturating_add(1);
        let limit = missing.saturating_mul(1_usize.checked_shl(self.rounds).unwrap_or(1));
        Some(Question {
            query: self.query.clone(),
            chart: self.chart,
            categories: self.categories.clone(),
            after: self.after,
            limit: limit.min(super::query::MOST_ENTRIES.saturating_add(1)),
        })
    }

    /// Takes a round's candidates in.
    pub(super) fn take(&mut self, round: Round, reach: &impl Reach, own: &str) {
        let last_round = round.rows.len() < round.limit;
        self.rounds = self.rounds.saturating_add(1).min(8);
        for row in round.rows {
            let as_of = *self.as_of.get_or_insert(row.newest_txn);
            let again = |seen: Position| (seen.date, seen.rid) == (row.date, row.rid);
            if self.after.is_some_and(again) {
                continue;
            }
            let position = Position {
                date: row.date,
                rid: row.rid,
                txn: as_of,
            };
            // What came to be after the first page belongs to another search.
            let too_new = row.born > as_of;
            let judged = (!too_new).then(|| Entry::of_stored(row, own)).flatten();
            match judged {
                Some(entry) if reach.allows_entry(&entry) => {
                    if self.entries.len() >= self.query.count {
                        self.more = More::Yes;
                        return;
                    }
                    self.entries.push(entry);
                }
                Some(_not_permitted) => self.withheld = self.withheld.saturating_add(1),
                None => {}
            }
            self.after = Some(position);
        }
        if last_round {
            self.more = More::Exhausted;
        }
    }

    pub(super) fn page(self, seal: &Seal, now: Timestamp) -> Result<Page, RecordsError> {
        let next = match (self.more, self.after) {
            (More::Yes, Some(position)) => {
                let mut nonce = [0; 12];
                getrandom::fill(&mut nonce).map_err(|_no_entropy| {
                    RecordsError::Database(crate::database::DatabaseError::Closed)
                })?;
                Some(seal.seal(position, self.query.fingerprint, now, nonce))
            }
            _ => None,
        };
        Ok(Page {
            entries: self.entries,
            next,
            withheld: self.withheld,
        })
    }
}
