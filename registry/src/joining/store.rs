//! Invitations and applications. The only SQL of this room.

use diesel::prelude::*;
use federation_protocol::joining::{ApplicationId, ApplicationState, Contact, Report};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use super::{ApplicationRow, Invitation, Step};
use crate::database::DatabaseError;

diesel::table! {
    invitation (code_sha256) {
        code_sha256 -> Text,
        member_id -> Text,
        name -> Text,
        made_at -> BigInt,
        ends_at -> BigInt,
        application_id -> Nullable<Text>,
    }
}

diesel::table! {
    application (id) {
        id -> Text,
        member_id -> Text,
        description -> Text,
        contact -> Text,
        state -> Text,
        reason -> Text,
        applied_at -> BigInt,
        changed_at -> BigInt,
        statement -> Nullable<Text>,
        report -> Nullable<Text>,
    }
}

diesel::table! {
    application_change (id) {
        id -> Integer,
        application_id -> Text,
        to_state -> Text,
        reason -> Text,
        at -> BigInt,
    }
}

type InvitationColumns = (String, String, String, i64, i64, Option<String>);
type Columns = (
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
);

fn corrupt(what: &'static str, value: String) -> DatabaseError {
    DatabaseError::Corrupt { what, value }
}

fn member_id(value: String) -> Result<MemberId, DatabaseError> {
    value.parse().or(Err(corrupt("member id", value)))
}

fn application_id(value: String) -> Result<ApplicationId, DatabaseError> {
    value.parse().or(Err(corrupt("application id", value)))
}

fn state_of(value: String) -> Result<ApplicationState, DatabaseError> {
    let known = |state: &ApplicationState| state.as_str() == value;
    let found = ApplicationState::ALL.into_iter().find(known);
    found.ok_or_else(|| corrupt("application state", value))
}

fn json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: String,
) -> Result<T, DatabaseError> {
    serde_json::from_str(&text).or(Err(corrupt(what, text)))
}

fn text<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, DatabaseError> {
    serde_json::to_string(value).or(Err(corrupt(what, String::new())))
}

fn to_invitation(
    (code_sha256, member, name, made_at, ends_at, application): InvitationColumns,
) -> Result<Invitation, DatabaseError> {
    Ok(Invitation {
        code_sha256,
        member: member_id(member)?,
        name,
        made_at: Timestamp::from_micros(made_at),
        ends_at: Timestamp::from_micros(ends_at),
        application: application.map(application_id).transpose()?,
    })
}

fn to_application(columns: Columns) -> Result<ApplicationRow, DatabaseError> {
    let (id, member, description, contact, state, reason, applied, changed, statement, report) =
        columns;
    Ok(ApplicationRow {
        id: application_id(id)?,
        member: member_id(member)?,
        description,
        contact: json::<Contact>("contact", contact)?,
        state: state_of(state)?,
        reason,
        applied_at: Timestamp::from_micros(applied),
        changed_at: Timestamp::from_micros(changed),
        statement,
        report: report
            .map(|report| json::<Report>("report", report))
            .transpose()?,
    })
}

/// Writes a new invitation.
pub(super) fn invite(db: &mut SqliteConnection, new: &Invitation) -> Result<(), DatabaseError> {
    diesel::insert_into(invitation::table)
        .values((
            invitation::code_sha256.eq(&new.code_sha256),
            invitation::member_id.eq(new.member.to_string()),
            invitation::name.eq(&new.name),
            invitation::made_at.eq(new.made_at.micros()),
            invitation::ends_at.eq(new.ends_at.micros()),
        ))
        .execute(db)?;
    Ok(())
}

/// The invitation of a code's digest.
pub(super) fn invitation(
    db: &mut SqliteConnection,
    code_sha256: &str,
) -> Result<Option<Invitation>, DatabaseError> {
    invitation::table
        .find(code_sha256)
        .first::<InvitationColumns>(db)
        .optional()?
        .map(to_invitation)
        .transpose()
}

/// Binds an invitation to who came with it first.
pub(super) fn use_invitation(
    db: &mut SqliteConnection,
    code_sha256: &str,
    id: ApplicationId,
) -> Result<(), DatabaseError> {
    diesel::update(invitation::table.find(code_sha256))
        .set(invitation::application_id.eq(id.to_string()))
        .execute(db)?;
    Ok(())
}

/// Every application, newest first.
pub(super) fn all(db: &mut SqliteConnection) -> Result<Vec<ApplicationRow>, DatabaseError> {
    application::table
        .order(application::applied_at.desc())
        .load::<Columns>(db)?
        .into_iter()
        .map(to_application)
        .collect()
}

/// One application, if there is such.
pub(super) fn find(
    db: &mut SqliteConnection,
    id: ApplicationId,
) -> Result<Option<ApplicationRow>, DatabaseError> {
    application::table
        .find(id.to_string())
        .first::<Columns>(db)
        .optional()?
        .map(to_application)
        .transpose()
}

/// Writes an application, new or handed in again, and the step into its history.
pub(super) fn put(db: &mut SqliteConnection, row: &ApplicationRow) -> Result<(), DatabaseError> {
    let columns = (
        application::member_id.eq(row.member.to_string()),
        application::description.eq(&row.description),
        application::contact.eq(text("contact", &row.contact)?),
        application::state.eq(row.state.as_str()),
        application::reason.eq(&row.reason),
        application::applied_at.eq(row.applied_at.micros()),
        application::changed_at.eq(row.changed_at.micros()),
        application::statement.eq(&row.statement),
        application::report.eq(row
            .report
            .as_ref()
            .map(|report| text("report", report))
            .transpose()?),
    );
    diesel::insert_into(application::table)
        .values((application::id.eq(row.id.to_string()), columns.clone()))
        .on_conflict(application::id)
        .do_update()
        .set(columns)
        .execute(db)?;
    diesel::insert_into(application_change::table)
        .values((
            application_change::application_id.eq(row.id.to_string()),
            application_change::to_state.eq(row.state.as_str()),
            application_change::reason.eq(&row.reason),
            application_change::at.eq(row.changed_at.micros()),
        ))
        .execute(db)?;
    Ok(())
}

/// Keeps what a probe found, of the description that was probed: not of a newer one.
pub(super) fn keep_report(
    db: &mut SqliteConnection,
    id: ApplicationId,
    description: &str,
    report: &Report,
) -> Result<(), DatabaseError> {
    let probed = application::table
        .find(id.to_string())
        .filter(application::description.eq(description));
    diesel::update(probed)
        .set(application::report.eq(text("report", report)?))
        .execute(db)?;
    Ok(())
}

/// Keeps the entry in the making, with the signatures it has.
pub(super) fn keep_statement(
    db: &mut SqliteConnection,
    id: ApplicationId,
    statement: &str,
) -> Result<(), DatabaseError> {
    diesel::update(application::table.find(id.to_string()))
        .set(application::statement.eq(statement))
        .execute(db)?;
    Ok(())
}

/// What was done with an application, oldest first.
pub(super) fn history(
    db: &mut SqliteConnection,
    id: ApplicationId,
) -> Result<Vec<Step>, DatabaseError> {
    application_change::table
        .filter(application_change::application_id.eq(id.to_string()))
        .order(application_change::id)
        .select((
            application_change::to_state,
            application_change::reason,
            application_change::at,
        ))
        .load::<(String, String, i64)>(db)?
        .into_iter()
        .map(|(to, reason, at)| {
            Ok(Step {
                to: state_of(to)?,
                reason,
                at: Timestamp::from_micros(at),
            })
        })
        .collect()
}
