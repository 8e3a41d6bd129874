//! The only SQL of codes handed in.

use diesel::prelude::*;
use federation_protocol::keys::PublicKey;
use federation_protocol::linking::comparison::Blind;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{CodeDigest, Ended};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

diesel::table! {
    link_claim (id) {
        id -> Text,
        person -> Text,
        responder -> Text,
        code -> Binary,
        device_key -> Text,
        blind -> Nullable<Binary>,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        ended_as -> Nullable<Text>,
    }
}

fn unreadable(what: &str) -> DatabaseError {
    let message = format!("{what} of a link claim cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}

pub(super) struct NewClaim<'a> {
    pub(super) id: &'a str,
    pub(super) person: &'a PersonId,
    pub(super) responder: &'a MemberId,
    pub(super) code: &'a CodeDigest,
    pub(super) device_key: &'a PublicKey,
    pub(super) blind: &'a Blind,
}

/// A claim that is there: how it ended, or its blind.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) device_key: PublicKey,
    pub(super) state: Result<Blind, Ended>,
}

pub(super) fn insert(
    connection: &mut HospitalConnection,
    new: &NewClaim<'_>,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(link_claim::table)
        .values((
            link_claim::id.eq(new.id),
            link_claim::person.eq(new.person.as_str()),
            link_claim::responder.eq(new.responder.as_str()),
            link_claim::code.eq(new.code.0.as_slice()),
            link_claim::device_key.eq(new.device_key.x()),
            link_claim::blind.eq(new.blind.to_bytes().as_slice()),
            link_claim::created_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

type Row = (String, String, Option<Vec<u8>>, Option<String>);

/// What a person handed in with this code before.
pub(super) fn find(
    connection: &mut HospitalConnection,
    person: &PersonId,
    responder: &MemberId,
    code: &CodeDigest,
) -> Result<Option<Known>, DatabaseError> {
    let row: Option<Row> = link_claim::table
        .filter(link_claim::person.eq(person.as_str()))
        .filter(link_claim::responder.eq(responder.as_str()))
        .filter(link_claim::code.eq(code.0.as_slice()))
        .select((
            link_claim::id,
            link_claim::device_key,
            link_claim::blind,
            link_claim::ended_as,
        ))
        .first(connection)
        .optional()?;
    row.map(known).transpose()
}

fn known((id, device_key, blind, ended): Row) -> Result<Known, DatabaseError> {
    let state = match ended {
        Some(word) => Err(Ended::of(&word).ok_or_else(|| unreadable("the end"))?),
        None => {
            let blind = blind.as_deref().and_then(Blind::kept);
            Ok(blind.ok_or_else(|| unreadable("the blind"))?)
        }
    };
    Ok(Known {
        id,
        device_key: PublicKey::from_x(&device_key).map_err(|_not| unreadable("the key"))?,
        state,
    })
}

/// It is over, and its blind is forgotten.
pub(super) fn end(
    connection: &mut HospitalConnection,
    id: &str,
    ended: Ended,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(link_claim::table.find(id))
        .set((
            link_claim::blind.eq(None::<Vec<u8>>),
            link_claim::ended_at.eq(now.micros()),
            link_claim::ended_as.eq(ended.as_str()),
        ))
        .execute(connection)?;
    Ok(())
}

/// A code that nobody gave.
pub(super) fn forget(connection: &mut HospitalConnection, id: &str) -> Result<(), DatabaseError> {
    diesel::delete(link_claim::table.find(id)).execute(connection)?;
    Ok(())
}
