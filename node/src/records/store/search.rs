//! A search as one statement: the row numbers from the narrow index first, sorted and cut, then the
//! bodies of just those.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::cursor::Position;
use super::super::query::condition::{Chain, Condition, Has, Rows, Test};
use super::super::{Address, LogicalId, ResourceType};
use super::filter::{Source, referred_rows};
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use super::target::{OF_ROW, target_of};
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// The most targets of a chain that are listed; where there are more, the database finds them as it
/// goes.
const MOST_TARGETS: usize = 1_024;

/// A search with everything looked up that its statement needs.
#[derive(Debug, Clone)]
pub(in crate::records) struct Plan {
    kind: ResourceType,
    /// The charts searched; `None` for all.
    patients: Option<Vec<i64>>,
    /// The numbers of the categories that may be shown; `None` for all.
    categories: Option<Vec<i64>>,
    conditions: Vec<Condition>,
}

impl Plan {
    /// Looks the addresses of conditions up. `None`: nothing can match.
    ///
    /// Links (chains and `_has`) must have been followed already where the permit hides anything.
    pub(in crate::records) fn of(
        connection: &mut HospitalConnection,
        kind: ResourceType,
        conditions: &[Condition],
        chart: Option<Rid>,
        categories: Option<&[i16]>,
    ) -> Result<Option<Self>, DatabaseError> {
        let mut patients = chart.map(|Rid(rid)| vec![rid]);
        let mut kept = Vec::new();
        let mut found = Vec::new();
        for condition in conditions {
            match looked_up(connection, condition)? {
                // Each part limits by itself, and the best of them may drive.
                Condition::All(parts) => found.extend(parts),
                condition => found.push(condition),
            }
        }
        for condition in found {
            match condition {
                Condition::ChartRow(asked) => {
                    patients = Some(match patients {
                        Some(mut allowed) => {
                            allowed.retain(|rid| asked.contains(rid));
                            allowed
                        }
                        None => asked,
                    });
                }
                Condition::Row(Rows {
                    test: Test::TargetRow(targets),
                    ..
                }) if targets.is_empty() => return Ok(None),
                Condition::Any(parts) if parts.is_empty() => return Ok(None),
                condition => kept.push(condition),
            }
        }
        let categories: Option<Vec<i64>> =
            categories.map(|list| list.iter().map(|number| i64::from(*number)).collect());
        let nothing = patients.as_ref().is_some_and(Vec::is_empty)
            || categories.as_ref().is_some_and(Vec::is_empty);
        let plan = Self {
            kind,
            patients,
            categories,
            conditions: kept,
        };
        Ok((!nothing).then_some(plan))
    }

    fn source(&self) -> Source<'_> {
        Source {
            kind: self.kind,
            patients: self.patients.as_deref(),
            categories: self.categories.as_deref(),
            conditions: &self.conditions,
        }
    }
}

/// The same conditions, the targets of each link listed where they are few.
pub(in crate::records) fn links_listed(
    connection: &mut HospitalConnection,
    conditions: &[Condition],
) -> Result<Vec<Condition>, DatabaseError> {
    let mut listed = Vec::with_capacity(conditions.len());
    for condition in conditions {
        listed.push(if condition.follows_links() {
            looked_up(connection, condition)?
        } else {
            condition.clone()
        });
    }
    Ok(listed)
}

/// Whether anything of these types was written after a commit.
pub(in crate::records) fn written_since(
    connection: &mut HospitalConnection,
    kinds: &[ResourceType],
    as_of: i64,
) -> Result<bool, DatabaseError> {
    let kinds: Vec<i64> = kinds.iter().map(|kind| i64::from(kind.code())).collect();
    let mut statement = Statement::<(BigInt,)>::new("SELECT r.rid FROM resource r WHERE r.txn > ");
    // The sign keeps SQLite from walking every resource of the types: few have changed.
    statement.int(as_of).sql(" AND +r.type IN ").list(&kinds);
    statement.sql(" LIMIT 1");
    Ok(statement
        .get_result::<(i64,)>(connection)
        .optional()?
        .is_some())
}

/// The same condition with row numbers in place of addresses, and with the targets of links that
/// are few.
fn looked_up(
    connection: &mut HospitalConnection,
    condition: &Condition,
) -> Result<Condition, DatabaseError> {
    let mut parts = |parts: &[Condition]| {
        let each = parts.iter().map(|part| looked_up(connection, part));
        each.collect::<Result<Vec<_>, _>>()
    };
    Ok(match condition {
        Condition::Any(any) => Condition::Any(parts(any)?),
        Condition::All(all) => Condition::All(parts(all)?),
        Condition::Not(inner) => Condition::Not(Box::new(looked_up(connection, inner)?)),
        Condition::Chart(ids) => Condition::ChartRow(rids(connection, ids)?),
        Condition::Row(Rows {
            slots,
            test: Test::Target(targets),
            identifying,
            own,
        }) => {
            let mut found = Vec::new();
            for target in targets {
                found.extend(target_of(connection, target)?);
            }
            Condition::Row(Rows {
                slots: slots.clone(),
                test: Test::TargetRow(found),
                identifying: *identifying,
                own: *own,
            })
        }
        Condition::Chain(chain) => followed(connection, chain)?,
        Condition::Has(has) => referred_to(connection, has)?,
        plain => plain.clone(),
    })
}

/// A chain as the list of what it leads to, if that is short.
fn followed(
    connection: &mut HospitalConnection,
    chain: &Chain,
) -> Result<Condition, DatabaseError> {
    let mut any = Vec::new();
    let mut to = Vec::new();
    for (kind, inner) in &chain.to {
        let inner = looked_up(connection, inner)?;
        let found = matching_rids(connection, *kind, &inner, OF_ROW)?;
        // `patient` may lead to a Group too: a type without a match must not keep the one chart that
        // matched from being walked.
        if found.is_empty() {
            continue;
        }
        if found.len() > MOST_TARGETS {
            to.push((*kind, inner));
        } else if chain.by.is_told_by_the_chart(*kind) {
            any.push(Condition::ChartRow(found));
        } else {
            any.push(Rows::of(chain.by, Test::TargetRow(found)));
        }
    }
    if !to.is_empty() {
        any.push(Condition::Chain(Chain { by: chain.by, to }));
    }
    Ok(match any.pop() {
        Some(only) if any.is_empty() => only,
        last => Condition::Any(any.into_iter().chain(last).collect()),
    })
}

/// `_has` as the list of what is referred to, if that is short.
fn referred_to(connection: &mut HospitalConnection, has: &Has) -> Result<Condition, DatabaseError> {
    let inner = looked_up(connection, &has.inner)?;
    if has.by.is_told_by_the_chart(has.of) {
        let found = matching_rids(connection, has.kind, &inner, "k.patient")?;
        if found.len() <= MOST_TARGETS {
            return Ok(Condition::RowNumber(found));
        }
    } else {
        let found = led_to(connection, has, &inner)?;
        if found.len() <= MOST_TARGETS {
            return Ok(Condition::RowNumber(found));
        }
    }
    Ok(Condition::Has(Has {
        inner: Box::new(inner),
        ..has.clone()
    }))
}

/// The distinct row numbers in a column of what satisfies a condition; at most one more than a list
/// may have.
fn matching_rids(
    connection: &mut HospitalConnection,
    kind: ResourceType,
    condition: &Condition,
    column: &'static str,
) -> Result<Vec<i64>, DatabaseError> {
    let mut statement = Statement::<(BigInt,)>::new("SELECT DISTINCT ");
    statement.sql(column).sql(" FROM ");
    Source {
        kind,
        patients: None,
        categories: None,
        conditions: std::slice::from_ref(condition),
    }
    .write(&mut statement);
    few(statement, connection)
}

/// The rows that what satisfies a condition refers to; at most one more than a list may have.
fn led_to(
    connection: &mut HospitalConnection,
    has: &Has,
    inner: &Condition,
) -> Result<Vec<i64>, DatabaseError> {
    let mut statement = Statement::<(BigInt,)>::new("SELECT DISTINCT ");
    referred_rows(&mut statement, has, inner);
    few(statement, connection)
}

fn few(
    mut statement: Statement<'_, (BigInt,)>,
    connection: &mut HospitalConnection,
) -> Result<Vec<i64>, DatabaseError> {
    let limit = i64::try_from(MOST_TARGETS)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    statement.rare().sql(" LIMIT 0 + ").int(limit);
    let rids = statement.load::<(i64,)>(connection)?;
    Ok(rids.into_iter().map(|(rid,)| rid).collect())
}

/// The newest `limit` rows after a position, sorted newest first. Rows that came to be after the
/// first page are among them: the caller knows the commit. A resource that matches in two ways (by
/// two codes, two names) stands there twice, one beside the other.
pub(in crate::records) fn candidates(
    connection: &mut HospitalConnection,
    plan: &Plan,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Stored>, DatabaseError> {
    let mut statement = Statement::<ColumnTypes>::new("SELECT ");
    statement
        .sql(COLUMNS)
        .sql(" FROM (SELECT k.date, k.rid FROM ");
    plan.source().write(&mut statement);
    if let Some(Position { date, rid, .. }) = after {
        statement
            .sql(" AND (k.date, k.rid) < (")
            .int(date)
            .sql(", ")
            .int(rid)
            .sql(")");
    }
    if plan.conditions.len() > 4 || plan.conditions.iter().any(is_rare) {
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

/// Shapes that hardly come back.
fn is_rare(condition: &Condition) -> bool {
    match condition {
        Condition::Row(rows) => rows.slots.len() > 1,
        Condition::When(_) => false,
        Condition::Id(ids) => ids.len() > 1,
        _ => true,
    }
}

/// How many resources match, by the index alone.
pub(in crate::records) fn count(
    connection: &mut HospitalConnection,
    plan: &Plan,
) -> Result<usize, DatabaseError> {
    let mut statement = Statement::<(BigInt,)>::new("SELECT COUNT(DISTINCT k.rid) FROM ");
    plan.source().write(&mut statement);
    statement.rare();
    let (count,) = statement.get_result::<(i64,)>(connection)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn rids(
    connection: &mut HospitalConnection,
    patients: &[LogicalId],
) -> Result<Vec<i64>, DatabaseError> {
    let mut found = Vec::new();
    if let Some(kind) = ResourceType::named("Patient") {
        for id in patients {
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
