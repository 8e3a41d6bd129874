//! Tokens of others that their issuers said have ended.

use diesel::prelude::*;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::unreadable;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    revoked_token (issuer, jti) {
        issuer -> Text,
        jti -> Text,
        keep_until -> BigInt,
    }
}

diesel::table! {
    revocation_sender (issuer) {
        issuer -> Text,
        sequence -> BigInt,
    }
}

/// Keeps the end of one token of `issuer`; one that is kept stays as it is.
pub(in crate::consent) fn keep(
    connection: &mut HospitalConnection,
    issuer: &MemberId,
    jti: &str,
    keep_until: Timestamp,
) -> Result<(), DatabaseError> {
    let row = (
        revoked_token::issuer.eq(issuer.as_str()),
        revoked_token::jti.eq(jti),
        revoked_token::keep_until.eq(keep_until.micros()),
    );
    // ON CONFLICT does not compile over both connections at once.
    match connection {
        HospitalConnection::Sqlite(connection) => diesel::insert_into(revoked_token::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(connection)?,
        HospitalConnection::Postgres(connection) => diesel::insert_into(revoked_token::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(connection)?,
    };
    Ok(())
}

/// Every ended token that is still to be kept at `now`: issuer, `jti`, until when.
pub(in crate::consent) fn all(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<Vec<(MemberId, String, Timestamp)>, DatabaseError> {
    let rows: Vec<(String, String, i64)> = revoked_token::table
        .filter(revoked_token::keep_until.gt(now.micros()))
        .load(connection)?;
    let kept = rows.into_iter().map(|(issuer, jti, keep_until)| {
        let issuer = issuer.parse().map_err(|_not| unreadable("issuer", &jti))?;
        Ok((issuer, jti, Timestamp::from_micros(keep_until)))
    });
    kept.collect()
}

/// Removes what need not be kept at `now`; how many rows.
pub(in crate::consent) fn prune(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    let over = revoked_token::table.filter(revoked_token::keep_until.le(now.micros()));
    Ok(diesel::delete(over).execute(connection)?)
}

/// Up to which number every message of `issuer` came; `None` before its first.
pub(in crate::consent) fn unbroken(
    connection: &mut HospitalConnection,
    issuer: &MemberId,
) -> Result<Option<i64>, DatabaseError> {
    Ok(revocation_sender::table
        .find(issuer.as_str())
        .select(revocation_sender::sequence)
        .first(connection)
        .optional()?)
}

/// Notes that every message of `issuer` came up to `sequence`.
pub(in crate::consent) fn advance(
    connection: &mut HospitalConnection,
    issuer: &MemberId,
    known: Option<i64>,
    sequence: i64,
) -> Result<(), DatabaseError> {
    if known.is_some() {
        diesel::update(revocation_sender::table.find(issuer.as_str()))
            .set(revocation_sender::sequence.eq(sequence))
            .execute(connection)?;
    } else {
        diesel::insert_into(revocation_sender::table)
            .values((
                revocation_sender::issuer.eq(issuer.as_str()),
                revocation_sender::sequence.eq(sequence),
            ))
            .execute(connection)?;
    }
    Ok(())
}
