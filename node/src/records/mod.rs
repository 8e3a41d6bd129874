//! What the hospital knows about its patients: FHIR resources, kept byte for byte, found by the
//! patient's chart and by search parameters.
//!
//! Owns the FHIR tables. Every method wants a permit from the access room; nothing here decides who
//! may see what, but what a permit does not allow is neither found nor counted for its holder.

mod address;
mod bundle;
mod capability;
mod classify;
mod cursor;
mod date;
mod draft;
mod entry;
mod error;
mod extract;
mod fold;
mod form;
mod json;
mod load;
mod query;
mod routes;
mod search;
mod store;
mod system;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;

use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;

use crate::access::Permit;
use crate::database::{Database, DatabaseError, HospitalConnection, Rid};

use cursor::Seal;
use draft::Draft;
use extract::extract;
use search::{Reach, Search};
use store::{Change, Changed, Expect};

pub use address::{Address, LogicalId};
pub use bundle::Transacted;
pub use cursor::CursorError;
pub use draft::DraftError;
pub use entry::{Entry, Page};
pub use error::{RecordsError, Told};
pub use json::JsonError;
pub use load::{LoadError, LoadFormat, LoadFormatError, LoadReport, Refused};
pub use query::{QueryError, SearchQuery};
pub use routes::{configure, configure_own_chart};
pub use types::ResourceType;

/// The hospital's records. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    database: Database,
    clock: SharedClock,
    own: Arc<str>,
    seal: Seal,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub address: Address,
    /// Its version.
    pub version: i32,
    /// When that version was written.
    pub at: Timestamp,
    /// What was done.
    pub outcome: Outcome,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was none, or it had been deleted.
    Created,
    /// A new version.
    Updated,
    /// It was there already, as asked.
    Unchanged,
    /// It is gone; its former versions stay.
    Deleted,
    /// There was nothing to delete.
    Absent,
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

    /// The newest version.
    ///
    /// # Errors
    /// `NotFound`, also where the permit does not reach; `Deleted`; `Database`.
    pub async fn read(&self, permit: &Permit, address: &Address) -> Result<Entry, RecordsError> {
        let wanted = address.clone();
        let stored = self
            .database
            .read(move |connection| Ok::<_, RecordsError>(store::read(connection, &wanted)?))
            .await?;
        let stored = stored.ok_or(RecordsError::NotFound)?;
        within_reach(permit, Rid(stored.patient))?;
        if stored.deleted {
            return Err(RecordsError::Deleted);
        }
        let entry = Entry::of_stored(stored, &self.own).ok_or(RecordsError::NotFound)?;
        permitted(permit, entry)
    }

    /// One version, the newest or a former one.
    ///
    /// # Errors
    /// As [`Records::read`]; `Deleted` for the version that a delete made.
    pub async fn vread(
        &self,
        permit: &Permit,
        address: &Address,
        version: i32,
    ) -> Result<Entry, RecordsError> {
        let wanted = address.clone();
        let (stored, former) = self
            .database
            .read(move |connection| {
                let stored = store::read(connection, &wanted)?.ok_or(RecordsError::NotFound)?;
                let former = store::read_version(connection, stored.rid, version)?;
                Ok::<_, RecordsError>((stored, former))
            })
            .await?;
        within_reach(permit, Rid(stored.patient))?;
        let entry = if stored.version == version {
            if stored.deleted {
                return Err(RecordsError::Deleted);
            }
            Entry::of_stored(stored, &self.own)
        } else {
            let (raw, at, deleted) = former.ok_or(RecordsError::NotFound)?;
            if deleted {
                return Err(RecordsError::Deleted);
            }
            let value = json::strict(&raw).map_err(DraftError::from)?;
            let extracted = extract(address.kind, &value);
            Some(Entry::of_former(
                address.clone(),
                version,
                at,
                extracted,
                &self.own,
                raw,
            ))
        };
        permitted(permit, entry.ok_or(RecordsError::NotFound)?)
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
        let now = self.clock.now();
        let mut search = Search::new(query, permit, &self.seal, now)?;
        while let Some(question) = search.question() {
            let round = question.ask(connection)?;
            search.take(round, permit, &self.own);
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

    /// Creates a resource under an id of ours. With `if_none_exist`, a search for one identifier,
    /// nothing is written if there is such a resource already: it is named with `Unchanged`.
    ///
    /// # Errors
    /// `ReadOnly`, `Draft`, `Query`, `Ambiguous`, `Unsupported` for other conditions, `Database`.
    pub async fn create(
        &self,
        permit: &Permit,
        kind: ResourceType,
        body: &[u8],
        if_none_exist: Option<&SearchQuery>,
    ) -> Result<Written, RecordsError> {
        may_write(permit)?;
        let draft = parse(body, kind)?;
        let condition = if_none_exist.map(bundle::identifier_of).transpose()?;
        let at = self.now_in_milliseconds();
        let address = Address {
            kind,
            id: LogicalId::fresh(at),
        };
        let change = Change {
            address,
            draft: Some(draft),
            expect: Expect::Anything,
        };
        self.database
            .transact(move |connection| {
                if let Some((slot, value)) = condition {
                    store::lock(connection)?;
                    let there = store::matching(connection, kind, slot, value)?;
                    if there.len() > 1 {
                        return Err(RecordsError::Ambiguous(kind));
                    }
                    if let Some(address) = there.into_iter().next() {
                        return unchanged(connection, address);
                    }
                }
                write_one(connection, &change, at)
            })
            .await
    }

    /// Writes a resource at this address, new or a next version. `if_match` is the version that
    /// must be the newest.
    ///
    /// # Errors
    /// `ReadOnly`, `Draft`, `VersionConflict`, `Database`.
    pub async fn update(
        &self,
        permit: &Permit,
        address: &Address,
        body: &[u8],
        if_match: Option<i32>,
    ) -> Result<Written, RecordsError> {
        may_write(permit)?;
        let draft = parse(body, address.kind)?;
        if draft.id.as_ref() != Some(&address.id) {
            return Err(DraftError::OtherId.into());
        }
        self.change(address, Some(draft), if_match).await
    }

    /// Deletes a resource; its former versions stay. Deleting what is not there is no error.
    ///
    /// # Errors
    /// `ReadOnly`, `VersionConflict`, `Database`.
    pub async fn delete(
        &self,
        permit: &Permit,
        address: &Address,
        if_match: Option<i32>,
    ) -> Result<Written, RecordsError> {
        may_write(permit)?;
        self.change(address, None, if_match).await
    }

    async fn change(
        &self,
        address: &Address,
        draft: Option<Draft>,
        if_match: Option<i32>,
    ) -> Result<Written, RecordsError> {
        let expect = if_match.map_or(Expect::Anything, Expect::Version);
        let change = Change {
            address: address.clone(),
            draft,
            expect,
        };
        let at = self.now_in_milliseconds();
        self.database
            .transact(move |connection| write_one(connection, &change, at))
            .await
    }

    /// `meta.lastUpdated` has milliseconds; what is stored beside it says the same.
    fn now_in_milliseconds(&self) -> Timestamp {
        let micros = self.clock.now().micros();
        Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(1_000)))
    }
}

fn parse(body: &[u8], kind: ResourceType) -> Result<Draft, DraftError> {
    let draft = Draft::parse(json::text(body)?)?;
    if draft.kind == kind {
        Ok(draft)
    } else {
        Err(DraftError::OtherType(kind))
    }
}

fn may_write(permit: &Permit) -> Result<(), RecordsError> {
    if permit.allows_writing() {
        Ok(())
    } else {
        Err(RecordsError::ReadOnly)
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

fn unchanged(
    connection: &mut HospitalConnection,
    address: Address,
) -> Result<Written, RecordsError> {
    let stored = store::read(connection, &address)?.ok_or(RecordsError::NotFound)?;
    Ok(Written {
        address,
        version: stored.version,
        at: Timestamp::from_micros(stored.at),
        outcome: Outcome::Unchanged,
    })
}

fn write_one(
    connection: &mut HospitalConnection,
    change: &Change,
    at: Timestamp,
) -> Result<Written, RecordsError> {
    let changed = store::apply(connection, std::slice::from_ref(change), at)?;
    let changed = changed.into_iter().next().unwrap_or(Changed::Absent);
    written(change.address.clone(), changed, at)
}

fn written(address: Address, changed: Changed, at: Timestamp) -> Result<Written, RecordsError> {
    let (version, at, outcome) = match changed {
        Changed::Created { version } => (version, at, Outcome::Created),
        Changed::Updated { version } => (version, at, Outcome::Updated),
        Changed::Unchanged { version, at } => {
            (version, Timestamp::from_micros(at), Outcome::Unchanged)
        }
        Changed::Deleted { version } => (version, at, Outcome::Deleted),
        Changed::Absent => (0, at, Outcome::Absent),
        Changed::Conflict => return Err(RecordsError::VersionConflict),
    };
    Ok(Written {
        address,
        version,
        at,
        outcome,
    })
}
