//! Public keys of systems and the links they signed that were used, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::deep_link::SystemKey;
use super::super::jwt::Algorithm;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    system_key (id) {
        id -> Text,
        system -> Text,
        algorithm -> Text,
        public_key -> Binary,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    opened_link (key_id, jti) {
        key_id -> Text,
        jti -> Text,
        expires_at -> BigInt,
    }
}

type Row = (String, String, String, Vec<u8>, i64, Option<i64>);

pub(in super::super) fn insert(
    connection: &mut HospitalConnection,
    key: &SystemKey,
) -> Result<(), DatabaseError> {
    diesel::insert_into(system_key::table)
        .values((
            system_key::id.eq(&key.id),
            system_key::system.eq(&key.system),
            system_key::algorithm.eq(key.algorithm.as_str()),
            system_key::public_key.eq(&key.public_key),
            system_key::created_at.eq(key.created_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

pub(in super::super) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<SystemKey>, DatabaseError> {
    let row: Option<Row> = system_key::table
        .filter(system_key::id.eq(id))
        .first(connection)
        .optional()?;
    Ok(row.and_then(read))
}

pub(in super::super) fn end(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(
        system_key::table
            .filter(system_key::id.eq(id))
            .filter(system_key::ended_at.is_null()),
    )
    .set(system_key::ended_at.eq(now.micros()))
    .execute(connection)?;
    Ok(())
}

pub(in super::super) fn list(
    connection: &mut HospitalConnection,
) -> Result<Vec<SystemKey>, DatabaseError> {
    let rows: Vec<Row> = system_key::table
        .order((system_key::created_at.desc(), system_key::id.asc()))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Spends a link's name; `false` if it was spent before. Those that are over are forgotten: their
/// tokens are refused by their time.
pub(in super::super) fn spend(
    connection: &mut HospitalConnection,
    key: &str,
    jti: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let over = opened_link::table.filter(opened_link::expires_at.le(now.micros()));
    diesel::delete(over).execute(connection)?;
    let known: i64 = opened_link::table
        .filter(opened_link::key_id.eq(key))
        .filter(opened_link::jti.eq(jti))
        .count()
        .get_result(connection)?;
    if known > 0 {
        return Ok(false);
    }
    diesel::insert_into(opened_link::table)
        .values((
            opened_link::key_id.eq(key),
            opened_link::jti.eq(jti),
            opened_link::expires_at.eq(until.micros()),
        ))
        .execute(connection)?;
    Ok(true)
}

fn read((id, system, algorithm, public_key, created_at, ended_at): Row) -> Option<SystemKey> {
    Some(SystemKey {
        id,
        system,
        algorithm: Algorithm::of(&algorithm)?,
        public_key,
        created_at: Timestamp::from_micros(created_at),
        ended_at: ended_at.map(Timestamp::from_micros),
    })
}
