//! What a row of the index must say, as SQL.

use super::super::LogicalId;
use super::super::date::UNDATED;
use super::super::fold::LONGEST;
use super::super::query::condition::{Comparison, DateTest, MeasureTest, Test, Unit};
use super::filter::FALSE;
use super::statement::Statement;

/// Writes a test over a row of its table.
pub(super) fn row_test<ST>(statement: &mut Statement<'_, ST>, alias: &'static str, test: &Test) {
    // Two aliases and few columns: pieces of ours, put together here alone.
    let column = |name: &'static str| match (alias, name) {
        ("k", "value") => "k.value",
        ("k", "lo") => "k.lo",
        ("k", "hi") => "k.hi",
        ("k", "coded") => "k.coded",
        ("k", "code") => "k.code",
        ("k", "unit") => "k.unit",
        ("k", _) => "k.target",
        (_, "value") => "t.value",
        (_, "lo") => "t.lo",
        (_, "hi") => "t.hi",
        (_, "coded") => "t.coded",
        (_, "code") => "t.code",
        (_, "unit") => "t.unit",
        _ => "t.target",
    };
    match test {
        Test::Token(values) => {
            statement.sql(column("value")).sql(" IN ").list(values);
        }
        Test::TargetRow(targets) => {
            statement.sql(column("target")).sql(" IN ").list(targets);
        }
        Test::Target(_) => {
            statement.sql(FALSE);
        }
        Test::Date(tests) => dates(statement, column("lo"), column("hi"), tests),
        Test::Beginning(texts) => beginning(statement, column("value"), texts),
        Test::Containing(texts) => containing(statement, column("value"), texts),
        Test::Measure(tests) => measures(statement, &column, tests),
    }
}

/// Any of the tests. A row without a date passes none.
///
/// Source: FHIR R4 search, section "date".
pub(super) fn dates<ST>(
    statement: &mut Statement<'_, ST>,
    lo: &'static str,
    hi: &'static str,
    tests: &[DateTest],
) {
    statement.sql(lo).sql(" > ").int(UNDATED).sql(" AND (");
    for (number, DateTest { how, span }) in tests.iter().enumerate() {
        if number > 0 {
            statement.sql(" OR ");
        }
        compared(statement, (lo, hi), *how, (span.lo, span.hi));
    }
    statement.sql(")");
}

fn measures<ST>(
    statement: &mut Statement<'_, ST>,
    column: &impl Fn(&'static str) -> &'static str,
    tests: &[MeasureTest],
) {
    for (number, test) in tests.iter().enumerate() {
        statement.sql(if number == 0 { "((" } else { " OR (" });
        compared(
            statement,
            (column("lo"), column("hi")),
            test.how,
            test.edges(),
        );
        match &test.unit {
            Unit::Any => {}
            Unit::Coded(hash) => {
                statement
                    .sql(" AND ")
                    .sql(column("coded"))
                    .sql(" = ")
                    .int(*hash);
            }
            Unit::Named(hash) => {
                statement.sql(" AND (").sql(column("code")).sql(" = ");
                statement
                    .int(*hash)
                    .sql(" OR ")
                    .sql(column("unit"))
                    .sql(" = ")
                    .int(*hash)
                    .sql(")");
            }
        }
        statement.sql(")");
    }
    statement.sql(if tests.is_empty() { FALSE } else { ")" });
}

/// One comparison of two stretches.
fn compared<ST>(
    statement: &mut Statement<'_, ST>,
    (lo, hi): (&'static str, &'static str),
    how: Comparison,
    (least, greatest): (i64, i64),
) {
    let mut two = |one: (&'static str, &'static str, i64),
                   between: &'static str,
                   other: (&'static str, &'static str, i64)| {
        statement.sql("(").sql(one.0).sql(one.1).int(one.2);
        statement.sql(between);
        statement.sql(other.0).sql(other.1).int(other.2).sql(")");
    };
    match how {
        Comparison::Equal => two((lo, " >= ", least), " AND ", (hi, " <= ", greatest)),
        Comparison::NotEqual => two((lo, " < ", least), " OR ", (hi, " > ", greatest)),
        Comparison::Approximately => two((lo, " <= ", greatest), " AND ", (hi, " >= ", least)),
        Comparison::Greater => {
            statement.sql(hi).sql(" > ").int(greatest);
        }
        Comparison::Less => {
            statement.sql(lo).sql(" < ").int(least);
        }
        Comparison::GreaterOrEqual => {
            statement.sql(hi).sql(" >= ").int(least);
        }
        Comparison::LessOrEqual => {
            statement.sql(lo).sql(" <= ").int(greatest);
        }
        Comparison::StartsAfter => {
            statement.sql(lo).sql(" > ").int(greatest);
        }
        Comparison::EndsBefore => {
            statement.sql(hi).sql(" < ").int(least);
        }
    }
}

/// Any of these beginnings, as a range: both databases compare these texts by code point.
fn beginning<ST>(statement: &mut Statement<'_, ST>, column: &'static str, beginnings: &[String]) {
    for (number, text) in beginnings.iter().enumerate() {
        statement.sql(if number == 0 { "((" } else { " OR (" });
        statement.sql(column).sql(" >= ").text(text.clone());
        statement
            .sql(" AND ")
            .sql(column)
            .sql(" < ")
            .text(format!("{text}\u{10ffff}"))
            .sql(")");
    }
    statement.sql(")");
}

/// Any of these anywhere, or more than is kept. Folded texts have no wildcards in them.
fn containing<ST>(statement: &mut Statement<'_, ST>, column: &'static str, parts: &[String]) {
    statement.sql("(LENGTH(").sql(column).sql(") >= ");
    statement.int(i64::try_from(LONGEST).unwrap_or(i64::MAX));
    for text in parts {
        statement.sql(" OR ").sql(column).sql(" LIKE ");
        statement.text(format!("%{text}%"));
    }
    statement.sql(")");
}

pub(super) fn id_list<ST>(statement: &mut Statement<'_, ST>, ids: &[LogicalId]) {
    let Some(last) = ids.last() else {
        statement.sql("(NULL)");
        return;
    };
    statement.sql("(");
    for place in 0..ids.len().next_power_of_two() {
        if place > 0 {
            statement.sql(", ");
        }
        let id = ids.get(place).unwrap_or(last);
        statement.text(id.as_str().to_owned());
    }
    statement.sql(")");
}
