//! What references hold of the resource that they lead to.
//!
//! Rows of one date are shown in the order of their numbers, and a number is given out with the
//! first write. What was referred to before it was written had a number for its references to hold
//! already; were that its place, something withheld could move what is shown by naming it early. So
//! it gets another with its first write, and `resource_target` keeps both: `target` is what
//! references hold, `rid` where it stands. Of all others the two are the same, and no row says so.
//! (A Patient's never differ.)

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::Address;
use super::statement::Statement;
use crate::database::{DatabaseError, HospitalConnection};

/// What references to the row `k` hold, as an expression.
pub(super) const OF_ROW: &str =
    "COALESCE((SELECT n.target FROM resource_target n WHERE n.rid = k.rid), k.rid)";

/// The row that the reference `h` leads to, as an expression.
pub(super) const LED_TO: &str =
    "COALESCE((SELECT n.rid FROM resource_target n WHERE n.target = h.target), h.target)";

/// What references to an address hold; `None` where nothing was ever written or referred to.
pub(in crate::records) fn target_of(
    connection: &mut HospitalConnection,
    address: &Address,
) -> Result<Option<i64>, DatabaseError> {
    let mut statement = Statement::<(BigInt,)>::new("SELECT ");
    statement
        .sql(OF_ROW)
        .sql(" FROM resource k WHERE k.type = ")
        .int(address.kind.code())
        .sql(" AND k.id = ")
        .text(address.id.as_str());
    let found = statement.get_result::<(i64,)>(connection).optional()?;
    Ok(found.map(|(target,)| target))
}

/// Moves the row of what was only referred to until now to its place.
pub(super) fn put_in_place(
    connection: &mut HospitalConnection,
    target: i64,
    rid: i64,
) -> Result<(), DatabaseError> {
    let mut moved = Statement::<()>::new("UPDATE resource SET rid = ");
    moved.int(rid).sql(" WHERE rid = ").int(target);
    moved.run(connection)?;
    let mut kept = Statement::<()>::new("INSERT INTO resource_target (target, rid) VALUES (");
    kept.int(target).sql(", ").int(rid).sql(")");
    kept.run(connection)?;
    Ok(())
}
