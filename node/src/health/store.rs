//! The health room's only SQL: keys of pseudonyms, uploads and what they brought, upload tokens.

use std::collections::HashSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use federation_protocol::time::Timestamp;

use super::token::UploadToken;
use super::upload::{Choice, Counts, Report, State, Upload, UploadId};
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::identity::{Caller, PersonId};

diesel::table! {
    vital_person (patient) {
        patient -> BigInt,
        pseudonym_key -> Binary,
    }
}

diesel::table! {
    vital_upload (id) {
        id -> Text,
        person -> Text,
        patient -> BigInt,
        state -> Text,
        bytes -> BigInt,
        created_at -> BigInt,
        changed_at -> BigInt,
        reason -> Nullable<Text>,
        report -> Nullable<Text>,
        choice -> Nullable<Text>,
        saved -> BigInt,
        duplicates -> BigInt,
        outside -> BigInt,
    }
}

diesel::table! {
    vital_brought (upload, id) {
        upload -> Text,
        id -> Text,
    }
}

diesel::table! {
    vital_token (id) {
        id -> Text,
        digest -> Binary,
        person -> Text,
        patient -> BigInt,
        label -> Text,
        created_at -> BigInt,
        used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

/// The key of a person's pseudonyms: `fresh`, if there was none.
pub(super) fn key_of(
    connection: &mut HospitalConnection,
    patient: Rid,
    fresh: &[u8],
) -> Result<Vec<u8>, DatabaseError> {
    let kept = vital_person::table.find(patient.0);
    let kept: Option<Vec<u8>> = kept
        .select(vital_person::pseudonym_key)
        .first(connection)
        .optional()?;
    if let Some(kept) = kept {
        return Ok(kept);
    }
    diesel::insert_into(vital_person::table)
        .values((
            vital_person::patient.eq(patient.0),
            vital_person::pseudonym_key.eq(fresh),
        ))
        .execute(connection)?;
    Ok(fresh.to_vec())
}

#[derive(Queryable)]
struct UploadRow {
    id: String,
    person: String,
    patient: i64,
    state: String,
    bytes: i64,
    created_at: i64,
    changed_at: i64,
    reason: Option<String>,
    report: Option<String>,
    choice: Option<String>,
    saved: i64,
    duplicates: i64,
    outside: i64,
}

impl UploadRow {
    /// `None` for a row that this program did not write.
    fn upload(self) -> Option<Upload> {
        let kept = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Some(Upload {
            id: UploadId::parse(&self.id)?,
            person: self.person.parse().ok()?,
            patient: Rid(self.patient),
            state: State::of(&self.state)?,
            bytes: whole(self.bytes),
            created_at: Timestamp::from_micros(self.created_at),
            changed_at: Timestamp::from_micros(self.changed_at),
            reason: self.reason,
            report: kept_report(self.report),
            choice: kept(self.choice),
            counts: Counts {
                saved: whole(self.saved),
                duplicates: whole(self.duplicates),
                outside: whole(self.outside),
            },
        })
    }
}

fn kept_report(text: Option<String>) -> Option<Report> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}

fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn number(whole: u64) -> i64 {
    i64::try_from(whole).unwrap_or(i64::MAX)
}

/// Writes a new upload down.
pub(super) fn insert(
    connection: &mut HospitalConnection,
    upload: &Upload,
) -> Result<(), DatabaseError> {
    diesel::insert_into(vital_upload::table)
        .values((
            vital_upload::id.eq(upload.id.as_str()),
            vital_upload::person.eq(upload.person.as_str()),
            vital_upload::patient.eq(upload.patient.0),
            vital_upload::state.eq(upload.state.as_str()),
            vital_upload::bytes.eq(number(upload.bytes)),
            vital_upload::created_at.eq(upload.created_at.micros()),
            vital_upload::changed_at.eq(upload.changed_at.micros()),
            vital_upload::saved.eq(0),
            vital_upload::duplicates.eq(0),
            vital_upload::outside.eq(0),
        ))
        .execute(connection)?;
    Ok(())
}

/// One upload.
pub(super) fn upload(
    connection: &mut HospitalConnection,
    id: &UploadId,
) -> Result<Option<Upload>, DatabaseError> {
    let row = vital_upload::table.find(id.as_str());
    let row: Option<UploadRow> = row.first(connection).optional()?;
    Ok(row.and_then(UploadRow::upload))
}

/// A person's uploads, the newest first; at most `limit`.
pub(super) fn uploads_of(
    connection: &mut HospitalConnection,
    patient: Rid,
    limit: i64,
) -> Result<Vec<Upload>, DatabaseError> {
    let rows: Vec<UploadRow> = vital_upload::table
        .filter(vital_upload::patient.eq(patient.0))
        .order((vital_upload::created_at.desc(), vital_upload::id.asc()))
        .limit(limit)
        .load(connection)?;
    Ok(rows.into_iter().filter_map(UploadRow::upload).collect())
}

/// Every upload in one of these states.
pub(super) fn uploads_in(
    connection: &mut HospitalConnection,
    states: &[State],
) -> Result<Vec<Upload>, DatabaseError> {
    let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let rows: Vec<UploadRow> = vital_upload::table
        .filter(vital_upload::state.eq_any(words))
        .order(vital_upload::created_at.asc())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(UploadRow::upload).collect())
}

/// Bytes of all uploads that have a file.
pub(super) fn bytes_on_disk(connection: &mut HospitalConnection) -> Result<u64, DatabaseError> {
    let words = ["receiving", "reading", "ready", "saving"];
    // A sum of BIGINT is NUMERIC in PostgreSQL.
    let sum = sql::<Nullable<BigInt>>("CAST(SUM(bytes) AS BIGINT)");
    let bytes: Option<i64> = vital_upload::table
        .filter(vital_upload::state.eq_any(words))
        .select(sum)
        .get_result(connection)?;
    Ok(whole(bytes.unwrap_or(0)))
}

/// Moves an upload from one state to another; `false` where it is in neither.
pub(super) fn step(
    connection: &mut HospitalConnection,
    id: &UploadId,
    (from, to): (State, State),
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let moved = diesel::update(
        vital_upload::table
            .find(id.as_str())
            .filter(vital_upload::state.eq(from.as_str())),
    )
    .set((
        vital_upload::state.eq(to.as_str()),
        vital_upload::changed_at.eq(now.micros()),
    ))
    .execute(connection)?;
    Ok(moved > 0)
}

/// How large an upload has become.
pub(super) fn set_bytes(
    connection: &mut HospitalConnection,
    id: &UploadId,
    bytes: u64,
) -> Result<(), DatabaseError> {
    diesel::update(vital_upload::table.find(id.as_str()))
        .set(vital_upload::bytes.eq(number(bytes)))
        .execute(connection)?;
    Ok(())
}

/// Why an upload ended.
pub(super) fn fail(
    connection: &mut HospitalConnection,
    id: &UploadId,
    reason: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(vital_upload::table.find(id.as_str()))
        .set((
            vital_upload::state.eq(State::Failed.as_str()),
            vital_upload::reason.eq(reason),
            vital_upload::changed_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// What an upload holds, as text.
pub(super) fn set_report(
    connection: &mut HospitalConnection,
    id: &UploadId,
    report: &str,
) -> Result<(), DatabaseError> {
    diesel::update(vital_upload::table.find(id.as_str()))
        .set(vital_upload::report.eq(report))
        .execute(connection)?;
    Ok(())
}

/// What of an upload is wanted, as text.
pub(super) fn set_choice(
    connection: &mut HospitalConnection,
    id: &UploadId,
    choice: &Choice,
) -> Result<(), DatabaseError> {
    let text = serde_json::to_string(choice).unwrap_or_default();
    diesel::update(vital_upload::table.find(id.as_str()))
        .set(vital_upload::choice.eq(text))
        .execute(connection)?;
    Ok(())
}

/// What saving did so far.
pub(super) fn set_counts(
    connection: &mut HospitalConnection,
    id: &UploadId,
    counts: Counts,
) -> Result<(), DatabaseError> {
    diesel::update(vital_upload::table.find(id.as_str()))
        .set((
            vital_upload::saved.eq(number(counts.saved)),
            vital_upload::duplicates.eq(number(counts.duplicates)),
            vital_upload::outside.eq(number(counts.outside)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes down what an upload created.
pub(super) fn brought(
    connection: &mut HospitalConnection,
    upload: &UploadId,
    ids: &[String],
) -> Result<(), DatabaseError> {
    for id in ids {
        diesel::insert_into(vital_brought::table)
            .values((
                vital_brought::upload.eq(upload.as_str()),
                vital_brought::id.eq(id),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Which of these an upload created.
pub(super) fn brought_among(
    connection: &mut HospitalConnection,
    upload: &UploadId,
    ids: &[String],
) -> Result<HashSet<String>, DatabaseError> {
    let found: Vec<String> = vital_brought::table
        .filter(vital_brought::upload.eq(upload.as_str()))
        .filter(vital_brought::id.eq_any(ids))
        .select(vital_brought::id)
        .load(connection)?;
    Ok(found.into_iter().collect())
}

/// Some of what an upload created.
pub(super) fn some_brought(
    connection: &mut HospitalConnection,
    upload: &UploadId,
    limit: i64,
) -> Result<Vec<String>, DatabaseError> {
    Ok(vital_brought::table
        .filter(vital_brought::upload.eq(upload.as_str()))
        .order(vital_brought::id.asc())
        .limit(limit)
        .select(vital_brought::id)
        .load(connection)?)
}

/// Forgets what an upload created.
pub(super) fn forget_brought(
    connection: &mut HospitalConnection,
    upload: &UploadId,
    ids: &[String],
) -> Result<(), DatabaseError> {
    diesel::delete(
        vital_brought::table
            .filter(vital_brought::upload.eq(upload.as_str()))
            .filter(vital_brought::id.eq_any(ids)),
    )
    .execute(connection)?;
    Ok(())
}

/// Writes a new token down; `false` where the person has `most` living ones already.
pub(super) fn insert_token(
    connection: &mut HospitalConnection,
    token: &UploadToken,
    digest: &[u8; 32],
    (person, patient): (&PersonId, Rid),
    most: i64,
) -> Result<bool, DatabaseError> {
    let living: i64 = vital_token::table
        .filter(vital_token::patient.eq(patient.0))
        .filter(vital_token::revoked_at.is_null())
        .count()
        .get_result(connection)?;
    if living >= most {
        return Ok(false);
    }
    diesel::insert_into(vital_token::table)
        .values((
            vital_token::id.eq(&token.id),
            vital_token::digest.eq(digest.as_slice()),
            vital_token::person.eq(person.as_str()),
            vital_token::patient.eq(patient.0),
            vital_token::label.eq(&token.label),
            vital_token::created_at.eq(token.created_at.micros()),
        ))
        .execute(connection)?;
    Ok(true)
}

/// A person's living tokens, the newest first.
pub(super) fn tokens_of(
    connection: &mut HospitalConnection,
    patient: Rid,
) -> Result<Vec<UploadToken>, DatabaseError> {
    let rows: Vec<(String, String, i64, Option<i64>)> = vital_token::table
        .filter(vital_token::patient.eq(patient.0))
        .filter(vital_token::revoked_at.is_null())
        .order((vital_token::created_at.desc(), vital_token::id.asc()))
        .select((
            vital_token::id,
            vital_token::label,
            vital_token::created_at,
            vital_token::used_at,
        ))
        .load(connection)?;
    let token =
        |(id, label, created_at, used_at): (String, String, i64, Option<i64>)| UploadToken {
            id,
            label,
            created_at: Timestamp::from_micros(created_at),
            used_at: used_at.map(Timestamp::from_micros),
        };
    Ok(rows.into_iter().map(token).collect())
}

/// Ends a token of this person's; `false` if they have none of this id.
pub(super) fn revoke_token(
    connection: &mut HospitalConnection,
    patient: Rid,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let changed = diesel::update(
        vital_token::table
            .find(id)
            .filter(vital_token::patient.eq(patient.0))
            .filter(vital_token::revoked_at.is_null()),
    )
    .set(vital_token::revoked_at.eq(now.micros()))
    .execute(connection)?;
    Ok(changed > 0)
}

/// Whose living token this is.
pub(super) fn holder(
    connection: &mut HospitalConnection,
    digest: &[u8; 32],
) -> Result<Option<(String, Caller)>, DatabaseError> {
    let row: Option<(String, String, i64)> = vital_token::table
        .filter(vital_token::digest.eq(digest.as_slice()))
        .filter(vital_token::revoked_at.is_null())
        .select((vital_token::id, vital_token::person, vital_token::patient))
        .first(connection)
        .optional()?;
    Ok(row.and_then(|(token, person, patient)| {
        let id = person.parse().ok()?;
        let patient = Rid(patient);
        Some((token, Caller::Person { id, patient }))
    }))
}

/// When a token was last used.
pub(super) fn token_used(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(vital_token::table.find(id))
        .set(vital_token::used_at.eq(now.micros()))
        .execute(connection)?;
    Ok(())
}
