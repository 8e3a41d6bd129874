//! How what came of a question is written down, whoever asked: a line for each exchange with its evidence,
//! and the manifest of them all.

use federation_protocol::signature::ExchangeId;
use federation_protocol::time::Timestamp;
use serde_json::Value;

use super::outcome::{Part, PeerOutcome};
use super::{manifest, store};
use crate::audit::{self, Line};
use crate::database::{Database, DatabaseError};
use crate::keys::Keys;

/// What stands in the line of an exchange, beside who asked and under what.
pub(super) fn told(mut line: Line, part: &Part, is_stale: bool) -> Line {
    line = line
        .peer(&part.hospital.member)
        .outcome(part.outcome.code().unwrap_or("ok"));
    let exchange = part.exchange.as_deref();
    if let Some(exchange) = exchange.and_then(|text| text.parse::<ExchangeId>().ok()) {
        line = line.exchange(&exchange);
    }
    if let PeerOutcome::Answered(answer) = &part.outcome {
        line = line.shown(answer.shown());
    }
    if let Some(digest) = &part.digest {
        line = line.detail("answer_digest", digest.as_str());
    }
    match is_stale {
        true => line.detail("stale", true),
        false => line,
    }
}

/// Writes one exchange down, the line and its evidence or neither: before its answer is shown.
pub(super) async fn keep(
    database: &Database,
    line: Line,
    part: &Part,
) -> Result<(), DatabaseError> {
    let evidence = part.evidence.clone();
    database
        .transact(move |connection| {
            audit::append(connection, &line)?;
            match &evidence {
                Some(evidence) => store::evidence::keep(connection, evidence),
                None => Ok(()),
            }
        })
        .await
}

/// A manifest's place: its id, the grant that it is looked up under, and its time.
pub(super) struct Place<'a> {
    pub(super) id: &'a str,
    pub(super) grant: &'a str,
    pub(super) at: Timestamp,
}

/// Signs a manifest and keeps it.
pub(super) async fn sign(
    database: &Database,
    keys: &Keys,
    place: &Place<'_>,
    claims: &Value,
) -> Result<String, DatabaseError> {
    let jws = manifest::sign(claims, &*keys.sign());
    let (id, grant, at) = (place.id.to_owned(), place.grant.to_owned(), place.at);
    let kept = jws.clone();
    database
        .transact(move |connection| store::keep_manifest(connection, &id, &grant, at, &kept))
        .await?;
    Ok(jws)
}
