//! What members said about their keys, and which keys count no more.

use diesel::prelude::*;
use federation_protocol::jws::PayloadHash;
use federation_protocol::keys::KeyId;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{member_id, member_key};
use crate::database::DatabaseError;
use crate::members::keys::RevokedKey;

diesel::table! {
    key_change (member_id, entry_sha256, number) {
        member_id -> Text,
        entry_sha256 -> Text,
        number -> BigInt,
        statement -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    revoked_key (kid) {
        kid -> Text,
        member_id -> Text,
        reason -> Text,
        at -> BigInt,
    }
}

/// The statements on one entry of a member, in their order.
pub(crate) fn changes(
    db: &mut SqliteConnection,
    id: &MemberId,
    entry: PayloadHash,
) -> Result<Vec<String>, DatabaseError> {
    let on_entry = key_change::table
        .filter(key_change::member_id.eq(id.to_string()))
        .filter(key_change::entry_sha256.eq(entry.to_string()));
    Ok(on_entry
        .order(key_change::number)
        .select(key_change::statement)
        .load(db)?)
}

/// Writes the next statement on an entry, and whose its new keys are from now on.
pub(crate) fn append(
    db: &mut SqliteConnection,
    id: &MemberId,
    (entry, number): (PayloadHash, u64),
    (statement, kids): (&str, &[KeyId]),
    at: Timestamp,
) -> Result<(), DatabaseError> {
    let number = i64::try_from(number).or(Err(DatabaseError::Corrupt {
        what: "number of a key change",
        value: number.to_string(),
    }))?;
    diesel::insert_into(key_change::table)
        .values((
            key_change::member_id.eq(id.to_string()),
            key_change::entry_sha256.eq(entry.to_string()),
            key_change::number.eq(number),
            key_change::statement.eq(statement),
            key_change::at.eq(at.micros()),
        ))
        .execute(db)?;
    for kid in kids {
        diesel::insert_into(member_key::table)
            .values((
                member_key::kid.eq(kid.to_string()),
                member_key::member_id.eq(id.to_string()),
            ))
            .execute(db)?;
    }
    Ok(())
}

/// Writes that a key counts no more; who said it first is believed.
pub(crate) fn revoke(db: &mut SqliteConnection, key: &RevokedKey) -> Result<(), DatabaseError> {
    diesel::insert_or_ignore_into(revoked_key::table)
        .values((
            revoked_key::kid.eq(key.kid.to_string()),
            revoked_key::member_id.eq(key.member.to_string()),
            revoked_key::reason.eq(&key.reason),
            revoked_key::at.eq(key.at.micros()),
        ))
        .execute(db)?;
    Ok(())
}

/// Every revoked key, the newest first.
pub(crate) fn revoked(db: &mut SqliteConnection) -> Result<Vec<RevokedKey>, DatabaseError> {
    revoked_key::table
        .order((revoked_key::at.desc(), revoked_key::kid))
        .load::<(String, String, String, i64)>(db)?
        .into_iter()
        .map(|(kid, member, reason, at)| {
            let corrupt = |value: String| DatabaseError::Corrupt {
                what: "key id",
                value,
            };
            Ok(RevokedKey {
                kid: kid.parse().map_err(|_unreadable| corrupt(kid))?,
                member: member_id(member)?,
                reason,
                at: Timestamp::from_micros(at),
            })
        })
        .collect()
}
