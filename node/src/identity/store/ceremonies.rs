//! Ceremonies, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::TokenDigest;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    ceremony (digest) {
        digest -> Binary,
        kind -> Text,
        state -> Text,
        expires_at -> BigInt,
    }
}

/// Removes those that nobody answered in time.
pub(in super::super) fn sweep(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let over = ceremony::table.filter(ceremony::expires_at.le(now.micros()));
    diesel::delete(over).execute(connection)?;
    Ok(())
}

pub(in super::super) fn count(connection: &mut HospitalConnection) -> Result<i64, DatabaseError> {
    Ok(ceremony::table.count().get_result(connection)?)
}

pub(in super::super) fn insert(
    connection: &mut HospitalConnection,
    digest: &TokenDigest,
    kind: &str,
    state: &str,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(ceremony::table)
        .values((
            ceremony::digest.eq(digest.0.as_slice()),
            ceremony::kind.eq(kind),
            ceremony::state.eq(state),
            ceremony::expires_at.eq(expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Takes one out, if it is not over.
pub(in super::super) fn take(
    connection: &mut HospitalConnection,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<Option<String>, DatabaseError> {
    let one = ceremony::table.filter(ceremony::digest.eq(digest.0.as_slice()));
    let found: Option<(String, i64)> = one
        .select((ceremony::state, ceremony::expires_at))
        .first(connection)
        .optional()?;
    let taken = diesel::delete(one).execute(connection)?;
    let found = found.filter(|(_, expires_at)| taken == 1 && *expires_at > now.micros());
    Ok(found.map(|(state, _)| state))
}
