//! Reading one version of one resource.

use std::sync::Arc;

use crate::access::Permit;
use crate::database::{HospitalConnection, Rid};

use super::search::Reach;
use super::{Address, Entry, Records, RecordsError, permitted, store, within_reach};

impl Records {
    /// The newest version.
    ///
    /// # Errors
    /// `NotFound`, also where the permit does not reach; `Deleted`, where what was deleted might be
    /// shown; `Database`.
    pub async fn read(&self, permit: &Permit, address: &Address) -> Result<Entry, RecordsError> {
        self.read_version(permit, address, None).await
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
        self.read_version(permit, address, Some(version)).await
    }

    pub(super) async fn read_version(
        &self,
        permit: &Permit,
        address: &Address,
        version: Option<i32>,
    ) -> Result<Entry, RecordsError> {
        let wanted = address.clone();
        let own = Arc::clone(&self.own);
        let look = move |connection: &mut _| Seen::look(connection, &wanted, version, &own);
        self.database.read(look).await?.judged(permit)
    }

    /// [`Records::read_version`] on a connection that the caller already has, in its snapshot.
    pub(super) fn read_on(
        &self,
        connection: &mut HospitalConnection,
        reach: &impl Reach,
        address: &Address,
        version: Option<i32>,
    ) -> Result<Entry, RecordsError> {
        Seen::look(connection, address, version, &self.own)?.judged(reach)
    }
}

/// A version that is not judged yet.
struct Seen {
    /// Whose chart it was in.
    chart: Rid,
    deleted: bool,
    /// What it says; of a deletion, what stood before it.
    entry: Option<Entry>,
}

impl Seen {
    fn look(
        connection: &mut HospitalConnection,
        address: &Address,
        version: Option<i32>,
        own: &str,
    ) -> Result<Self, RecordsError> {
        let stored = store::read(connection, address)?.ok_or(RecordsError::NotFound)?;
        let version = version.unwrap_or(stored.version);
        let (chart, deleted) = if version == stored.version {
            (stored.patient, stored.deleted)
        } else {
            // It may have stood in another chart then.
            let former = store::read_version(connection, stored.rid, version)?;
            let former = former.ok_or(RecordsError::NotFound)?;
            (former.patient, former.deleted)
        };
        let said = version.saturating_sub(i32::from(deleted));
        Ok(Self {
            chart: Rid(chart),
            deleted,
            entry: store::entry_at(connection, stored, said, own)?,
        })
    }

    /// That something was deleted is told to whom it would be shown.
    fn judged(self, reach: &impl Reach) -> Result<Entry, RecordsError> {
        within_reach(reach, self.chart)?;
        let entry = permitted(reach, self.entry.ok_or(RecordsError::NotFound)?)?;
        if self.deleted {
            return Err(RecordsError::Deleted);
        }
        Ok(entry)
    }
}
