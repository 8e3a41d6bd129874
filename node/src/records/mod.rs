//! What the hospital knows about its patients: FHIR resources, kept byte for byte, found by the
//! patient's chart and by search parameters.
//!
//! Owns the FHIR tables. Every method wants a permit from the access room; nothing here decides who
//! may see what, but what a permit does not allow is neither found nor counted for its holder.

mod address;
mod beside;
mod bundle;
mod capability;
mod chart_numbers;
mod classify;
mod criteria;
mod cursor;
mod date;
mod draft;
mod dress;
mod entry;
mod error;
mod everything;
mod extract;
mod fold;
mod form;
mod here;
mod history;
mod intake;
mod interaction;
mod json;
mod links;
mod load;
mod look;
mod matching;
mod number;
mod own;
mod patch;
mod query;
mod reading;
mod reads;
mod routes;
mod search;
mod sorted;
mod store;
mod strict;
mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod trail;
mod transaction;
mod types;
mod validation;
mod values;
mod vitals;
mod walk;
mod writing;

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use futures_util::FutureExt as _;

use crate::access::Permit;
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};

use cursor::{Position, Seal};
use dress::Dress;
use query::condition::Condition;
use query::{Sort, SortBy, Total};
use reads::{OneSnapshot, Reads};
use search::{Gathered, Reach, Search};
use sorted::{Lists, Place};
use trail::Trails;

pub use address::{Address, LogicalId};
pub use chart_numbers::ChartNumbers;
pub use criteria::Criteria;
pub use cursor::CursorError;
pub use draft::DraftError;
pub use entry::{Entry, Page};
pub use error::{RecordsError, Told};
pub use everything::{Everything, EverythingQuery};
pub(crate) use form::form_pairs;
pub use history::{HistoryPage, HistoryQuery, Past};
pub use intake::{Incoming, Intake};
pub use interaction::HistoryOf;
pub use load::{
    LoadError, LoadFormat, LoadFormatError, LoadReport, Refused, files_below, is_bundle,
};
pub use matching::{Fit, Grade, Identified, Match, MatchQuestion, ParametersError, Shown};
pub use own::DefinitionRefused;
pub(crate) use own::Indexing;
pub use patch::PatchError;
pub use query::{Handling, QueryError, SearchQuery};
pub(crate) use routes::{Failure, Manner, asking, base, only};
pub use routes::{configure, configure_own_chart};
pub use strict::JsonError;
pub use transaction::{Done, Transacted};
pub use types::ResourceType;
pub use validation::Validator;
pub use vitals::Standing;
pub use walk::{Charts, Mark, Seen, Stretch, Walk};
pub use writing::{Outcome, Written};

/// The hospital's records. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    database: Database,
    clock: SharedClock,
    own: Arc<str>,
    seal: Seal,
    lists: Lists,
    trails: Trails,
    validator: Validator,
}

/// Makes the whole index anew, whoever made it, with nobody else at work on `database`.
///
/// # Errors
/// The database cannot be read or written.
pub fn reindex(database: &Database) -> Result<(), DatabaseError> {
    database.transact_blocking(store::reindex)
}

impl Records {
    /// The records of the hospital `own`, in `database`, held against what `validator` knows. Makes
    /// the index anew if an older program made it, which takes time: call it before the node serves.
    ///
    /// # Errors
    /// The database cannot be read or written, or the machine gives no random numbers.
    pub fn open(
        database: Database,
        clock: SharedClock,
        own: &MemberId,
        validator: Validator,
    ) -> Result<Self, DatabaseError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| DatabaseError::Open(format!("no random numbers: {error}")))?;
        if database.transact_blocking(store::reindex_if_older)? {
            tracing::info!("the index of the records was made anew");
        }
        let own = own.to_string().into();
        Ok(Self {
            database,
            clock,
            own,
            seal: Seal::from_seed(seed),
            lists: Lists::new(),
            trails: Trails::new(),
            validator,
        })
    }

    /// Searches one type. A page is filled with permitted matches, newest clinical date first
    /// unless the query wants another order, and with what it wants beside them.
    ///
    /// All pages show what was there at the first: nothing that came to be later appears, nothing
    /// is shown twice or passed over, and what was changed or deleted since is shown as it was.
    ///
    /// # Errors
    /// `Cursor`, also when too much has changed since the first page; `TooWide`; `Database`.
    pub async fn search(&self, permit: &Permit, query: SearchQuery) -> Result<Page, RecordsError> {
        self.search_as(permit, query).await
    }

    async fn search_as(
        &self,
        reach: &impl Reach,
        query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        self.search_by(&mut self.database.clone(), reach, query)
            .await
    }

    async fn search_by(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        mut query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        query.bind_to(reach.chart());
        let linked = query.follows_links();
        let mut through = Vec::new();
        let query = if linked && is_further_page(&query) {
            self.links_as_before(reads, reach, query).await?
        } else {
            self.links_followed(reads, reach, query, &mut through)
                .await?
        };
        let dress = Dress::of(&query);
        if query.counts_only() {
            return Ok(Page {
                total: Some(self.count(reads, reach, &query).await?),
                notes: query.ignored().collect(),
                ..Page::default()
            });
        }
        // Counted once: a further page of a chart's order would count what is there by now.
        let counts = query.total == Total::Accurate && !is_further_page(&query);
        let (counted, includes) = (counts.then(|| query.clone()), query.includes.clone());
        let notes: Vec<String> = query.ignored().collect();
        let mut page = if newest_first(&query) {
            let through = linked.then_some(through);
            self.search_within(reads, reach, query, through).await?
        } else {
            self.sorted_page(reads, reach, query).await?
        };
        page.total = match (page.total, counted) {
            (Some(total), Some(_)) => Some(total),
            (None, Some(counted)) => Some(self.count(reads, reach, &counted).await?),
            (_, None) => None,
        };
        page.notes = notes;
        page.dress = dress;
        if !includes.is_empty() {
            let beside = self.beside(reads, reach, &page.entries, &includes).await?;
            page.included = beside.entries;
            page.withheld = page.withheld.saturating_add(beside.withheld);
            page.cut = beside.cut;
            if beside.cut {
                let note = "more would be included than one page carries: ask for fewer entries";
                page.notes.push(note.to_owned());
            }
        }
        Ok(page)
    }

    async fn search_within(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        query: SearchQuery,
        through: Option<Vec<Place>>,
    ) -> Result<Page, RecordsError> {
        let now = self.clock.now();
        let search = Search::new(query, reach, &self.seal, now)?;
        let mut search = self.filled(reads, search, reach).await?;
        if let (Some(conditions), Some(through)) = (search.to_be_kept(), through) {
            let trail = self.trail_of(conditions, through)?;
            search = search.on_trail(trail);
        }
        search.page(&self.seal, now)
    }

    /// Asks until the page is full, or nothing is left.
    async fn filled(
        &self,
        reads: &mut impl Reads,
        mut search: Search,
        reach: &impl Reach,
    ) -> Result<Search, RecordsError> {
        while let Some(question) = search.question(&self.own) {
            let round = reads
                .read(move |connection| question.ask(connection))
                .await?;
            search.take(round, reach, &self.own)?;
        }
        Ok(search)
    }

    /// Runs one page of a search.
    async fn run(
        &self,
        reads: &mut impl Reads,
        search: Search,
        reach: &impl Reach,
    ) -> Result<Gathered, RecordsError> {
        Ok(self.filled(reads, search, reach).await?.gathered())
    }

    /// How many permitted matches there are.
    async fn count(
        &self,
        reads: &mut impl Reads,
        reach: &impl Reach,
        query: &SearchQuery,
    ) -> Result<usize, RecordsError> {
        let looks = query.conditions.iter().any(Condition::needs_a_look);
        if reach.sees_everything() && !looks {
            let (kind, conditions) = (query.kind, query.conditions.clone());
            let count = move |connection: &mut HospitalConnection| {
                let plan = store::Plan::of(connection, kind, &conditions, None, None)?;
                let count = plan
                    .map(|plan| store::count(connection, &plan))
                    .transpose()?;
                Ok::<_, RecordsError>(count.unwrap_or(0))
            };
            return reads.read(count).await;
        }
        let (mut total, mut after) = (0_usize, None);
        let mut rest = query.clone();
        loop {
            let search = Search::resumed(rest, COUNTED_AT_ONCE, reach, after);
            let found = self.run(reads, search, reach).await?;
            total = total.saturating_add(found.entries.len());
            match found.next {
                Some(position) => (after, rest) = (Some(position), found.query),
                None => return Ok(total),
            }
        }
    }

    /// [`Records::search`] on a connection that the caller already has, in its snapshot.
    ///
    /// # Errors
    /// As [`Records::search`].
    pub fn search_on(
        &self,
        connection: &mut HospitalConnection,
        permit: &Permit,
        query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        self.search_on_within(connection, permit, query)
    }

    fn search_on_within(
        &self,
        connection: &mut HospitalConnection,
        reach: &impl Reach,
        query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        let mut reads = OneSnapshot(connection);
        // There is nothing to wait for: see `OneSnapshot`.
        let page = self.search_by(&mut reads, reach, query).now_or_never();
        page.unwrap_or(Err(RecordsError::Database(DatabaseError::Closed)))
    }

    /// The number of the chart that an address is in, for audit lines and links: a Patient's own,
    /// else that of the patient whom the resource is about. Tells nothing else.
    ///
    /// # Errors
    /// `Database`.
    pub async fn chart_of(&self, address: &Address) -> Result<Option<Rid>, RecordsError> {
        let wanted = address.clone();
        self.database
            .read(move |connection| chart_of(connection, &wanted))
            .await
    }

    fn seal_position(
        &self,
        position: Position,
        fingerprint: i64,
        now: Timestamp,
    ) -> Result<String, RecordsError> {
        let mut nonce = [0; 12];
        getrandom::fill(&mut nonce)
            .map_err(|_no_entropy| RecordsError::Database(DatabaseError::Closed))?;
        Ok(self.seal.seal(position, fingerprint, now, nonce))
    }

    /// `meta.lastUpdated` has milliseconds; what is stored beside it says the same.
    fn now_in_milliseconds(&self) -> Timestamp {
        let micros = self.clock.now().micros();
        Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(1_000)))
    }
}

/// How many matches are read at a time to be counted.
const COUNTED_AT_ONCE: usize = 500;

/// Whether it goes on where a page in the chart's order ended. (What is sorted has a list.)
fn is_further_page(query: &SearchQuery) -> bool {
    query.cursor.is_some() && newest_first(query)
}

/// Whether the order is that of the chart: the clinical date, newest first.
fn newest_first(query: &SearchQuery) -> bool {
    match query.sort.as_slice() {
        [] => true,
        [
            Sort {
                by: SortBy::Parameter(by),
                descending: true,
            },
        ] => by.slot > 0 && query.kind.is_dated_by(by),
        _ => false,
    }
}

fn within_reach(reach: &impl Reach, chart: Rid) -> Result<(), RecordsError> {
    match reach.chart() {
        Some(allowed) if allowed != chart => Err(RecordsError::NotFound),
        _ => Ok(()),
    }
}

/// Whether it is of a category that may leave at all.
fn is_listed(reach: &impl Reach, entry: &Entry) -> bool {
    let categories = reach.categories();
    categories.is_none_or(|list| list.contains(&entry.facts.category))
}

/// What may not be shown is not there.
fn permitted(reach: &impl Reach, entry: Entry) -> Result<Entry, RecordsError> {
    if is_listed(reach, &entry) && reach.allows_entry(&entry) {
        Ok(entry)
    } else {
        Err(RecordsError::NotFound)
    }
}

fn chart_of(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<Option<Rid>, RecordsError> {
    if address.kind.name() == "Patient" {
        return Ok(store::rid_of(connection, address)?);
    }
    let stored = store::read(connection, address)?;
    Ok(stored
        .map(|stored| Rid(stored.patient))
        .filter(|chart| chart.0 != 0))
}
