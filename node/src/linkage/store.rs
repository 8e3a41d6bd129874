//! The linkage room's only SQL.

use diesel::prelude::*;
use federation_protocol::keys::PublicKey;
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{Link, Person, UntoldEnd};
use crate::consent::HomeLink;
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;

diesel::table! {
    link (handle) {
        handle -> Text,
        patient -> BigInt,
        patient_id -> Text,
        home -> Text,
        device_key -> Text,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        corrected_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    person (id) {
        id -> Text,
        patient -> BigInt,
        patient_id -> Text,
        enrolled_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    home_link (handle) {
        handle -> Text,
        person -> Text,
        responder -> Text,
        device_key -> Text,
        assertion -> Text,
        accepted_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        told_at -> Nullable<BigInt>,
    }
}

/// A value that this room did not write like this: only an edited table holds one.
fn unreadable(what: &str) -> DatabaseError {
    let message = format!("{what} cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}

pub(super) fn insert_person(
    connection: &mut HospitalConnection,
    new: &Person,
) -> Result<(), DatabaseError> {
    diesel::insert_into(person::table)
        .values((
            person::id.eq(new.id.as_str()),
            person::patient.eq(new.patient.0),
            person::patient_id.eq(new.patient_id.as_str()),
            person::enrolled_at.eq(new.enrolled_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

type PersonRow = (String, i64, String, i64, Option<i64>);

fn read_person(row: PersonRow) -> Result<Person, DatabaseError> {
    let (id, patient, patient_id, enrolled_at, _ended) = row;
    Ok(Person {
        id: id.parse().map_err(|_not| unreadable("a person id"))?,
        patient: Rid(patient),
        patient_id,
        enrolled_at: Timestamp::from_micros(enrolled_at),
    })
}

pub(super) fn find_person(
    connection: &mut HospitalConnection,
    id: &PersonId,
) -> Result<Option<Person>, DatabaseError> {
    let row: Option<PersonRow> = person::table
        .filter(person::id.eq(id.as_str()))
        .filter(person::ended_at.is_null())
        .first(connection)
        .optional()?;
    row.map(read_person).transpose()
}

pub(super) fn person_of_chart(
    connection: &mut HospitalConnection,
    patient: Rid,
) -> Result<Option<Person>, DatabaseError> {
    let row: Option<PersonRow> = person::table
        .filter(person::patient.eq(patient.0))
        .filter(person::ended_at.is_null())
        .first(connection)
        .optional()?;
    row.map(read_person).transpose()
}

pub(super) fn people(connection: &mut HospitalConnection) -> Result<Vec<Person>, DatabaseError> {
    let rows: Vec<PersonRow> = person::table
        .filter(person::ended_at.is_null())
        .order((person::enrolled_at.asc(), person::id.asc()))
        .load(connection)?;
    rows.into_iter().map(read_person).collect()
}

pub(super) fn insert_link(
    connection: &mut HospitalConnection,
    new: &Link,
) -> Result<(), DatabaseError> {
    diesel::insert_into(link::table)
        .values((
            link::handle.eq(new.handle.as_str()),
            link::patient.eq(new.patient.0),
            link::patient_id.eq(new.patient_id.as_str()),
            link::home.eq(new.home.as_str()),
            link::device_key.eq(new.device_key.x()),
            link::created_at.eq(new.created_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

type LinkRow = (
    String,
    i64,
    String,
    String,
    String,
    i64,
    Option<i64>,
    Option<i64>,
);

fn read_link(row: LinkRow) -> Result<Link, DatabaseError> {
    let (handle, patient, patient_id, home, device_key, created_at, ended_at, corrected_at) = row;
    Ok(Link {
        handle: handle.parse().map_err(|_not| unreadable("a handle"))?,
        patient: Rid(patient),
        patient_id,
        home: home.parse().map_err(|_not| unreadable("a home"))?,
        device_key: PublicKey::from_x(&device_key).map_err(|_not| unreadable("a device key"))?,
        created_at: Timestamp::from_micros(created_at),
        ended_at: ended_at.map(Timestamp::from_micros),
        corrected_at: corrected_at.map(Timestamp::from_micros),
    })
}

/// The living link of a handle.
pub(super) fn find_link(
    connection: &mut HospitalConnection,
    handle: &PatientHandle,
) -> Result<Option<Link>, DatabaseError> {
    // Not `first`: a bound LIMIT makes SQLite prepare the statement anew for each value.
    let row: Option<LinkRow> = link::table
        .filter(link::handle.eq(handle.as_str()))
        .filter(link::ended_at.is_null())
        .get_result(connection)
        .optional()?;
    row.map(read_link).transpose()
}

pub(super) fn links(
    connection: &mut HospitalConnection,
    patient: Option<Rid>,
) -> Result<Vec<Link>, DatabaseError> {
    let mut query = link::table
        .order((link::created_at.desc(), link::handle.asc()))
        .into_boxed();
    if let Some(patient) = patient {
        query = query.filter(link::patient.eq(patient.0));
    }
    let rows: Vec<LinkRow> = query.load(connection)?;
    rows.into_iter().map(read_link).collect()
}

pub(super) fn end_link(
    connection: &mut HospitalConnection,
    handle: &PatientHandle,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(link::table.filter(link::handle.eq(handle.as_str())))
        .set(link::ended_at.eq(now.micros()))
        .execute(connection)?;
    Ok(())
}

/// The living handles of `from` mean `into` from now on; which.
pub(super) fn move_links(
    connection: &mut HospitalConnection,
    from: Rid,
    into: Rid,
    into_id: &str,
) -> Result<Vec<PatientHandle>, DatabaseError> {
    let living = link::table
        .filter(link::patient.eq(from.0))
        .filter(link::ended_at.is_null());
    let handles: Vec<String> = living
        .select(link::handle)
        .order(link::handle.asc())
        .load(connection)?;
    diesel::update(living)
        .set((link::patient.eq(into.0), link::patient_id.eq(into_id)))
        .execute(connection)?;
    let handles = handles
        .iter()
        .map(|text| text.parse().map_err(|_not| unreadable("a handle")));
    handles.collect()
}

/// The person whose own chart was `from` has `into`.
pub(super) fn move_person(
    connection: &mut HospitalConnection,
    from: Rid,
    into: Rid,
    into_id: &str,
) -> Result<(), DatabaseError> {
    let of_chart = person::table
        .filter(person::patient.eq(from.0))
        .filter(person::ended_at.is_null());
    diesel::update(of_chart)
        .set((person::patient.eq(into.0), person::patient_id.eq(into_id)))
        .execute(connection)?;
    Ok(())
}

/// The handle means `patient` from `now` on.
pub(super) fn correct_link(
    connection: &mut HospitalConnection,
    handle: &PatientHandle,
    patient: Rid,
    patient_id: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(link::table.filter(link::handle.eq(handle.as_str())))
        .set((
            link::patient.eq(patient.0),
            link::patient_id.eq(patient_id),
            link::corrected_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn insert_home_link(
    connection: &mut HospitalConnection,
    of: &PersonId,
    new: &HomeLink,
    assertion: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(home_link::table)
        .values((
            home_link::handle.eq(new.handle.as_str()),
            home_link::person.eq(of.as_str()),
            home_link::responder.eq(new.responder.as_str()),
            home_link::device_key.eq(new.device_key.x()),
            home_link::assertion.eq(assertion),
            home_link::accepted_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

type HomeLinkRow = (String, String, String);

fn read_home_link((responder, handle, device_key): HomeLinkRow) -> Result<HomeLink, DatabaseError> {
    Ok(HomeLink {
        responder: responder
            .parse()
            .map_err(|_not| unreadable("a responder"))?,
        handle: handle.parse().map_err(|_not| unreadable("a handle"))?,
        device_key: PublicKey::from_x(&device_key).map_err(|_not| unreadable("a device key"))?,
    })
}

/// The living links of a person, by responder.
pub(super) fn home_links(
    connection: &mut HospitalConnection,
    of: &PersonId,
) -> Result<Vec<HomeLink>, DatabaseError> {
    let rows: Vec<HomeLinkRow> = home_link::table
        .filter(home_link::person.eq(of.as_str()))
        .filter(home_link::ended_at.is_null())
        .order(home_link::responder.asc())
        .select((
            home_link::responder,
            home_link::handle,
            home_link::device_key,
        ))
        .load(connection)?;
    rows.into_iter().map(read_home_link).collect()
}

/// The living link of a person that this assertion made.
pub(super) fn home_link_of(
    connection: &mut HospitalConnection,
    of: &PersonId,
    assertion: &str,
) -> Result<Option<HomeLink>, DatabaseError> {
    let row: Option<HomeLinkRow> = home_link::table
        .filter(home_link::person.eq(of.as_str()))
        .filter(home_link::assertion.eq(assertion))
        .filter(home_link::ended_at.is_null())
        .select((
            home_link::responder,
            home_link::handle,
            home_link::device_key,
        ))
        .first(connection)
        .optional()?;
    row.map(read_home_link).transpose()
}

/// The living link of a person with a hospital, and its assertion.
pub(super) fn home_link_with(
    connection: &mut HospitalConnection,
    of: &PersonId,
    responder: &MemberId,
) -> Result<Option<(HomeLink, String)>, DatabaseError> {
    let row: Option<(String, String, String, String)> = home_link::table
        .filter(home_link::person.eq(of.as_str()))
        .filter(home_link::responder.eq(responder.as_str()))
        .filter(home_link::ended_at.is_null())
        .select((
            home_link::responder,
            home_link::handle,
            home_link::device_key,
            home_link::assertion,
        ))
        .first(connection)
        .optional()?;
    let read = |(responder, handle, key, assertion)| {
        Ok((read_home_link((responder, handle, key))?, assertion))
    };
    row.map(read).transpose()
}

/// Whether a handle was ever taken in, by anyone.
pub(super) fn handle_is_known(
    connection: &mut HospitalConnection,
    handle: &PatientHandle,
) -> Result<bool, DatabaseError> {
    let known: i64 = home_link::table
        .filter(home_link::handle.eq(handle.as_str()))
        .count()
        .get_result(connection)?;
    Ok(known > 0)
}

/// The person whom `responder` knows, or knew, by a handle.
pub(super) fn person_of_handle(
    connection: &mut HospitalConnection,
    responder: &MemberId,
    handle: &PatientHandle,
) -> Result<Option<PersonId>, DatabaseError> {
    let id: Option<String> = home_link::table
        .filter(home_link::handle.eq(handle.as_str()))
        .filter(home_link::responder.eq(responder.as_str()))
        .select(home_link::person)
        .first(connection)
        .optional()?;
    id.map(|id| id.parse().map_err(|_not| unreadable("person of a link")))
        .transpose()
}

/// Ends the living link of a person with `responder`; `false` if there is none.
pub(super) fn end_home_link(
    connection: &mut HospitalConnection,
    of: &PersonId,
    responder: &MemberId,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let living = home_link::table
        .filter(home_link::person.eq(of.as_str()))
        .filter(home_link::responder.eq(responder.as_str()))
        .filter(home_link::ended_at.is_null());
    let ended = diesel::update(living)
        .set(home_link::ended_at.eq(now.micros()))
        .execute(connection)?;
    Ok(ended > 0)
}

/// Ended links read at once.
const MOST_ENDS: i64 = 500;

/// Ended links that their hospitals have not been told of, oldest first.
pub(super) fn untold_ends(
    connection: &mut HospitalConnection,
) -> Result<Vec<UntoldEnd>, DatabaseError> {
    let rows: Vec<(String, String)> = home_link::table
        .filter(home_link::ended_at.is_not_null())
        .filter(home_link::told_at.is_null())
        .order(home_link::ended_at.asc())
        .select((home_link::responder, home_link::handle))
        .limit(MOST_ENDS)
        .load(connection)?;
    let ends = rows.into_iter().map(|(responder, handle)| {
        Ok(UntoldEnd {
            responder: responder
                .parse()
                .map_err(|_not| unreadable("a responder"))?,
            handle: handle.parse().map_err(|_not| unreadable("a handle"))?,
        })
    });
    ends.collect()
}

/// The hospital of this ended link knows.
pub(super) fn end_is_told(
    connection: &mut HospitalConnection,
    handle: &PatientHandle,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(home_link::table.filter(home_link::handle.eq(handle.as_str())))
        .set(home_link::told_at.eq(now.micros()))
        .execute(connection)?;
    Ok(())
}
