//! What hospitals are still to be told: messages about ended tokens, numbered for each hospital.

use diesel::prelude::*;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::unreadable;
use crate::consent::DirectiveId;
use crate::consent::outbox::{Due, Message};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

diesel::table! {
    revocation (audience, sequence) {
        audience -> Text,
        sequence -> BigInt,
        jtis -> Text,
        person -> Text,
        directive -> Nullable<Text>,
        ended_at -> BigInt,
        expires_at -> BigInt,
        delivered_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    revocation_audience (audience) {
        audience -> Text,
        sequence -> BigInt,
        tries -> BigInt,
        next_try_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(revocation, revocation_audience);

/// Writes a message under the next number of its audience, to be sent at once.
pub(in crate::consent) fn enqueue(
    connection: &mut HospitalConnection,
    message: &Message,
) -> Result<(), DatabaseError> {
    let audience = message.audience.as_str();
    let last: Option<i64> = revocation_audience::table
        .find(audience)
        .select(revocation_audience::sequence)
        .first(connection)
        .optional()?;
    let sequence = last.unwrap_or(0).saturating_add(1);
    let now = message.ended_at.micros();
    if last.is_some() {
        // A hospital that is being waited for is tried when its time comes, not at each change.
        diesel::update(revocation_audience::table.find(audience))
            .set(revocation_audience::sequence.eq(sequence))
            .execute(connection)?;
    } else {
        diesel::insert_into(revocation_audience::table)
            .values((
                revocation_audience::audience.eq(audience),
                revocation_audience::sequence.eq(sequence),
                revocation_audience::tries.eq(0_i64),
                revocation_audience::next_try_at.eq(now),
            ))
            .execute(connection)?;
    }
    diesel::insert_into(revocation::table)
        .values((
            revocation::audience.eq(audience),
            revocation::sequence.eq(sequence),
            revocation::jtis.eq(message.jtis.join(" ")),
            revocation::person.eq(message.person.as_str()),
            revocation::directive.eq(message.directive.as_ref().map(DirectiveId::as_str)),
            revocation::ended_at.eq(now),
            revocation::expires_at.eq(message.expires_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The hospitals that are owed a message about a token that could still be used at
/// `expired_before`; with when each is to be tried next.
pub(in crate::consent) fn owed(
    connection: &mut HospitalConnection,
    expired_before: Timestamp,
) -> Result<Vec<Due>, DatabaseError> {
    let rows: Vec<(String, i64, i64)> = revocation::table
        .inner_join(
            revocation_audience::table.on(revocation_audience::audience.eq(revocation::audience)),
        )
        .filter(revocation::delivered_at.is_null())
        .filter(revocation::expires_at.gt(expired_before.micros()))
        .select((
            revocation::audience,
            revocation_audience::tries,
            revocation_audience::next_try_at,
        ))
        .distinct()
        .order(revocation::audience.asc())
        .load(connection)?;
    let due = rows.into_iter().map(|(audience, tries, next_try_at)| {
        Ok(Due {
            audience: member(&audience)?,
            tries,
            next_try_at: Timestamp::from_micros(next_try_at),
        })
    });
    due.collect()
}

#[derive(Queryable)]
struct Row {
    audience: String,
    sequence: i64,
    jtis: String,
    person: String,
    directive: Option<String>,
    ended_at: i64,
    expires_at: i64,
    delivered_at: Option<i64>,
}

/// The oldest message that `audience` has not acknowledged.
pub(in crate::consent) fn next(
    connection: &mut HospitalConnection,
    audience: &MemberId,
) -> Result<Option<Message>, DatabaseError> {
    let row: Option<Row> = revocation::table
        .filter(revocation::audience.eq(audience.as_str()))
        .filter(revocation::delivered_at.is_null())
        .order(revocation::sequence.asc())
        .first(connection)
        .optional()?;
    row.map(message).transpose()
}

/// Whether there is a message of this number to `audience`. A number may have been passed over
/// after a restore from a backup.
pub(in crate::consent) fn is_known(
    connection: &mut HospitalConnection,
    audience: &MemberId,
    sequence: i64,
) -> Result<bool, DatabaseError> {
    let found: Option<i64> = revocation::table
        .find((audience.as_str(), sequence))
        .select(revocation::sequence)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// Notes that `audience` has message `sequence`.
pub(in crate::consent) fn delivered(
    connection: &mut HospitalConnection,
    audience: &MemberId,
    sequence: i64,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let undelivered = revocation::table
        .find((audience.as_str(), sequence))
        .filter(revocation::delivered_at.is_null());
    diesel::update(undelivered)
        .set(revocation::delivered_at.eq(now.micros()))
        .execute(connection)?;
    Ok(())
}

/// Notes that `audience` has nothing behind number `acknowledged`: those are sent again.
pub(in crate::consent) fn again_after(
    connection: &mut HospitalConnection,
    audience: &MemberId,
    acknowledged: i64,
) -> Result<usize, DatabaseError> {
    let behind = revocation::table
        .filter(revocation::audience.eq(audience.as_str()))
        .filter(revocation::sequence.gt(acknowledged))
        .filter(revocation::delivered_at.is_not_null());
    let none: Option<i64> = None;
    Ok(diesel::update(behind)
        .set(revocation::delivered_at.eq(none))
        .execute(connection)?)
}

/// Numbers go on behind `acknowledged`: this database was taken from a backup, and the hospital has
/// seen higher ones.
pub(in crate::consent) fn go_on_behind(
    connection: &mut HospitalConnection,
    audience: &MemberId,
    acknowledged: i64,
) -> Result<usize, DatabaseError> {
    let behind = revocation_audience::table
        .find(audience.as_str())
        .filter(revocation_audience::sequence.lt(acknowledged));
    Ok(diesel::update(behind)
        .set(revocation_audience::sequence.eq(acknowledged))
        .execute(connection)?)
}

/// When `audience` is to be tried next, and how often it was tried in vain.
pub(in crate::consent) fn wait(
    connection: &mut HospitalConnection,
    audience: &MemberId,
    tries: i64,
    next_try_at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::update(revocation_audience::table.find(audience.as_str()))
        .set((
            revocation_audience::tries.eq(tries),
            revocation_audience::next_try_at.eq(next_try_at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Every message that a directive caused, oldest first.
pub(in crate::consent) fn of_directive(
    connection: &mut HospitalConnection,
    directive: &str,
) -> Result<Vec<Message>, DatabaseError> {
    let rows: Vec<Row> = revocation::table
        .filter(revocation::directive.eq(directive))
        .order((revocation::ended_at.asc(), revocation::sequence.asc()))
        .load(connection)?;
    rows.into_iter().map(message).collect()
}

/// Every message about a person's tokens that ended after `since`, oldest first.
pub(in crate::consent) fn of_person(
    connection: &mut HospitalConnection,
    person: &PersonId,
    since: Timestamp,
) -> Result<Vec<Message>, DatabaseError> {
    let rows: Vec<Row> = revocation::table
        .filter(revocation::person.eq(person.as_str()))
        .filter(revocation::ended_at.gt(since.micros()))
        .order((revocation::ended_at.asc(), revocation::sequence.asc()))
        .load(connection)?;
    rows.into_iter().map(message).collect()
}

fn message(row: Row) -> Result<Message, DatabaseError> {
    Ok(Message {
        person: row
            .person
            .parse()
            .map_err(|_not| unreadable("person", &row.audience))?,
        audience: member(&row.audience)?,
        sequence: row.sequence,
        jtis: row.jtis.split_whitespace().map(str::to_owned).collect(),
        directive: row.directive.map(DirectiveId::known),
        ended_at: Timestamp::from_micros(row.ended_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        delivered_at: row.delivered_at.map(Timestamp::from_micros),
    })
}

fn member(text: &str) -> Result<MemberId, DatabaseError> {
    text.parse().map_err(|_not| unreadable("audience", text))
}
