//! What the hospital knows about its patients: FHIR resources, kept byte for byte, found by the
//! patient's chart and by search parameters.
//!
//! Owns the FHIR tables. Every method wants a permit from the access room; nothing here decides who
//! may see what, but what a permit does not allow is neither found nor counted for its holder.

mod address;
mod bundle;
mod capability;
mod classify;
mod criteria;
mod cursor;
mod date;
mod draft;
mod entry;
mod error;
mod everything;
mod extract;
mod fold;
mod form;
mod history;
mod interaction;
mod json;
mod load;
mod patch;
mod query;
mod reading;
mod routes;
mod search;
mod store;
mod strict;
mod system;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod transaction;
mod types;
mod writing;

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use crate::access::Permit;
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};

use cursor::{Position, Seal};
use search::{Reach, Search};

pub use address::{Address, LogicalId};
pub use criteria::Criteria;
pub use cursor::CursorError;
pub use draft::DraftError;
pub use entry::{Entry, Page};
pub use error::{RecordsError, Told};
pub use everything::{Everything, EverythingQuery};
pub use history::{HistoryPage, HistoryQuery, Past};
pub use interaction::HistoryOf;
pub use load::{LoadError, LoadFormat, LoadFormatError, LoadReport, Refused};
pub use patch::PatchError;
pub use query::{QueryError, SearchQuery};
pub use routes::{configure, configure_own_chart};
pub use strict::JsonError;
pub use transaction::{Done, Transacted};
pub use types::ResourceType;
pub use writing::{Outcome, Written};

/// The hospital's records. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    database: Database,
    clock: SharedClock,
    own: Arc<str>,
    seal: Seal,
}

impl Records {
    /// The records of the hospital `own`, in `database`. Makes the index anew if an older program
    /// made it, which takes time: call it before the node serves.
    ///
    /// # Errors
    /// The database cannot be read or written, or the machine gives no random numbers.
    pub fn open(
        database: Database,
        clock: SharedClock,
        own: &MemberId,
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
        })
    }

    /// Searches one type. A page is filled with permitted matches, newest clinical date first.
    ///
    /// Pages after the first show what was there at the first page: nothing that came to be later
    /// appears, and nothing is shown twice or passed over for that reason. A resource changed in
    /// between is shown as it is now, in its place of now; one deleted in between is not shown.
    ///
    /// # Errors
    /// `Cursor`, `Database`.
    pub async fn search(&self, permit: &Permit, query: SearchQuery) -> Result<Page, RecordsError> {
        self.search_within(permit, query).await
    }

    async fn search_within(
        &self,
        reach: &impl Reach,
        query: SearchQuery,
    ) -> Result<Page, RecordsError> {
        let now = self.clock.now();
        let mut search = Search::new(query, reach, &self.seal, now)?;
        while let Some(question) = search.question() {
            let round = self
                .database
                .read(move |connection| question.ask(connection))
                .await?;
            search.take(round, reach, &self.own);
        }
        search.page(&self.seal, now)
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
        let now = self.clock.now();
        let mut search = Search::new(query, reach, &self.seal, now)?;
        while let Some(question) = search.question() {
            let round = question.ask(connection)?;
            search.take(round, reach, &self.own);
        }
        search.page(&self.seal, now)
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

fn within_reach(reach: &impl Reach, chart: Rid) -> Result<(), RecordsError> {
    match reach.chart() {
        Some(allowed) if allowed != chart => Err(RecordsError::NotFound),
        _ => Ok(()),
    }
}

/// What may not be shown is not there.
fn permitted(reach: &impl Reach, entry: Entry) -> Result<Entry, RecordsError> {
    let listed = reach
        .categories()
        .is_none_or(|list| list.contains(&entry.facts.category));
    if listed && reach.allows_entry(&entry) {
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
