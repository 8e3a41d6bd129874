//! Where other members' logs were when this node cosigned them last.

use diesel::prelude::*;
use diesel::result::Error;
use federation_protocol::time::Timestamp;
use federation_protocol::transparency::TreeHash;

use super::super::cosigning::Witnessed;
use crate::database::{DatabaseError, HospitalConnection};

diesel::table! {
    witnessed_log (origin) {
        origin -> Text,
        size -> BigInt,
        root -> Text,
        cosigned_at -> BigInt,
    }
}

type Columns = (String, i64, String, i64);

fn witnessed((origin, size, root, at): Columns) -> Result<Witnessed, DatabaseError> {
    let corrupt = || Error::DeserializationError("where a witnessed log was".into());
    Ok(Witnessed {
        size: u64::try_from(size).map_err(|_negative| corrupt())?,
        root: root.parse::<TreeHash>().map_err(|_malformed| corrupt())?,
        cosigned_at: Timestamp::from_micros(at),
        origin,
    })
}

/// Where the log of `origin` was; `None` before the first time.
pub(in crate::federation) fn find(
    connection: &mut HospitalConnection,
    origin: &str,
) -> Result<Option<Witnessed>, DatabaseError> {
    let row: Option<Columns> = witnessed_log::table
        .find(origin)
        .first(connection)
        .optional()?;
    row.map(witnessed).transpose()
}

/// Every log, by origin.
pub(in crate::federation) fn all(
    connection: &mut HospitalConnection,
) -> Result<Vec<Witnessed>, DatabaseError> {
    let rows: Vec<Columns> = witnessed_log::table
        .order(witnessed_log::origin.asc())
        .load(connection)?;
    rows.into_iter().map(witnessed).collect()
}

/// Puts where a log is now in the place of where it was, `before`; nothing is changed where another
/// program was quicker.
pub(in crate::federation) fn keep(
    connection: &mut HospitalConnection,
    before: Option<&Witnessed>,
    now: &Witnessed,
) -> Result<(), DatabaseError> {
    let size = |of: &Witnessed| i64::try_from(of.size).unwrap_or(i64::MAX);
    let place = (
        witnessed_log::size.eq(size(now)),
        witnessed_log::root.eq(now.root.to_string()),
        witnessed_log::cosigned_at.eq(now.cosigned_at.micros()),
    );
    let kept = match before {
        Some(before) => {
            let unmoved = witnessed_log::table
                .find(&now.origin)
                .filter(witnessed_log::size.eq(size(before)))
                .filter(witnessed_log::root.eq(before.root.to_string()));
            diesel::update(unmoved).set(place).execute(connection)?
        }
        None => diesel::insert_into(witnessed_log::table)
            .values((witnessed_log::origin.eq(&now.origin), place))
            .execute(connection)?,
    };
    match kept {
        1 => Ok(()),
        _ => Err(DatabaseError::NotCommitted(
            "another program cosigned this log meanwhile".to_owned(),
        )),
    }
}

/// Forgets where a log was.
pub(in crate::federation) fn forget(
    connection: &mut HospitalConnection,
    origin: &str,
) -> Result<(), DatabaseError> {
    diesel::delete(witnessed_log::table.find(origin)).execute(connection)?;
    Ok(())
}
