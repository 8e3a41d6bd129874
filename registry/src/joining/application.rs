//! Taking an application in: the code first, then the signatures, then what it says.

use federation_protocol::joining::{
    Application, ApplicationError, ApplicationId, ApplicationState, JoinRefusal,
};
use federation_protocol::time::Timestamp;

use super::{ApplicationRow, Invitation, is_own_root, store};
use crate::database::{Connection, DatabaseError};
use crate::members::{self, Admission, AdmissionError};

/// Why an application is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// Not an application at all.
    #[error("not an application")]
    Malformed,
    /// No such code.
    #[error("no such invitation")]
    Unknown,
    /// Of another registry's root.
    #[error("of another registry's root")]
    Foreign,
    /// The right code, too late.
    #[error("the invitation has ended")]
    Expired,
    /// Another applicant came with it, or its application was decided.
    #[error("the invitation was used")]
    Used,
    /// The right code, but what came with it is not in order.
    #[error("{0}")]
    NotInOrder(String),
    /// The database failed; nothing was changed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ApplyError {
    /// What the applicant is told; none when it is our own trouble.
    pub(super) const fn refusal(&self) -> Option<JoinRefusal> {
        match self {
            Self::Malformed => Some(JoinRefusal::Malformed),
            Self::Unknown => Some(JoinRefusal::InvitationUnknown),
            Self::Foreign => Some(JoinRefusal::InvitationForeign),
            Self::Expired => Some(JoinRefusal::InvitationExpired),
            Self::Used => Some(JoinRefusal::InvitationUsed),
            Self::NotInOrder(_) => Some(JoinRefusal::NotInOrder),
            Self::Database(_) => None,
        }
    }
}

impl From<ApplicationError> for ApplyError {
    fn from(error: ApplicationError) -> Self {
        match error {
            ApplicationError::Form(_) | ApplicationError::Schema => Self::Malformed,
            other => Self::NotInOrder(other.to_string()),
        }
    }
}

impl From<AdmissionError> for ApplyError {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::Database(error) => Self::Database(error),
            other => Self::NotInOrder(other.to_string()),
        }
    }
}

/// Takes an application in, new or handed in again, inside the caller's transaction. The same one
/// once more changes nothing: an answer may have been lost on the way.
///
/// `fresh` is the id of a new one.
///
/// # Errors
/// In the order checked: `Malformed`, `Unknown`, `Foreign`, `Expired`, `NotInOrder` (signatures,
/// member), `Used`, `NotInOrder` (description), `Database`. Nothing but the code decides before
/// `Unknown`: whoever guesses codes learns nothing else.
///
/// Source: PROTOCOL section 3, steps 1 and 2.
pub(super) fn apply(
    db: &mut Connection,
    text: &str,
    fresh: ApplicationId,
    now: Timestamp,
) -> Result<ApplicationRow, ApplyError> {
    let claimed = Application::read(text)?;
    let invitation = store::invitation(db, &claimed.code.digest())?.ok_or(ApplyError::Unknown)?;
    if !is_own_root(db, &claimed.root)? {
        return Err(ApplyError::Foreign);
    }
    if invitation.application.is_none() && invitation.ends_at < now {
        return Err(ApplyError::Expired);
    }
    let (application, description) = Application::verify(text, now)?;
    if description.member.id != invitation.member {
        let (invited, came) = (&invitation.member, &description.member.id);
        let what = format!("{invited} is invited, this is the application of {came}");
        return Err(ApplyError::NotInOrder(what));
    }
    let before = before(db, &invitation)?;
    if let Some(before) = &before {
        let same = before.description == application.description;
        if !may_come_again(before, &application.description) {
            return Err(ApplyError::Used);
        }
        if same && before.contact == application.contact {
            return Ok(before.clone());
        }
    }
    Admission::check(&application.description, now)?;
    if members::find(db, &invitation.member)?.is_some() {
        return Err(AdmissionError::KnownMember(invitation.member).into());
    }
    let row = ApplicationRow {
        id: before.map_or(fresh, |before| before.id),
        member: invitation.member,
        description: application.description.clone(),
        contact: application.contact.clone(),
        state: ApplicationState::Applied,
        reason: String::new(),
        applied_at: now,
        changed_at: now,
        // Both were about another description.
        statement: None,
        report: None,
    };
    store::put(db, &row)?;
    store::use_invitation(db, &invitation.code_sha256, row.id)?;
    Ok(row)
}

fn before(
    db: &mut Connection,
    invitation: &Invitation,
) -> Result<Option<ApplicationRow>, DatabaseError> {
    match invitation.application {
        Some(id) => store::find(db, id),
        None => Ok(None),
    }
}

/// The same key, while nothing is decided; what was decided may be heard once more.
fn may_come_again(before: &ApplicationRow, description: &str) -> bool {
    let signer = |text: &str| {
        let description = federation_protocol::directory::MemberDescription::verify(text).ok()?;
        Some(description.signer()?.kid.clone())
    };
    let same_key = signer(&before.description).is_some_and(|kid| Some(kid) == signer(description));
    let open = before.state.may_become(ApplicationState::Applied);
    same_key && (open || before.description == description)
}
