//! What physicians wait for.

use diesel::prelude::*;
use federation_protocol::consent::Practitioner;
use federation_protocol::time::Timestamp;

use crate::database::{DatabaseError, HospitalConnection};
use crate::federation::asked::AskedGrant;

diesel::table! {
    asked_grant (id) {
        id -> Text,
        home -> Text,
        pending -> Text,
        purpose -> Text,
        practitioner -> Text,
        role -> Text,
        categories -> Text,
        patient -> Nullable<Text>,
        asked_by -> Text,
        asked_at -> BigInt,
        expires_at -> BigInt,
        held_grant -> Nullable<Text>,
    }
}

/// Writes down that a person is asked.
pub(in crate::federation) fn keep(
    connection: &mut HospitalConnection,
    asked: &AskedGrant,
) -> Result<(), DatabaseError> {
    let categories: Vec<&str> = asked.categories.iter().map(|one| one.as_str()).collect();
    diesel::insert_into(asked_grant::table)
        .values((
            asked_grant::id.eq(asked.id.as_str()),
            asked_grant::home.eq(asked.home.to_string()),
            asked_grant::pending.eq(asked.pending.as_str()),
            asked_grant::purpose.eq(asked.purpose.as_str()),
            asked_grant::practitioner.eq(asked.practitioner.id.as_str()),
            asked_grant::role.eq(asked.practitioner.role.as_str()),
            asked_grant::categories.eq(categories.join(" ")),
            asked_grant::patient.eq(asked.patient.as_deref()),
            asked_grant::asked_by.eq(asked.asked_by.as_str()),
            asked_grant::asked_at.eq(asked.asked_at.micros()),
            asked_grant::expires_at.eq(asked.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The grant `held` came of it.
pub(in crate::federation) fn end(
    connection: &mut HospitalConnection,
    id: &str,
    held: &str,
) -> Result<(), DatabaseError> {
    diesel::update(asked_grant::table.find(id))
        .set(asked_grant::held_grant.eq(held))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct AskedRow {
    id: String,
    home: String,
    pending: String,
    purpose: String,
    practitioner: String,
    role: String,
    categories: String,
    patient: Option<String>,
    asked_by: String,
    asked_at: i64,
    expires_at: i64,
    held_grant: Option<String>,
}

impl AskedRow {
    /// `None` when a word in it is none that this version knows.
    fn into_asked(self) -> Option<AskedGrant> {
        let categories = self.categories.split_whitespace();
        Some(AskedGrant {
            home: self.home.parse().ok()?,
            purpose: self.purpose.parse().ok()?,
            categories: categories
                .map(|word| word.parse().ok())
                .collect::<Option<_>>()?,
            id: self.id,
            pending: self.pending,
            practitioner: Practitioner {
                id: self.practitioner,
                role: self.role,
            },
            patient: self.patient,
            asked_by: self.asked_by,
            asked_at: Timestamp::from_micros(self.asked_at),
            expires_at: Timestamp::from_micros(self.expires_at),
            grant: self.held_grant,
        })
    }
}

/// What is waited for under this id.
pub(in crate::federation) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<AskedGrant>, DatabaseError> {
    let row: Option<AskedRow> = asked_grant::table.find(id).first(connection).optional()?;
    Ok(row.and_then(AskedRow::into_asked))
}
