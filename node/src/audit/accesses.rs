//! What the log says of one chart, for the person whose it is, with the proof that it says so.

use federation_protocol::accesses::{Access, AccessAct, AccessReport, MOST_ACCESSES};
use federation_protocol::purpose::Purpose;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::{consistency_proof, inclusion_proof};
use serde_json::Value;

use super::checkpoints::whole;
use super::store::tree::{self, StoredTree, unsigned};
use super::store::{self, Row, checkpoints};
use super::{Audit, AuditError, Kind, seal};
use crate::database::{HospitalConnection, Rid};

/// The kinds of acts that are somebody looking, or trying to.
const LOOKING: [Kind; 4] = [Kind::Read, Kind::Disclosure, Kind::Export, Kind::Refusal];

/// Whose accesses are asked for.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The chart here; without one the log has nothing to say.
    pub patient: Option<Rid>,
    /// The person, where this is their home: what was refused in their name.
    pub person: Option<String>,
    /// Not before this.
    pub since: Timestamp,
    /// The size of this log that was proved before; 0 for never.
    pub known: u64,
}

impl Audit {
    /// [`accesses_in`] in a transaction of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn accesses(&self, looked: Looked) -> Result<Option<AccessReport>, AuditError> {
        self.database
            .read(move |connection| accesses_in(connection, &looked))
            .await
    }
}

/// Who looked, the newest first, each act with its inclusion proof against the newest checkpoint;
/// what is not in the tree yet is told the next time. `None` before the first checkpoint, and where
/// less is signed than was proved before.
///
/// # Errors
/// `Tree`, `Checkpoint`, `Database`.
pub fn accesses_in(
    connection: &mut HospitalConnection,
    looked: &Looked,
) -> Result<Option<AccessReport>, AuditError> {
    let Some(newest) = checkpoints::newest(connection)? else {
        return Ok(None);
    };
    if looked.known > newest.size {
        return Ok(None);
    }
    let size = newest.size;
    let consistency = consistency_proof(&mut StoredTree(connection), looked.known, size)?;
    let rows = store::looking(connection, looked, &LOOKING, MOST_ACCESSES)?;
    let more = rows.len() > MOST_ACCESSES;
    let mut accesses = Vec::new();
    for row in rows.iter().take(MOST_ACCESSES) {
        accesses.extend(access(connection, row, size)?);
    }
    Ok(Some(AccessReport {
        checkpoint: whole(&newest)?.to_string(),
        consistency: consistency.iter().map(ToString::to_string).collect(),
        accesses,
        more,
    }))
}

/// One line as it is told; `None` while it stands under no checkpoint.
fn access(
    connection: &mut HospitalConnection,
    row: &Row,
    size: u64,
) -> Result<Option<Access>, AuditError> {
    let Some(leaf) = tree::place_of(connection, row.seq)? else {
        return Ok(None);
    };
    let place = unsigned(leaf.place);
    let Some(commitment) = row.commitment.as_deref().filter(|_| place < size) else {
        return Ok(None);
    };
    let path = inclusion_proof(&mut StoredTree(connection), place, size)?;
    let body = row.body();
    let Some(act) = act_of(body.kind, body.purpose) else {
        return Ok(None);
    };
    Ok(Some(Access {
        entry: seal::entry(row.seq, row.at, commitment),
        place,
        path: path.iter().map(ToString::to_string).collect(),
        act,
        role: told(body.actor_role),
        actor: body.actor_id.map(told),
        member: body.peer.and_then(|peer| peer.parse().ok()),
        purpose: body.purpose.and_then(|purpose| purpose.parse().ok()),
        outcome: told(body.outcome),
        types: types(body.detail),
        shown: body.shown.and_then(|shown| u64::try_from(shown).ok()),
    }))
}

fn act_of(kind: &str, purpose: Option<&str>) -> Option<AccessAct> {
    match Kind::of(kind)? {
        Kind::Disclosure if purpose == Some(Purpose::Btg.as_str()) => Some(AccessAct::Emergency),
        Kind::Disclosure => Some(AccessAct::Disclosure),
        Kind::Read => Some(AccessAct::Read),
        Kind::Export => Some(AccessAct::Export),
        Kind::Refusal => Some(AccessAct::Refusal),
        _other => None,
    }
}

/// Words are short: what is not, somebody else's log says.
fn told(word: &str) -> String {
    match word.is_empty() {
        true => "unknown".to_owned(),
        false => word.chars().take(32).collect(),
    }
}

/// The types that a line names. An id of a resource is not told: it may be of something that the
/// person's doctor has not spoken of yet.
fn types(detail: &str) -> Vec<String> {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let text = |name: &str| detail.get(name).and_then(Value::as_str);
    let named = text("types").or_else(|| text("type")).or_else(|| {
        let resource = text("resource")?;
        resource.split('/').next()
    });
    let words = named.unwrap_or_default().split_whitespace();
    let mut types: Vec<String> = words.map(told).collect();
    types.sort_unstable();
    types.dedup();
    types.truncate(32);
    types
}
