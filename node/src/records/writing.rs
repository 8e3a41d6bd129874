//! Creating, updating and deleting one resource.

use std::sync::Arc;

use federation_protocol::time::Timestamp;
use fhir_validation::Issue;

use crate::access::Permit;
use crate::database::HospitalConnection;

use super::bundle::Content;
use super::interaction::{Interaction, Target};
use super::store::{self, Change, Changed, Expect};
use super::transaction::Done;
use super::{Address, Criteria, DraftError, Records, RecordsError, ResourceType, strict};

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
    /// What is to be said about the resource, which was taken all the same.
    pub issues: Arc<[Issue]>,
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

impl Written {
    /// Whether there is a version that was not there before.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.outcome, Outcome::Created | Outcome::Updated)
    }
}

impl Records {
    /// Creates a resource under an id of ours. With `if_none_exist`, nothing is written if there is
    /// such a resource already: it is named with `Unchanged`.
    ///
    /// # Errors
    /// `ReadOnly`, `Draft`, `Query`, `Ambiguous`, `Database`.
    pub async fn create(
        &self,
        permit: &Permit,
        kind: ResourceType,
        body: &[u8],
        if_none_exist: Option<&Criteria>,
    ) -> Result<Written, RecordsError> {
        let unless = if_none_exist.cloned();
        let create = Interaction::Create { kind, unless };
        written_alone(self.write(permit, create, resource(body)?).await?)
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
        let update = Interaction::Update {
            target: Target::At(address.clone()),
            expect: expected(if_match),
        };
        written_alone(self.write(permit, update, resource(body)?).await?)
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
        let delete = Interaction::Delete {
            target: Target::At(address.clone()),
            expect: expected(if_match),
        };
        written_alone(self.write(permit, delete, Content::Nothing).await?)
    }

    /// Does one write, conditional or not.
    pub(super) async fn write(
        &self,
        permit: &Permit,
        interaction: Interaction,
        content: Content,
    ) -> Result<Done, RecordsError> {
        may_write(permit)?;
        self.do_alone(interaction, content).await
    }
}

fn expected(if_match: Option<i32>) -> Expect {
    if_match.map_or(Expect::Anything, Expect::Version)
}

/// A resource's text as it came.
pub(super) fn resource(body: &[u8]) -> Result<Content, DraftError> {
    Ok(Content::Resource(strict::text(body)?.into()))
}

fn written_alone(done: Done) -> Result<Written, RecordsError> {
    match done {
        Done::Wrote(written) => Ok(written),
        _ => Err(RecordsError::NotFound),
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
        issues: Arc::default(),
    })
}

pub(super) fn written(
    change: &Change,
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
        address: change.address.clone(),
        version,
        at,
        outcome,
        issues: change.issues(),
    })
}
