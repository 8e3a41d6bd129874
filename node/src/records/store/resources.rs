//! Rows of `resource` as they are written: new ones, next versions, tombstones.

use federation_protocol::label::Labels;
use federation_protocol::time::Timestamp;

use super::super::Address;
use super::super::classify::{Facts, category_number, contained_bits};
use super::super::date::Span;
use super::statement::{Statement, insert_all};
use crate::database::{DatabaseError, HospitalConnection};

/// One row, but for what all rows of a commit share.
#[derive(Debug)]
pub(super) struct ResourceRow {
    pub(super) address: Address,
    pub(super) rid: i64,
    pub(super) version: i32,
    pub(super) patient: i64,
    pub(super) category: i16,
    pub(super) contained: i16,
    pub(super) labels: i64,
    pub(super) when: Span,
    pub(super) authors: String,
    pub(super) related: String,
    pub(super) raw: String,
}

impl ResourceRow {
    /// A row that says nothing: of what is only referred to (version 0), or was deleted.
    pub(super) fn empty(address: &Address, rid: i64, version: i32, patient: i64) -> Self {
        Self {
            address: address.clone(),
            rid,
            version,
            patient,
            category: 0,
            contained: 0,
            labels: 0,
            when: Span::NONE,
            authors: String::new(),
            related: String::new(),
            raw: String::new(),
        }
    }

    /// With what the decision looks at; `shared` are the labels of what marks it, as its encounter.
    pub(super) fn with_facts(mut self, facts: &Facts, when: Span, shared: Labels) -> Self {
        self.category = category_number(facts.category);
        self.contained = contained_bits(facts);
        self.labels = facts.labels.or(shared).to_bits();
        self.when = when;
        self.authors = facts.authors.join("\n");
        self.related = facts.related.join("\n");
        self
    }
}

/// The commit that rows are written in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit {
    pub(super) txn: i64,
    pub(super) at: Timestamp,
}

/// Writes new rows.
pub(super) fn insert_resources(
    connection: &mut HospitalConnection,
    rows: &[ResourceRow],
    Commit { txn, at }: Commit,
) -> Result<(), DatabaseError> {
    let into = "resource (rid, version, txn, born, at, patient, category, contained, \
         labels, date, date_end, type, deleted, id, authors, related, raw) VALUES ";
    insert_all(connection, into, rows, |statement, row| {
        let numbers = [
            row.rid,
            i64::from(row.version),
            txn,
            txn,
            at.micros(),
            row.patient,
            i64::from(row.category),
            i64::from(row.contained),
            row.labels,
            row.when.lo,
            row.when.hi,
            i64::from(row.address.kind.code()),
        ];
        for number in numbers {
            statement.int(number).sql(", ");
        }
        statement.sql("FALSE");
        for text in [
            row.address.id.as_str(),
            &row.authors,
            &row.related,
            &row.raw,
        ] {
            statement.sql(", ").text(text);
        }
    })?;
    Ok(())
}

/// Writes a next version over the row that is there.
pub(super) fn overwrite(
    connection: &mut HospitalConnection,
    row: &ResourceRow,
    Commit { txn, at }: Commit,
    deleted: bool,
) -> Result<(), DatabaseError> {
    // What was only referred to until now is born now.
    let mut update = Statement::<()>::new("UPDATE resource SET born = CASE version WHEN 0 THEN ");
    update.int(txn).sql(" ELSE born END");
    update.sql(if deleted {
        ", deleted = TRUE"
    } else {
        ", deleted = FALSE"
    });
    let numbers = [
        (", version = ", i64::from(row.version)),
        (", txn = ", txn),
        (", at = ", at.micros()),
        (", patient = ", row.patient),
        (", category = ", i64::from(row.category)),
        (", contained = ", i64::from(row.contained)),
        (", labels = ", row.labels),
        (", date = ", row.when.lo),
        (", date_end = ", row.when.hi),
    ];
    for (column, number) in numbers {
        update.sql(column).int(number);
    }
    update.sql(", authors = ").text(row.authors.as_str());
    update.sql(", related = ").text(row.related.as_str());
    update.sql(", raw = ").text(row.raw.as_str());
    update.sql(" WHERE rid = ").int(row.rid);
    update.run(connection)?;
    Ok(())
}

/// Copies the newest version to the former ones, with what marked it.
pub(super) fn keep_former(
    connection: &mut HospitalConnection,
    rid: i64,
) -> Result<(), DatabaseError> {
    let mut keep = Statement::<()>::new(
        "INSERT INTO resource_version (rid, version, patient, txn, at, deleted, raw, labels) \
         SELECT rid, version, patient, txn, at, deleted, raw, labels FROM resource WHERE rid = ",
    );
    keep.int(rid).run(connection)?;
    Ok(())
}
