//! The export room's only SQL: jobs, their files, what they refer to outside of charts.

use diesel::dsl::{count_star, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use federation_protocol::time::Timestamp;

use super::Asked;
use super::files::{FileName, Part};
use super::job::{Charted, Job, JobId, Owner, Place, State};
use super::run::Length;
use crate::database::{DatabaseError, HospitalConnection};
use crate::records::{Address, Mark};

diesel::table! {
    export_job (id) {
        id -> Text,
        role -> Text,
        actor -> Text,
        scope -> Text,
        asked -> Text,
        request -> Text,
        txn -> BigInt,
        transaction_time -> BigInt,
        started_at -> BigInt,
        state -> Text,
        kind -> Text,
        behind -> Text,
        ended_at -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    export_file (job, part, kind, number) {
        job -> Text,
        part -> Text,
        kind -> Text,
        number -> Integer,
        resources -> BigInt,
        bytes -> BigInt,
    }
}

diesel::table! {
    export_reference (job, kind, id) {
        job -> Text,
        kind -> Text,
        id -> Text,
        done -> Bool,
    }
}

/// Writes a new job down.
pub(super) fn insert(connection: &mut HospitalConnection, job: &Job) -> Result<(), DatabaseError> {
    diesel::insert_into(export_job::table)
        .values((
            export_job::id.eq(job.id.as_str()),
            export_job::role.eq(job.owner.role.as_str()),
            export_job::actor.eq(job.owner.id.as_str()),
            export_job::scope.eq(job.charted.to_string()),
            export_job::asked.eq(job.asked.kept()),
            export_job::request.eq(job.request.as_str()),
            export_job::txn.eq(job.mark.number()),
            export_job::transaction_time.eq(job.transaction_time.micros()),
            export_job::started_at.eq(job.started_at.micros()),
            export_job::state.eq(job.state.as_str()),
            export_job::kind.eq(job.place.kind_word()),
            export_job::behind.eq(job.place.behind_word()),
        ))
        .execute(connection)?;
    Ok(())
}

/// How many jobs are not done yet.
pub(super) fn count_running(connection: &mut HospitalConnection) -> Result<i64, DatabaseError> {
    Ok(export_job::table
        .filter(export_job::state.eq(State::Running.as_str()))
        .select(count_star())
        .get_result(connection)?)
}

/// Bytes of all files of all jobs.
pub(super) fn bytes_of_all(connection: &mut HospitalConnection) -> Result<u64, DatabaseError> {
    // A sum of BIGINT is NUMERIC in PostgreSQL.
    let sum = sql::<Nullable<BigInt>>("CAST(SUM(bytes) AS BIGINT)");
    let bytes: Option<i64> = export_file::table.select(sum).get_result(connection)?;
    Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
}

#[derive(Queryable)]
struct JobRow {
    id: String,
    role: String,
    actor: String,
    scope: String,
    asked: String,
    request: String,
    txn: i64,
    transaction_time: i64,
    started_at: i64,
    state: String,
    kind: String,
    behind: String,
    _ended_at: Option<i64>,
    expires_at: Option<i64>,
}

impl JobRow {
    /// `None` for a row that this program did not write.
    fn job(self) -> Option<Job> {
        Some(Job {
            id: JobId::parse(&self.id)?,
            owner: Owner {
                role: self.role.parse().ok()?,
                id: self.actor,
            },
            charted: Charted::parse(&self.scope)?,
            asked: Asked::of_kept(&self.asked)?,
            request: self.request,
            mark: Mark::numbered(self.txn),
            transaction_time: Timestamp::from_micros(self.transaction_time),
            started_at: Timestamp::from_micros(self.started_at),
            state: State::of(&self.state)?,
            place: Place::of_words(&self.kind, &self.behind)?,
            expires_at: self.expires_at.map(Timestamp::from_micros),
        })
    }
}

/// The job of this id.
pub(super) fn job(
    connection: &mut HospitalConnection,
    id: &JobId,
) -> Result<Option<Job>, DatabaseError> {
    let row = export_job::table.find(id.as_str());
    let row: Option<JobRow> = row.first(connection).optional()?;
    Ok(row.and_then(JobRow::job))
}

/// Every job, the oldest first.
pub(super) fn jobs(connection: &mut HospitalConnection) -> Result<Vec<Job>, DatabaseError> {
    let order = (export_job::started_at, export_job::id);
    let rows: Vec<JobRow> = export_job::table.order(order).load(connection)?;
    Ok(rows.into_iter().filter_map(JobRow::job).collect())
}

/// The files of a job, as far as they are committed.
pub(super) fn files(
    connection: &mut HospitalConnection,
    id: &JobId,
) -> Result<Vec<(FileName, Length)>, DatabaseError> {
    let rows: Vec<(String, String, i32, i64, i64)> = export_file::table
        .filter(export_file::job.eq(id.as_str()))
        .order((export_file::part, export_file::kind, export_file::number))
        .select((
            export_file::part,
            export_file::kind,
            export_file::number,
            export_file::resources,
            export_file::bytes,
        ))
        .load(connection)?;
    let read = |(part, kind, number, resources, bytes): (String, String, i32, i64, i64)| {
        let name = FileName::of(Part::of(&part)?, &kind, number)?;
        let resources = u64::try_from(resources).ok()?;
        let bytes = u64::try_from(bytes).ok()?;
        Some((name, Length { resources, bytes }))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Writes down how long a file is.
pub(super) fn set_length(
    connection: &mut HospitalConnection,
    id: &JobId,
    name: &FileName,
    length: Length,
) -> Result<(), DatabaseError> {
    let resources = i64::try_from(length.resources).unwrap_or(i64::MAX);
    let bytes = i64::try_from(length.bytes).unwrap_or(i64::MAX);
    let part = name.part.as_str();
    let there = export_file::table.find((id.as_str(), part, name.kind, name.number));
    let now = (
        export_file::resources.eq(resources),
        export_file::bytes.eq(bytes),
    );
    if diesel::update(there).set(now).execute(connection)? == 0 {
        diesel::insert_into(export_file::table)
            .values((
                export_file::job.eq(id.as_str()),
                export_file::part.eq(part),
                export_file::kind.eq(name.kind),
                export_file::number.eq(name.number),
                now,
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Writes down where the work stands; `false` when there is no such job any more, or it has ended.
pub(super) fn set_place(
    connection: &mut HospitalConnection,
    id: &JobId,
    place: &Place,
) -> Result<bool, DatabaseError> {
    let running = export_job::table
        .find(id.as_str())
        .filter(export_job::state.eq(State::Running.as_str()));
    let now = (
        export_job::kind.eq(place.kind_word()),
        export_job::behind.eq(place.behind_word()),
    );
    Ok(diesel::update(running).set(now).execute(connection)? == 1)
}

/// Writes down how a job ended; `false` when there is no such job any more, or it had ended.
pub(super) fn end(
    connection: &mut HospitalConnection,
    id: &JobId,
    state: State,
    at: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, DatabaseError> {
    let running = export_job::table
        .find(id.as_str())
        .filter(export_job::state.eq(State::Running.as_str()));
    let now = (
        export_job::state.eq(state.as_str()),
        export_job::ended_at.eq(at.micros()),
        export_job::expires_at.eq(expires_at.micros()),
    );
    let ended = diesel::update(running).set(now).execute(connection)? == 1;
    if ended {
        let references = export_reference::table.filter(export_reference::job.eq(id.as_str()));
        diesel::delete(references).execute(connection)?;
    }
    Ok(ended)
}

/// Forgets the files of a job: they are removed.
pub(super) fn forget_files(
    connection: &mut HospitalConnection,
    id: &JobId,
) -> Result<(), DatabaseError> {
    let files = export_file::table.filter(export_file::job.eq(id.as_str()));
    diesel::delete(files).execute(connection)?;
    Ok(())
}

/// Removes a job; `false` when there was none.
pub(super) fn remove(
    connection: &mut HospitalConnection,
    id: &JobId,
) -> Result<bool, DatabaseError> {
    Ok(diesel::delete(export_job::table.find(id.as_str())).execute(connection)? == 1)
}

/// Removes the jobs whose time was over at `now`.
pub(super) fn remove_expired(
    connection: &mut HospitalConnection,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let expired = export_job::table.filter(export_job::expires_at.le(now.micros()));
    diesel::delete(expired).execute(connection)?;
    Ok(())
}

/// Every job's id.
pub(super) fn ids(connection: &mut HospitalConnection) -> Result<Vec<JobId>, DatabaseError> {
    let ids: Vec<String> = export_job::table.select(export_job::id).load(connection)?;
    Ok(ids.iter().filter_map(|id| JobId::parse(id)).collect())
}

/// Writes down what a job refers to, where it is not written down yet.
pub(super) fn refer_to(
    connection: &mut HospitalConnection,
    id: &JobId,
    addresses: &[Address],
) -> Result<(), DatabaseError> {
    for address in addresses {
        let row = (
            export_reference::job.eq(id.as_str()),
            export_reference::kind.eq(address.kind.name()),
            export_reference::id.eq(address.id.as_str()),
            export_reference::done.eq(false),
        );
        // ON CONFLICT does not compile over both connections at once.
        match connection {
            HospitalConnection::Sqlite(connection) => diesel::insert_into(export_reference::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(connection)?,
            HospitalConnection::Postgres(connection) => {
                diesel::insert_into(export_reference::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(connection)?
            }
        };
    }
    Ok(())
}

/// The next of what a job refers to and was not looked at; at most `limit`.
pub(super) fn references(
    connection: &mut HospitalConnection,
    id: &JobId,
    limit: usize,
) -> Result<Vec<Address>, DatabaseError> {
    let rows: Vec<(String, String)> = export_reference::table
        .filter(export_reference::job.eq(id.as_str()))
        .filter(export_reference::done.eq(false))
        .order((export_reference::kind, export_reference::id))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((export_reference::kind, export_reference::id))
        .load(connection)?;
    let address = |(kind, id): (String, String)| Address::parse(&format!("{kind}/{id}"));
    Ok(rows.into_iter().filter_map(address).collect())
}

/// Writes down that these were looked at.
pub(super) fn looked_at(
    connection: &mut HospitalConnection,
    id: &JobId,
    addresses: &[Address],
) -> Result<(), DatabaseError> {
    for address in addresses {
        let key = (id.as_str(), address.kind.name(), address.id.as_str());
        diesel::update(export_reference::table.find(key))
            .set(export_reference::done.eq(true))
            .execute(connection)?;
    }
    Ok(())
}
