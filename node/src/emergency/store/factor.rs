//! Second factors.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use crate::database::{DatabaseError, HospitalConnection};
use crate::emergency::factor::Factor;

diesel::table! {
    second_factor (practitioner) {
        practitioner -> Text,
        salt -> Binary,
        enrolled_at -> BigInt,
        last_step -> BigInt,
        shown_at -> Nullable<BigInt>,
        misses -> BigInt,
        locks -> BigInt,
        locked_until -> BigInt,
    }
}

type Row = (String, Vec<u8>, i64, i64, Option<i64>, i64, i64, i64);

pub(in crate::emergency) fn of(
    connection: &mut HospitalConnection,
    practitioner: &str,
) -> Result<Option<Factor>, DatabaseError> {
    let row: Option<Row> = second_factor::table
        .filter(second_factor::practitioner.eq(practitioner))
        .first(connection)
        .optional()?;
    Ok(row.map(
        |(practitioner, salt, enrolled_at, last_step, shown_at, misses, locks, locked_until)| {
            Factor {
                practitioner,
                salt,
                enrolled_at: Timestamp::from_micros(enrolled_at),
                last_step,
                shown_at: shown_at.map(Timestamp::from_micros),
                misses,
                locks,
                locked_until: Timestamp::from_micros(locked_until),
            }
        },
    ))
}

/// Writes a factor, in the place of the one that the practitioner had.
pub(in crate::emergency) fn put(
    connection: &mut HospitalConnection,
    factor: &Factor,
) -> Result<(), DatabaseError> {
    let of = second_factor::practitioner.eq(&factor.practitioner);
    diesel::delete(second_factor::table.filter(of)).execute(connection)?;
    diesel::insert_into(second_factor::table)
        .values((
            second_factor::practitioner.eq(&factor.practitioner),
            second_factor::salt.eq(&factor.salt),
            second_factor::enrolled_at.eq(factor.enrolled_at.micros()),
            second_factor::last_step.eq(factor.last_step),
            second_factor::shown_at.eq(factor.shown_at.map(Timestamp::micros)),
            second_factor::misses.eq(factor.misses),
            second_factor::locks.eq(factor.locks),
            second_factor::locked_until.eq(factor.locked_until.micros()),
        ))
        .execute(connection)?;
    Ok(())
}
