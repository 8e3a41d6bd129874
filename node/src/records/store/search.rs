//! A search as one statement: the row numbers from the narrow index first, sorted and cut, then the
//! bodies of just those.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::cursor::Position;
use super::super::query::{Condition, SearchQuery};
use super::super::{Address, LogicalId, ResourceType};
use super::filter::Filter;
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// A search with everything looked up that its statement needs.
#[derive(Debug, Clone)]
pub(in crate::records) struct Plan {
    pub(super) kind: ResourceType,
    /// The charts searched; `None` for all.
    pub(super) patients: Option<Vec<i64>>,
    /// The numbers of the categories that may be shown; `None` for all.
    pub(super) categories: Option<Vec<i64>>,
    conditions: Vec<Looked>,
    /// Everything after this; `None` for the first page.
    pub(in crate::records) after: Option<Position>,
}

/// A condition with its addresses looked up.
#[derive(Debug, Clone)]
pub(super) enum Looked {
    Plain(Condition),
    References { slot: i16, targets: Vec<i64> },
}

impl Plan {
    /// Looks the addresses of a query up. `None`: nothing can match.
    pub(in crate::records) fn of(
        connection: &mut HospitalConnection,
        query: &SearchQuery,
        chart: Option<Rid>,
        categories: Option<&[i16]>,
        after: Option<Position>,
    ) -> Result<Option<Self>, DatabaseError> {
        let mut patients = chart.map(|Rid(rid)| vec![rid]);
        let mut conditions = Vec::new();
        for condition in &query.conditions {
            match condition {
                Condition::Patient(ids) => {
                    let asked = rids(connection, "Patient", ids)?;
                    patients = Some(match patients {
                        Some(allowed) => allowed
                            .into_iter()
                            .filter(|rid| asked.contains(rid))
                            .collect(),
                        None => asked,
                    });
                }
                Condition::Reference { slot, targets } => {
                    let mut found = Vec::new();
                    for target in targets {
                        found.extend(rid_of(connection, target)?.map(|Rid(rid)| rid));
                    }
                    if found.is_empty() {
                        return Ok(None);
                    }
                    conditions.push(Looked::References {
                        slot: *slot,
                        targets: found,
                    });
                }
                plain => conditions.push(Looked::Plain(plain.clone())),
            }
        }
        let categories: Option<Vec<i64>> =
            categories.map(|list| list.iter().map(|number| i64::from(*number)).collect());
        let nothing = patients.as_ref().is_some_and(Vec::is_empty)
            || categories.as_ref().is_some_and(Vec::is_empty);
        let plan = Self {
            kind: query.kind,
            patients,
            categories,
            conditions,
            after,
        };
        Ok((!nothing).then_some(plan))
    }

    /// The condition whose index table is walked, the dearest to check otherwise.
    fn driver(&self) -> Option<usize> {
        let worth = |looked: &Looked| match looked {
            Looked::Plain(Condition::Id(_)) => 6,
            Looked::Plain(Condition::Token {
                identifier: true, ..
            }) => 5,
            Looked::References { .. } => 4,
            Looked::Plain(Condition::Token { .. }) if self.patients.is_some() => 3,
            // Within one chart, walking the chart is cheaper than walking all names or dates.
            Looked::Plain(_) if self.patients.is_some() => 0,
            Looked::Plain(Condition::Date { .. }) => 3,
            Looked::Plain(Condition::Text { .. }) => 2,
            Looked::Plain(Condition::Token { .. }) => 1,
            Looked::Plain(_) => 0,
        };
        let best = self
            .conditions
            .iter()
            .enumerate()
            .max_by_key(|(_, looked)| worth(looked));
        best.filter(|(_, looked)| worth(looked) > 0)
            .map(|(place, _)| place)
    }
}

/// The newest `limit` rows after the plan's position, sorted newest first. Rows that came to be
/// after the first page are among them: the caller knows the commit. A resource that matches in two
/// ways (by two codes, two names) stands there twice, one beside the other.
pub(in crate::records) fn candidates(
    connection: &mut HospitalConnection,
    plan: &Plan,
    limit: usize,
) -> Result<Vec<Stored>, DatabaseError> {
    let mut statement = Statement::<ColumnTypes>::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM (SELECT k.date, k.rid FROM ");
    let driver = plan.driver();
    let mut filter = Filter {
        statement: &mut statement,
        chart_known: false,
        category_known: true,
    };
    match driver.and_then(|place| plan.conditions.get(place)) {
        Some(looked) => filter.drive(looked, plan.kind),
        None => filter.drive_by_chart(plan),
    }
    filter.limits(plan, driver.is_some());
    for (place, looked) in plan.conditions.iter().enumerate() {
        if Some(place) != driver {
            filter.also(looked, plan);
        }
    }
    if let Some(Position { date, rid, .. }) = plan.after {
        statement
            .sql(" AND (k.date, k.rid) < (")
            .int(date)
            .sql(", ")
            .int(rid)
            .sql(")");
    }
    if plan.conditions.len() > 4 {
        statement.rare();
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // SQLite plans by the value of a bare `LIMIT ?` and prepares the statement anew each time it is
    // bound; a sum it does not look into.
    statement
        .sql(" ORDER BY k.date DESC, k.rid DESC LIMIT 0 + ")
        .int(limit);
    statement.sql(") p JOIN resource r ON r.rid = p.rid");
    let mut rows = statement.load::<Stored>(connection)?;
    rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.date, row.rid)));
    Ok(rows)
}

fn rids(
    connection: &mut HospitalConnection,
    kind: &str,
    ids: &[LogicalId],
) -> Result<Vec<i64>, DatabaseError> {
    let mut found = Vec::new();
    if let Some(kind) = ResourceType::named(kind) {
        for id in ids {
            let address = Address {
                kind,
                id: id.clone(),
            };
            found.extend(rid_of(connection, &address)?.map(|Rid(rid)| rid));
        }
    }
    Ok(found)
}

/// The row number of an address; of a deleted resource, or one that was only referred to, too.
pub(in crate::records) fn rid_of(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<Option<Rid>, DatabaseError> {
    let mut statement = Statement::<(BigInt,)>::new("SELECT r.rid FROM resource r WHERE r.type = ");
    statement
        .int(address.kind.code())
        .sql(" AND r.id = ")
        .text(address.id.as_str().to_owned());
    Ok(statement
        .get_result::<(i64,)>(connection)
        .optional()?
        .map(|(rid,)| Rid(rid)))
}
