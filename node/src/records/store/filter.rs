//! The inner statement of a search: which table is walked, and what its rows must satisfy.

use super::super::ResourceType;
use super::super::query::condition::{Chain, Condition, DateTest, Has, Rows, Test};
use super::comparison::{dates, id_list, row_test};
use super::statement::Statement;
use super::target::{LED_TO, OF_ROW};

/// What is walked: resources of one type, within charts and categories, that satisfy all
/// conditions. Addresses in them are looked up already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) kind: ResourceType,
    /// `None`: whatever chart.
    pub(super) patients: Option<&'a [i64]>,
    /// `None`: whatever category.
    pub(super) categories: Option<&'a [i64]>,
    pub(super) conditions: &'a [Condition],
}

/// The table that the statement walks, on rows aliased `k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walked {
    /// One row for each value: patient, date, rid, and the category if it is a token.
    Index { category: bool },
    /// The chart: limits patient and category itself.
    Chart,
    /// The resources.
    Resource,
}

impl Source<'_> {
    /// Writes `table k WHERE …`.
    pub(super) fn write<ST>(&self, statement: &mut Statement<'_, ST>) {
        let driver = self.driver();
        let walked = match driver.and_then(|place| self.conditions.get(place)) {
            Some(Condition::Row(rows)) => drive_by_rows(statement, rows),
            Some(Condition::RowNumber(rids)) => {
                self.drive_by_resource(statement);
                statement.sql(" AND k.rid IN ").list(rids);
                Walked::Resource
            }
            Some(Condition::Id(ids)) => {
                self.drive_by_resource(statement);
                statement.sql(" AND k.id IN ");
                id_list(statement, ids);
                Walked::Resource
            }
            _ => self.drive_by_chart(statement),
        };
        self.limits(statement, walked);
        for (place, condition) in self.conditions.iter().enumerate() {
            if Some(place) != driver {
                statement.sql(" AND ");
                let test = Tests {
                    kind: self.kind,
                    walked,
                    within_charts: self.patients.is_some(),
                };
                test.write(statement, condition);
            }
        }
    }

    /// The condition whose index table is walked, the dearest to check otherwise.
    fn driver(&self) -> Option<usize> {
        let charted = self.patients.is_some();
        let worth = |condition: &Condition| match condition {
            Condition::Id(_) | Condition::RowNumber(_) => 6,
            Condition::Row(rows) => match rows.test {
                Test::Token(_) if rows.identifying => 5,
                Test::TargetRow(_) => 4,
                Test::Token(_) if charted => 3,
                // Within one chart, walking the chart is cheaper than walking all names or dates.
                _ if charted => 0,
                Test::Date(_) | Test::Measure(_) => 3,
                Test::Beginning(_) | Test::Containing(_) => 2,
                Test::Token(_) => 1,
                Test::Target(_) => 0,
            },
            _ => 0,
        };
        let best = self
            .conditions
            .iter()
            .enumerate()
            .max_by_key(|(_, condition)| worth(condition));
        best.filter(|(_, condition)| worth(condition) > 0)
            .map(|(place, _)| place)
    }

    /// The chart itself, or, without one, every resource of the type.
    fn drive_by_chart<ST>(&self, statement: &mut Statement<'_, ST>) -> Walked {
        let Some(patients) = self.patients else {
            self.drive_by_resource(statement);
            return Walked::Resource;
        };
        statement
            .sql("ix_patient k WHERE k.patient IN ")
            .list(patients);
        statement.sql(" AND k.type = ").int(self.kind.code());
        if let Some(categories) = self.categories {
            statement.sql(" AND k.category IN ").list(categories);
        }
        Walked::Chart
    }

    fn drive_by_resource<ST>(&self, statement: &mut Statement<'_, ST>) {
        statement
            .sql("resource k WHERE k.type = ")
            .int(self.kind.code());
        statement.sql(" AND k.version > 0 AND NOT k.deleted");
    }

    /// The limits of the permit, and of the patients asked for.
    fn limits<ST>(&self, statement: &mut Statement<'_, ST>, walked: Walked) {
        if walked == Walked::Chart {
            return;
        }
        if let Some(patients) = self.patients {
            statement.sql(" AND k.patient IN ").list(patients);
        }
        let Some(categories) = self.categories else {
            return;
        };
        match walked {
            Walked::Index { category: false } => {
                let sql =
                    " AND EXISTS (SELECT 1 FROM resource c WHERE c.rid = k.rid AND c.category IN ";
                statement.sql(sql).list(categories).sql(")");
            }
            _ => {
                statement.sql(" AND k.category IN ").list(categories);
            }
        }
    }
}

/// Walks the rows that pass a test.
fn drive_by_rows<ST>(statement: &mut Statement<'_, ST>, rows: &Rows) -> Walked {
    statement.sql(table(&rows.test)).sql(" k WHERE k.slot ");
    slots(statement, rows);
    statement.sql(" AND ");
    row_test(statement, "k", &rows.test);
    Walked::Index {
        category: matches!(rows.test, Test::Token(_)),
    }
}

fn slots<ST>(statement: &mut Statement<'_, ST>, rows: &Rows) {
    match &*rows.slots {
        [slot] => statement.sql("= ").int(*slot),
        slots => {
            let slots: Vec<i64> = slots.iter().map(|slot| i64::from(*slot)).collect();
            statement.sql("IN ").list(&slots)
        }
    };
}

fn table(test: &Test) -> &'static str {
    match test {
        Test::Token(_) => "ix_token",
        Test::Date(_) => "ix_date",
        Test::Beginning(_) | Test::Containing(_) => "ix_string",
        Test::Measure(_) => "ix_quantity",
        Test::Target(_) | Test::TargetRow(_) => "ix_reference",
    }
}

/// Conditions as SQL over a row `k`.
#[derive(Debug, Clone, Copy)]
struct Tests {
    kind: ResourceType,
    walked: Walked,
    within_charts: bool,
}

impl Tests {
    /// Writes one expression. Where the index does not tell, it is true: the resource is looked at.
    fn write<ST>(self, statement: &mut Statement<'_, ST>, condition: &Condition) {
        match condition {
            Condition::Row(rows) => self.row(statement, rows),
            Condition::ChartRow(patients) => {
                statement.sql("k.patient IN ").list(patients);
            }
            Condition::RowNumber(rids) => {
                statement.sql("k.rid IN ").list(rids);
            }
            Condition::When(tests) => self.when(statement, tests),
            Condition::Updated(tests) => {
                statement.sql("EXISTS (SELECT 1 FROM resource u WHERE u.rid = k.rid AND ");
                dates(statement, "u.at", "u.at", tests);
                statement.sql(")");
            }
            Condition::Id(ids) => {
                statement.sql("EXISTS (SELECT 1 FROM resource u WHERE u.rid = k.rid");
                statement.sql(" AND u.id IN ");
                id_list(statement, ids);
                statement.sql(")");
            }
            Condition::Not(inner) if inner.needs_a_look() => {
                statement.sql(TRUE);
            }
            Condition::Not(inner) => {
                statement.sql("NOT (");
                self.write(statement, inner);
                statement.sql(")");
            }
            Condition::Any(parts) => self.list(statement, parts, " OR ", FALSE),
            Condition::All(parts) => self.list(statement, parts, " AND ", TRUE),
            Condition::Chain(chain) => self.chain(statement, chain),
            Condition::Has(has) => has_one(statement, has),
            Condition::Verify(_) => {
                statement.sql(TRUE);
            }
            // Looked up when the plan was made; what was not found is nobody's chart.
            Condition::Chart(_) => {
                statement.sql(FALSE);
            }
        }
    }

    fn list<ST>(
        self,
        statement: &mut Statement<'_, ST>,
        parts: &[Condition],
        between: &'static str,
        none: &'static str,
    ) {
        if parts.is_empty() {
            statement.sql(none);
            return;
        }
        for (number, part) in parts.iter().enumerate() {
            statement.sql(if number == 0 { "(" } else { between });
            self.write(statement, part);
        }
        statement.sql(")");
    }

    fn row<ST>(self, statement: &mut Statement<'_, ST>, rows: &Rows) {
        let named = matches!(rows.test, Test::Beginning(_) | Test::Containing(_));
        // Names are not correlated: they are found once, not once for each row.
        statement.sql(if named {
            "k.rid IN (SELECT t.rid FROM "
        } else {
            "EXISTS (SELECT 1 FROM "
        });
        statement.sql(table(&rows.test)).sql(" t WHERE t.slot ");
        slots(statement, rows);
        statement.sql(" AND ");
        row_test(statement, "t", &rows.test);
        statement.sql(if named { ")" } else { SAME_ROW });
    }

    /// The clinical date: in the chart that is walked, in the narrow chart beside it, or, where no
    /// chart is asked for, in the resource's row.
    fn when<ST>(self, statement: &mut Statement<'_, ST>, tests: &[DateTest]) {
        if self.walked == Walked::Chart {
            dates(statement, "k.date", "k.date_end", tests);
        } else if self.within_charts {
            statement.sql("EXISTS (SELECT 1 FROM ix_patient t WHERE t.type = ");
            statement.int(self.kind.code()).sql(" AND ");
            dates(statement, "t.date", "t.date_end", tests);
            statement.sql(SAME_ROW);
        } else {
            statement.sql("EXISTS (SELECT 1 FROM resource t WHERE t.rid = k.rid AND ");
            dates(statement, "t.date", "t.date_end", tests);
            statement.sql(")");
        }
    }

    /// Too many targets to list: found by the database as it goes.
    fn chain<ST>(self, statement: &mut Statement<'_, ST>, chain: &Chain) {
        for (number, (kind, inner)) in chain.to.iter().enumerate() {
            statement.sql(if number == 0 { "(" } else { " OR " });
            let charts = chain.by.is_told_by_the_chart(*kind);
            if charts {
                statement.sql("k.patient IN (SELECT k.rid FROM ");
            } else {
                statement.sql("EXISTS (SELECT 1 FROM ix_reference t WHERE t.slot = ");
                statement
                    .int(chain.by.slot)
                    .sql(" AND t.target IN (SELECT ")
                    .sql(OF_ROW)
                    .sql(" FROM ");
            }
            Source {
                kind: *kind,
                patients: None,
                categories: None,
                conditions: std::slice::from_ref(inner),
            }
            .write(statement);
            statement.sql(")");
            if !charts {
                statement.sql(SAME_ROW);
            }
        }
        statement.sql(if chain.to.is_empty() { FALSE } else { ")" });
    }
}

fn has_one<ST>(statement: &mut Statement<'_, ST>, has: &Has) {
    if has.by.is_told_by_the_chart(has.of) {
        statement.sql("k.rid IN (SELECT k.patient FROM ");
        of_inner(has, &has.inner).write(statement);
        statement.sql(")");
    } else {
        statement.sql("k.rid IN (SELECT ");
        referred_rows(statement, has, &has.inner);
        statement.sql(")");
    }
}

/// Writes the rows that what satisfies a condition refers to, behind `SELECT`.
pub(super) fn referred_rows<ST>(statement: &mut Statement<'_, ST>, has: &Has, inner: &Condition) {
    statement.sql(LED_TO);
    statement
        .sql(" FROM ix_reference h WHERE h.slot = ")
        .int(has.by.slot)
        .sql(" AND h.rid IN (SELECT k.rid FROM ");
    of_inner(has, inner).write(statement);
    statement.sql(")");
}

fn of_inner<'a>(has: &Has, inner: &'a Condition) -> Source<'a> {
    Source {
        kind: has.kind,
        patients: None,
        categories: None,
        conditions: std::slice::from_ref(inner),
    }
}

const TRUE: &str = "1 = 1";
pub(super) const FALSE: &str = "1 = 0";

/// Every index row of a resource repeats its patient and date.
const SAME_ROW: &str = " AND t.patient = k.patient AND t.date = k.date AND t.rid = k.rid)";
