//! How far each file came, and the Bundles that were taken.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::{counted, stored};
use crate::database::{DatabaseError, HospitalConnection};
use crate::import::job::{Identity, Job, JobState};

diesel::table! {
    import_job (source) {
        source -> Text,
        format -> Text,
        state -> Text,
        place -> BigInt,
        line -> BigInt,
        size -> BigInt,
        beginning -> Text,
        turn -> BigInt,
        began_at -> BigInt,
        changed_at -> BigInt,
    }
}

diesel::table! {
    import_bundle (digest) {
        digest -> Text,
        taken_at -> BigInt,
    }
}

type JobRow = (String, String, i64, i64, i64, String, i64);

/// The import of this source, if there was one of this format.
pub(in crate::import) fn job(
    connection: &mut HospitalConnection,
    source: &str,
    format: &'static str,
) -> Result<Option<Job>, DatabaseError> {
    let row: Option<JobRow> = import_job::table
        .filter(import_job::source.eq(source))
        .filter(import_job::format.eq(format))
        .select((
            import_job::source,
            import_job::state,
            import_job::place,
            import_job::line,
            import_job::size,
            import_job::beginning,
            import_job::turn,
        ))
        .get_result(connection)
        .optional()?;
    let read = |(source, state, place, line, size, beginning, turn): JobRow| Job {
        source,
        format,
        identity: Identity {
            size: counted(size),
            beginning,
        },
        state: match state == JobState::Done.as_str() {
            true => JobState::Done,
            false => JobState::Running,
        },
        place: counted(place),
        line: counted(line),
        turn,
    };
    Ok(row.map(read))
}

/// Makes this the import of its source: whoever was at it finds its turn gone.
pub(in crate::import) fn claim_job(
    connection: &mut HospitalConnection,
    job: &Job,
    now: Timestamp,
) -> Result<Job, DatabaseError> {
    let before: Option<i64> = import_job::table
        .filter(import_job::source.eq(&job.source))
        .select(import_job::turn)
        .get_result(connection)
        .optional()?;
    let turn = before.unwrap_or(0).saturating_add(1);
    diesel::delete(import_job::table.filter(import_job::source.eq(&job.source)))
        .execute(connection)?;
    diesel::insert_into(import_job::table)
        .values((
            import_job::source.eq(&job.source),
            import_job::format.eq(job.format),
            import_job::state.eq(JobState::Running.as_str()),
            import_job::place.eq(stored(job.place)),
            import_job::line.eq(stored(job.line)),
            import_job::size.eq(stored(job.identity.size)),
            import_job::beginning.eq(&job.identity.beginning),
            import_job::turn.eq(turn),
            import_job::began_at.eq(now.micros()),
            import_job::changed_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(Job {
        state: JobState::Running,
        turn,
        ..job.clone()
    })
}

/// Writes how far a job came; `false` where its turn is gone.
pub(in crate::import) fn advance_job(
    connection: &mut HospitalConnection,
    job: &Job,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let mine = import_job::table
        .filter(import_job::source.eq(&job.source))
        .filter(import_job::turn.eq(job.turn));
    let advanced = diesel::update(mine)
        .set((
            import_job::state.eq(job.state.as_str()),
            import_job::place.eq(stored(job.place)),
            import_job::line.eq(stored(job.line)),
            import_job::turn.eq(job.turn.saturating_add(1)),
            import_job::changed_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(advanced == 1)
}

pub(in crate::import) fn is_bundle_taken(
    connection: &mut HospitalConnection,
    digest: &str,
) -> Result<bool, DatabaseError> {
    let found: Option<i64> = import_bundle::table
        .filter(import_bundle::digest.eq(digest))
        .select(import_bundle::taken_at)
        .get_result(connection)
        .optional()?;
    Ok(found.is_some())
}

pub(in crate::import) fn remember_bundle(
    connection: &mut HospitalConnection,
    digest: &str,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    diesel::delete(import_bundle::table.filter(import_bundle::digest.eq(digest)))
        .execute(connection)?;
    diesel::insert_into(import_bundle::table)
        .values((
            import_bundle::digest.eq(digest),
            import_bundle::taken_at.eq(now.micros()),
        ))
        .execute(connection)?;
    Ok(())
}
