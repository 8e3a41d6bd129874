//! What was not taken, and why.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::{counted, stored};
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

diesel::table! {
    import_unlisted (source) {
        source -> Text,
        more -> BigInt,
    }
}

/// So many lines of one file are listed: whoever gave the wrong format need not see each.
pub(in crate::import) const LISTED: usize = if cfg!(test) { 30 } else { 1_000 };

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

/// Puts refused lines of one file into quarantine, the first of them by place, the rest by number.
pub(in crate::import) fn keep_some(
    connection: &mut HospitalConnection,
    source: &str,
    refusals: &[Refusal],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let kept = usize::try_from(count_listed(connection, source)?).unwrap_or(usize::MAX);
    let room = LISTED.saturating_sub(kept).min(refusals.len());
    let (listed, rest) = refusals.split_at_checked(room).unwrap_or((refusals, &[]));
    keep_in_quarantine(connection, listed, now)?;
    let Ok(more @ 1..) = u64::try_from(rest.len()) else {
        return Ok(());
    };
    let before = count_unlisted(connection, source)?;
    diesel::delete(import_unlisted::table.filter(import_unlisted::source.eq(source)))
        .execute(connection)?;
    diesel::insert_into(import_unlisted::table)
        .values((
            import_unlisted::source.eq(source),
            import_unlisted::more.eq(stored(before.saturating_add(more))),
        ))
        .execute(connection)?;
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

/// How much of a source is in quarantine, listed or not.
pub(in crate::import) fn count_quarantined(
    connection: &mut HospitalConnection,
    source: &str,
) -> Result<u64, DatabaseError> {
    let listed = count_listed(connection, source)?;
    Ok(listed.saturating_add(count_unlisted(connection, source)?))
}

fn count_unlisted(connection: &mut HospitalConnection, source: &str) -> Result<u64, DatabaseError> {
    let more: Option<i64> = import_unlisted::table
        .filter(import_unlisted::source.eq(source))
        .select(import_unlisted::more)
        .get_result(connection)
        .optional()?;
    Ok(more.map_or(0, counted))
}

fn count_listed(connection: &mut HospitalConnection, source: &str) -> Result<u64, DatabaseError> {
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
    let more = import_unlisted::table.filter(import_unlisted::source.eq(source));
    diesel::delete(more).execute(connection)?;
    Ok(())
}

/// Empties the quarantine, of one source or of all; how much was in it.
pub(in crate::import) fn clear_quarantine(
    connection: &mut HospitalConnection,
    source: Option<&str>,
) -> Result<u64, DatabaseError> {
    if let Some(source) = source {
        let held = count_quarantined(connection, source)?;
        forget_quarantine(connection, source)?;
        return Ok(held);
    }
    let more = unlisted(connection)?.into_iter().map(|(_, more)| more);
    let more: u64 = more.sum();
    let listed = diesel::delete(import_quarantine::table).execute(connection)?;
    diesel::delete(import_unlisted::table).execute(connection)?;
    Ok(more.saturating_add(u64::try_from(listed).unwrap_or(0)))
}

/// How many lines more than are listed were refused, by source.
pub(in crate::import) fn unlisted(
    connection: &mut HospitalConnection,
) -> Result<Vec<(String, u64)>, DatabaseError> {
    let rows: Vec<(String, i64)> = import_unlisted::table
        .order(import_unlisted::source.asc())
        .load(connection)?;
    let read = |(source, more)| (source, counted(more));
    Ok(rows.into_iter().map(read).collect())
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
