//! Enrolment codes and the wrong tries at them, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::PersonId;
use super::super::enrolment::{CODE_LIFE_SECONDS, KeptCode};
use crate::database::{DatabaseError, HospitalConnection, Rid};

diesel::table! {
    enrolment_code (digest) {
        digest -> Binary,
        birth -> Binary,
        person -> Text,
        patient -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        ended_as -> Nullable<Text>,
    }
}

diesel::table! {
    entry_miss (id) {
        id -> BigInt,
        who -> Binary,
        at -> BigInt,
    }
}

const REPLACED: &str = "replaced";
const USED: &str = "used";
const MISSED: &str = "missed";

pub(in super::super) fn insert(
    connection: &mut HospitalConnection,
    kept: &KeptCode,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(enrolment_code::table)
        .values((
            enrolment_code::digest.eq(kept.digest.as_slice()),
            enrolment_code::birth.eq(kept.birth.as_slice()),
            enrolment_code::person.eq(kept.person.as_str()),
            enrolment_code::patient.eq(kept.patient.0),
            enrolment_code::created_at.eq(now.micros()),
            enrolment_code::expires_at.eq(kept.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// A code that is neither used nor over.
pub(in super::super) fn find_live(
    connection: &mut HospitalConnection,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<KeptCode>, DatabaseError> {
    let row: Option<(Vec<u8>, String, i64, i64)> = enrolment_code::table
        .filter(enrolment_code::digest.eq(digest.as_slice()))
        .filter(enrolment_code::expires_at.gt(now.micros()))
        .filter(enrolment_code::ended_at.is_null())
        .select((
            enrolment_code::birth,
            enrolment_code::person,
            enrolment_code::patient,
            enrolment_code::expires_at,
        ))
        .first(connection)
        .optional()?;
    Ok(row.and_then(|(birth, person, patient, expires_at)| {
        Some(KeptCode {
            digest: *digest,
            birth: birth.try_into().ok()?,
            person: person.parse().ok()?,
            patient: Rid(patient),
            expires_at: Timestamp::from_micros(expires_at),
        })
    }))
}

/// Uses a code up, if it is good; nothing if somebody was faster.
pub(in super::super) fn spend(
    connection: &mut HospitalConnection,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<KeptCode>, DatabaseError> {
    let kept = find_live(connection, digest, now)?;
    if kept.is_some() {
        end_as(connection, digest, now, USED)?;
    }
    Ok(kept)
}

pub(in super::super) fn end(
    connection: &mut HospitalConnection,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    end_as(connection, digest, now, MISSED)
}

fn end_as(
    connection: &mut HospitalConnection,
    digest: &[u8; 32],
    now: Timestamp,
    how: &'static str,
) -> Result<(), DatabaseError> {
    diesel::update(
        enrolment_code::table
            .filter(enrolment_code::digest.eq(digest.as_slice()))
            .filter(enrolment_code::ended_at.is_null()),
    )
    .set((
        enrolment_code::ended_at.eq(now.micros()),
        enrolment_code::ended_as.eq(how),
    ))
    .execute(connection)?;
    Ok(())
}

pub(in super::super) fn end_all(
    connection: &mut HospitalConnection,
    person: &PersonId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(
        enrolment_code::table
            .filter(enrolment_code::person.eq(person.as_str()))
            .filter(enrolment_code::ended_at.is_null()),
    )
    .set((
        enrolment_code::ended_at.eq(now.micros()),
        enrolment_code::ended_as.eq(REPLACED),
    ))
    .execute(connection)?;
    Ok(())
}

pub(in super::super) fn misses(
    connection: &mut HospitalConnection,
    who: &[u8; 32],
    since: Timestamp,
) -> Result<i64, DatabaseError> {
    let count = entry_miss::table
        .filter(entry_miss::who.eq(who.as_slice()))
        .filter(entry_miss::at.gt(since.micros()))
        .count()
        .get_result(connection)?;
    Ok(count)
}

/// Counts a wrong try; those that no code outlives are forgotten.
pub(in super::super) fn miss(
    connection: &mut HospitalConnection,
    who: &[u8; 32],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let over = now.plus_seconds(-CODE_LIFE_SECONDS);
    diesel::delete(entry_miss::table.filter(entry_miss::at.le(over.micros())))
        .execute(connection)?;
    diesel::insert_into(entry_miss::table)
        .values((
            entry_miss::who.eq(who.as_slice()),
            entry_miss::at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}
