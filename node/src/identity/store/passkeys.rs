//! Passkeys, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::Owner;
use super::super::passkeys::Kept;
use crate::database::{DatabaseError, HospitalConnection, Rid};

diesel::table! {
    passkey (id) {
        id -> Text,
        credential -> Binary,
        owner -> Text,
        patient -> Nullable<BigInt>,
        label -> Text,
        #[sql_name = "passkey"]
        public_key -> Text,
        created_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

type Row = (
    String,
    Vec<u8>,
    String,
    Option<i64>,
    String,
    String,
    i64,
    Option<i64>,
);

pub(in super::super) fn insert(
    connection: &mut HospitalConnection,
    kept: &Kept,
) -> Result<(), DatabaseError> {
    diesel::insert_into(passkey::table)
        .values((
            passkey::id.eq(&kept.id),
            passkey::credential.eq(kept.passkey.cred_id().as_slice()),
            passkey::owner.eq(kept.owner.to_string()),
            passkey::patient.eq(kept.patient.map(|patient| patient.0)),
            passkey::label.eq(&kept.label),
            passkey::public_key.eq(as_json(kept)),
            passkey::created_at.eq(kept.created_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes down that it was shown, and what it said of itself then (its counter, its backup).
pub(in super::super) fn used(
    connection: &mut HospitalConnection,
    kept: &Kept,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(passkey::table.filter(passkey::id.eq(&kept.id)))
        .set((
            passkey::public_key.eq(as_json(kept)),
            passkey::used_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

pub(in super::super) fn find(
    connection: &mut HospitalConnection,
    credential: &[u8],
) -> Result<Option<Kept>, DatabaseError> {
    let row: Option<Row> = passkey::table
        .filter(passkey::credential.eq(credential))
        .first(connection)
        .optional()?;
    Ok(row.and_then(read))
}

pub(in super::super) fn of(
    connection: &mut HospitalConnection,
    owner: &Owner,
) -> Result<Vec<Kept>, DatabaseError> {
    let rows: Vec<Row> = passkey::table
        .filter(passkey::owner.eq(owner.to_string()))
        .order((passkey::created_at.desc(), passkey::id.asc()))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Removes one of an owner's; `false` if they have no such.
pub(in super::super) fn remove(
    connection: &mut HospitalConnection,
    owner: &Owner,
    id: &str,
) -> Result<bool, DatabaseError> {
    let one = passkey::table
        .filter(passkey::id.eq(id))
        .filter(passkey::owner.eq(owner.to_string()));
    Ok(diesel::delete(one).execute(connection)? > 0)
}

fn as_json(kept: &Kept) -> String {
    // Public keys and counters: always JSON. What could not be written would not be found again.
    serde_json::to_string(&kept.passkey).unwrap_or_default()
}

fn read(
    (id, _credential, owner, patient, label, passkey, created_at, used_at): Row,
) -> Option<Kept> {
    Some(Kept {
        id,
        owner: Owner::of_row(&owner)?,
        patient: patient.map(Rid),
        label,
        passkey: serde_json::from_str(&passkey).ok()?,
        created_at: Timestamp::from_micros(created_at),
        used_at: used_at.map(Timestamp::from_micros),
    })
}
