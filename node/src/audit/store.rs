//! The audit's only SQL: lines here, tree and checkpoints in the files below.

pub(super) mod checkpoints;
pub(super) mod erasure;
pub(super) mod soundness;
pub(super) mod tree;

use diesel::prelude::*;
use federation_protocol::time::Timestamp;
use serde_json::Value;

use super::seal::{Body, SALT};
use super::{Filter, Kind, Line, Looked, Recorded};
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
        salt -> Nullable<Binary>,
        commitment -> Nullable<Binary>,
    }
}

pub(super) fn insert(
    connection: &mut HospitalConnection,
    line: &Line,
) -> Result<i64, DatabaseError> {
    let detail = Value::Object(line.detail.clone()).to_string();
    let salt = salt()?;
    let body = Body {
        at: line.at.micros(),
        kind: line.kind.as_str(),
        exchange: line.exchange.as_deref(),
        peer: line.peer.as_deref(),
        actor_role: &line.actor_role,
        actor_id: line.actor_id.as_deref(),
        purpose: line.purpose,
        patient: line.patient.map(|rid| rid.0),
        person: line.person.as_deref(),
        outcome: line.outcome,
        shown: line.shown,
        withheld: line.withheld,
        detail: &detail,
    };
    let seq = diesel::insert_into(audit_line::table)
        .values((
            audit_line::at.eq(body.at),
            audit_line::kind.eq(body.kind),
            audit_line::exchange.eq(body.exchange),
            audit_line::peer.eq(body.peer),
            audit_line::actor_role.eq(body.actor_role),
            audit_line::actor_id.eq(body.actor_id),
            audit_line::purpose.eq(body.purpose),
            audit_line::patient.eq(body.patient),
            audit_line::person.eq(body.person),
            audit_line::outcome.eq(body.outcome),
            audit_line::shown.eq(body.shown),
            audit_line::withheld.eq(body.withheld),
            audit_line::detail.eq(body.detail),
            audit_line::salt.eq(salt.to_vec()),
            audit_line::commitment.eq(committed(&body, &salt)?.to_vec()),
        ))
        .returning(audit_line::seq)
        .get_result(connection)?;
    Ok(seq)
}

/// Fresh random bytes for one line.
pub(super) fn salt() -> Result<[u8; SALT], DatabaseError> {
    let mut salt = [0; SALT];
    match getrandom::fill(&mut salt) {
        Ok(()) => Ok(salt),
        Err(_) => Err(DatabaseError::NotCommitted("no random bytes".to_owned())),
    }
}

pub(super) fn committed(body: &Body<'_>, salt: &[u8]) -> Result<[u8; 32], DatabaseError> {
    let text = |error: federation_protocol::jcs::JcsError| error.to_string();
    body.commitment(salt)
        .map_err(|error| DatabaseError::NotCommitted(text(error)))
}

/// A line as it stands in the table.
#[derive(Queryable)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) kind: String,
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
    pub(super) detail: String,
    pub(super) salt: Option<Vec<u8>>,
    pub(super) commitment: Option<Vec<u8>>,
}

impl Row {
    pub(super) fn body(&self) -> Body<'_> {
        Body {
            at: self.at,
            kind: &self.kind,
            exchange: self.exchange.as_deref(),
            peer: self.peer.as_deref(),
            actor_role: &self.actor_role,
            actor_id: self.actor_id.as_deref(),
            purpose: self.purpose.as_deref(),
            patient: self.patient,
            person: self.person.as_deref(),
            outcome: &self.outcome,
            shown: self.shown,
            withheld: self.withheld,
            detail: &self.detail,
        }
    }
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
    if let Some(actor) = filter.actor_id.as_deref() {
        query = query.filter(audit_line::actor_id.eq(actor));
    }
    if let Some(before) = filter.before_seq {
        query = query.filter(audit_line::seq.lt(before));
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

/// The newest lines of these kinds about a chart or a person: one more than `most` if there are.
pub(super) fn looking(
    connection: &mut HospitalConnection,
    looked: &Looked,
    kinds: &[Kind],
    most: usize,
) -> Result<Vec<Row>, DatabaseError> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    // No row has this number, and nobody this id.
    let chart = looked.patient.map_or(i64::MIN, |rid| rid.0);
    let person = looked.person.as_deref().unwrap_or_default();
    let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    Ok(audit_line::table
        .filter(audit_line::kind.eq_any(kinds))
        .filter(audit_line::at.ge(looked.since.micros()))
        .filter(
            audit_line::patient
                .eq(chart)
                .or(audit_line::person.eq(person)),
        )
        .order(audit_line::seq.desc())
        .limit(limit)
        .load(connection)?)
}

/// The line of this number.
pub(super) fn find(
    connection: &mut HospitalConnection,
    seq: i64,
) -> Result<Option<Row>, DatabaseError> {
    Ok(audit_line::table.find(seq).first(connection).optional()?)
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
