//! The index rows of resources: made from what was read of them, put in, taken out.
//!
//! They have no key by resource: they are found again by reading the resource's text as it was read
//! when they were made. See [`super::reindex`] for when that reading changes.

use super::super::date::Span;
use super::super::extract::{Extracted, extract};
use super::super::own::OwnParameters;
use super::super::strict::strict;
use super::super::values::Measure;
use super::super::{Address, ResourceType};
use super::bulk::insert;
use super::bulk::tables::{ix_date, ix_patient, ix_quantity, ix_reference, ix_token};
use super::rows::Stored;
use super::statement::{Statement, insert_all};
use super::target::target_of;
use crate::database::{DatabaseError, HospitalConnection};

/// Rows of the index tables, each in the order of its table's columns.
#[derive(Debug, Default)]
pub(super) struct IndexRows {
    tokens: Vec<[i64; 6]>,
    dates: Vec<[i64; 6]>,
    texts: Vec<(String, [i64; 4])>,
    references: Vec<[i64; 5]>,
    measures: Vec<[i64; 9]>,
    charts: Vec<[i64; 6]>,
}

impl IndexRows {
    /// How many rows of values there are.
    pub(super) fn values(&self) -> usize {
        let scalars = self.tokens.len() + self.dates.len() + self.measures.len();
        scalars + self.texts.len() + self.references.len()
    }

    fn sort(&mut self) {
        self.tokens.sort_unstable();
        self.dates
            .sort_unstable_by_key(|[slot, lo, _, patient, date, rid]| {
                [*slot, *patient, *date, *rid, *lo]
            });
        self.texts.sort_unstable_by(|(text, row), (other, than)| {
            (row.first(), text).cmp(&(than.first(), other))
        });
        self.references.sort_unstable();
        self.measures
            .sort_unstable_by_key(|[slot, lo, _, _, _, _, patient, date, rid]| {
                [*slot, *patient, *date, *rid, *lo]
            });
        self.charts.sort_unstable();
    }

    /// Adds one resource's rows. `target_of` gives what a reference to an address holds.
    pub(super) fn add(
        &mut self,
        extracted: &Extracted,
        kind: i16,
        row: (i64, i64, Span, i16),
        target_of: impl Fn(&Address) -> i64,
    ) {
        let (rid, patient, when, category) = row;
        self.add_values(extracted, row, target_of);
        if patient != 0 {
            let (kind, category) = (i64::from(kind), i64::from(category));
            self.charts
                .push([patient, kind, when.lo, rid, when.hi, category]);
        }
    }

    /// Adds the rows of its values, without its place in the chart.
    pub(super) fn add_values(
        &mut self,
        extracted: &Extracted,
        row: (i64, i64, Span, i16),
        target_of: impl Fn(&Address) -> i64,
    ) {
        let (rid, patient, when, category) = row;
        let (date, category) = (when.lo, i64::from(category));
        for (slot, value) in &extracted.tokens {
            self.tokens
                .push([i64::from(*slot), *value, patient, date, rid, category]);
        }
        for (slot, span) in &extracted.dates {
            self.dates
                .push([i64::from(*slot), span.lo, span.hi, patient, date, rid]);
        }
        for (slot, text) in &extracted.texts {
            self.texts
                .push((text.clone(), [i64::from(*slot), patient, date, rid]));
        }
        for (slot, target) in &extracted.references {
            self.references
                .push([i64::from(*slot), target_of(target), patient, date, rid]);
        }
        for (slot, measure) in &extracted.measures {
            let Measure {
                stretch,
                coded,
                code,
                unit,
            } = measure;
            self.measures.push([
                i64::from(*slot),
                stretch.lo,
                stretch.hi,
                *coded,
                *code,
                *unit,
                patient,
                date,
                rid,
            ]);
        }
    }
}

/// Writes index rows, in the order of their keys: neighbours in a table are written one after the
/// other, while their page is at hand.
pub(super) fn insert_rows(
    connection: &mut HospitalConnection,
    mut rows: IndexRows,
) -> Result<(), DatabaseError> {
    rows.sort();
    let rows = &rows;
    let into = "ix_token (slot, value, patient, date, rid, category) VALUES ";
    insert(connection, ix_token::table, into, &rows.tokens)?;
    let into = "ix_date (slot, lo, hi, patient, date, rid) VALUES ";
    insert(connection, ix_date::table, into, &rows.dates)?;
    let into = "ix_reference (slot, target, patient, date, rid) VALUES ";
    insert(connection, ix_reference::table, into, &rows.references)?;
    let into = "ix_quantity (slot, lo, hi, coded, code, unit, patient, date, rid) VALUES ";
    insert(connection, ix_quantity::table, into, &rows.measures)?;
    let into = "ix_patient (patient, type, date, rid, date_end, category) VALUES ";
    insert(connection, ix_patient::table, into, &rows.charts)?;
    let texts = "ix_string (value, slot, patient, date, rid) VALUES ";
    insert_all(connection, texts, &rows.texts, |statement, (text, row)| {
        statement.text(text.as_str()).sql(", ").ints(row);
    })?;
    Ok(())
}

/// The addresses that a resource's rows refer to.
pub(super) fn named(extracted: &Extracted) -> impl Iterator<Item = &Address> {
    let references = extracted.references.iter().map(|(_, target)| target);
    extracted
        .patient
        .iter()
        .chain(&extracted.marked_by)
        .chain(references)
}

/// Takes out the index rows of a version that is no longer the newest.
pub(super) fn unindex(
    connection: &mut HospitalConnection,
    old: &Stored,
    own: &OwnParameters,
) -> Result<(), DatabaseError> {
    let Some(extracted) = read_again(old, own) else {
        return Ok(());
    };
    unindex_values(connection, &extracted, old)?;
    let mut delete = Statement::<()>::new("DELETE FROM ix_patient WHERE type = ");
    delete.int(old.kind);
    of_row(&mut delete, old).run(connection)?;
    Ok(())
}

/// Takes out the rows of values, not the place in the chart.
pub(super) fn unindex_values(
    connection: &mut HospitalConnection,
    extracted: &Extracted,
    old: &Stored,
) -> Result<(), DatabaseError> {
    for (slot, value) in &extracted.tokens {
        let mut delete = Statement::<()>::new("DELETE FROM ix_token WHERE slot = ");
        delete.int(*slot).sql(" AND value = ").int(*value);
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, span) in &extracted.dates {
        let mut delete = Statement::<()>::new("DELETE FROM ix_date WHERE slot = ");
        delete
            .int(*slot)
            .sql(" AND lo = ")
            .int(span.lo)
            .sql(" AND hi = ")
            .int(span.hi);
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, text) in &extracted.texts {
        let mut delete = Statement::<()>::new("DELETE FROM ix_string WHERE slot = ");
        delete.int(*slot).sql(" AND value = ").text(text.as_str());
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, target) in &extracted.references {
        let Some(target) = target_of(connection, target)? else {
            continue;
        };
        let mut delete = Statement::<()>::new("DELETE FROM ix_reference WHERE slot = ");
        delete.int(*slot).sql(" AND target = ").int(target);
        of_row(&mut delete, old).run(connection)?;
    }
    for (slot, measure) in &extracted.measures {
        let Measure {
            stretch,
            coded,
            code,
            unit,
        } = measure;
        let mut delete = Statement::<()>::new("DELETE FROM ix_quantity WHERE slot = ");
        delete.int(*slot);
        for (column, number) in [
            (" AND lo = ", stretch.lo),
            (" AND hi = ", stretch.hi),
            (" AND coded = ", *coded),
            (" AND code = ", *code),
            (" AND unit = ", *unit),
        ] {
            delete.sql(column).int(number);
        }
        of_row(&mut delete, old).run(connection)?;
    }
    Ok(())
}

fn of_row<'s, 'v>(delete: &'s mut Statement<'v>, old: &Stored) -> &'s mut Statement<'v> {
    delete
        .sql(" AND patient = ")
        .int(old.patient)
        .sql(" AND date = ")
        .int(old.date);
    delete.sql(" AND rid = ").int(old.rid)
}

/// Reads a stored resource for the index.
pub(super) fn read_again(stored: &Stored, own: &OwnParameters) -> Option<Extracted> {
    let kind = ResourceType::coded(stored.kind)?;
    let value = strict(&stored.raw).ok()?;
    let mut extracted = extract(kind, &value);
    extracted.read_by(&own.of_type(kind), &value);
    Some(extracted)
}
