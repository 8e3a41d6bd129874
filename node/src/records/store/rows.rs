//! A resource's row, and reading one by its address.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};

use super::super::classify::{Facts, categories_of_bits, category_numbered, is_apart_of_bits};
use super::super::date::Span;
use super::super::{Address, LogicalId, ResourceType};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection};
use federation_protocol::label::Labels;

/// The columns of [`Stored`], of the table aliased `r`.
pub(super) const COLUMNS: &str = "r.rid, r.type, r.id, r.version, r.txn, r.born, r.at, r.deleted, \
     r.patient, r.category, r.contained, r.labels, r.date, r.date_end, r.authors, r.related, r.raw, \
     (SELECT c.txn FROM records_counter c WHERE c.one = 1)";

pub(super) type ColumnTypes = (
    BigInt,
    SmallInt,
    Text,
    Integer,
    BigInt,
    BigInt,
    BigInt,
    Bool,
    BigInt,
    SmallInt,
    SmallInt,
    BigInt,
    BigInt,
    BigInt,
    Text,
    Text,
    Text,
    BigInt,
);

/// The newest version of a resource.
#[derive(Debug, Clone, Queryable)]
pub(in crate::records) struct Stored {
    pub(in crate::records) rid: i64,
    pub(in crate::records) kind: i16,
    pub(in crate::records) id: String,
    pub(in crate::records) version: i32,
    /// The commit that this version came with.
    pub(in crate::records) txn: i64,
    /// The commit that first had it.
    pub(in crate::records) born: i64,
    pub(in crate::records) at: i64,
    pub(in crate::records) deleted: bool,
    pub(in crate::records) patient: i64,
    category: i16,
    contained: i16,
    labels: i64,
    pub(in crate::records) date: i64,
    pub(in crate::records) date_end: i64,
    authors: String,
    related: String,
    pub(in crate::records) raw: String,
    /// The newest commit when this was read.
    pub(in crate::records) newest_txn: i64,
}

impl Stored {
    /// Where it is; `None` for a type that this program does not know.
    pub(in crate::records) fn address(&self) -> Option<Address> {
        Some(Address {
            kind: ResourceType::coded(self.kind)?,
            id: LogicalId::parse(&self.id)?,
        })
    }

    /// What the decision looks at, as it was read from the resource when it was written.
    pub(in crate::records) fn facts(&self) -> Facts {
        Facts {
            category: category_numbered(self.category),
            contained: categories_of_bits(self.contained),
            apart: Vec::new(),
            labels: Labels::from_bits(self.labels),
            authors: lines(&self.authors),
            related: lines(&self.related),
        }
    }

    /// Whether something that it contains says itself when it was, or who wrote it: its text tells.
    pub(in crate::records) fn has_apart(&self) -> bool {
        is_apart_of_bits(self.contained)
    }

    pub(in crate::records) fn when(&self) -> Span {
        Span {
            lo: self.date,
            hi: self.date_end,
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The newest version, deleted or not; `None` where there never was one.
pub(in crate::records) fn read(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<Option<Stored>, DatabaseError> {
    let mut statement = Statement::<ColumnTypes>::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM resource r WHERE r.type = ")
        .int(address.kind.code());
    statement
        .sql(" AND r.id = ")
        .text(address.id.as_str())
        .sql(" AND r.version > 0");
    Ok(statement.get_result::<Stored>(connection).optional()?)
}

/// A former version.
#[derive(Debug, Clone, Queryable)]
pub(in crate::records) struct Former {
    pub(in crate::records) raw: String,
    pub(in crate::records) at: i64,
    pub(in crate::records) deleted: bool,
    /// Whose chart it was in then.
    pub(in crate::records) patient: i64,
    /// What marked it then; `None` of versions that an earlier program put aside.
    pub(super) labels: Option<i64>,
}

/// A former version; `None` where there was none of that number.
pub(in crate::records) fn read_version(
    connection: &mut HospitalConnection,
    rid: i64,
    version: i32,
) -> Result<Option<Former>, DatabaseError> {
    let mut statement = Statement::<(Text, BigInt, Bool, BigInt, Nullable<BigInt>)>::new(
        "SELECT v.raw, v.at, v.deleted, v.patient, v.labels FROM resource_version v WHERE v.rid = ",
    );
    statement.int(rid).sql(" AND v.version = ").int(version);
    Ok(statement.get_result::<Former>(connection).optional()?)
}
