//! Setup links, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::TokenDigest;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    setup_link (id) {
        id -> Text,
        digest -> Binary,
        staff -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        ended_as -> Nullable<Text>,
    }
}

const REPLACED: &str = "replaced";
const USED: &str = "used";

pub(in super::super) fn insert(
    connection: &mut HospitalConnection,
    digest: &TokenDigest,
    staff: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(setup_link::table)
        .values((
            setup_link::id.eq(uuid::Uuid::new_v4().to_string()),
            setup_link::digest.eq(digest.0.as_slice()),
            setup_link::staff.eq(staff),
            setup_link::created_at.eq(now.micros()),
            setup_link::expires_at.eq(expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Id and account of a link that is neither used nor over.
pub(in super::super) fn find_live(
    connection: &mut HospitalConnection,
    digest: &TokenDigest,
    now: Timestamp,
) -> Result<Option<(String, String)>, DatabaseError> {
    let found = setup_link::table
        .filter(setup_link::digest.eq(digest.0.as_slice()))
        .filter(setup_link::expires_at.gt(now.micros()))
        .filter(setup_link::ended_at.is_null())
        .select((setup_link::id, setup_link::staff))
        .first(connection)
        .optional()?;
    Ok(found)
}

/// Uses a link up; `false` if somebody was faster, or it is over.
pub(in super::super) fn spend(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let spent = diesel::update(
        setup_link::table
            .filter(setup_link::id.eq(id))
            .filter(setup_link::expires_at.gt(now.micros()))
            .filter(setup_link::ended_at.is_null()),
    )
    .set((
        setup_link::ended_at.eq(now.micros()),
        setup_link::ended_as.eq(USED),
    ))
    .execute(connection)?;
    Ok(spent == 1)
}

pub(in super::super) fn end_all(
    connection: &mut HospitalConnection,
    staff: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(
        setup_link::table
            .filter(setup_link::staff.eq(staff))
            .filter(setup_link::ended_at.is_null()),
    )
    .set((
        setup_link::ended_at.eq(now.micros()),
        setup_link::ended_as.eq(REPLACED),
    ))
    .execute(connection)?;
    Ok(())
}
