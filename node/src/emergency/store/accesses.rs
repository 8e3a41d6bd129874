//! Emergency questions: how many on a day, and each one as a review.

use diesel::prelude::*;
use federation_protocol::emergency::{Reason, ReasonCode};
use federation_protocol::time::Timestamp;

use super::unreadable;
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::emergency::accesses::{Access, Closing, Side};

diesel::table! {
    emergency_count (side, who, day) {
        side -> Text,
        who -> Text,
        day -> Text,
        questions -> BigInt,
    }
}

diesel::table! {
    emergency_access (id) {
        id -> Text,
        side -> Text,
        at -> BigInt,
        asker -> Text,
        practitioner -> Text,
        reason_code -> Text,
        reason -> Text,
        patient -> Nullable<BigInt>,
        shown -> BigInt,
        closed_at -> Nullable<BigInt>,
        closed_by -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

/// The most rows of one list.
const MOST: i64 = 1_000;

/// Counts one more question of the day; how many there are with it.
pub(in crate::emergency) fn count(
    connection: &mut HospitalConnection,
    side: &str,
    who: &str,
    day: &str,
) -> Result<i64, DatabaseError> {
    let of_the_day = || {
        emergency_count::table
            .filter(emergency_count::side.eq(side))
            .filter(emergency_count::who.eq(who))
            .filter(emergency_count::day.eq(day))
    };
    let known: Option<i64> = of_the_day()
        .select(emergency_count::questions)
        .first(connection)
        .optional()?;
    let questions = known.unwrap_or_default().saturating_add(1);
    match known {
        Some(_) => diesel::update(of_the_day())
            .set(emergency_count::questions.eq(questions))
            .execute(connection)?,
        None => diesel::insert_into(emergency_count::table)
            .values((
                emergency_count::side.eq(side),
                emergency_count::who.eq(who),
                emergency_count::day.eq(day),
                emergency_count::questions.eq(questions),
            ))
            .execute(connection)?,
    };
    Ok(questions)
}

pub(in crate::emergency) fn insert(
    connection: &mut HospitalConnection,
    access: &Access,
) -> Result<(), DatabaseError> {
    diesel::insert_into(emergency_access::table)
        .values((
            emergency_access::id.eq(&access.id),
            emergency_access::side.eq(access.side.as_str()),
            emergency_access::at.eq(access.at.micros()),
            emergency_access::asker.eq(access.asker.as_str()),
            emergency_access::practitioner.eq(&access.practitioner),
            emergency_access::reason_code.eq(access.reason.code.as_str()),
            emergency_access::reason.eq(&access.reason.text),
            emergency_access::patient.eq(access.patient.map(|chart| chart.0)),
            emergency_access::shown.eq(access.shown),
        ))
        .execute(connection)?;
    Ok(())
}

/// What came of a question that was asked here.
pub(in crate::emergency) fn set_shown(
    connection: &mut HospitalConnection,
    id: &str,
    shown: i64,
) -> Result<(), DatabaseError> {
    diesel::update(emergency_access::table.filter(emergency_access::id.eq(id)))
        .set(emergency_access::shown.eq(shown))
        .execute(connection)?;
    Ok(())
}

/// The oldest question of a practitioner of this house that was asked before `before` and that
/// nobody has closed.
pub(in crate::emergency) fn overdue(
    connection: &mut HospitalConnection,
    practitioner: &str,
    before: Timestamp,
) -> Result<Option<String>, DatabaseError> {
    Ok(emergency_access::table
        .filter(emergency_access::side.eq(Side::Asked.as_str()))
        .filter(emergency_access::practitioner.eq(practitioner))
        .filter(emergency_access::at.lt(before.micros()))
        .filter(emergency_access::closed_at.is_null())
        .order(emergency_access::at.asc())
        .select(emergency_access::id)
        .first(connection)
        .optional()?)
}

#[derive(Queryable)]
struct Row {
    id: String,
    side: String,
    at: i64,
    asker: String,
    practitioner: String,
    reason_code: String,
    reason: String,
    patient: Option<i64>,
    shown: i64,
    closed_at: Option<i64>,
    closed_by: Option<String>,
    note: Option<String>,
}

/// Accesses, newest first, some hundreds at most; those that nobody closed only, if `open`.
pub(in crate::emergency) fn list(
    connection: &mut HospitalConnection,
    open: bool,
) -> Result<Vec<Access>, DatabaseError> {
    let mut query = emergency_access::table
        .order((emergency_access::at.desc(), emergency_access::id.desc()))
        .limit(MOST)
        .into_boxed();
    if open {
        query = query.filter(emergency_access::closed_at.is_null());
    }
    let rows: Vec<Row> = query.load(connection)?;
    rows.into_iter().map(access).collect()
}

/// The accesses to one chart here, newest first.
pub(in crate::emergency) fn of_chart(
    connection: &mut HospitalConnection,
    patient: Rid,
) -> Result<Vec<Access>, DatabaseError> {
    let rows: Vec<Row> = emergency_access::table
        .filter(emergency_access::patient.eq(patient.0))
        .filter(emergency_access::side.eq(Side::Answered.as_str()))
        .order((emergency_access::at.desc(), emergency_access::id.desc()))
        .limit(MOST)
        .load(connection)?;
    rows.into_iter().map(access).collect()
}

/// The accesses to a chart that was given up are the surviving one's.
pub(in crate::emergency) fn move_chart(
    connection: &mut HospitalConnection,
    from: Rid,
    into: Rid,
) -> Result<(), DatabaseError> {
    diesel::update(emergency_access::table.filter(emergency_access::patient.eq(from.0)))
        .set(emergency_access::patient.eq(into.0))
        .execute(connection)?;
    Ok(())
}

pub(in crate::emergency) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<Access>, DatabaseError> {
    let row: Option<Row> = emergency_access::table
        .filter(emergency_access::id.eq(id))
        .first(connection)
        .optional()?;
    row.map(access).transpose()
}

pub(in crate::emergency) fn close(
    connection: &mut HospitalConnection,
    id: &str,
    closing: &Closing,
) -> Result<(), DatabaseError> {
    diesel::update(emergency_access::table.filter(emergency_access::id.eq(id)))
        .set((
            emergency_access::closed_at.eq(closing.at.micros()),
            emergency_access::closed_by.eq(&closing.by),
            emergency_access::note.eq(&closing.note),
        ))
        .execute(connection)?;
    Ok(())
}

fn access(row: Row) -> Result<Access, DatabaseError> {
    let closing = row
        .closed_at
        .zip(row.closed_by)
        .zip(row.note)
        .map(|((at, by), note)| Closing {
            at: Timestamp::from_micros(at),
            by,
            note,
        });
    Ok(Access {
        side: Side::of(&row.side).ok_or_else(|| unreadable("side", &row.id))?,
        at: Timestamp::from_micros(row.at),
        asker: row
            .asker
            .parse()
            .map_err(|_not| unreadable("asker", &row.id))?,
        practitioner: row.practitioner,
        reason: Reason {
            code: ReasonCode::of(&row.reason_code).ok_or_else(|| unreadable("reason", &row.id))?,
            text: row.reason,
        },
        patient: row.patient.map(Rid),
        shown: row.shown,
        closing,
        id: row.id,
    })
}
