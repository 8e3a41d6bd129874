//! The approvers' word: the entry in the making, and the moment it makes a member.

use federation_protocol::directory::{ENTRY_TYP, Entry, EntryError, RootDocument};
use federation_protocol::joining::{ApplicationId, ApplicationState};
use federation_protocol::jws::General;
use federation_protocol::keys::Sign;
use federation_protocol::member::MemberState;
use federation_protocol::time::Timestamp;

use super::{ApplicationRow, ApplicationStepError, decide, store};
use crate::database::{Connection, DatabaseError};
use crate::members::{self, AdmissionError, MemberError, MemberRow};

/// Longest statement that is read, bytes.
const LONGEST: usize = 1024 * 1024;

/// Why nobody was admitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The application is not one that can be approved.
    #[error(transparent)]
    Step(#[from] ApplicationStepError),
    /// The description, or the entry made of it, is not in order.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The statement is about something else than the application says now.
    #[error("the statement is not about this application as it stands now")]
    OtherStatement,
    /// The member's state cannot be changed.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What came of signing.
#[derive(Debug)]
pub(crate) enum Approved {
    /// Enough approvers signed: a member.
    Member(MemberRow),
    /// The statement waits for more signatures.
    Waiting {
        /// How many root demands.
        needed: u32,
        /// The signatures it has, of any key.
        signatures: usize,
    },
}

/// The statement about an application that approvers sign: the one begun before, or a new one.
///
/// # Errors
/// `Admission` when the description is not in order (any more), `OtherStatement`.
pub(crate) fn statement(
    row: &ApplicationRow,
    registry: &str,
    now: Timestamp,
) -> Result<General, ApprovalError> {
    let admission = row.admission(now)?;
    match &row.statement {
        Some(begun) => read_statement(begun, row, now),
        None => Ok(admission.approve(registry, &[], now)),
    }
}

/// A statement brought back by an approver, if it is about this application as it stands now.
fn read_statement(
    text: &str,
    row: &ApplicationRow,
    now: Timestamp,
) -> Result<General, ApprovalError> {
    let other = || ApprovalError::OtherStatement;
    let statement = General::parse(text.as_bytes(), LONGEST).map_err(|_form| other())?;
    let payload = statement.open(ENTRY_TYP).map_err(|_form| other())?.payload;
    let entry: Entry = federation_protocol::json::parse_as(&payload).map_err(|_form| other())?;
    let said = row.admission(now)?;
    let fits = entry.member == *said.profile() && entry.version == 1;
    fits.then_some(statement).ok_or_else(other)
}

/// Adds signatures to the statement about an application and, once they are enough, admits the
/// member, inside the caller's transaction. A member whose node passed the probe takes part at once;
/// another is on probation until it does.
///
/// `brought` is a statement signed elsewhere.
///
/// # Errors
/// [`ApprovalError`]; then nothing was changed.
///
/// Source: PROTOCOL section 3, steps 4 and 5.
pub(crate) fn approve(
    db: &mut Connection,
    id: ApplicationId,
    brought: Option<&str>,
    approvers: &[&dyn Sign],
    root: &RootDocument,
    now: Timestamp,
) -> Result<Approved, ApprovalError> {
    let row = store::find(db, id)?.ok_or(ApplicationStepError::Unknown(id))?;
    let (from, to) = (row.state, ApplicationState::Approved);
    if !from.may_become(to) {
        return Err(ApplicationStepError::NoSuchStep { id, from, to }.into());
    }
    let begun = match brought {
        Some(text) => read_statement(text, &row, now)?,
        None => statement(&row, &root.iss, now)?,
    };
    let statement = approvers
        .iter()
        .fold(begun, |statement, key| with_signature(statement, *key));
    match Entry::verify(&statement, root) {
        Err(EntryError::TooFewApprovers) if root.approvers.threshold > 1 => {
            store::keep_statement(db, id, &statement.to_json())?;
            Ok(Approved::Waiting {
                needed: root.approvers.threshold,
                signatures: statement.signatures(),
            })
        }
        _ => admit(db, &row, &statement, root, now).map(Approved::Member),
    }
}

/// Each key once, however often it is named.
fn with_signature(statement: General, key: &dyn Sign) -> General {
    if statement.is_signed_by(ENTRY_TYP, key.kid()) {
        return statement;
    }
    statement.signed(ENTRY_TYP, key)
}

fn admit(
    db: &mut Connection,
    row: &ApplicationRow,
    statement: &General,
    root: &RootDocument,
    now: Timestamp,
) -> Result<MemberRow, ApprovalError> {
    let mut member = members::admit(db, statement, root, now)?;
    let passed = row.report.as_ref().is_some_and(|report| report.passed());
    if passed {
        let reason = "its node passed the probe";
        member = members::change_state(db, &member.id, MemberState::Active, reason, now)?;
    }
    decide(db, row.id, ApplicationState::Approved, "", now)?;
    Ok(member)
}
