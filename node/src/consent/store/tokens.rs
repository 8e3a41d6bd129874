//! Minted tokens and their bits in the status lists.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::unreadable;
use crate::consent::mint::MintedRecord;
use crate::consent::practitioner;
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

diesel::table! {
    minted_token (jti) {
        jti -> Text,
        doc -> Text,
        grant_id -> Text,
        person -> Text,
        client -> Text,
        audience -> Text,
        practitioner_id -> Nullable<Text>,
        practitioner_role -> Nullable<Text>,
        purpose -> Text,
        scope -> Text,
        rules -> Text,
        status_list -> Integer,
        status_idx -> Integer,
        issued_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    status_slot (list, idx) {
        list -> Integer,
        idx -> Integer,
        expires_at -> BigInt,
    }
}

/// Takes slot `idx` of `list` until `expires_at`; `false` if a living token has it.
pub(in crate::consent) fn take_slot(
    connection: &mut HospitalConnection,
    list: i32,
    idx: i32,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, DatabaseError> {
    let slot = status_slot::table
        .filter(status_slot::list.eq(list))
        .filter(status_slot::idx.eq(idx));
    let held: Option<i64> = slot
        .select(status_slot::expires_at)
        .first(connection)
        .optional()?;
    match held {
        Some(until) if until > now.micros() => return Ok(false),
        Some(_expired) => {
            diesel::update(slot)
                .set(status_slot::expires_at.eq(expires_at.micros()))
                .execute(connection)?;
        }
        None => {
            diesel::insert_into(status_slot::table)
                .values((
                    status_slot::list.eq(list),
                    status_slot::idx.eq(idx),
                    status_slot::expires_at.eq(expires_at.micros()),
                ))
                .execute(connection)?;
        }
    }
    Ok(true)
}

/// The highest list that has a slot taken; `None` before the first token.
pub(in crate::consent) fn last_list(
    connection: &mut HospitalConnection,
) -> Result<Option<i32>, DatabaseError> {
    let last = status_slot::table
        .select(status_slot::list)
        .order(status_slot::list.desc())
        .first(connection)
        .optional()?;
    Ok(last)
}

pub(in crate::consent) fn insert(
    connection: &mut HospitalConnection,
    token: &MintedRecord,
) -> Result<(), DatabaseError> {
    let practitioner = token.practitioner.as_ref();
    diesel::insert_into(minted_token::table)
        .values((
            minted_token::jti.eq(token.jti.as_str()),
            minted_token::doc.eq(token.doc.as_str()),
            minted_token::grant_id.eq(token.grant_id.as_str()),
            minted_token::person.eq(token.person.as_str()),
            minted_token::client.eq(token.client.as_str()),
            minted_token::audience.eq(token.audience.as_str()),
            minted_token::practitioner_id.eq(practitioner.map(|known| known.id.as_str())),
            minted_token::practitioner_role.eq(practitioner.map(|known| known.role.as_str())),
            minted_token::purpose.eq(token.purpose.as_str()),
            minted_token::scope.eq(token.scope.to_string()),
            minted_token::rules.eq(token.rules.as_str()),
            minted_token::status_list.eq(token.status_list),
            minted_token::status_idx.eq(token.status_idx),
            minted_token::issued_at.eq(token.issued_at.micros()),
            minted_token::expires_at.eq(token.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct Row {
    jti: String,
    doc: String,
    grant_id: String,
    person: String,
    client: String,
    audience: String,
    practitioner_id: Option<String>,
    practitioner_role: Option<String>,
    purpose: String,
    scope: String,
    rules: String,
    status_list: i32,
    status_idx: i32,
    issued_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
}

/// The tokens about `person` that are neither expired nor ended.
pub(in crate::consent) fn live_of(
    connection: &mut HospitalConnection,
    person: &PersonId,
    now: Timestamp,
) -> Result<Vec<MintedRecord>, DatabaseError> {
    let rows: Vec<Row> = minted_token::table
        .filter(minted_token::person.eq(person.as_str()))
        .filter(minted_token::expires_at.gt(now.micros()))
        .filter(minted_token::ended_at.is_null())
        .order(minted_token::jti.asc())
        .load(connection)?;
    rows.into_iter().map(record).collect()
}

fn record(row: Row) -> Result<MintedRecord, DatabaseError> {
    let jti = row.jti;
    Ok(MintedRecord {
        doc: row.doc,
        grant_id: row.grant_id,
        person: row
            .person
            .parse()
            .map_err(|_not| unreadable("person", &jti))?,
        client: row
            .client
            .parse()
            .map_err(|_not| unreadable("client", &jti))?,
        audience: row
            .audience
            .parse()
            .map_err(|_not| unreadable("audience", &jti))?,
        practitioner: practitioner(row.practitioner_id, row.practitioner_role),
        purpose: row
            .purpose
            .parse()
            .map_err(|_not| unreadable("purpose", &jti))?,
        scope: row
            .scope
            .parse()
            .map_err(|_not| unreadable("scope", &jti))?,
        rules: row.rules,
        status_list: row.status_list,
        status_idx: row.status_idx,
        issued_at: Timestamp::from_micros(row.issued_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        ended_at: row.ended_at.map(Timestamp::from_micros),
        jti,
    })
}

/// Ends one token: its bit stands in the next status list.
pub(in crate::consent) fn end(
    connection: &mut HospitalConnection,
    jti: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let live = minted_token::table
        .filter(minted_token::jti.eq(jti))
        .filter(minted_token::ended_at.is_null());
    diesel::update(live)
        .set(minted_token::ended_at.eq(now.micros()))
        .execute(connection)?;
    Ok(())
}

/// The bits of `list` that say revoked: those of ended tokens that have not expired before
/// `expired_before`.
pub(in crate::consent) fn ended_bits(
    connection: &mut HospitalConnection,
    list: i32,
    expired_before: Timestamp,
) -> Result<Vec<i32>, DatabaseError> {
    let bits = minted_token::table
        .filter(minted_token::status_list.eq(list))
        .filter(minted_token::ended_at.is_not_null())
        .filter(minted_token::expires_at.gt(expired_before.micros()))
        .select(minted_token::status_idx)
        .load(connection)?;
    Ok(bits)
}
