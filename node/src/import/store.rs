//! The import room's only SQL: jobs, bundles taken, SS-MIX2 files and units, the quarantine.

use std::collections::BTreeMap;

use diesel::prelude::*;
use federation_protocol::time::Timestamp;
use ssmix2::{Institution, Precedence};

use super::Refusal;
use super::job::{Identity, Job, JobState};
use super::seen::SeenFile;
use super::unit::Unit;
use crate::database::{DatabaseError, HospitalConnection};
use crate::records::Address;

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

diesel::table! {
    import_file (institution, stem) {
        institution -> Text,
        stem -> Text,
        folder -> Text,
        size -> BigInt,
        modified -> Nullable<BigInt>,
        unit -> Nullable<Text>,
        step -> SmallInt,
        occurrence -> Text,
    }
}

diesel::table! {
    import_unit (institution, unit) {
        institution -> Text,
        unit -> Text,
        stem -> Nullable<Text>,
        step -> SmallInt,
        occurrence -> Text,
        resources -> Text,
    }
}

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

/// A value that this room did not write like this: only an edited table holds one.
fn unreadable(what: &str) -> DatabaseError {
    let message = format!("{what} cannot be read");
    DatabaseError::Query(diesel::result::Error::DeserializationError(message.into()))
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counted(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

type JobRow = (String, String, i64, i64, i64, String, i64);

/// The import of this source, if there was one of this format.
pub(super) fn job(
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
pub(super) fn claim_job(
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
pub(super) fn advance_job(
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

pub(super) fn is_bundle_taken(
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

pub(super) fn remember_bundle(
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

/// Puts refusals into quarantine, in the place of older ones about the same.
pub(super) fn keep_in_quarantine(
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
pub(super) fn release(
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

/// Whether anything of a source is in quarantine.
pub(super) fn is_quarantined(
    connection: &mut HospitalConnection,
    source: &str,
) -> Result<bool, DatabaseError> {
    let kept: i64 = import_quarantine::table
        .filter(import_quarantine::source.eq(source))
        .count()
        .get_result(connection)?;
    Ok(kept > 0)
}

/// Takes everything of a source out of quarantine.
pub(super) fn forget_quarantine(
    connection: &mut HospitalConnection,
    source: &str,
) -> Result<(), DatabaseError> {
    let all = import_quarantine::table.filter(import_quarantine::source.eq(source));
    diesel::delete(all).execute(connection)?;
    Ok(())
}

type QuarantineRow = (String, String, String, String, i64);

pub(super) fn quarantined(
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

type FileRow = (
    String,
    String,
    i64,
    Option<i64>,
    Option<String>,
    i16,
    String,
);

fn read_file(row: FileRow) -> Result<SeenFile, DatabaseError> {
    let (stem, folder, size, modified, unit, step, occurrence) = row;
    Ok(SeenFile {
        stem,
        folder,
        size: counted(size),
        modified,
        unit,
        precedence: precedence(step, occurrence)?,
    })
}

fn precedence(step: i16, occurrence: String) -> Result<Precedence, DatabaseError> {
    let step = u8::try_from(step).map_err(|_not| unreadable("a step"))?;
    Ok(Precedence { step, occurrence })
}

macro_rules! file_columns {
    () => {
        (
            import_file::stem,
            import_file::folder,
            import_file::size,
            import_file::modified,
            import_file::unit,
            import_file::step,
            import_file::occurrence,
        )
    };
}

/// The files with these stems as they were last seen with flag 1.
pub(super) fn seen(
    connection: &mut HospitalConnection,
    institution: &Institution,
    stems: &[String],
) -> Result<BTreeMap<String, SeenFile>, DatabaseError> {
    let mut files = BTreeMap::new();
    for stem in stems {
        let row: Option<FileRow> = import_file::table
            .filter(import_file::institution.eq(institution.as_str()))
            .filter(import_file::stem.eq(stem))
            .select(file_columns!())
            .get_result(connection)
            .optional()?;
        if let Some(row) = row {
            files.insert(stem.clone(), read_file(row)?);
        }
    }
    Ok(files)
}

/// Every file that speaks for this unit, the one that is to be heard first.
pub(super) fn speakers(
    connection: &mut HospitalConnection,
    institution: &Institution,
    unit: &str,
) -> Result<Vec<SeenFile>, DatabaseError> {
    let rows: Vec<FileRow> = import_file::table
        .filter(import_file::institution.eq(institution.as_str()))
        .filter(import_file::unit.eq(unit))
        .order((
            import_file::step.desc(),
            import_file::occurrence.desc(),
            import_file::stem.asc(),
        ))
        .select(file_columns!())
        .load(connection)?;
    rows.into_iter().map(read_file).collect()
}

pub(super) fn remember_file(
    connection: &mut HospitalConnection,
    institution: &Institution,
    file: &SeenFile,
) -> Result<(), DatabaseError> {
    forget_file(connection, institution, &file.stem)?;
    diesel::insert_into(import_file::table)
        .values((
            import_file::institution.eq(institution.as_str()),
            import_file::stem.eq(&file.stem),
            import_file::folder.eq(&file.folder),
            import_file::size.eq(stored(file.size)),
            import_file::modified.eq(file.modified),
            import_file::unit.eq(file.unit.as_deref()),
            import_file::step.eq(i16::from(file.precedence.step)),
            import_file::occurrence.eq(&file.precedence.occurrence),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn forget_file(
    connection: &mut HospitalConnection,
    institution: &Institution,
    stem: &str,
) -> Result<(), DatabaseError> {
    let one = import_file::table
        .filter(import_file::institution.eq(institution.as_str()))
        .filter(import_file::stem.eq(stem));
    diesel::delete(one).execute(connection)?;
    Ok(())
}

type UnitRow = (Option<String>, i16, String, String);

/// The units with these keys that are stored.
pub(super) fn units<'k>(
    connection: &mut HospitalConnection,
    institution: &Institution,
    keys: impl Iterator<Item = &'k str>,
) -> Result<BTreeMap<String, Unit>, DatabaseError> {
    let mut units = BTreeMap::new();
    for key in keys {
        let row: Option<UnitRow> = import_unit::table
            .filter(import_unit::institution.eq(institution.as_str()))
            .filter(import_unit::unit.eq(key))
            .select((
                import_unit::stem,
                import_unit::step,
                import_unit::occurrence,
                import_unit::resources,
            ))
            .get_result(connection)
            .optional()?;
        if let Some((stem, step, occurrence, resources)) = row {
            let unit = Unit {
                stem,
                precedence: precedence(step, occurrence)?,
                resources: read_addresses(&resources)?,
            };
            units.insert(key.to_owned(), unit);
        }
    }
    Ok(units)
}

fn read_addresses(text: &str) -> Result<Vec<Address>, DatabaseError> {
    let parse = |one| Address::parse(one).ok_or_else(|| unreadable("an address"));
    text.split_whitespace().map(parse).collect()
}

/// Keys of units that lost their file, after `after`, at most `limit`.
pub(super) fn orphans(
    connection: &mut HospitalConnection,
    institution: &Institution,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, DatabaseError> {
    Ok(import_unit::table
        .filter(import_unit::institution.eq(institution.as_str()))
        .filter(import_unit::stem.is_null())
        .filter(import_unit::unit.gt(after))
        .order(import_unit::unit.asc())
        .limit(limit)
        .select(import_unit::unit)
        .load(connection)?)
}

pub(super) fn remember_unit(
    connection: &mut HospitalConnection,
    institution: &Institution,
    key: &str,
    unit: &Unit,
) -> Result<(), DatabaseError> {
    forget_unit(connection, institution, key)?;
    let resources: Vec<String> = unit.resources.iter().map(Address::to_string).collect();
    diesel::insert_into(import_unit::table)
        .values((
            import_unit::institution.eq(institution.as_str()),
            import_unit::unit.eq(key),
            import_unit::stem.eq(unit.stem.as_deref()),
            import_unit::step.eq(i16::from(unit.precedence.step)),
            import_unit::occurrence.eq(&unit.precedence.occurrence),
            import_unit::resources.eq(resources.join(" ")),
        ))
        .execute(connection)?;
    Ok(())
}

pub(super) fn forget_unit(
    connection: &mut HospitalConnection,
    institution: &Institution,
    key: &str,
) -> Result<(), DatabaseError> {
    let one = import_unit::table
        .filter(import_unit::institution.eq(institution.as_str()))
        .filter(import_unit::unit.eq(key));
    diesel::delete(one).execute(connection)?;
    Ok(())
}
