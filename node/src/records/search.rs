//! Filling a page: candidates from the query plan, each judged again by the permit, and by the
//! conditions where the index does not tell.

use federation_protocol::category::Category;
use federation_protocol::consent::ResourceFacts;
use federation_protocol::time::Timestamp;

use crate::access::Permit;
use crate::database::{HospitalConnection, Rid};

use super::classify::category_number;
use super::cursor::{NO_TRAIL, Position, Seal};
use super::entry::Standing;
use super::look::Subject;
use super::query::condition::Condition;
use super::query::{MOST_ENTRIES, SearchQuery};
use super::store::{self, Plan, Stored, Superseded};
use super::strict::strict;
use super::{Address, Entry, LogicalId, Page, RecordsError, ResourceType};

/// How many resources may have changed since the first page before the search begins anew.
const MOST_CHANGED: usize = 5_000;
/// How many candidates that the index alone offered are looked at for one page.
const MOST_LOOKED_AT: usize = 100_000;

/// What a search must know of its permit.
pub(super) trait Reach {
    fn chart(&self) -> Option<Rid>;
    fn categories(&self) -> Option<&[Category]>;
    fn allows(&self, facts: &ResourceFacts) -> bool;

    /// Whether it waits, though it may be shown one day; `written` is when this version was.
    fn holds_back(&self, _facts: &ResourceFacts, _written: Timestamp) -> bool {
        false
    }

    /// The resource itself, and everything that it contains; of a former version the resource as it
    /// stands by now, too.
    fn allows_entry(&self, entry: &Entry) -> bool {
        let shown = |facts: &ResourceFacts| {
            self.allows(facts) && !self.holds_back(facts, entry.last_updated)
        };
        let apart = || {
            let all = || entry.apart().is_some_and(|all| all.iter().all(shown));
            !self.judges_parts() || all()
        };
        shown(&entry.facts)
            && entry.inner.iter().all(shown)
            && apart()
            && entry
                .standing
                .as_ref()
                .is_none_or(|by_now| self.allows_standing(by_now))
    }

    /// What a resource was corrected to decides about what it said before.
    fn allows_standing(&self, standing: &Standing) -> bool {
        let Standing { entry, chart } = standing;
        let charted = self.chart().is_none_or(|allowed| allowed == *chart);
        let of_a_kind = |list: &[Category]| list.contains(&entry.facts.category);
        charted && self.categories().is_none_or(of_a_kind) && self.allows_entry(entry)
    }

    /// Whether nothing here is hidden from its holder.
    fn sees_everything(&self) -> bool;

    /// Whether dates and authors decide: those of what is contained, then, too.
    fn judges_parts(&self) -> bool {
        !self.sees_everything()
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

    fn holds_back(&self, facts: &ResourceFacts, written: Timestamp) -> bool {
        Permit::holds_back(self, facts, written)
    }

    fn sees_everything(&self) -> bool {
        Permit::sees_everything(self)
    }

    fn judges_parts(&self) -> bool {
        self.is_disclosure()
    }
}

/// When the life of a further page's cursor begins. Who is shown a part of the house sees it as it was
/// for a quarter of an hour from the first page on; who is shown everything may read on for as long as
/// they ask.
pub(super) fn lives_from(reach: &impl Reach, begun: Timestamp, now: Timestamp) -> Timestamp {
    if reach.sees_everything() { now } else { begun }
}

/// A search under way: made at the door, fed with candidates, until the page is full.
pub(super) struct Search {
    query: SearchQuery,
    chart: Option<Rid>,
    categories: Option<Vec<i16>>,
    count: usize,
    /// Where the last candidate stood.
    after: Option<Position>,
    /// The commit that the first page saw; `None` until the first candidates come.
    as_of: Option<i64>,
    /// Where the links of its first page are kept; [`NO_TRAIL`] where nothing is.
    trail: i64,
    /// When the first page was read.
    begun: Option<Timestamp>,
    hides: bool,
    entries: Vec<Entry>,
    withheld: usize,
    looked_at: usize,
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

/// What one page of a search brought.
pub(super) struct Gathered {
    pub(super) entries: Vec<Entry>,
    /// Where the next page begins.
    pub(super) next: Option<Position>,
    /// How many matches on the way were not permitted.
    pub(super) withheld: usize,
    /// The search, its links listed where they lead to few.
    pub(super) query: SearchQuery,
}

/// A round's candidates, newest first.
#[derive(Debug)]
pub(super) struct Round {
    candidates: Vec<Candidate>,
    newest_txn: Option<i64>,
    last: bool,
    /// The conditions, their links listed where they lead to few.
    listed: Option<Vec<Condition>>,
}

#[derive(Debug)]
struct Candidate {
    date: i64,
    rid: i64,
    found: Found,
}

#[derive(Debug)]
enum Found {
    /// Does not match after all, or is not as it was at the first page.
    Nothing,
    Now(Box<Stored>),
    /// Changed since the first page: as it was then.
    Then(Box<Entry>),
}

/// A search as a database thread needs it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    kind: ResourceType,
    conditions: Vec<Condition>,
    chart: Option<Rid>,
    categories: Option<Vec<i16>>,
    after: Option<Position>,
    as_of: Option<i64>,
    /// Whether links are followed as they were at `as_of`.
    as_before: bool,
    limit: usize,
    own: String,
    /// Whether former versions are judged by what the resource is by now, too.
    hides: bool,
}

impl Question {
    /// One round, on a database thread.
    pub(super) fn ask(
        mut self,
        connection: &mut HospitalConnection,
    ) -> Result<Round, RecordsError> {
        let linked = self.conditions.iter().any(Condition::follows_links);
        if linked {
            self.links_stand(connection)?;
            self.conditions = store::links_listed(connection, &self.conditions)?;
        }
        let categories = self.categories.as_deref();
        let plan = Plan::of(
            connection,
            self.kind,
            &self.conditions,
            self.chart,
            categories,
        )?;
        let rows = match plan {
            Some(plan) => store::candidates(connection, &plan, self.after, self.limit)?,
            None => Vec::new(),
        };
        let newest_txn = rows.first().map(|row| row.newest_txn);
        let last = rows.len() < self.limit;
        let end = rows.last().map(|row| (row.date, row.rid));
        let mut candidates = Vec::with_capacity(rows.len());
        for row in rows {
            candidates.push(self.judge(connection, row)?);
        }
        let before_end = |(date, rid)| last || end.is_some_and(|end| (date, rid) >= end);
        for changed in self.changed(connection)? {
            if before_end((changed.date, changed.rid)) {
                candidates.push(changed);
            }
        }
        candidates.sort_by_key(|one| std::cmp::Reverse((one.date, one.rid)));
        Ok(Round {
            candidates,
            newest_txn,
            last,
            listed: linked.then_some(self.conditions),
        })
    }

    /// Links that lead to too many resources to be listed are followed anew, which leads to the same
    /// as before only if nothing on their way was written since.
    fn links_stand(&self, connection: &mut HospitalConnection) -> Result<(), RecordsError> {
        let Some(as_of) = self.as_of.filter(|_| self.as_before) else {
            return Ok(());
        };
        let each = self.conditions.iter();
        let kinds: Vec<ResourceType> = each.flat_map(Condition::linked_types).collect();
        if store::written_since(connection, &kinds, as_of)? {
            return Err(super::CursorError::Expired.into());
        }
        Ok(())
    }

    /// A row of the index's choice, looked at where the index does not tell.
    fn judge(
        &self,
        connection: &mut HospitalConnection,
        row: Stored,
    ) -> Result<Candidate, RecordsError> {
        let (date, rid) = (row.date, row.rid);
        let changed = self.as_of.is_some_and(|as_of| row.txn > as_of);
        let matches = !changed && {
            let mut looks = self.conditions.iter().filter(|one| one.needs_a_look());
            looks.try_fold(true, |all, condition| {
                Ok::<_, RecordsError>(
                    all && super::look::stored_satisfies(connection, &row, condition)?,
                )
            })?
        };
        let found = if matches {
            Found::Now(Box::new(row))
        } else {
            Found::Nothing
        };
        Ok(Candidate { date, rid, found })
    }

    /// What was changed since the first page and stood behind the last entry then.
    fn changed(&self, connection: &mut HospitalConnection) -> Result<Vec<Candidate>, RecordsError> {
        let Some(as_of) = self.as_of else {
            return Ok(Vec::new());
        };
        let formers =
            store::changed_since(connection, Some(self.kind), self.chart, as_of, MOST_CHANGED)?;
        // Within one chart all are read: a limit would tell of changes to what is withheld.
        if self.chart.is_none() && formers.len() >= MOST_CHANGED {
            return Err(super::CursorError::Expired.into());
        }
        let mut found = Vec::new();
        for former in formers {
            found.extend(self.as_it_was(connection, former)?);
        }
        Ok(found)
    }

    fn as_it_was(
        &self,
        connection: &mut HospitalConnection,
        former: Superseded,
    ) -> Result<Option<Candidate>, RecordsError> {
        let (Some(id), Ok(value)) = (LogicalId::parse(&former.id), strict(&former.raw)) else {
            return Ok(None);
        };
        let address = Address {
            kind: self.kind,
            id,
        };
        let extracted = store::read_former(connection, self.kind, &value, former.marks())?;
        let (date, rid) = (extracted.when.lo, former.rid);
        let behind = self
            .after
            .is_none_or(|after| (date, rid) < (after.date, after.rid));
        let charted = self.chart.is_none_or(|Rid(chart)| chart == former.patient);
        let category = category_number(extracted.facts.category);
        let listed = self
            .categories
            .as_ref()
            .is_none_or(|list| list.contains(&category));
        if !(behind && charted && listed) {
            return Ok(None);
        }
        let subject = Subject {
            address: &address,
            rid,
            chart: former.patient,
            value: &value,
            extracted: &extracted,
            at: former.at,
        };
        for condition in &self.conditions {
            if !subject.satisfies(connection, condition)? {
                return Ok(None);
            }
        }
        let entry = former.entry(connection, address, extracted, (&self.own, self.hides))?;
        Ok(entry.map(|entry| {
            let found = Found::Then(Box::new(entry));
            Candidate { date, rid, found }
        }))
    }
}

impl Search {
    /// A search from the beginning, or from where its cursor ended.
    pub(super) fn new(
        query: SearchQuery,
        reach: &impl Reach,
        seal: &Seal,
        now: Timestamp,
    ) -> Result<Self, RecordsError> {
        let opened = match &query.cursor {
            Some(cursor) => Some(seal.opened(cursor, query.fingerprint, now)?),
            None => None,
        };
        let count = query.count();
        let after = opened.map(|opened| opened.position);
        Ok(Self {
            trail: opened.map_or(NO_TRAIL, |opened| opened.trail),
            begun: opened.map(|opened| lives_from(reach, opened.begun, now)),
            ..Self::resumed(query, count, reach, after)
        })
    }

    /// A search for `count` entries behind a position.
    pub(super) fn resumed(
        query: SearchQuery,
        count: usize,
        reach: &impl Reach,
        after: Option<Position>,
    ) -> Self {
        let categories = reach.categories();
        Self {
            chart: reach.chart(),
            categories: categories.map(|list| {
                list.iter()
                    .map(|category| category_number(*category))
                    .collect()
            }),
            count,
            after,
            as_of: after.map(|position| position.txn),
            trail: NO_TRAIL,
            begun: None,
            hides: !reach.sees_everything(),
            entries: Vec::new(),
            withheld: 0,
            looked_at: 0,
            rounds: 0,
            more: More::Unknown,
            query,
        }
    }

    /// What to ask next; `None` when the page is done.
    pub(super) fn question(&self, own: &str) -> Option<Question> {
        if self.more != More::Unknown {
            return None;
        }
        // One more than fits tells whether there is a next page. Where much is withheld, rounds
        // grow.
        let missing = self
            .count
            .saturating_sub(self.entries.len())
            .saturating_add(1);
        let limit = missing.saturating_mul(1_usize.checked_shl(self.rounds).unwrap_or(1));
        Some(Question {
            kind: self.query.kind,
            conditions: self.query.conditions.clone(),
            chart: self.chart,
            categories: self.categories.clone(),
            after: self.after,
            as_of: self.as_of,
            as_before: self.trail != NO_TRAIL,
            limit: limit.min(MOST_ENTRIES.saturating_add(1)),
            own: own.to_owned(),
            hides: self.hides,
        })
    }

    /// Takes a round's candidates in.
    ///
    /// # Errors
    /// `TooWide` when too many had to be looked at for too few matches.
    pub(super) fn take(
        &mut self,
        round: Round,
        reach: &impl Reach,
        own: &str,
    ) -> Result<(), RecordsError> {
        self.rounds = self.rounds.saturating_add(1).min(8);
        self.looked_at = self.looked_at.saturating_add(round.candidates.len());
        if let Some(listed) = round.listed {
            self.query.conditions = listed;
        }
        let as_of = match (self.as_of, round.newest_txn) {
            (Some(as_of), _) | (None, Some(as_of)) => *self.as_of.insert(as_of),
            (None, None) => 0,
        };
        for candidate in round.candidates {
            let Candidate { date, rid, found } = candidate;
            if self
                .after
                .is_some_and(|seen| (seen.date, seen.rid) == (date, rid))
                && !matches!(found, Found::Then(_))
            {
                continue;
            }
            let judged = match found {
                Found::Nothing => None,
                // What came to be after the first page belongs to another search.
                Found::Now(row) if row.born > as_of => None,
                Found::Now(row) => Entry::of_stored(*row, own),
                Found::Then(entry) => Some(*entry),
            };
            match judged {
                Some(entry) if reach.allows_entry(&entry) => {
                    if self.entries.len() >= self.count {
                        self.more = More::Yes;
                        return Ok(());
                    }
                    self.entries.push(entry);
                }
                Some(_not_permitted) => self.withheld = self.withheld.saturating_add(1),
                None => {}
            }
            let txn = as_of;
            self.after = Some(Position { date, rid, txn });
        }
        if round.last {
            self.more = More::Exhausted;
        } else if self.chart.is_none() && self.looked_at > MOST_LOOKED_AT {
            // Within one chart the chart is the limit: any other would tell of what is withheld.
            return Err(RecordsError::TooWide);
        }
        Ok(())
    }

    /// Where the next page begins, if there is one.
    pub(super) fn position(&self) -> Option<Position> {
        self.after.filter(|_| self.more == More::Yes)
    }

    pub(super) fn gathered(self) -> Gathered {
        Gathered {
            next: self.position(),
            withheld: self.withheld,
            entries: self.entries,
            query: self.query,
        }
    }

    /// The conditions whose links further pages follow as this one did, if there is a further page
    /// and they are not kept already.
    pub(super) fn to_be_kept(&self) -> Option<&[Condition]> {
        let new = self.trail == NO_TRAIL && self.position().is_some();
        new.then_some(self.query.conditions.as_slice())
    }

    /// Goes on along links that are kept under this number.
    pub(super) fn on_trail(mut self, trail: i64) -> Self {
        self.trail = trail;
        self
    }

    pub(super) fn page(self, seal: &Seal, now: Timestamp) -> Result<Page, RecordsError> {
        let next = match self.position() {
            Some(position) => {
                let begun = self.begun.unwrap_or(now);
                Some(seal.sealed(position, self.trail, self.query.fingerprint, begun)?)
            }
            None => None,
        };
        Ok(Page {
            entries: self.entries,
            next,
            withheld: self.withheld,
            ..Page::default()
        })
    }
}
