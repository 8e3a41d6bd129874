//! The versions that there were, newest first: the former ones and the newest, as one sequence.
//!
//! A version's place is its commit, its row and its number. It never changes, so pages read from
//! the newest backwards part the history whatever is written meanwhile.
//!
//! A Patient's row may be older than its first write (see [`super::target`]): in the history of one
//! chart it stands first of its commit, whatever its number.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};

use super::super::date::Span;
use super::super::{Address, LogicalId, ResourceType};
use super::marks::Marks;
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection};

/// Which versions are wanted.
#[derive(Debug, Clone, Default)]
pub(in crate::records) struct Versions {
    pub(in crate::records) kind: Option<ResourceType>,
    pub(in crate::records) rid: Option<i64>,
    pub(in crate::records) chart: Option<i64>,
    /// Written then or later, microseconds UTC.
    pub(in crate::records) since: Option<i64>,
    /// The newest at some moment of it.
    pub(in crate::records) current_in: Option<Span>,
    /// Before this place, so older.
    pub(in crate::records) before: Option<Moment>,
}

/// A version's place in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::records) struct Moment {
    pub(in crate::records) txn: i64,
    pub(in crate::records) rid: i64,
    pub(in crate::records) version: i32,
}

/// One version as it is stored.
#[derive(Debug, Clone, Queryable)]
pub(in crate::records) struct Version {
    pub(in crate::records) rid: i64,
    kind: i16,
    id: String,
    pub(in crate::records) version: i32,
    txn: i64,
    pub(in crate::records) at: i64,
    pub(in crate::records) deleted: bool,
    /// Whether the version before it was a deletion.
    pub(in crate::records) revived: bool,
    marked_now: i64,
    marked_then: Option<i64>,
    pub(in crate::records) raw: String,
    /// What it said before it was deleted; empty for what is not.
    pub(in crate::records) before: String,
}

type ColumnTypes = (
    BigInt,
    SmallInt,
    Text,
    Integer,
    BigInt,
    BigInt,
    Bool,
    Bool,
    BigInt,
    Nullable<BigInt>,
    Text,
    Text,
);

impl Version {
    /// Its place in the history of all charts, or of one.
    pub(in crate::records) fn moment(&self, chart: Option<i64>) -> Moment {
        let of_the_patient = chart == Some(self.rid);
        Moment {
            txn: self.txn,
            rid: if of_the_patient { 0 } else { self.rid },
            version: self.version,
        }
    }

    /// What marked it then, and marks the resource by now.
    pub(in crate::records) fn marks(&self) -> Marks {
        Marks::of(self.marked_then, self.marked_now)
    }

    /// `None` for a type that this program does not know.
    pub(in crate::records) fn address(&self) -> Option<Address> {
        Some(Address {
            kind: ResourceType::coded(self.kind)?,
            id: LogicalId::parse(&self.id)?,
        })
    }
}

/// The next `limit` of these versions.
pub(in crate::records) fn versions(
    connection: &mut HospitalConnection,
    wanted: &Versions,
    limit: usize,
) -> Result<Vec<Version>, DatabaseError> {
    let mut found = part(connection, wanted, limit, &NEWEST)?;
    found.extend(part(connection, wanted, limit, &FORMER)?);
    found.sort_unstable_by_key(|version| std::cmp::Reverse(version.moment(wanted.chart)));
    found.truncate(limit);
    Ok(found)
}

/// What differs between the two tables; the versions are aliased `v`, their resources `r`.
struct Part {
    select: &'static str,
    /// The index of the newest versions has their types.
    kind: &'static str,
    /// When the next version came, where there is one.
    ended_after: Option<&'static str>,
}

// One subquery for a value each: PostgreSQL would answer an EXISTS by reading the whole table.
const NEWEST: Part = Part {
    select: "SELECT r.rid, r.type, r.id, v.version, v.txn, v.at, v.deleted, \
         COALESCE((SELECT b.deleted FROM resource_version b \
             WHERE b.rid = v.rid AND b.version = v.version - 1), FALSE), \
         r.labels, v.labels, v.raw, \
         CASE WHEN v.deleted THEN COALESCE((SELECT b.raw FROM resource_version b \
             WHERE b.rid = v.rid AND b.version = v.version - 1), '') ELSE '' END \
         FROM resource v JOIN resource r ON r.rid = v.rid WHERE v.version > 0",
    kind: " AND v.type = ",
    ended_after: None,
};

const FORMER: Part = Part {
    select: "SELECT r.rid, r.type, r.id, v.version, v.txn, v.at, v.deleted, \
         COALESCE((SELECT b.deleted FROM resource_version b \
             WHERE b.rid = v.rid AND b.version = v.version - 1), FALSE), \
         r.labels, v.labels, v.raw, \
         CASE WHEN v.deleted THEN COALESCE((SELECT b.raw FROM resource_version b \
             WHERE b.rid = v.rid AND b.version = v.version - 1), '') ELSE '' END \
         FROM resource_version v JOIN resource r ON r.rid = v.rid WHERE v.version > 0",
    kind: " AND r.type = ",
    ended_after: Some(
        " AND COALESCE((SELECT n.at FROM resource_version n WHERE n.rid = v.rid \
         AND n.version = v.version + 1), r.at) > ",
    ),
};

fn part(
    connection: &mut HospitalConnection,
    wanted: &Versions,
    limit: usize,
    part: &Part,
) -> Result<Vec<Version>, DatabaseError> {
    let mut statement = Statement::<ColumnTypes>::new(part.select);
    if let Some(rid) = wanted.rid {
        statement.sql(" AND v.rid = ").int(rid);
    }
    if let Some(kind) = wanted.kind {
        statement.sql(part.kind).int(kind.code());
    }
    if let Some(chart) = wanted.chart {
        statement.sql(" AND v.patient = ").int(chart);
    }
    if let Some(since) = wanted.since {
        statement.sql(" AND v.at >= ").int(since);
    }
    if let Some(Span { lo, hi }) = wanted.current_in {
        statement.sql(" AND v.at <= ").int(hi);
        if let Some(ended_after) = part.ended_after {
            statement.sql(ended_after).int(lo);
        }
    }
    let place = if wanted.chart.is_some() {
        "v.txn, CASE WHEN v.rid = v.patient THEN 0 ELSE v.rid END, v.version"
    } else {
        "v.txn, v.rid, v.version"
    };
    if let Some(Moment { txn, rid, version }) = wanted.before {
        // The first says to the index what the second says to the rows.
        statement.sql(" AND v.txn <= ").int(txn);
        statement
            .sql(" AND (")
            .sql(place)
            .sql(") < (")
            .int(txn)
            .sql(", ")
            .int(rid)
            .sql(", ")
            .int(version)
            .sql(")");
    }
    // The sum: see `candidates`.
    let order = if wanted.chart.is_some() {
        " ORDER BY v.txn DESC, CASE WHEN v.rid = v.patient THEN 0 ELSE v.rid END DESC, \
         v.version DESC LIMIT 0 + "
    } else {
        " ORDER BY v.txn DESC, v.rid DESC, v.version DESC LIMIT 0 + "
    };
    statement
        .sql(order)
        .int(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(statement.load::<Version>(connection)?)
}
