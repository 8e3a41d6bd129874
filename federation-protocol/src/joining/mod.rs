//! How a hospital becomes a member: the invitation's token, the application, what the applicant is
//! told, and how a member leaves.
//!
//! Two strangers meet here, so each proves something: the applicant that it was invited (a one-time
//! code) and that it holds every key it names; the registry that it is the one whose root the token
//! names. What makes a member is neither: that is the approvers' signature over the entry.
//!
//! Source: PROTOCOL section 3; `docs/WIRE.md` section 6.

mod applicant;
mod application;
mod base32;
mod comparison;
mod reply;
mod token;

pub use applicant::{APPLICANT_TYP, ApplicantRequest, LEAVE_TYP, Leave, StatementError};
pub use application::{
    APPLICATION_TYP, Application, ApplicationError, Contact, LONGEST_APPLICATION,
};
pub use comparison::comparison_number;
pub use reply::{ApplicationId, ApplicationReply, ApplicationState, Check, JoinRefusal, Report};
pub use token::{InvitationCode, JoinToken, TokenTextError};

/// The version of every statement here.
const VERSION: u32 = 1;

/// How far the clocks of applicant and registry may differ, and how old a statement may be, in
/// seconds: a statement is made when it is sent.
pub const STATEMENT_SECONDS: i64 = 300;
