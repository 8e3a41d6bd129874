//! The inner statement of a search: which table is walked, and what its rows must satisfy.

use super::super::date::UNDATED;
use super::super::query::{Comparison, Condition, DateTest};
use super::super::{LogicalId, ResourceType};
use super::rows::ColumnTypes;
use super::search::{Looked, Plan};
use super::statement::Statement;

/// Writes the inner statement's tables and conditions, on rows aliased `k`.
pub(super) struct Filter<'s, 'v> {
    pub(super) statement: &'s mut Statement<'v, ColumnTypes>,
    /// The walked table is the chart: it limits patient and category itself.
    pub(super) chart_known: bool,
    /// The walked table has the category.
    pub(super) category_known: bool,
}

impl Filter<'_, '_> {
    pub(super) fn drive(&mut self, looked: &Looked, kind: ResourceType) {
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
                dates(statement, "k.lo", "k.hi", tests);
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
    pub(super) fn drive_by_chart(&mut self, plan: &Plan) {
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
    pub(super) fn limits(&mut self, plan: &Plan, driven: bool) {
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

    pub(super) fn also(&mut self, looked: &Looked, plan: &Plan) {
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
                dates(statement, "t.lo", "t.hi", tests);
                statement.sql(SAME_ROW);
            }
            Looked::Plain(Condition::Text { slot, beginnings }) => {
                // Not correlated: the names are found once, not once for each row.
                statement.sql(" AND k.rid IN (SELECT t.rid FROM ix_string t WHERE t.slot = ");
                statement.int(*slot).sql(" AND (");
                beginning(statement, "t.value", beginnings);
                statement.sql("))");
            }
            Looked::Plain(Condition::When(tests)) => self.also_when(tests, plan),
            Looked::Plain(Condition::Updated(tests)) => {
                statement.sql(" AND EXISTS (SELECT 1 FROM resource u WHERE u.rid = k.rid");
                dates(statement, "u.at", "u.at", tests);
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

    /// The clinical date: in the chart that is walked, in the narrow chart beside it, or, where no
    /// chart is asked for, in the resource's row.
    fn also_when(&mut self, tests: &[DateTest], plan: &Plan) {
        let statement = &mut *self.statement;
        if self.chart_known {
            dates(statement, "k.date", "k.date_end", tests);
        } else if plan.patients.is_some() {
            statement.sql(" AND EXISTS (SELECT 1 FROM ix_patient t WHERE t.type = ");
            statement.int(plan.kind.code());
            dates(statement, "t.date", "t.date_end", tests);
            statement.sql(SAME_ROW);
        } else {
            statement.sql(" AND EXISTS (SELECT 1 FROM resource t WHERE t.rid = k.rid");
            dates(statement, "t.date", "t.date_end", tests);
            statement.sql(")");
        }
    }
}

/// Every index row of a resource repeats its patient and date.
const SAME_ROW: &str = " AND t.patient = k.patient AND t.date = k.date AND t.rid = k.rid)";

/// Any of the tests. A row without a date passes none.
///
/// Source: FHIR R4 search, section "date".
fn dates(
    statement: &mut Statement<'_, ColumnTypes>,
    lo: &'static str,
    hi: &'static str,
    tests: &[DateTest],
) {
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
