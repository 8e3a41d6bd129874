//! A search as one statement: the row numbers from the narrow index first, sorted and cut, then the
//! bodies of just those.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::cursor::Position;
use super::super::date::UNDATED;
use super::super::query::{Comparison, Condition, DateTest, SearchQuery};
use super::super::{Address, LogicalId, ResourceType};
use super::rows::{COLUMNS, ColumnTypes, Stored};
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection, Rid};

/// A search with everything looked up that its statement needs.
#[derive(Debug, Clone)]
pub(in crate::records) struct Plan {
    kind: ResourceType,
    /// The charts searched; `None` for all.
    patients: Option<Vec<i64>>,
    /// The numbers of the categories that may be shown; `None` for all.
    categories: Option<Vec<i64>>,
    conditions: Vec<Looked>,
    /// Everything after this; `None` for the first page.
    pub(in crate::records) after: Option<Position>,
}

/// A condition with its addresses looked up.
#[derive(Debug, Clone)]
enum Looked {
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

/// Writes the inner statement's tables and conditions, on rows aliased `k`.
struct Filter<'s, 'v> {
    statement: &'s mut Statement<'v, ColumnTypes>,
    /// The walked table is the chart: it limits patient and category itself.
    chart_known: bool,
    /// The walked table has the category.
    category_known: bool,
}

impl Filter<'_, '_> {
    fn drive(&mut self, looked: &Looked, kind: ResourceType) {
        let statement = &mut *self.statement;
        self.category_known = matches!(
            looked,
            Looked::Plain(Condition::Token { .. } | Condition::Id(_) | Condition::When(_))
        );
        match looked {
            Looked::Plain(Condition::Token { slot, values, .. }) => {
                statement
                    .sql("ix_token k WHERE k.slot = ")
                    .int(*slot)
                    .sql(" AND k.value IN ");
                statement.list(values);
            }
            Looked::Plain(Condition::Text { slot, beginnings }) => {
                statement
                    .sql("ix_string k WHERE k.slot = ")
                    .int(*slot)
                    .sql(" AND (");
                beginning(statement, "k.value", beginnings);
                statement.sql(")");
            }
            Looked::Plain(Condition::Date { slot, tests }) => {
                statement.sql("ix_date k WHERE k.slot = ").int(*slot);
                dates(
                    statement,
                    &DateColumns {
                        lo: "k.lo",
                        hi: "k.hi",
                    },
                    tests,
                );
            }
            Looked::References { slot, targets } => {
                statement.sql("ix_reference k WHERE k.slot = ").int(*slot);
                statement.sql(" AND k.target IN ").list(targets);
            }
            Looked::Plain(Condition::Id(ids)) => {
                statement
                    .sql("resource k WHERE k.type = ")
                    .int(kind.code())
                    .sql(" AND k.id IN ");
                id_list(statement, ids);
                statement.sql(" AND k.version > 0 AND NOT k.deleted");
            }
            Looked::Plain(
                Condition::When(_)
                | Condition::Updated(_)
                | Condition::Patient(_)
                | Condition::Reference { .. },
            ) => {
                statement.sql("resource k WHERE k.type = ").int(kind.code());
                statement.sql(" AND k.version > 0 AND NOT k.deleted");
            }
        }
    }

    /// The chart itself, or, without one, every resource of the type.
    fn drive_by_chart(&mut self, plan: &Plan) {
        match &plan.patients {
            Some(patients) => {
                self.statement
                    .sql("ix_patient k WHERE k.patient IN ")
                    .list(patients);
                self.statement.sql(" AND k.type = ").int(plan.kind.code());
                if let Some(categories) = &plan.categories {
                    self.statement.sql(" AND k.category IN ").list(categories);
                }
                self.chart_known = true;
            }
            None => {
                self.statement
                    .sql("resource k WHERE k.type = ")
                    .int(plan.kind.code());
                self.statement.sql(" AND k.version > 0 AND NOT k.deleted");
            }
        }
    }

    /// The limits of the permit, and of the patients asked for.
    fn limits(&mut self, plan: &Plan, driven: bool) {
        if self.chart_known {
            return;
        }
        if driven && let Some(patients) = &plan.patients {
            self.statement.sql(" AND k.patient IN ").list(patients);
        }
        let Some(categories) = &plan.categories else {
            return;
        };
        if self.category_known {
            self.statement.sql(" AND k.category IN ").list(categories);
        } else {
            let sql =
                " AND EXISTS (SELECT 1 FROM resource c WHERE c.rid = k.rid AND c.category IN ";
            self.statement.sql(sql).list(categories).sql(")");
        }
    }

    fn also(&mut self, looked: &Looked, plan: &Plan) {
        let statement = &mut *self.statement;
        match looked {
            Looked::Plain(Condition::Token { slot, values, .. }) => {
                statement
                    .sql(" AND EXISTS (SELECT 1 FROM ix_token t WHERE t.slot = ")
                    .int(*slot);
                statement.sql(" AND t.value IN ").list(values).sql(SAME_ROW);
            }
            Looked::References { slot, targets } => {
                statement.sql(" AND EXISTS (SELECT 1 FROM ix_reference t WHERE t.slot = ");
                statement
                    .int(*slot)
                    .sql(" AND t.target IN ")
                    .list(targets)
                    .sql(SAME_ROW);
            }
            Looked::Plain(Condition::Date { slot, tests }) => {
                statement
                    .sql(" AND EXISTS (SELECT 1 FROM ix_date t WHERE t.slot = ")
                    .int(*slot);
                dates(
                    statement,
                    &DateColumns {
                        lo: "t.lo",
                        hi: "t.hi",
                    },
                    tests,
                );
                statement.sql(SAME_ROW);
            }
            Looked::Plain(Condition::Text { slot, beginnings }) => {
                // Not correlated: the names are found once, not once for each row.
                statement.sql(" AND k.rid IN (SELECT t.rid FROM ix_string t WHERE t.slot = ");
                statement.int(*slot).sql(" AND (");
                beginning(statement, "t.value", beginnings);
                statement.sql("))");
            }
            Looked::Plain(Condition::When(tests)) if self.chart_known => {
                dates(
                    statement,
                    &DateColumns {
                        lo: "k.date",
                        hi: "k.date_end",
                    },
                    tests,
                );
            }
            Looked::Plain(Condition::When(tests)) => {
                statement.sql(" AND EXISTS (SELECT 1 FROM ix_patient t WHERE t.type = ");
                statement.int(plan.kind.code());
                dates(
                    statement,
                    &DateColumns {
                        lo: "t.date",
                        hi: "t.date_end",
                    },
                    tests,
                );
                statement.sql(SAME_ROW);
            }
            Looked::Plain(Condition::Updated(tests)) => {
                statement.sql(" AND EXISTS (SELECT 1 FROM resource u WHERE u.rid = k.rid");
                dates(
                    statement,
                    &DateColumns {
                        lo: "u.at",
                        hi: "u.at",
                    },
                    tests,
                );
                statement.sql(")");
            }
            Looked::Plain(Condition::Id(ids)) => {
                statement.sql(" AND EXISTS (SELECT 1 FROM resource u WHERE u.rid = k.rid");
                statement.sql(" AND u.id IN ");
                id_list(statement, ids);
                statement.sql(")");
            }
            // Looked up when the plan was made.
            Looked::Plain(Condition::Patient(_) | Condition::Reference { .. }) => {}
        }
    }
}

/// Every index row of a resource repeats its patient and date.
const SAME_ROW: &str = " AND t.patient = k.patient AND t.date = k.date AND t.rid = k.rid)";

struct DateColumns {
    lo: &'static str,
    hi: &'static str,
}

/// Any of the tests. A row without a date passes none.
///
/// Source: FHIR R4 search, section "date".
fn dates(statement: &mut Statement<'_, ColumnTypes>, column: &DateColumns, tests: &[DateTest]) {
    let DateColumns { lo, hi } = *column;
    statement
        .sql(" AND ")
        .sql(lo)
        .sql(" > ")
        .int(UNDATED)
        .sql(" AND (");
    for (number, DateTest { how, span }) in tests.iter().enumerate() {
        if number > 0 {
            statement.sql(" OR ");
        }
        match how {
            Comparison::Equal => {
                statement.sql("(").sql(lo).sql(" >= ").int(span.lo);
                statement
                    .sql(" AND ")
                    .sql(hi)
                    .sql(" <= ")
                    .int(span.hi)
                    .sql(")");
            }
            Comparison::NotEqual => {
                statement.sql("(").sql(lo).sql(" < ").int(span.lo);
                statement
                    .sql(" OR ")
                    .sql(hi)
                    .sql(" > ")
                    .int(span.hi)
                    .sql(")");
            }
            Comparison::Greater => {
                statement.sql(hi).sql(" > ").int(span.hi);
            }
            Comparison::Less => {
                statement.sql(lo).sql(" < ").int(span.lo);
            }
            Comparison::GreaterOrEqual => {
                statement.sql(hi).sql(" >= ").int(span.lo);
            }
            Comparison::LessOrEqual => {
                statement.sql(lo).sql(" <= ").int(span.hi);
            }
            Comparison::StartsAfter => {
                statement.sql(lo).sql(" > ").int(span.hi);
            }
            Comparison::EndsBefore => {
                statement.sql(hi).sql(" < ").int(span.lo);
            }
        }
    }
    statement.sql(")");
}

/// Any of these beginnings, as a range: both databases compare these texts by code point.
fn beginning(
    statement: &mut Statement<'_, ColumnTypes>,
    column: &'static str,
    beginnings: &[String],
) {
    for (number, text) in beginnings.iter().enumerate() {
        statement.sql(if number == 0 { "(" } else { " OR (" });
        statement.sql(column).sql(" >= ").text(text.clone());
        statement
            .sql(" AND ")
            .sql(column)
            .sql(" < ")
            .text(format!("{text}\u{10ffff}"))
            .sql(")");
    }
}

fn id_list(statement: &mut Statement<'_, ColumnTypes>, ids: &[LogicalId]) {
    statement.sql("(");
    for (number, id) in ids.iter().enumerate() {
        if number > 0 {
            statement.sql(", ");
        }
        statement.text(id.as_str().to_owned());
    }
    statement.sql(")");
    if ids.len() > 1 {
        statement.rare();
    }
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
