//! Staff accounts, in SQL.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::super::staff::Staff;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    staff (id) {
        id -> Text,
        handle -> Binary,
        role -> Text,
        name -> Text,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
    }
}

type Row = (String, Vec<u8>, String, String, i64, Option<i64>);

/// Writes an account; one that is there keeps its handle and its beginning, and is let in again.
pub(in super::super) fn put(
    connection: &mut HospitalConnection,
    new: &Staff,
) -> Result<(), DatabaseError> {
    let changed = diesel::update(staff::table.filter(staff::id.eq(&new.id)))
        .set((
            staff::role.eq(new.role.as_str()),
            staff::name.eq(&new.name),
            staff::disabled_at.eq(None::<i64>),
        ))
        .execute(connection)?;
    if changed == 0 {
        diesel::insert_into(staff::table)
            .values((
                staff::id.eq(&new.id),
                staff::handle.eq(new.handle.as_slice()),
                staff::role.eq(new.role.as_str()),
                staff::name.eq(&new.name),
                staff::created_at.eq(new.created_at.micros()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

pub(in super::super) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<Staff>, DatabaseError> {
    let row: Option<Row> = staff::table
        .filter(staff::id.eq(id))
        .first(connection)
        .optional()?;
    Ok(row.and_then(read))
}

/// Disables an account; `false` if there is none. The first time stays.
pub(in super::super) fn disable(
    connection: &mut HospitalConnection,
    id: &str,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    diesel::update(
        staff::table
            .filter(staff::id.eq(id))
            .filter(staff::disabled_at.is_null()),
    )
    .set(staff::disabled_at.eq(now.micros()))
    .execute(connection)?;
    Ok(find(connection, id)?.is_some())
}

pub(in super::super) fn list(
    connection: &mut HospitalConnection,
) -> Result<Vec<Staff>, DatabaseError> {
    let rows: Vec<Row> = staff::table.order(staff::id.asc()).load(connection)?;
    Ok(rows.into_iter().filter_map(read).collect())
}

fn read((id, handle, role, name, created_at, disabled_at): Row) -> Option<Staff> {
    Some(Staff {
        id,
        role: role.parse().ok()?,
        name,
        created_at: Timestamp::from_micros(created_at),
        disabled_at: disabled_at.map(Timestamp::from_micros),
        handle: handle.try_into().ok()?,
    })
}
