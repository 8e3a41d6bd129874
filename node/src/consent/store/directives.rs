//! Directives: every version is kept, the newest one is also the head.

use diesel::prelude::*;
use federation_protocol::time::Timestamp;

use super::unreadable;
use crate::consent::{DirectiveId, StoredDirective, Subject};
use crate::database::{DatabaseError, HospitalConnection, Rid};
use crate::identity::PersonId;

diesel::table! {
    directive (id) {
        id -> Text,
        version -> BigInt,
        kind -> SmallInt,
        person -> Nullable<Text>,
        patient -> Nullable<BigInt>,
        status -> Text,
        written_at -> BigInt,
        raw -> Text,
    }
}

diesel::table! {
    directive_version (id, version) {
        id -> Text,
        version -> BigInt,
        status -> Text,
        written_at -> BigInt,
        raw -> Text,
    }
}

const HOME: i16 = 0;
const LOCAL: i16 = 1;

/// Stores the first version, or the next one of a directive that is there.
pub(in crate::consent) fn write(
    connection: &mut HospitalConnection,
    new: &StoredDirective,
) -> Result<(), DatabaseError> {
    let (kind, person, patient) = match &new.subject {
        Subject::Person(person) => (HOME, Some(person.as_str()), None),
        Subject::Patient(rid) => (LOCAL, None, Some(rid.0)),
    };
    if new.version == 1 {
        diesel::insert_into(directive::table)
            .values((
                directive::id.eq(new.id.as_str()),
                directive::version.eq(new.version),
                directive::kind.eq(kind),
                directive::person.eq(person),
                directive::patient.eq(patient),
                directive::status.eq(new.status.as_str()),
                directive::written_at.eq(new.written_at.micros()),
                directive::raw.eq(new.raw.as_str()),
            ))
            .execute(connection)?;
    } else {
        let previous = directive::table
            .filter(directive::id.eq(new.id.as_str()))
            .filter(directive::version.eq(new.version.saturating_sub(1)));
        let changed = diesel::update(previous)
            .set((
                directive::version.eq(new.version),
                directive::status.eq(new.status.as_str()),
                directive::written_at.eq(new.written_at.micros()),
                directive::raw.eq(new.raw.as_str()),
            ))
            .execute(connection)?;
        if changed != 1 {
            return Err(diesel::result::Error::NotFound.into());
        }
    }
    diesel::insert_into(directive_version::table)
        .values((
            directive_version::id.eq(new.id.as_str()),
            directive_version::version.eq(new.version),
            directive_version::status.eq(new.status.as_str()),
            directive_version::written_at.eq(new.written_at.micros()),
            directive_version::raw.eq(new.raw.as_str()),
        ))
        .execute(connection)?;
    Ok(())
}

/// The directives about a chart are about another one from now on; how many.
pub(in crate::consent) fn move_patient(
    connection: &mut HospitalConnection,
    from: Rid,
    into: Rid,
) -> Result<usize, DatabaseError> {
    let of_chart = directive::table.filter(directive::patient.eq(from.0));
    Ok(diesel::update(of_chart)
        .set(directive::patient.eq(into.0))
        .execute(connection)?)
}

#[derive(Queryable)]
struct Row {
    id: String,
    version: i64,
    _kind: i16,
    person: Option<String>,
    patient: Option<i64>,
    status: String,
    written_at: i64,
    raw: String,
}

/// The newest version.
pub(in crate::consent) fn find(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Option<StoredDirective>, DatabaseError> {
    let row: Option<Row> = directive::table
        .filter(directive::id.eq(id))
        .first(connection)
        .optional()?;
    row.map(stored).transpose()
}

/// Every version of one directive, newest first.
pub(in crate::consent) fn history(
    connection: &mut HospitalConnection,
    id: &str,
) -> Result<Vec<StoredDirective>, DatabaseError> {
    let Some(head) = find(connection, id)? else {
        return Ok(Vec::new());
    };
    let rows: Vec<(i64, i64, String, String)> = directive_version::table
        .filter(directive_version::id.eq(id))
        .order(directive_version::version.desc())
        .select((
            directive_version::version,
            directive_version::written_at,
            directive_version::status,
            directive_version::raw,
        ))
        .load(connection)?;
    let versions = rows
        .into_iter()
        .map(|(version, at, status, raw)| StoredDirective {
            version,
            written_at: Timestamp::from_micros(at),
            status,
            raw,
            ..head.clone()
        });
    Ok(versions.collect())
}

/// The newest version of every directive of a person (home) or of a chart here (local), oldest
/// directive first.
pub(in crate::consent) fn of_subject(
    connection: &mut HospitalConnection,
    subject: &Subject,
) -> Result<Vec<StoredDirective>, DatabaseError> {
    let mut query = directive::table.into_boxed();
    query = match subject {
        Subject::Person(person) => query.filter(directive::person.eq(person.as_str())),
        Subject::Patient(rid) => query.filter(directive::patient.eq(rid.0)),
    };
    let mut rows: Vec<Row> = query.load(connection)?;
    rows.sort_by(|a, b| (a.written_at, &a.id).cmp(&(b.written_at, &b.id)));
    rows.into_iter().map(stored).collect()
}

fn stored(row: Row) -> Result<StoredDirective, DatabaseError> {
    let subject = match (row.person, row.patient) {
        (Some(person), None) => person.parse::<PersonId>().ok().map(Subject::Person),
        (None, Some(patient)) => Some(Subject::Patient(Rid(patient))),
        _neither => None,
    };
    let subject = subject.ok_or_else(|| unreadable("subject", &row.id))?;
    Ok(StoredDirective {
        id: DirectiveId::known(row.id),
        version: row.version,
        subject,
        status: row.status,
        written_at: Timestamp::from_micros(row.written_at),
        raw: row.raw,
    })
}
