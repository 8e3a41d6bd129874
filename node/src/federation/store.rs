//! The federation room's only SQL: nonces, held grants, manifests.

pub(super) mod asked;
pub(super) mod evidence;
pub(super) mod looked;
pub(super) mod witnessed;

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::held::{HeldGrant, HeldToken};
use super::own_view::OWN_ROLE;
use super::replay::SeenNonce;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    federation_nonce (keyid, nonce) {
        keyid -> Text,
        nonce -> Text,
        keep_until -> BigInt,
    }
}

diesel::table! {
    held_grant (id) {
        id -> Text,
        home -> Text,
        home_grant -> Text,
        purpose -> Text,
        practitioner -> Text,
        role -> Text,
        categories -> Text,
        patient -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    held_token (held_grant, responder) {
        held_grant -> Text,
        responder -> Text,
        token -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    manifest (id) {
        id -> Text,
        held_grant -> Text,
        made_at -> BigInt,
        jws -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(held_grant, held_token);

/// Writes the pair down; `false` when it stands there already.
pub(super) fn remember(
    connection: &mut HospitalConnection,
    pair: &SeenNonce,
) -> Result<bool, DatabaseError> {
    let row = (
        federation_nonce::keyid.eq(pair.keyid.as_str()),
        federation_nonce::nonce.eq(pair.nonce.as_str()),
        federation_nonce::keep_until.eq(pair.keep_until.micros()),
    );
    // ON CONFLICT does not compile over both connections at once.
    let inserted = match connection {
        HospitalConnection::Sqlite(connection) => diesel::insert_into(federation_nonce::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(connection)?,
        HospitalConnection::Postgres(connection) => diesel::insert_into(federation_nonce::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(connection)?,
    };
    Ok(inserted == 1)
}

/// Every pair that is still to be kept at `now`.
pub(super) fn nonces(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<Vec<SeenNonce>, DatabaseError> {
    let rows: Vec<(String, String, i64)> = federation_nonce::table
        .filter(federation_nonce::keep_until.ge(now.micros()))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .filter_map(|(keyid, nonce, keep_until)| {
            let keyid = keyid.parse().ok()?;
            Some(SeenNonce {
                keyid,
                nonce,
                keep_until: Timestamp::from_micros(keep_until),
            })
        })
        .collect())
}

/// Removes the pairs whose time was over at `now`; how many.
pub(super) fn prune_nonces(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<usize, DatabaseError> {
    let outdated = federation_nonce::table.filter(federation_nonce::keep_until.lt(now.micros()));
    Ok(diesel::delete(outdated).execute(connection)?)
}

/// Writes a new grant down.
pub(super) fn keep_grant(
    connection: &mut HospitalConnection,
    grant: &HeldGrant,
) -> Result<(), DatabaseError> {
    let categories: Vec<&str> = grant
        .categories
        .iter()
        .map(|category| category.as_str())
        .collect();
    diesel::insert_into(held_grant::table)
        .values((
            held_grant::id.eq(grant.id.as_str()),
            held_grant::home.eq(grant.home.to_string()),
            held_grant::home_grant.eq(grant.home_grant.as_str()),
            held_grant::purpose.eq(grant.purpose.as_str()),
            held_grant::practitioner.eq(grant.practitioner.as_str()),
            held_grant::role.eq(grant.role.as_str()),
            held_grant::categories.eq(categories.join(" ")),
            held_grant::patient.eq(grant.patient.as_deref()),
            held_grant::created_at.eq(grant.created_at.micros()),
            held_grant::expires_at.eq(grant.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Puts `tokens` in the place of those that the grant had.
pub(super) fn replace_tokens(
    connection: &mut HospitalConnection,
    grant: &str,
    tokens: &[HeldToken],
) -> Result<(), DatabaseError> {
    let old = held_token::table.filter(held_token::held_grant.eq(grant));
    diesel::delete(old).execute(connection)?;
    for token in tokens {
        diesel::insert_into(held_token::table)
            .values((
                held_token::held_grant.eq(grant),
                held_token::responder.eq(token.responder.to_string()),
                held_token::token.eq(token.token.as_str()),
                held_token::expires_at.eq(token.expires_at.micros()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// The newest tokens of a grant end at `expires_at`.
pub(super) fn prolong_grant(
    connection: &mut HospitalConnection,
    grant: &str,
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(held_grant::table.find(grant))
        .set(held_grant::expires_at.eq(expires_at.micros()))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct GrantRow {
    id: String,
    home: String,
    home_grant: String,
    purpose: String,
    practitioner: String,
    role: String,
    categories: String,
    patient: Option<String>,
    created_at: i64,
    expires_at: i64,
}

impl GrantRow {
    /// `None` when a word in it is none that this version knows: such a grant is not used.
    fn into_grant(self) -> Option<HeldGrant> {
        Some(HeldGrant {
            home: self.home.parse().ok()?,
            purpose: self.purpose.parse().ok()?,
            categories: self
                .categories
                .split_whitespace()
                .map(|word| word.parse().ok())
                .collect::<Option<_>>()?,
            id: self.id,
            home_grant: self.home_grant,
            practitioner: self.practitioner,
            role: self.role,
            patient: self.patient,
            created_at: Timestamp::from_micros(self.created_at),
            expires_at: Timestamp::from_micros(self.expires_at),
        })
    }
}

/// The grant `id`.
pub(super) fn grant(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<HeldGrant>, DatabaseError> {
    let row: Option<GrantRow> = held_grant::table.find(id).first(connection).optional()?;
    Ok(row.and_then(GrantRow::into_grant))
}

/// The grants of `practitioner` whose tokens ended after `since`, newest first.
pub(super) fn grants(
    connection: &mut HospitalConnection,
    practitioner: &str,
    since: Timestamp,
) -> Result<Vec<HeldGrant>, DatabaseError> {
    let rows: Vec<GrantRow> = held_grant::table
        .filter(held_grant::practitioner.eq(practitioner))
        .filter(held_grant::expires_at.gt(since.micros()))
        .order((held_grant::created_at.desc(), held_grant::id.desc()))
        .limit(200)
        .load(connection)?;
    Ok(rows.into_iter().filter_map(GrantRow::into_grant).collect())
}

/// The grant that a person holds of themselves, however old its tokens.
pub(super) fn own_grant(
    connection: &mut HospitalConnection,
    person: &str,
) -> Result<Option<HeldGrant>, DatabaseError> {
    let row: Option<GrantRow> = held_grant::table
        .filter(held_grant::practitioner.eq(person))
        .filter(held_grant::role.eq(OWN_ROLE))
        .order((held_grant::created_at.desc(), held_grant::id.desc()))
        .first(connection)
        .optional()?;
    Ok(row.and_then(GrantRow::into_grant))
}

/// Forgets what a person holds of themselves, tokens and all.
pub(super) fn drop_own_grants(
    connection: &mut HospitalConnection,
    person: &str,
) -> Result<(), DatabaseError> {
    let own = held_grant::table
        .filter(held_grant::practitioner.eq(person))
        .filter(held_grant::role.eq(OWN_ROLE));
    diesel::delete(own).execute(connection)?;
    Ok(())
}

/// Forgets the tokens of what a person holds of themselves.
pub(super) fn drop_own_tokens(
    connection: &mut HospitalConnection,
    person: &str,
) -> Result<(), DatabaseError> {
    match own_grant(connection, person)? {
        Some(grant) => replace_tokens(connection, &grant.id, &[]),
        None => Ok(()),
    }
}

/// The tokens of a grant, in the order of their hospitals.
pub(super) fn tokens(
    connection: &mut HospitalConnection,
    grant: &str,
) -> Result<Vec<HeldToken>, DatabaseError> {
    let rows: Vec<(String, String, i64)> = held_token::table
        .filter(held_token::held_grant.eq(grant))
        .select((
            held_token::responder,
            held_token::token,
            held_token::expires_at,
        ))
        .order(held_token::responder.asc())
        .load(connection)?;
    Ok(rows
        .into_iter()
        .filter_map(|(responder, token, expires_at)| {
            let responder = responder.parse().ok()?;
            Some(HeldToken {
                responder,
                token,
                expires_at: Timestamp::from_micros(expires_at),
            })
        })
        .collect())
}

/// Keeps a signed manifest.
pub(super) fn keep_manifest(
    connection: &mut HospitalConnection,
    id: &str,
    grant: &str,
    made_at: Timestamp,
    jws: &str,
) -> Result<(), DatabaseError> {
    diesel::insert_into(manifest::table)
        .values((
            manifest::id.eq(id),
            manifest::held_grant.eq(grant),
            manifest::made_at.eq(made_at.micros()),
            manifest::jws.eq(jws),
        ))
        .execute(connection)?;
    Ok(())
}

/// The manifest `id` of a grant.
pub(super) fn manifest(
    connection: &mut HospitalConnection,
    id: &str,
    grant: &str,
) -> Result<Option<String>, DatabaseError> {
    Ok(manifest::table
        .filter(manifest::id.eq(id))
        .filter(manifest::held_grant.eq(grant))
        .select(manifest::jws)
        .first(connection)
        .optional()?)
}
