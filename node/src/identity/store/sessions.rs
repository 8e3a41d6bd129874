//! Sessions, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::session::{ListedSession, Session, Shown};
use super::super::{Caller, Owner, Role, TokenDigest};
use super::caller;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    session (id) {
        id -> Text,
        digest -> Binary,
        owner -> Text,
        role -> Text,
        patient -> Nullable<BigInt>,
        acr -> Text,
        created_at -> BigInt,
        last_seen_at -> BigInt,
        expires_at -> BigInt,
        locked_at -> Nullable<BigInt>,
        second_factor_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        ended_as -> Nullable<Text>,
    }
}

/// How long a session that is over stays in the table, seconds: 90 days.
const KEPT_SECONDS: i64 = 90 * 86_400;

pub(in super::super) fn insert(
    connection: &mut HospitalConnection,
    new: &Session,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let long_over = now.plus_seconds(-KEPT_SECONDS).micros();
    diesel::delete(session::table.filter(session::expires_at.lt(long_over))).execute(connection)?;
    let owner = Owner::of(&new.caller).map(|owner| owner.to_string());
    let patient = match &new.caller {
        Caller::Person { patient, .. } => Some(patient.0),
        _staff => None,
    };
    diesel::insert_into(session::table)
        .values((
            session::id.eq(&new.id),
            session::digest.eq(digest.0.as_slice()),
            session::owner.eq(owner.unwrap_or_default()),
            session::role.eq(new.caller.role().as_str()),
            session::patient.eq(patient),
            session::acr.eq(new.shown.as_str()),
            session::created_at.eq(now.micros()),
            session::last_seen_at.eq(new.last_seen_at.micros()),
            session::expires_at.eq(new.expires_at.micros()),
            session::second_factor_at.eq(new.second_factor_at.map(Timestamp::micros)),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct Row {
    id: String,
    _digest: Vec<u8>,
    owner: String,
    role: String,
    patient: Option<i64>,
    acr: String,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
    locked_at: Option<i64>,
    second_factor_at: Option<i64>,
    _ended_at: Option<i64>,
    _ended_as: Option<String>,
}

/// The session of an unexpired, unended cookie. A row that makes no caller opens nothing.
pub(in super::super) fn find_live(
    connection: &mut HospitalConnection,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<Option<Session>, DatabaseError> {
    let row: Option<Row> = session::table
        .filter(session::digest.eq(digest.0.as_slice()))
        .filter(session::expires_at.gt(now.micros()))
        .filter(session::ended_at.is_null())
        .first(connection)
        .optional()?;
    Ok(row.and_then(read))
}

fn read(row: Row) -> Option<Session> {
    let role: Role = row.role.parse().ok()?;
    let owner = Owner::of_row(&row.owner)?;
    if matches!(owner, Owner::Person(_)) != (role == Role::Person) {
        return None;
    }
    Some(Session {
        id: row.id,
        caller: caller(role, Some(owner.id().to_owned()), row.patient)?,
        shown: Shown::of_row(&row.acr)?,
        last_seen_at: Timestamp::from_micros(row.last_seen_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        locked_at: row.locked_at.map(Timestamp::from_micros),
        second_factor_at: row.second_factor_at.map(Timestamp::from_micros),
    })
}

pub(in super::super) fn touch(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(
        session::table
            .filter(session::id.eq(id))
            .filter(session::last_seen_at.lt(now.micros())),
    )
    .set(session::last_seen_at.eq(now.micros()))
    .execute(connection)?;
    Ok(())
}

/// Locks an open session; `false` if it was locked or ended before.
pub(in super::super) fn lock(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(
        session::table
            .filter(session::id.eq(id))
            .filter(session::locked_at.is_null())
            .filter(session::ended_at.is_null()),
    )
    .set(session::locked_at.eq(now.micros()))
    .execute(connection)?;
    Ok(changed > 0)
}

/// Gives an open session another token, and takes its lock away; `false` if it is not open.
pub(in super::super) fn resume(
    connection: &mut HospitalConnection,
    id: &str,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(
        session::table
            .filter(session::id.eq(id))
            .filter(session::expires_at.gt(now.micros()))
            .filter(session::ended_at.is_null()),
    )
    .set((
        session::digest.eq(digest.0.as_slice()),
        session::locked_at.eq(None::<i64>),
        session::last_seen_at.eq(now.micros()),
        session::second_factor_at.eq(now.micros()),
    ))
    .execute(connection)?;
    Ok(changed > 0)
}

/// Ends an open session, `of` this owner where one is named; `false` if there is none.
pub(in super::super) fn end(
    connection: &mut HospitalConnection,
    id: &str,
    of: Option<&Owner>,
    now: Timestamp,
    why: &'static str,
) -> Result<bool, DatabaseError> {
    let mut open = diesel::update(session::table)
        .set((
            session::ended_at.eq(now.micros()),
            session::ended_as.eq(why),
        ))
        .filter(session::id.eq(id.to_owned()))
        .filter(session::ended_at.is_null())
        .into_boxed();
    if let Some(owner) = of {
        open = open.filter(session::owner.eq(owner.to_string()));
    }
    Ok(open.execute(connection)? > 0)
}

/// Ends every open session of an owner; how many.
pub(in super::super) fn end_all(
    connection: &mut HospitalConnection,
    owner: &Owner,
    now: Timestamp,
    why: &'static str,
) -> Result<usize, DatabaseError> {
    let ended = diesel::update(
        session::table
            .filter(session::owner.eq(owner.to_string()))
            .filter(session::ended_at.is_null()),
    )
    .set((
        session::ended_at.eq(now.micros()),
        session::ended_as.eq(why),
    ))
    .execute(connection)?;
    Ok(ended)
}

pub(in super::super) fn list(
    connection: &mut HospitalConnection,
    owner: &Owner,
    now: Timestamp,
) -> Result<Vec<ListedSession>, DatabaseError> {
    let rows: Vec<Row> = session::table
        .filter(session::owner.eq(owner.to_string()))
        .filter(session::expires_at.gt(now.micros()))
        .filter(session::ended_at.is_null())
        .order((session::created_at.desc(), session::id.asc()))
        .load(connection)?;
    let listed = rows.into_iter().filter_map(|row| {
        Some(ListedSession {
            id: row.id,
            owner: Owner::of_row(&row.owner)?,
            shown: Shown::of_row(&row.acr)?,
            created_at: Timestamp::from_micros(row.created_at),
            last_seen_at: Timestamp::from_micros(row.last_seen_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            locked_at: row.locked_at.map(Timestamp::from_micros),
        })
    });
    Ok(listed.collect())
}
