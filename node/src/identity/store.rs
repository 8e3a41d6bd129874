//! The room's only SQL: here the access tokens', in `store/` the rest.

pub(super) mod ceremonies;
pub(super) mod enrolment;
pub(super) mod passkeys;
pub(super) mod sessions;
pub(super) mod setup;
pub(super) mod staff;
pub(super) mod system_keys;

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::{Caller, ListedToken, Role, TokenDigest};
use crate::database::{DatabaseError, HospitalConnection, Rid};

diesel::table! {
    access_token (id) {
        id -> Text,
        digest -> Binary,
        role -> Text,
        subject -> Nullable<Text>,
        patient -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

pub(super) fn insert(
    connection: &mut HospitalConnection,
    id: &str,
    digest: &TokenDigest,
    caller: &Caller,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    let patient = match caller {
        Caller::Person { patient, .. } => Some(patient.0),
        _staff => None,
    };
    diesel::insert_into(access_token::table)
        .values((
            access_token::id.eq(id),
            access_token::digest.eq(digest.0.as_slice()),
            access_token::role.eq(caller.role().as_str()),
            access_token::subject.eq(caller.id()),
            access_token::patient.eq(patient),
            access_token::created_at.eq(now.micros()),
            access_token::expires_at.eq(expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The caller of an unexpired, unrevoked token.
pub(super) fn find_live(
    connection: &mut HospitalConnection,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<Option<Caller>, DatabaseError> {
    let row: Option<(String, Option<String>, Option<i64>)> = access_token::table
        .filter(access_token::digest.eq(digest.0.as_slice()))
        .filter(access_token::expires_at.gt(now.micros()))
        .filter(access_token::revoked_at.is_null())
        .select((
            access_token::role,
            access_token::subject,
            access_token::patient,
        ))
        .first(connection)
        .optional()?;
    Ok(row.and_then(|(role, subject, patient)| caller(role.parse().ok()?, subject, patient)))
}

/// A row that makes no caller (only an edited table has one) opens no door.
fn caller(role: Role, subject: Option<String>, patient: Option<i64>) -> Option<Caller> {
    match role {
        Role::Person => Some(Caller::Person {
            id: subject?.parse().ok()?,
            patient: Rid(patient?),
        }),
        staff => Caller::staff(staff, subject).ok(),
    }
}

/// Marks the token as revoked; `false` if there is none. The first revocation's time stays.
pub(super) fn revoke(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(
        access_token::table
            .filter(access_token::id.eq(id))
            .filter(access_token::revoked_at.is_null()),
    )
    .set(access_token::revoked_at.eq(now.micros()))
    .execute(connection)?;
    if changed > 0 {
        return Ok(true);
    }
    let known: i64 = access_token::table
        .filter(access_token::id.eq(id))
        .count()
        .get_result(connection)?;
    Ok(known > 0)
}

#[derive(Queryable)]
struct Row {
    id: String,
    _digest: Vec<u8>,
    role: String,
    subject: Option<String>,
    patient: Option<i64>,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

pub(super) fn list(connection: &mut HospitalConnection) -> Result<Vec<ListedToken>, DatabaseError> {
    let rows: Vec<Row> = access_token::table
        .order((access_token::created_at.desc(), access_token::id.asc()))
        .load(connection)?;
    let listed = rows.into_iter().filter_map(|row| {
        Some(ListedToken {
            id: row.id,
            caller: caller(row.role.parse().ok()?, row.subject, row.patient)?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            revoked_at: row.revoked_at.map(Timestamp::from_micros),
        })
    });
    Ok(listed.collect())
}
