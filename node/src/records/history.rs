//! What was written, newest first: of one resource, of a type, of everything.

mod query;

use std::sync::Arc;

use federation_protocol::time::Timestamp;

use crate::access::Permit;
use crate::database::{DatabaseError, HospitalConnection, Rid};

use super::cursor::Position;
use super::extract::extract;
use super::search::Reach;
use super::store::{self, Moment, Version, Versions};
use super::{Address, Entry, HistoryOf, Outcome, Records, RecordsError, permitted, strict};
pub use query::HistoryQuery;
pub(super) use query::{MOST_ENTRIES, Paging, moment, once};

/// A version of the past, or of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Whose version it is.
    pub address: Address,
    /// Its number.
    pub version: i32,
    /// When it was written.
    pub at: Timestamp,
    /// Created, Updated or Deleted.
    pub outcome: Outcome,
    /// Whether the resource was created under an id that this node gave it.
    pub id_given_here: bool,
    /// What it says; `None` for a deletion.
    pub raw: Option<String>,
}

/// One page of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// Permitted versions, newest first.
    pub entries: Vec<Past>,
    /// The `_cursor` of the next page; `None` when no permitted version is left.
    pub next: Option<String>,
}

impl Records {
    /// The versions that there were. What the permit does not allow, a former version in another's
    /// chart or the deletion of what it does not show, is not there.
    ///
    /// Pages part the history: what is written after the first page was read is on none of them,
    /// and everything before is on one.
    ///
    /// # Errors
    /// `NotFound` for a resource of which no version may be shown; `Cursor`, `Database`.
    ///
    /// Source: FHIR R4 http, section "history".
    pub async fn history(
        &self,
        permit: &Permit,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, RecordsError> {
        let now = self.clock.now();
        let before = match &query.cursor {
            Some(cursor) => Some(moment_at(self.seal.open(cursor, query.fingerprint, now)?)),
            None => None,
        };
        let of = self.versions_of(permit, &query.of).await?;
        let filtered = Versions {
            since: query.since,
            current_in: query.current_in,
            before,
            ..of.clone()
        };
        let seen = self.look_back(permit, filtered, query.count).await?;
        let alone = matches!(query.of, HistoryOf::One(_));
        if alone && seen.entries.is_empty() {
            let any = self.look_back(permit, of, 1).await?;
            if any.entries.is_empty() {
                return Err(RecordsError::NotFound);
            }
        }
        let next = match seen.last.filter(|_| seen.more) {
            Some(last) => Some(self.seal_position(position(last), query.fingerprint, now)?),
            None => None,
        };
        Ok(HistoryPage {
            entries: seen.entries,
            next,
        })
    }

    async fn versions_of(&self, permit: &Permit, of: &HistoryOf) -> Result<Versions, RecordsError> {
        let mut versions = Versions {
            chart: permit.chart().map(|Rid(rid)| rid),
            ..Versions::default()
        };
        match of {
            HistoryOf::System => {}
            HistoryOf::Kind(kind) => versions.kind = Some(*kind),
            HistoryOf::One(address) => {
                let wanted = address.clone();
                let look = move |connection: &mut _| store::rid_of(connection, &wanted);
                let rid = self.database.read::<_, DatabaseError, _>(look).await?;
                let Rid(rid) = rid.ok_or(RecordsError::NotFound)?;
                versions.rid = Some(rid);
            }
        }
        Ok(versions)
    }

    /// Goes back until there are `count` permitted versions and it is known whether there are more.
    async fn look_back(
        &self,
        permit: &Permit,
        mut wanted: Versions,
        count: usize,
    ) -> Result<Seen, RecordsError> {
        let mut seen = Seen::default();
        // Where much is withheld, rounds grow.
        for round in 0_u32.. {
            let missing = count.saturating_sub(seen.entries.len()).saturating_add(1);
            let limit = missing
                .saturating_mul(1 << round.min(8))
                .min(query::MOST_ENTRIES.saturating_add(1));
            let (asked, own) = (wanted.clone(), Arc::clone(&self.own));
            let hides = !permit.sees_everything();
            let look = move |connection: &mut HospitalConnection| {
                let mut told = Vec::new();
                for version in store::versions(connection, &asked, limit)? {
                    let moment = version.moment(asked.chart);
                    told.push((moment, Told::read(connection, version, &own, hides)?));
                }
                Ok::<_, RecordsError>(told)
            };
            let versions = self.database.read(look).await?;
            let exhausted = versions.len() < limit;
            for (moment, told) in versions {
                if let Some(past) = told.and_then(|told| told.judged(permit)) {
                    if seen.entries.len() >= count {
                        seen.more = true;
                        return Ok(seen);
                    }
                    seen.entries.push(past);
                    seen.last = Some(moment);
                }
                wanted.before = Some(moment);
            }
            if exhausted {
                break;
            }
        }
        Ok(seen)
    }
}

#[derive(Default)]
struct Seen {
    entries: Vec<Past>,
    last: Option<Moment>,
    more: bool,
}

/// A version that is not judged yet.
struct Told {
    /// What it says; of a deletion, what was deleted.
    entry: Entry,
    outcome: Outcome,
}

impl Told {
    /// `hides`: it is judged by all that marks it, and by what the resource is by now.
    fn read(
        connection: &mut HospitalConnection,
        version: Version,
        own: &str,
        hides: bool,
    ) -> Result<Option<Self>, RecordsError> {
        let (marks, created) = (version.marks(), version.version == 1 || version.revived);
        let outcome = match (version.deleted, created) {
            (true, _) => Outcome::Deleted,
            (false, true) => Outcome::Created,
            (false, false) => Outcome::Updated,
        };
        let address = version.address();
        let said = if version.deleted {
            version.before
        } else {
            version.raw
        };
        let (Some(address), Ok(value)) = (address, strict::strict(&said)) else {
            return Ok(None);
        };
        let (rid, number, at) = (version.rid, version.version, version.at);
        let entry =
            |extracted| Entry::of_former(address.clone(), rid, number, at, extracted, own, said);
        let entry = if hides {
            let extracted = store::read_former(connection, address.kind, &value, marks)?;
            let Some(standing) = store::standing(connection, rid, own)? else {
                return Ok(None);
            };
            entry(extracted).by_now(Some(standing))
        } else {
            entry(extract(address.kind, &value))
        };
        Ok(Some(Self { entry, outcome }))
    }

    /// The version, if the permit allows what it says; a deletion, if it allows what was deleted.
    fn judged(self, reach: &impl Reach) -> Option<Past> {
        let Self { entry, outcome } = self;
        let entry = permitted(reach, entry).ok()?;
        Some(Past {
            id_given_here: entry.version == 1 && entry.address.id.is_fresh_of(entry.last_updated),
            address: entry.address,
            version: entry.version,
            at: entry.last_updated,
            outcome,
            raw: (outcome != Outcome::Deleted).then_some(entry.raw),
        })
    }
}

/// A cursor's three numbers hold a history's place too: the commit where a search has its date.
fn position(Moment { txn, rid, version }: Moment) -> Position {
    Position {
        date: txn,
        rid,
        txn: i64::from(version),
    }
}

fn moment_at(position: Position) -> Moment {
    Moment {
        txn: position.date,
        rid: position.rid,
        version: i32::try_from(position.txn).unwrap_or(i32::MAX),
    }
}
