//! What people are told of emergency accesses: owed to their homes, and kept at home.

use diesel::prelude::*;
use federation_protocol::emergency::{EmergencyNotice, Reason, ReasonCode};
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::unreadable;
use crate::database::{DatabaseError, HospitalConnection};
use crate::emergency::notices::{Owed, Told};
use crate::identity::PersonId;

diesel::table! {
    emergency_notice_owed (access, handle) {
        access -> Text,
        handle -> Text,
        home -> Text,
        tries -> BigInt,
        next_try_at -> BigInt,
        told_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    emergency_notice (responder, id) {
        responder -> Text,
        id -> Text,
        person -> Text,
        asker -> Text,
        practitioner -> Text,
        reason_code -> Text,
        reason -> Text,
        at -> BigInt,
        shown -> BigInt,
        received_at -> BigInt,
    }
}

/// The most that are read at once.
const MOST: i64 = 500;

pub(in crate::emergency) fn owe(
    connection: &mut HospitalConnection,
    access: &str,
    handle: &PatientHandle,
    home: &MemberId,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::insert_into(emergency_notice_owed::table)
        .values((
            emergency_notice_owed::access.eq(access),
            emergency_notice_owed::handle.eq(handle.as_str()),
            emergency_notice_owed::home.eq(home.as_str()),
            emergency_notice_owed::tries.eq(0),
            emergency_notice_owed::next_try_at.eq(at.micros()),
        ))
        .execute(connection)?;
    Ok(())
}

/// What is owed, due or not, the longest due first.
pub(in crate::emergency) fn owed(
    connection: &mut HospitalConnection,
) -> Result<Vec<Owed>, DatabaseError> {
    let rows: Vec<(String, String, String, i64, i64)> = emergency_notice_owed::table
        .filter(emergency_notice_owed::told_at.is_null())
        .order(emergency_notice_owed::next_try_at.asc())
        .limit(MOST)
        .select((
            emergency_notice_owed::access,
            emergency_notice_owed::handle,
            emergency_notice_owed::home,
            emergency_notice_owed::tries,
            emergency_notice_owed::next_try_at,
        ))
        .load(connection)?;
    let read = rows
        .into_iter()
        .map(|(access, handle, home, tries, next_try_at)| {
            Ok(Owed {
                handle: handle
                    .parse()
                    .map_err(|_not| unreadable("handle", &access))?,
                home: home.parse().map_err(|_not| unreadable("home", &access))?,
                tries,
                next_try_at: Timestamp::from_micros(next_try_at),
                access,
            })
        });
    read.collect()
}

/// It was told, or is to be tried again.
pub(in crate::emergency) fn tried(
    connection: &mut HospitalConnection,
    owed: &Owed,
    told_at: Option<Timestamp>,
    next_try_at: Timestamp,
) -> Result<(), DatabaseError> {
    let row = emergency_notice_owed::table
        .filter(emergency_notice_owed::access.eq(&owed.access))
        .filter(emergency_notice_owed::handle.eq(owed.handle.as_str()));
    diesel::update(row)
        .set((
            emergency_notice_owed::tries.eq(owed.tries.saturating_add(1)),
            emergency_notice_owed::next_try_at.eq(next_try_at.micros()),
            emergency_notice_owed::told_at.eq(told_at.map(Timestamp::micros)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Keeps a notice once, however often it is told; `false` if it is known.
pub(in crate::emergency) fn keep(
    connection: &mut HospitalConnection,
    responder: &MemberId,
    person: &PersonId,
    notice: &EmergencyNotice,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let known: i64 = emergency_notice::table
        .filter(emergency_notice::responder.eq(responder.as_str()))
        .filter(emergency_notice::id.eq(&notice.id))
        .count()
        .get_result(connection)?;
    if known > 0 {
        return Ok(false);
    }
    diesel::insert_into(emergency_notice::table)
        .values((
            emergency_notice::responder.eq(responder.as_str()),
            emergency_notice::id.eq(&notice.id),
            emergency_notice::person.eq(person.as_str()),
            emergency_notice::asker.eq(notice.asker.as_str()),
            emergency_notice::practitioner.eq(&notice.practitioner),
            emergency_notice::reason_code.eq(notice.reason.code.as_str()),
            emergency_notice::reason.eq(&notice.reason.text),
            emergency_notice::at.eq(notice.moment().micros()),
            emergency_notice::shown.eq(i64::from(notice.shown)),
            emergency_notice::received_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(true)
}

#[derive(Queryable)]
struct Row {
    responder: String,
    id: String,
    _person: String,
    asker: String,
    practitioner: String,
    reason_code: String,
    reason: String,
    at: i64,
    shown: i64,
    _received_at: i64,
}

/// What an enrolled person was told, newest first.
pub(in crate::emergency) fn of_person(
    connection: &mut HospitalConnection,
    person: &PersonId,
) -> Result<Vec<Told>, DatabaseError> {
    let rows: Vec<Row> = emergency_notice::table
        .filter(emergency_notice::person.eq(person.as_str()))
        .order((emergency_notice::at.desc(), emergency_notice::id.desc()))
        .limit(MOST)
        .load(connection)?;
    let read = rows.into_iter().map(|row| {
        let member = |text: &str| {
            text.parse::<MemberId>()
                .map_err(|_not| unreadable("member", &row.id))
        };
        Ok(Told {
            responder: member(&row.responder)?,
            asker: member(&row.asker)?,
            practitioner: row.practitioner,
            reason: Reason {
                code: ReasonCode::of(&row.reason_code)
                    .ok_or_else(|| unreadable("reason", &row.id))?,
                text: row.reason,
            },
            at: Timestamp::from_micros(row.at),
            shown: row.shown,
            id: row.id,
        })
    });
    read.collect()
}
