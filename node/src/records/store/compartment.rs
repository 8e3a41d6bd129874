//! What belongs to one patient, or to one encounter: a range of the index, by type, newest first.

use diesel::RunQueryDsl;

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

/// Whose compartment.
#[derive(Debug, Clone, Copy)]
pub(in crate::records) enum Of {
    Patient(Rid),
    Encounter(Rid),
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::records) struct Place {
    pub(in crate::records) date: i64,
    pub(in crate::records) rid: i64,
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
    let whose = match wanted.of {
        Of::Patient(whose) => {
            statement.sql(" FROM ix_patient k JOIN resource r ON r.rid = k.rid WHERE k.patient = ");
            statement.int(whose.0);
            whose
        }
        Of::Encounter(whose) => {
            let encounter = ResourceType::named("Encounter");
            let slots = encounter.map_or_else(Vec::new, ResourceType::marking_slots);
            statement
                .sql(" FROM ix_reference k JOIN resource r ON r.rid = k.rid WHERE k.slot IN ")
                .list(&slots)
                .sql(" AND k.target = COALESCE((SELECT n.target FROM resource_target n WHERE n.rid = ")
                .int(whose.0)
                .sql("), 0 + ")
                .int(whose.0)
                .sql(")");
            whose
        }
    };
    statement.sql(" AND k.rid <> ").int(whose.0);
    if let Some(chart) = wanted.chart {
        statement.sql(" AND k.patient = ").int(chart.0);
    }
    filter(&mut statement, wanted);
    let order = match wanted.of {
        Of::Patient(_) => " ORDER BY k.type DESC, k.date DESC, k.rid DESC LIMIT 0 + ",
        Of::Encounter(_) => " ORDER BY r.type DESC, k.date DESC, k.rid DESC LIMIT 0 + ",
    };
    statement
        .sql(order)
        .int(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(statement.load::<Stored>(connection)?)
}

fn filter(statement: &mut Statement<'_, ColumnTypes>, wanted: &Compartment) {
    let kind = match wanted.of {
        Of::Patient(_) => "k.type",
        Of::Encounter(_) => "r.type",
    };
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
    if let Some(Place { date, rid }) = wanted.after {
        statement
            .sql(" AND (")
            .sql(kind)
            .sql(", k.date, k.rid) < ((SELECT x.type FROM resource x WHERE x.rid = ")
            .int(rid)
            .sql("), ")
            .int(date)
            .sql(", ")
            .int(rid)
            .sql(")");
    }
}
