//! What belongs to one patient, or to one encounter: a range of the index, by type, newest first.

use diesel::prelude::*;
use diesel::sql_types::SmallInt;

use super::super::ResourceType;
use super::super::date::{Span, UNDATED};
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// Which members of a compartment are wanted.
#[derive(Debug, Clone)]
pub(in crate::records) struct Compartment {
    pub(in crate::records) of: Of,
    /// The one chart that may be seen.
    pub(in crate::records) chart: Option<Rid>,
    /// Empty: every type.
    pub(in crate::records) kinds: Vec<ResourceType>,
    /// Care in this time; what has no date is wanted whatever the time.
    pub(in crate::records) during: Option<Span>,
    /// Written then or later, microseconds UTC.
    pub(in crate::records) since: Option<i64>,
    pub(in crate::records) after: Option<Place>,
}

/// Whose compartment, or what part of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::records) enum Of {
    /// A patient's chart.
    Patient(Rid),
    /// What names a patient and stands in no chart.
    Naming(Rid),
    Encounter(Rid),
}

impl Of {
    /// The slots of the references that lead to it; `None` for a chart, which has an index of its
    /// own.
    pub(in crate::records) fn slots(self) -> Option<Vec<i16>> {
        match self {
            Self::Patient(_) => None,
            Self::Naming(_) => Some(
                ResourceType::all()
                    .flat_map(ResourceType::naming_slots)
                    .collect(),
            ),
            Self::Encounter(_) => Some(
                ResourceType::all()
                    .map(ResourceType::encounter_slot)
                    .collect(),
            ),
        }
    }

    /// Whose it is.
    pub(in crate::records) fn rid(self) -> Rid {
        match self {
            Self::Patient(rid) | Self::Naming(rid) | Self::Encounter(rid) => rid,
        }
    }
}

/// Where a member stands: of two, the greater is told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::records) struct Place {
    /// The code of its type.
    pub(in crate::records) kind: i16,
    pub(in crate::records) date: i64,
    pub(in crate::records) rid: i64,
}

/// The code of a row's type.
pub(in crate::records) fn kind_of(
    connection: &mut HospitalConnection,
    rid: i64,
) -> Result<Option<i16>, DatabaseError> {
    let mut statement = Statement::<SmallInt>::new("SELECT r.type FROM resource r WHERE r.rid = ");
    statement.int(rid);
    Ok(statement.get_result::<i16>(connection).optional()?)
}

/// The next `limit` members: higher type codes first, then newest first. The patient or the
/// encounter itself is not among them.
pub(in crate::records) fn members(
    connection: &mut HospitalConnection,
    wanted: &Compartment,
    limit: usize,
) -> Result<Vec<Stored>, DatabaseError> {
    let mut statement = Statement::<ColumnTypes>::new("SELECT ");
    statement.sql(COLUMNS);
    let whose = wanted.of.rid();
    match wanted.of.slots() {
        None => {
            statement.sql(" FROM ix_patient k JOIN resource r ON r.rid = k.rid WHERE k.patient = ");
            statement.int(whose.0);
        }
        Some(slots) => {
            let slots: Vec<i64> = slots.into_iter().map(i64::from).collect();
            statement
                .sql(" FROM ix_reference k JOIN resource r ON r.rid = k.rid WHERE k.slot IN ")
                .list(&slots)
                .sql(" AND k.target = COALESCE((SELECT n.target FROM resource_target n WHERE n.rid = ")
                .int(whose.0)
                .sql("), 0 + ")
                .int(whose.0)
                .sql(")");
        }
    }
    statement.sql(" AND k.rid <> ").int(whose.0);
    if let Some(chart) = wanted.chart {
        statement.sql(" AND k.patient = ").int(chart.0);
    }
    filter(&mut statement, wanted);
    statement
        .sql(" ORDER BY ")
        .sql(type_column(wanted.of))
        .sql(" DESC, k.date DESC, k.rid DESC LIMIT 0 + ")
        .int(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(statement.load::<Stored>(connection)?)
}

/// Where the type stands: the index of charts has it, so that a page is one range of it.
fn type_column(of: Of) -> &'static str {
    match of {
        Of::Patient(_) => "k.type",
        Of::Naming(_) | Of::Encounter(_) => "r.type",
    }
}

fn filter(statement: &mut Statement<'_, ColumnTypes>, wanted: &Compartment) {
    let kind = type_column(wanted.of);
    if !wanted.kinds.is_empty() {
        let codes: Vec<i64> = wanted
            .kinds
            .iter()
            .map(|kind| i64::from(kind.code()))
            .collect();
        statement.sql(" AND ").sql(kind).sql(" IN ").list(&codes);
    }
    if let Some(Span { lo, hi }) = wanted.during {
        statement
            .sql(" AND (r.date = ")
            .int(UNDATED)
            .sql(" OR (r.date <= ")
            .int(hi)
            .sql(" AND r.date_end >= ")
            .int(lo)
            .sql("))");
    }
    if let Some(since) = wanted.since {
        statement.sql(" AND r.at >= ").int(since);
    }
    if let Some(Place {
        kind: code,
        date,
        rid,
    }) = wanted.after
    {
        statement
            .sql(" AND (")
            .sql(kind)
            .sql(", k.date, k.rid) < (")
            .int(code)
            .sql(", ")
            .int(date)
            .sql(", ")
            .int(rid)
            .sql(")");
    }
}
