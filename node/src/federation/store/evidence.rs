//! Evidence of exchanges.

use diesel::prelude::*;
use federation_protocol::signature::kept::{Signed, remainder};
use federation_protocol::time::Timestamp;

use super::super::evidence::{Evidence, Side};
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    exchange_evidence (id) {
        id -> BigInt,
        exchange -> Text,
        side -> Text,
        peer -> Text,
        at -> BigInt,
        directory -> BigInt,
        request_digest -> Text,
        request_base -> Text,
        request_signature -> Binary,
        answer_base -> Nullable<Text>,
        answer_signature -> Nullable<Binary>,
    }
}

/// The signature of a row whose proof was erased.
const ERASED: &[u8] = &[];

/// Writes down what is kept of an exchange.
pub(in crate::federation) fn keep(
    connection: &mut HospitalConnection,
    evidence: &Evidence,
) -> Result<(), DatabaseError> {
    let answer = evidence.answer.as_ref();
    diesel::insert_into(exchange_evidence::table)
        .values((
            exchange_evidence::exchange.eq(evidence.exchange.as_str()),
            exchange_evidence::side.eq(evidence.side.as_str()),
            exchange_evidence::peer.eq(evidence.peer.as_str()),
            exchange_evidence::at.eq(evidence.at.micros()),
            exchange_evidence::directory.eq(i64::try_from(evidence.directory).unwrap_or(i64::MAX)),
            exchange_evidence::request_digest.eq(evidence.request_digest.as_str()),
            exchange_evidence::request_base.eq(evidence.request.base.as_str()),
            exchange_evidence::request_signature.eq(evidence.request.signature.to_vec()),
            exchange_evidence::answer_base.eq(answer.map(|answer| answer.base.as_str())),
            exchange_evidence::answer_signature.eq(answer.map(|answer| answer.signature.to_vec())),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable)]
struct Row {
    _id: i64,
    exchange: String,
    side: String,
    peer: String,
    at: i64,
    directory: i64,
    request_digest: String,
    request_base: String,
    request_signature: Vec<u8>,
    answer_base: Option<String>,
    answer_signature: Option<Vec<u8>>,
}

/// Everything that is kept of an exchange, oldest first. A signature of another length is kept as
/// zeros, which fit nothing.
pub(in crate::federation) fn of_exchange(
    connection: &mut HospitalConnection,
    exchange: &str,
) -> Result<Vec<Evidence>, DatabaseError> {
    let rows: Vec<Row> = exchange_evidence::table
        .filter(exchange_evidence::exchange.eq(exchange))
        .order(exchange_evidence::id.asc())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(Row::into_evidence).collect())
}

impl Row {
    fn into_evidence(self) -> Option<Evidence> {
        let signed = |base: String, signature: Vec<u8>| Signed {
            base,
            signature: signature.try_into().unwrap_or([0; 64]),
        };
        Some(Evidence {
            is_erased: self.request_signature.is_empty(),
            side: match self.side.as_str() {
                "asked" => Side::Asked,
                _ => Side::Answered,
            },
            peer: self.peer.parse().ok()?,
            at: Timestamp::from_micros(self.at),
            directory: u64::try_from(self.directory).unwrap_or_default(),
            exchange: self.exchange,
            request_digest: self.request_digest,
            request: signed(self.request_base, self.request_signature),
            answer: self
                .answer_base
                .zip(self.answer_signature)
                .map(|(base, signature)| signed(base, signature)),
        })
    }
}

/// What is read of a row to compare a day: no signature.
#[derive(Queryable)]
pub(in crate::federation) struct Kept {
    pub(in crate::federation) exchange: String,
    pub(in crate::federation) request_digest: String,
    pub(in crate::federation) request_base: String,
    pub(in crate::federation) answer_base: Option<String>,
}

/// The next rows of exchanges with `peer` whose ids stand in `from..until`, by their ids; at most
/// `limit`.
pub(in crate::federation) fn between(
    connection: &mut HospitalConnection,
    peer: &str,
    (from, until): (&str, &str),
    limit: i64,
) -> Result<Vec<Kept>, DatabaseError> {
    Ok(exchange_evidence::table
        .filter(exchange_evidence::exchange.ge(from))
        .filter(exchange_evidence::exchange.lt(until))
        .filter(exchange_evidence::peer.eq(peer))
        .select((
            exchange_evidence::exchange,
            exchange_evidence::request_digest,
            exchange_evidence::request_base,
            exchange_evidence::answer_base,
        ))
        .order(exchange_evidence::exchange.asc())
        .limit(limit)
        .load(connection)?)
}

/// How many rows before `before` can still be proved.
pub(in crate::federation) fn count_erasable(
    connection: &mut HospitalConnection,
    before: Timestamp,
) -> Result<i64, DatabaseError> {
    Ok(exchange_evidence::table
        .filter(exchange_evidence::at.lt(before.micros()))
        .filter(exchange_evidence::request_signature.ne(ERASED))
        .count()
        .get_result(connection)?)
}

/// Takes signatures, and headers but the path and the status, off the next `limit` rows behind row
/// `after`: how many there were, and the last of them; `None` when there is none.
pub(in crate::federation) fn erase(
    connection: &mut HospitalConnection,
    before: Timestamp,
    after: i64,
    limit: i64,
) -> Result<Option<(usize, i64)>, DatabaseError> {
    let rows: Vec<(i64, String, Option<String>)> = exchange_evidence::table
        .filter(exchange_evidence::at.lt(before.micros()))
        .filter(exchange_evidence::request_signature.ne(ERASED))
        .filter(exchange_evidence::id.gt(after))
        .select((
            exchange_evidence::id,
            exchange_evidence::request_base,
            exchange_evidence::answer_base,
        ))
        .order(exchange_evidence::id.asc())
        .limit(limit)
        .load(connection)?;
    for (id, request, answer) in &rows {
        diesel::update(exchange_evidence::table.find(id))
            .set((
                exchange_evidence::request_base.eq(remainder(request)),
                exchange_evidence::request_signature.eq(ERASED),
                exchange_evidence::answer_base.eq(answer.as_deref().map(remainder)),
                exchange_evidence::answer_signature.eq(answer.as_ref().map(|_| ERASED)),
            ))
            .execute(connection)?;
    }
    Ok(rows.last().map(|(last, _, _)| (rows.len(), *last)))
}
