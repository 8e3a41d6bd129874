//! Versions that a search still shows: those that were the newest when its first page was read.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};

use super::super::entry::Standing;
use super::super::extract::Extracted;
use super::super::strict::strict;
use super::super::{Address, Entry, ResourceType};
use super::marks::{Marks, read_former};
use super::rows::{COLUMNS, ColumnTypes, Stored, read_version};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// A version that has been superseded since some commit, and was the newest then.
#[derive(Debug, Clone, Queryable)]
pub(in crate::records) struct Superseded {
    kind: i16,
    pub(in crate::records) rid: i64,
    pub(in crate::records) id: String,
    marked_now: i64,
    marked_then: Option<i64>,
    pub(in crate::records) version: i32,
    /// Whose chart it was in.
    pub(in crate::records) patient: i64,
    pub(in crate::records) at: i64,
    deleted: bool,
    pub(in crate::records) raw: String,
}

impl Superseded {
    /// Its type; `None` for one that this program does not know.
    pub(in crate::records) fn kind(&self) -> Option<ResourceType> {
        ResourceType::coded(self.kind)
    }

    /// What marked it then, and marks the resource by now.
    pub(in crate::records) fn marks(&self) -> Marks {
        Marks::of(self.marked_then, self.marked_now)
    }

    /// As it was. Where the permit `hides` anything, with what the resource is by now, which is to be
    /// allowed too: `None` where that cannot be told.
    pub(in crate::records) fn entry(
        self,
        connection: &mut HospitalConnection,
        address: Address,
        extracted: Extracted,
        (own, hides): (&str, bool),
    ) -> Result<Option<Entry>, DatabaseError> {
        let standing = match hides {
            true => standing(connection, self.rid, own)?,
            false => None,
        };
        if hides && standing.is_none() {
            return Ok(None);
        }
        let (rid, version, at) = (self.rid, self.version, self.at);
        let entry = Entry::of_former(address, rid, version, at, extracted, own, self.raw);
        Ok(Some(entry.by_now(standing)))
    }
}

/// What was there at a commit and has been changed or deleted since, as it was then, of one type or
/// of all: what stood in one chart, or at most `limit` of all.
pub(in crate::records) fn changed_since(
    connection: &mut HospitalConnection,
    kind: Option<ResourceType>,
    chart: Option<Rid>,
    as_of: i64,
    limit: usize,
) -> Result<Vec<Superseded>, DatabaseError> {
    let mut statement = Statement::<(
        SmallInt,
        BigInt,
        Text,
        BigInt,
        Nullable<BigInt>,
        Integer,
        BigInt,
        BigInt,
        Bool,
        Text,
    )>::new(
        "SELECT r.type, r.rid, r.id, r.labels, v.labels, v.version, v.patient, v.at, v.deleted, v.raw \
             FROM resource r JOIN resource_version v ON v.rid = r.rid AND v.version = \
             (SELECT MAX(w.version) FROM resource_version w WHERE w.rid = r.rid AND w.txn <= ",
    );
    // What has changed has more than one version: the index by commit says so, without the row of
    // all that an import has brought since.
    statement
        .int(as_of)
        .sql(") WHERE r.version > 1 AND r.txn > ")
        .int(as_of);
    if let Some(kind) = kind {
        // The sign keeps SQLite from walking every resource of the type: few have changed.
        statement.sql(" AND +r.type = ").int(kind.code());
    }
    statement.sql(" AND r.born <= ").int(as_of);
    if let Some(Rid(chart)) = chart {
        statement.sql(" AND v.patient = ").int(chart);
    } else {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        statement.sql(" LIMIT 0 + ").int(limit);
    }
    let mut found = statement.load::<Superseded>(connection)?;
    found.retain(|one| !one.deleted);
    Ok(found)
}

/// One version of a row; `None` where it is gone, or was a deletion.
pub(in crate::records) fn at_place(
    connection: &mut HospitalConnection,
    rid: i64,
    version: i32,
    own: &str,
) -> Result<Option<Entry>, DatabaseError> {
    match row(connection, rid)? {
        Some(row) => entry_at(connection, row, version, own),
        None => Ok(None),
    }
}

fn row(connection: &mut HospitalConnection, rid: i64) -> Result<Option<Stored>, DatabaseError> {
    let mut statement = Statement::<ColumnTypes>::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM resource r WHERE r.rid = ")
        .int(rid);
    Ok(statement.get_result::<Stored>(connection).optional()?)
}

/// One version of the row that was read; `None` where it is gone, or was a deletion.
pub(in crate::records) fn entry_at(
    connection: &mut HospitalConnection,
    row: Stored,
    version: i32,
    own: &str,
) -> Result<Option<Entry>, DatabaseError> {
    if row.version == version {
        return Ok(Some(row)
            .filter(|row| !row.deleted)
            .and_then(|row| Entry::of_stored(row, own)));
    }
    let former = former_at(connection, &row, version, own)?;
    let Some(standing) = standing_of(connection, row, own)? else {
        return Ok(None);
    };
    Ok(former.map(|entry| entry.by_now(Some(Arc::new(standing)))))
}

/// The resource as it stands by now or, where it is deleted, as it last stood.
pub(in crate::records) fn standing(
    connection: &mut HospitalConnection,
    rid: i64,
    own: &str,
) -> Result<Option<Arc<Standing>>, DatabaseError> {
    let standing = match row(connection, rid)? {
        Some(row) => standing_of(connection, row, own)?,
        None => None,
    };
    Ok(standing.map(Arc::new))
}

fn standing_of(
    connection: &mut HospitalConnection,
    row: Stored,
    own: &str,
) -> Result<Option<Standing>, DatabaseError> {
    let chart = Rid(row.patient);
    let entry = if row.deleted {
        former_at(connection, &row, row.version.saturating_sub(1), own)?
    } else {
        Entry::of_stored(row, own)
    };
    Ok(entry.map(|entry| Standing { entry, chart }))
}

fn former_at(
    connection: &mut HospitalConnection,
    row: &Stored,
    version: i32,
    own: &str,
) -> Result<Option<Entry>, DatabaseError> {
    let former = read_version(connection, row.rid, version)?.filter(|former| !former.deleted);
    let (Some(former), Some(address)) = (former, row.address()) else {
        return Ok(None);
    };
    let Ok(value) = strict(&former.raw) else {
        return Ok(None);
    };
    let marks = Marks::of(former.labels, row.facts().labels.to_bits());
    let extracted = read_former(connection, address.kind, &value, marks)?;
    Ok(Some(Entry::of_former(
        address, row.rid, version, former.at, extracted, own, former.raw,
    )))
}
