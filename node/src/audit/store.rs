//! The audit's only SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;
use serde_json::Value;

use super::{Filter, Line, Recorded};
use crate::database::{DatabaseError, HospitalConnection, Rid};

diesel::table! {
    audit_line (seq) {
        seq -> BigInt,
        at -> BigInt,
        kind -> Text,
        exchange -> Nullable<Text>,
        peer -> Nullable<Text>,
        actor_role -> Text,
        actor_id -> Nullable<Text>,
        purpose -> Nullable<Text>,
        patient -> Nullable<BigInt>,
        person -> Nullable<Text>,
        outcome -> Text,
        shown -> Nullable<BigInt>,
        withheld -> Nullable<BigInt>,
        detail -> Text,
    }
}

pub(super) fn insert(
    connection: &mut HospitalConnection,
    line: &Line,
) -> Result<i64, DatabaseError> {
    let detail = Value::Object(line.detail.clone()).to_string();
    let seq = diesel::insert_into(audit_line::table)
        .values((
            audit_line::at.eq(line.at.micros()),
            audit_line::kind.eq(line.kind.as_str()),
            audit_line::exchange.eq(line.exchange.as_deref()),
            audit_line::peer.eq(line.peer.as_deref()),
            audit_line::actor_role.eq(line.actor_role.as_str()),
            audit_line::actor_id.eq(line.actor_id.as_deref()),
            audit_line::purpose.eq(line.purpose),
            audit_line::patient.eq(line.patient.map(|rid| rid.0)),
            audit_line::person.eq(line.person.as_deref()),
            audit_line::outcome.eq(line.outcome),
            audit_line::shown.eq(line.shown),
            audit_line::withheld.eq(line.withheld),
            audit_line::detail.eq(detail),
        ))
        .returning(audit_line::seq)
        .get_result(connection)?;
    Ok(seq)
}

#[derive(Queryable)]
struct Row {
    seq: i64,
    at: i64,
    kind: String,
    exchange: Option<String>,
    peer: Option<String>,
    actor_role: String,
    actor_id: Option<String>,
    purpose: Option<String>,
    patient: Option<i64>,
    person: Option<String>,
    outcome: String,
    shown: Option<i64>,
    withheld: Option<i64>,
    detail: String,
}

pub(super) fn list(
    connection: &mut HospitalConnection,
    filter: &Filter,
) -> Result<Vec<Recorded>, DatabaseError> {
    let mut query = audit_line::table.into_boxed();
    query = match filter.newest_first {
        true => query.order(audit_line::seq.desc()),
        false => query.order(audit_line::seq.asc()),
    };
    if let Some(since) = filter.since {
        query = query.filter(audit_line::at.ge(since.micros()));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(audit_line::kind.eq(kind.as_str()));
    }
    if let Some(exchange) = filter.exchange.as_deref() {
        query = query.filter(audit_line::exchange.eq(exchange));
    }
    if let Some(patient) = filter.patient {
        query = query.filter(audit_line::patient.eq(patient.0));
    }
    if let Some(person) = filter.person.as_deref() {
        query = query.filter(audit_line::person.eq(person));
    }
    if let Some(outcome) = filter.outcome.as_deref() {
        query = query.filter(audit_line::outcome.eq(outcome));
    }
    if let Some(after) = filter.after_seq {
        query = query.filter(audit_line::seq.gt(after));
    }
    if let Some(limit) = filter.limit {
        query = query.limit(i64::from(limit));
    }
    let rows: Vec<Row> = query.load(connection)?;
    Ok(rows.into_iter().map(recorded).collect())
}

fn recorded(row: Row) -> Recorded {
    Recorded {
        seq: row.seq,
        at: Timestamp::from_micros(row.at),
        kind: row.kind,
        exchange: row.exchange,
        peer: row.peer,
        actor_role: row.actor_role,
        actor_id: row.actor_id,
        purpose: row.purpose,
        patient: row.patient.map(Rid),
        person: row.person,
        outcome: row.outcome,
        shown: row.shown,
        withheld: row.withheld,
        // Written by this room alone; an unreadable one is shown as it stands.
        detail: serde_json::from_str(&row.detail).unwrap_or(Value::String(row.detail)),
    }
}
