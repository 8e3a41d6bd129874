//! Who is to be told of a chart here, and whom a handle means at home.

use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;

use super::store;
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;

/// At a responder: the living handles of a chart, each with the home that knows it.
///
/// # Errors
/// They could not be read.
pub fn homes_of(
    connection: &mut HospitalConnection,
    patient: Rid,
) -> Result<Vec<(PatientHandle, MemberId)>, DatabaseError> {
    let links = store::links(connection, Some(patient))?;
    let living = links.into_iter().filter(|link| link.ended_at.is_none());
    Ok(living.map(|link| (link.handle, link.home)).collect())
}

/// At home: the person whom `responder` knows by this handle. Also of a link that has ended: what
/// happened while it lived is still theirs to know.
///
/// # Errors
/// It could not be read.
pub fn person_of_handle(
    connection: &mut HospitalConnection,
    responder: &MemberId,
    handle: &PatientHandle,
) -> Result<Option<PersonId>, DatabaseError> {
    store::person_of_handle(connection, responder, handle)
}
