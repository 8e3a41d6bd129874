//! Reading one version of one resource.

use crate::access::Permit;
use crate::database::{HospitalConnection, Rid};

use super::extract::extract_former;
use super::search::Reach;
use super::store::{self, Former, Stored};
use super::{Address, DraftError, Entry, Records, RecordsError, permitted, strict, within_reach};

impl Records {
    /// The newest version.
    ///
    /// # Errors
    /// `NotFound`, also where the permit does not reach; `Deleted`; `Database`.
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
        let look = move |connection: &mut _| Seen::look(connection, &wanted, version);
        self.database.read(look).await?.judged(permit, &self.own)
    }

    /// [`Records::read_version`] on a connection that the caller already has, in its snapshot.
    pub(super) fn read_on(
        &self,
        connection: &mut HospitalConnection,
        reach: &impl Reach,
        address: &Address,
        version: Option<i32>,
    ) -> Result<Entry, RecordsError> {
        Seen::look(connection, address, version)?.judged(reach, &self.own)
    }
}

/// A version as it is stored, not yet judged.
enum Seen {
    Newest(Stored),
    /// With the newest one, whose marks it has too.
    Former(Stored, Former, i32),
}

impl Seen {
    fn look(
        connection: &mut HospitalConnection,
        address: &Address,
        version: Option<i32>,
    ) -> Result<Self, RecordsError> {
        let stored = store::read(connection, address)?.ok_or(RecordsError::NotFound)?;
        match version {
            Some(version) if version != stored.version => {
                let former = store::read_version(connection, stored.rid, version)?;
                let former = former.ok_or(RecordsError::NotFound)?;
                Ok(Self::Former(stored, former, version))
            }
            _ => Ok(Self::Newest(stored)),
        }
    }

    fn judged(self, reach: &impl Reach, own: &str) -> Result<Entry, RecordsError> {
        let (chart, deleted) = match &self {
            Self::Newest(stored) => (stored.patient, stored.deleted),
            // It may have stood in another chart then.
            Self::Former(_, former, _) => (former.patient, former.deleted),
        };
        within_reach(reach, Rid(chart))?;
        if deleted {
            return Err(RecordsError::Deleted);
        }
        let entry = match self {
            Self::Newest(stored) => Entry::of_stored(stored, own),
            Self::Former(newest, former, version) => {
                Some(former_entry(&newest, former, version, own)?)
            }
        };
        permitted(reach, entry.ok_or(RecordsError::NotFound)?)
    }
}

fn former_entry(
    newest: &Stored,
    former: Former,
    version: i32,
    own: &str,
) -> Result<Entry, RecordsError> {
    let address = newest.address().ok_or(RecordsError::NotFound)?;
    let value = strict::strict(&former.raw).map_err(DraftError::from)?;
    let extracted = extract_former(address.kind, &value, newest.facts().labels);
    Ok(Entry::of_former(
        address, newest.rid, version, former.at, extracted, own, former.raw,
    ))
}
