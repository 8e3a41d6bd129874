//! The way in for strangers: invitations, applications, probes, and the approvers' word.
//!
//! Owns invitations (the codes as digests only) and applications with their history. Makes nobody a
//! member: that is the approvers' signature, which the members room judges. An applicant's endpoint
//! is connected to only after a right code came, and only by the rules of every outbound call.
//!
//! Source: PROTOCOL section 3.

mod application;
mod approval;
mod examiner;
mod leaving;
mod probe;
mod rate;
mod rekeying;
pub(crate) mod routes;
mod store;

use federation_protocol::joining::{
    ApplicationId, ApplicationReply, ApplicationState, Contact, InvitationCode, Report,
};
use federation_protocol::jws::PayloadHash;
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;

use crate::database::{Connection, DatabaseError};
use crate::members::{Admission, AdmissionError};

pub use approval::ApprovalError;
pub(crate) use approval::{Approved, approve, statement};
pub(crate) use examiner::Examiner;
pub(crate) use probe::Prober;
pub use probe::ProberError;

/// An invitation as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The digest of its code.
    pub(crate) code_sha256: String,
    /// Who is invited.
    pub(crate) member: MemberId,
    /// The operator's note of the name.
    pub(crate) name: String,
    /// When it was made, UTC.
    pub(crate) made_at: Timestamp,
    /// Until when it may be used first, UTC.
    pub(crate) ends_at: Timestamp,
    /// Who came with it.
    pub(crate) application: Option<ApplicationId>,
}

/// An application as the registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApplicationRow {
    /// Which.
    pub(crate) id: ApplicationId,
    /// Who wants to join.
    pub(crate) member: MemberId,
    /// The applicant's description, as signed.
    pub(crate) description: String,
    /// Whom to call.
    pub(crate) contact: Contact,
    /// Where it stands.
    pub(crate) state: ApplicationState,
    /// Why it stands there, in the operator's words.
    pub(crate) reason: String,
    /// When it was handed in last, UTC.
    pub(crate) applied_at: Timestamp,
    /// When its state last changed, UTC.
    pub(crate) changed_at: Timestamp,
    /// The entry in the making, with the signatures it has.
    pub(crate) statement: Option<String>,
    /// What the last probe of this description found.
    pub(crate) report: Option<Report>,
}

impl ApplicationRow {
    /// What the applicant says about itself, checked as of `now`.
    ///
    /// # Errors
    /// What is not in order.
    pub(crate) fn admission(&self, now: Timestamp) -> Result<Admission, AdmissionError> {
        Admission::check(&self.description, now)
    }

    /// What the applicant is told.
    pub(crate) fn reply(&self) -> ApplicationReply {
        ApplicationReply {
            id: self.id,
            member: self.member.clone(),
            state: self.state,
            since: self.changed_at,
            reason: self.reason.clone(),
            probe: self.report.clone(),
        }
    }
}

/// A line of an application's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The state after it.
    pub(crate) to: ApplicationState,
    /// Why, in the operator's words.
    pub(crate) reason: String,
    /// When, UTC.
    pub(crate) at: Timestamp,
}

/// Why an application stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationStepError {
    /// There is none with this id.
    #[error("there is no application {0}")]
    Unknown(ApplicationId),
    /// It was decided, or is with the applicant.
    #[error("application {id} is {from}: it cannot become {to}")]
    NoSuchStep {
        /// Which.
        id: ApplicationId,
        /// The state it is in.
        from: ApplicationState,
        /// The state that was asked for.
        to: ApplicationState,
    },
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Writes an invitation for `member`; the code is for the invited alone.
///
/// # Errors
/// From the database.
pub(crate) fn invite(
    db: &mut Connection,
    code: &InvitationCode,
    member: MemberId,
    name: &str,
    (made_at, ends_at): (Timestamp, Timestamp),
) -> Result<(), DatabaseError> {
    let new = Invitation {
        code_sha256: code.digest(),
        member,
        name: name.to_owned(),
        made_at,
        ends_at,
        application: None,
    };
    store::invite(db, &new)
}

/// Every application, newest first.
///
/// # Errors
/// From the database.
pub(crate) fn all(db: &mut Connection) -> Result<Vec<ApplicationRow>, DatabaseError> {
    store::all(db)
}

/// One application with its history, oldest first.
///
/// # Errors
/// `Unknown`, `Database`.
pub(crate) fn show(
    db: &mut Connection,
    id: ApplicationId,
) -> Result<(ApplicationRow, Vec<Step>), ApplicationStepError> {
    let row = store::find(db, id)?.ok_or(ApplicationStepError::Unknown(id))?;
    Ok((row, store::history(db, id)?))
}

/// Keeps what a probe of `row` found.
///
/// # Errors
/// From the database.
pub(crate) fn keep_report(
    db: &mut Connection,
    row: &ApplicationRow,
    report: &Report,
) -> Result<(), DatabaseError> {
    store::keep_report(db, row.id, &row.description, report)
}

/// Gives an application back, refuses it, or notes that it was approved, inside the caller's
/// transaction.
///
/// # Errors
/// `Unknown`, `NoSuchStep`, `Database`.
pub(crate) fn decide(
    db: &mut Connection,
    id: ApplicationId,
    to: ApplicationState,
    reason: &str,
    now: Timestamp,
) -> Result<ApplicationRow, ApplicationStepError> {
    let row = store::find(db, id)?.ok_or(ApplicationStepError::Unknown(id))?;
    if !row.state.may_become(to) {
        let from = row.state;
        return Err(ApplicationStepError::NoSuchStep { id, from, to });
    }
    let decided = ApplicationRow {
        state: to,
        reason: reason.to_owned(),
        changed_at: now,
        ..row
    };
    store::put(db, &decided)?;
    Ok(decided)
}

/// Whether this root is or was this registry's.
fn is_own_root(db: &mut Connection, root: &PayloadHash) -> Result<bool, DatabaseError> {
    crate::directory::was_issued(db, crate::directory::Kind::Root, root)
}
