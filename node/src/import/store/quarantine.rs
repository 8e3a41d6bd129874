//! What was not taken, and why.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::counted;
use crate::database::{DatabaseError, HospitalConnection};
use crate::import::Refusal;

diesel::table! {
    import_quarantine (source, place) {
        source -> Text,
        place -> Text,
        reason -> Text,
        detail -> Text,
        at -> BigInt,
    }
}

/// What is in quarantine, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// What was not taken, and why.
    pub refusal: Refusal,
    /// When it was last refused.
    pub at: Timestamp,
}

/// Puts refusals into quarantine, in the place of older ones about the same.
pub(in crate::import) fn keep_in_quarantine(
    connection: &mut HospitalConnection,
    refusals: &[Refusal],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    for refusal in refusals {
        release(connection, &refusal.source, &refusal.place)?;
        diesel::insert_into(import_quarantine::table)
            .values((
                import_quarantine::source.eq(&refusal.source),
                import_quarantine::place.eq(&refusal.place),
                import_quarantine::reason.eq(&refusal.reason),
                import_quarantine::detail.eq(&refusal.detail),
                import_quarantine::at.eq(now.micros()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Takes one place out of quarantine.
pub(in crate::import) fn release(
    connection: &mut HospitalConnection,
    source: &str,
    place: &str,
) -> Result<(), DatabaseError> {
    let one = import_quarantine::table
        .filter(import_quarantine::source.eq(source))
        .filter(import_quarantine::place.eq(place));
    diesel::delete(one).execute(connection)?;
    Ok(())
}

/// How much of a source is in quarantine.
pub(in crate::import) fn count_quarantined(
    connection: &mut HospitalConnection,
    source: &str,
) -> Result<u64, DatabaseError> {
    let kept: i64 = import_quarantine::table
        .filter(import_quarantine::source.eq(source))
        .count()
        .get_result(connection)?;
    Ok(counted(kept))
}

/// Takes everything of a source out of quarantine.
pub(in crate::import) fn forget_quarantine(
    connection: &mut HospitalConnection,
    source: &str,
) -> Result<(), DatabaseError> {
    let all = import_quarantine::table.filter(import_quarantine::source.eq(source));
    diesel::delete(all).execute(connection)?;
    Ok(())
}

type QuarantineRow = (String, String, String, String, i64);

pub(in crate::import) fn quarantined(
    connection: &mut HospitalConnection,
    limit: usize,
) -> Result<Vec<Quarantined>, DatabaseError> {
    let rows: Vec<QuarantineRow> = import_quarantine::table
        .order((
            import_quarantine::at.desc(),
            import_quarantine::source.asc(),
            import_quarantine::place.asc(),
        ))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    let read = |(source, place, reason, detail, at)| Quarantined {
        refusal: Refusal {
            source,
            place,
            reason,
            detail,
        },
        at: Timestamp::from_micros(at),
    };
    Ok(rows.into_iter().map(read).collect())
}
