//! Creating, updating and deleting one resource.

use federation_protocol::time::Timestamp;

use crate::access::Permit;
use crate::database::HospitalConnection;

use super::draft::Draft;
use super::store::{self, Change, Changed, Expect};
use super::{
    Address, DraftError, LogicalId, Records, RecordsError, ResourceType, SearchQuery, bundle,
    strict,
};

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
}

fn parse(body: &[u8], kind: ResourceType) -> Result<Draft, DraftError> {
    let draft = Draft::parse(strict::text(body)?)?;
    if draft.kind == kind {
        Ok(draft)
    } else {
        Err(DraftError::OtherType(kind))
    }
}

pub(super) fn may_write(permit: &Permit) -> Result<(), RecordsError> {
    if permit.allows_writing() {
        Ok(())
    } else {
        Err(RecordsError::ReadOnly)
    }
}

pub(super) fn unchanged(
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

pub(super) fn written(
    address: Address,
    changed: Changed,
    at: Timestamp,
) -> Result<Written, RecordsError> {
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
