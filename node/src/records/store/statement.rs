//! A statement put together from fixed pieces and bound values.
//!
//! diesel's `sql_query` prepares its text anew each time. A search has few shapes and is asked
//! thousands of times a second, so this one is cached under its text like any query of the DSL.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, QueryResult, RunQueryDsl};

use crate::database::{HospitalConnection, MultiBackend};

/// `ST` is the SQL type of its rows; `()` where it has none.
#[derive(Debug, Clone)]
pub(super) struct Statement<'v, ST = ()> {
    pieces: Vec<Piece<'v>>,
    /// Shapes that hardly come back are not kept prepared.
    rare: bool,
    rows: PhantomData<ST>,
}

#[derive(Debug, Clone)]
enum Piece<'v> {
    Sql(Cow<'static, str>),
    Int(i64),
    /// Integers with commas between them.
    Ints(&'v [i64]),
    Text(Cow<'v, str>),
}

impl<'v, ST> Statement<'v, ST> {
    pub(super) fn new(sql: &'static str) -> Self {
        Self {
            pieces: vec![Piece::Sql(Cow::Borrowed(sql))],
            rare: false,
            rows: PhantomData,
        }
    }

    /// Text of ours, never of a caller's.
    pub(super) fn sql(&mut self, sql: &'static str) -> &mut Self {
        self.pieces.push(Piece::Sql(Cow::Borrowed(sql)));
        self
    }

    pub(super) fn int(&mut self, value: impl Into<i64>) -> &mut Self {
        self.pieces.push(Piece::Int(value.into()));
        self
    }

    /// `?, ?, …`: a row's numbers, borrowed.
    pub(super) fn ints(&mut self, values: &'v [i64]) -> &mut Self {
        self.pieces.push(Piece::Ints(values));
        self
    }

    pub(super) fn text(&mut self, value: impl Into<Cow<'v, str>>) -> &mut Self {
        self.pieces.push(Piece::Text(value.into()));
        self
    }

    pub(super) fn rare(&mut self) -> &mut Self {
        self.rare = true;
        self
    }

    /// `(?, ?, …)`. The list is filled up with its last value to a power of two, so that lists of
    /// many lengths share few prepared statements.
    pub(super) fn list(&mut self, values: &[i64]) -> &mut Self {
        let Some(last) = values.last() else {
            return self.sql("(NULL)");
        };
        self.sql("(");
        for place in 0..values.len().next_power_of_two() {
            if place > 0 {
                self.sql(", ");
            }
            self.int(*values.get(place).unwrap_or(last));
        }
        self.sql(")")
    }
}

impl Statement<'_> {
    /// Does it; how many rows it touched.
    pub(super) fn run(&self, connection: &mut HospitalConnection) -> QueryResult<usize> {
        connection.execute_returning_count(self)
    }
}

impl<ST> Query for Statement<'_, ST> {
    type SqlType = ST;
}

impl<ST: 'static> QueryId for Statement<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> QueryFragment<MultiBackend> for Statement<'_, ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        if self.rare {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Int(value) => out.push_bind_param::<BigInt, i64>(value)?,
                Piece::Ints(values) => {
                    for (place, value) in values.iter().enumerate() {
                        if place > 0 {
                            out.push_sql(", ");
                        }
                        out.push_bind_param::<BigInt, i64>(value)?;
                    }
                }
                Piece::Text(value) => out.push_bind_param::<Text, str>(value)?,
            }
        }
        Ok(())
    }
}

impl<ST> RunQueryDsl<HospitalConnection> for Statement<'_, ST> {}

/// How many rows one insert carries: few shapes, so that they stay prepared.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// Inserts rows, one parenthesised group of values for each, in chunks. `into` is the statement
/// from the table's name to `VALUES`.
///
/// On `SQLite` a chunk of which a row is refused leaves the rows before it behind: whoever meets an
/// error here gives the whole transaction or savepoint up, as every error of a write does. In
/// return `SQLite` need not copy each page that a chunk touches, in case.
pub(super) fn insert_all<'v, R>(
    connection: &mut HospitalConnection,
    into: &'static str,
    rows: &'v [R],
    bind: impl Fn(&mut Statement<'v>, &'v R),
) -> QueryResult<()> {
    let insert = match connection {
        HospitalConnection::Sqlite(_) => "INSERT OR FAIL INTO ",
        HospitalConnection::Postgres(_) => "INSERT INTO ",
    };
    let mut rest = rows;
    while !rest.is_empty() {
        let size = CHUNKS
            .into_iter()
            .find(|size| *size <= rest.len())
            .unwrap_or(1);
        let (chunk, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        let mut statement = Statement::new(insert);
        statement.sql(into);
        for (number, row) in chunk.iter().enumerate() {
            statement.sql(if number == 0 { "(" } else { ", (" });
            bind(&mut statement, row);
            statement.sql(")");
        }
        statement.run(connection)?;
        rest = behind;
    }
    Ok(())
}
