//! The rows of one type in the order of their ids, as they stood at a commit.
//!
//! A row is never removed and its id never changes, so that a place in this order means the same
//! whatever is written meanwhile.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use super::super::{Address, Entry, LogicalId, ResourceType};
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use super::superseded::entry_at;
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// What a row says of itself before its text is read.
#[derive(Debug, Clone, Queryable)]
struct Narrow {
    rid: i64,
    id: String,
    patient: i64,
    txn: i64,
    at: i64,
    deleted: bool,
    version: i32,
}

type NarrowTypes = (BigInt, Text, BigInt, BigInt, BigInt, Bool, Integer);
const NARROW: &str = "r.rid, r.id, r.patient, r.txn, r.at, r.deleted, r.version";

/// The version of a resource that was the newest at a commit.
#[derive(Debug, Clone)]
pub(in crate::records) struct Standing {
    rid: i64,
    pub(in crate::records) address: Address,
    version: i32,
    /// Whose chart it stood in; 0: in none.
    pub(in crate::records) patient: Rid,
    /// When it was written, microseconds.
    pub(in crate::records) at: i64,
    pub(in crate::records) deleted: bool,
}

/// The number of the newest commit.
pub(in crate::records) fn newest_commit(
    connection: &mut HospitalConnection,
) -> Result<i64, DatabaseError> {
    let statement =
        Statement::<(BigInt,)>::new("SELECT c.txn FROM records_counter c WHERE c.one = 1");
    let (txn,) = statement.get_result::<(i64,)>(connection)?;
    Ok(txn)
}

/// At most `limit` rows of a type behind an id, and the id of the last that was looked at; fewer
/// rows may have stood there at the commit. No id: the type ends here.
pub(in crate::records) fn standing_behind(
    connection: &mut HospitalConnection,
    kind: ResourceType,
    behind: Option<&LogicalId>,
    as_of: i64,
    limit: usize,
) -> Result<(Vec<Standing>, Option<LogicalId>), DatabaseError> {
    let mut statement = Statement::<NarrowTypes>::new("SELECT ");
    statement
        .sql(NARROW)
        .sql(" FROM resource r WHERE r.type = ");
    statement.int(kind.code()).sql(" AND r.id > ");
    statement.text(behind.map_or("", LogicalId::as_str));
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    statement.sql(" ORDER BY r.id LIMIT 0 + ").int(most);
    let rows = statement.load::<Narrow>(connection)?;
    let full = rows.len() >= limit;
    let last = rows.last().and_then(|row| LogicalId::parse(&row.id));
    let mut standing = Vec::with_capacity(rows.len());
    for row in rows {
        standing.extend(at_commit(connection, kind, row, as_of)?);
    }
    Ok((standing, last.filter(|_| full)))
}

/// What stood at an address; `None`: nothing had been written there.
pub(in crate::records) fn standing_at(
    connection: &mut HospitalConnection,
    address: &Address,
    as_of: i64,
) -> Result<Option<Standing>, DatabaseError> {
    let mut statement = Statement::<NarrowTypes>::new("SELECT ");
    statement
        .sql(NARROW)
        .sql(" FROM resource r WHERE r.type = ");
    statement.int(address.kind.code()).sql(" AND r.id = ");
    statement.text(address.id.as_str());
    let row = statement.get_result::<Narrow>(connection).optional()?;
    match row {
        Some(row) => at_commit(connection, address.kind, row, as_of),
        None => Ok(None),
    }
}

fn at_commit(
    connection: &mut HospitalConnection,
    kind: ResourceType,
    row: Narrow,
    as_of: i64,
) -> Result<Option<Standing>, DatabaseError> {
    let Some(id) = LogicalId::parse(&row.id) else {
        return Ok(None);
    };
    let newest = Standing {
        rid: row.rid,
        address: Address { kind, id },
        version: row.version,
        patient: Rid(row.patient),
        at: row.at,
        deleted: row.deleted,
    };
    if row.txn <= as_of {
        // Version 0 is only referred to.
        return Ok(Some(newest).filter(|one| one.version > 0));
    }
    former(connection, newest, as_of)
}

fn former(
    connection: &mut HospitalConnection,
    newest: Standing,
    as_of: i64,
) -> Result<Option<Standing>, DatabaseError> {
    let mut statement = Statement::<(Integer, BigInt, BigInt, Bool)>::new(
        "SELECT v.version, v.patient, v.at, v.deleted FROM resource_version v WHERE v.rid = ",
    );
    statement.int(newest.rid).sql(" AND v.txn <= ").int(as_of);
    statement.sql(" AND v.version > 0 ORDER BY v.version DESC LIMIT 1");
    let found = statement.get_result::<(i32, i64, i64, bool)>(connection);
    Ok(found
        .optional()?
        .map(|(version, patient, at, deleted)| Standing {
            version,
            patient: Rid(patient),
            at,
            deleted,
            ..newest
        }))
}

/// The texts of these, in their order, those of deletions left out.
pub(in crate::records) fn texts_of(
    connection: &mut HospitalConnection,
    standing: &[Standing],
    own: &str,
) -> Result<Vec<(Rid, Entry)>, DatabaseError> {
    let rids: Vec<i64> = standing.iter().map(|one| one.rid).collect();
    let mut statement = Statement::<ColumnTypes>::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM resource r WHERE r.rid IN ");
    statement.list(&rids);
    let rows = statement.load::<Stored>(connection)?;
    let mut rows: Vec<Option<Stored>> = rows.into_iter().map(Some).collect();
    let mut found = Vec::with_capacity(standing.len());
    for one in standing.iter().filter(|one| !one.deleted) {
        let row = rows
            .iter_mut()
            .find(|row| row.as_ref().is_some_and(|row| row.rid == one.rid))
            .and_then(Option::take);
        if let Some(row) = row {
            let entry = entry_at(connection, row, one.version, own)?;
            found.extend(entry.map(|entry| (one.patient, entry)));
        }
    }
    Ok(found)
}
