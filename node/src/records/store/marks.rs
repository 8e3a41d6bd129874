//! What marks a former version.
//!
//! Not its own words alone: an encounter or a medication may have marked it that it does not name any
//! more, or that was not marked yet.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use federation_protocol::label::Labels;
use serde_json::Value;

use super::super::extract::{Extracted, extract};
use super::super::{Address, ResourceType};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection};

/// What was kept of a former version's marks.
#[derive(Debug, Clone, Copy)]
pub(in crate::records) struct Marks(Labels);

impl Marks {
    /// What marked it when it was put aside (an earlier program kept nothing of it), and what marks the
    /// resource by now.
    pub(in crate::records) fn of(then: Option<i64>, now: i64) -> Self {
        Self(Labels::from_bits(then.unwrap_or(0)).or(Labels::from_bits(now)))
    }
}

/// Reads a former version. It is marked by its own words, by what marked it then, by what marks the
/// resource by now, and by what the encounters and medications that it names are marked with by now.
pub(in crate::records) fn read_former(
    connection: &mut HospitalConnection,
    kind: ResourceType,
    resource: &Value,
    Marks(kept): Marks,
) -> Result<Extracted, DatabaseError> {
    let mut found = extract(kind, resource);
    let mut labels = found.facts.labels.or(kept);
    for by in &found.marked_by {
        labels = labels.or(labels_of(connection, by)?);
    }
    found.facts.labels = labels;
    Ok(found)
}

fn labels_of(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<Labels, DatabaseError> {
    let mut statement =
        Statement::<(BigInt,)>::new("SELECT r.labels FROM resource r WHERE r.type = ");
    statement
        .int(address.kind.code())
        .sql(" AND r.id = ")
        .text(address.id.as_str());
    let found = statement.get_result::<(i64,)>(connection).optional()?;
    Ok(found.map_or(Labels::NONE, |(labels,)| Labels::from_bits(labels)))
}

/// Leaves the former versions as an earlier program put them aside.
#[cfg(test)]
pub(in crate::records) fn forget_marks(
    connection: &mut HospitalConnection,
) -> Result<(), DatabaseError> {
    Statement::<()>::new("UPDATE resource_version SET labels = NULL").run(connection)?;
    Ok(())
}
