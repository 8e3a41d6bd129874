//! Links that ended at home, told to the hospital: there the handle is then answered like nobody's.
//!
//! That tokens end is told by the consent room and cannot wait; this only tidies up behind.

use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{Linkage, store};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};

/// A link that ended here and that its hospital has not been told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntoldEnd {
    /// The hospital.
    pub responder: MemberId,
    /// What that hospital knew the person by.
    pub handle: PatientHandle,
}

impl Linkage {
    /// At home: ended links that their hospitals have not been told of, oldest first, some hundreds
    /// at most.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn untold_ends(&self) -> Result<Vec<UntoldEnd>, DatabaseError> {
        self.database.read(store::untold_ends).await
    }

    /// At home: the hospital of `end` knows.
    ///
    /// # Errors
    /// The database did not do it: it will be told again.
    pub async fn end_is_told(&self, end: &UntoldEnd) -> Result<(), DatabaseError> {
        let (handle, now) = (end.handle.clone(), self.clock.now());
        self.database
            .transact(move |connection| store::end_is_told(connection, &handle, now))
            .await
    }
}

/// At the responder, in the caller's transaction: ends the living link of `handle` if `home` is the
/// member that it names as home, and writes `line`, completed. Whether there was one is not told.
///
/// # Errors
/// Roll back.
pub fn end_by_home(
    connection: &mut HospitalConnection,
    home: &MemberId,
    handle: &PatientHandle,
    line: Line,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let link = store::find_link(connection, handle)?.filter(|link| link.home == *home);
    let line = match link {
        Some(link) => {
            store::end_link(connection, handle, now)?;
            line.patient(link.patient)
                .outcome("link_ended")
                .detail("handle", handle.as_str())
        }
        // The handle may be another home's: it is not written beside this member's name.
        None => line.outcome("link_unknown"),
    };
    audit::append(connection, &line)?;
    Ok(())
}

/// The audit line of an end that this node tells itself.
#[must_use]
pub fn own_line(me: &MemberId, now: Timestamp) -> Line {
    Line::new(Kind::Link, now, "system").peer(me)
}
