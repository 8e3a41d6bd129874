//! Why a command failed: what happened, what to do next, what to exit with.

use std::fmt;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::database::DatabaseError;
use crate::directory::PublishError;
use crate::joining::{ApplicationStepError, ApprovalError};
use crate::members::{AdmissionError, MemberError};

/// The codes that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It did not work.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// What was checked is not in order.
    Check = 3,
    /// The key or the person may not do this.
    NotAuthorised = 4,
    /// Nobody answers there.
    Unreachable = 5,
    /// Trying again may help.
    Temporary = 75,
    /// The configuration is not usable.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Check => 3,
            Exit::NotAuthorised => 4,
            Exit::Unreachable => 5,
            Exit::Temporary => 75,
            Exit::Config => 78,
        })
    }
}

/// What an operator is told when a command fails.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    what: String,
    next: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            next: next.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.what)?;
        writeln!(f, "next: {}", self.next)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let next = match &error {
            ConfigError::UnknownKey { .. } => {
                "mend or remove that line (or variable) and try again"
            }
            _ => "name the file that `musubi-registry init` wrote with --config, or mend it",
        };
        Self::new(Exit::Config, error.to_string(), next)
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        match &error {
            DatabaseError::Missing(_) => Self::new(
                Exit::Config,
                error.to_string(),
                "check database.url, or make a registry with `musubi-registry init`",
            ),
            DatabaseError::NoRandomness => {
                Self::new(Exit::Temporary, error.to_string(), "try again")
            }
            DatabaseError::Statement(cause) if cause.to_string().contains("locked") => Self::new(
                Exit::Temporary,
                error.to_string(),
                "try again in a few seconds",
            ),
            _ => Self::new(
                Exit::Failure,
                error.to_string(),
                "check the disk's space and the file's owner; a damaged file is replaced from backup",
            ),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let what = error.to_string();
        let (exit, next) = match error {
            PublishError::Database(error) => return error.into(),
            PublishError::Key { .. } => (
                Exit::Config,
                "let state.dir name the folder that init made; its keys are 0600 and the service's",
            ),
            PublishError::NoRoot => (Exit::Config, "make a registry with `musubi-registry init`"),
            PublishError::Root(_) => (
                Exit::Failure,
                "check this machine's clock; if it is right, put the database back from backup",
            ),
            PublishError::Refused { .. } | PublishError::Unreadable(_) => (
                Exit::Check,
                "the database was altered by something else: compare its members with \
                 `directory show`, and put it right before anything else",
            ),
            PublishError::RootChanged => (Exit::Temporary, "type it again"),
            PublishError::Thread(_) => (Exit::Failure, "check the limits of the service"),
        };
        Self::new(exit, what, next)
    }
}

impl From<MemberError> for Failure {
    fn from(error: MemberError) -> Self {
        let what = error.to_string();
        match error {
            MemberError::Database(error) => error.into(),
            MemberError::Unknown(_) => {
                Self::new(Exit::Failure, what, "look at `musubi-registry member list`")
            }
            MemberError::NoSuchArrow { id, .. } => {
                let next = format!("look at `musubi-registry member show {id}`");
                Self::new(Exit::Failure, what, next)
            }
        }
    }
}

impl From<ApplicationStepError> for Failure {
    fn from(error: ApplicationStepError) -> Self {
        let what = error.to_string();
        match error {
            ApplicationStepError::Database(error) => error.into(),
            _ => Self::new(
                Exit::Failure,
                what,
                "look at `musubi-registry application list`",
            ),
        }
    }
}

impl From<ApprovalError> for Failure {
    fn from(error: ApprovalError) -> Self {
        let what = error.to_string();
        match error {
            ApprovalError::Step(error) => error.into(),
            ApprovalError::Admission(error) => error.into(),
            ApprovalError::Member(error) => error.into(),
            ApprovalError::Database(error) => error.into(),
            ApprovalError::OtherStatement => Self::new(
                Exit::Check,
                what,
                "the hospital has handed in anew since: export and sign once more",
            ),
        }
    }
}

impl From<AdmissionError> for Failure {
    fn from(error: AdmissionError) -> Self {
        let what = error.to_string();
        let (exit, next) = match error {
            AdmissionError::Database(error) => return error.into(),
            AdmissionError::Description(_) => (
                Exit::Check,
                "take the file again, unchanged, as `musubi-node describe` writes it",
            ),
            AdmissionError::Future { .. } => (
                Exit::Check,
                "set the clocks right, here and at the member, and describe again",
            ),
            AdmissionError::NoValidKey => (
                Exit::Check,
                "the member rotates its signing key and describes itself again",
            ),
            AdmissionError::Endpoint(_) | AdmissionError::Certificate { .. } => (
                Exit::Check,
                "the member mends federation.endpoint or its certificate, and describes itself again",
            ),
            AdmissionError::KnownMember(_) | AdmissionError::KnownKey { .. } => {
                (Exit::Failure, "look at `musubi-registry member list`")
            }
            AdmissionError::Entry(_) => (
                Exit::NotAuthorised,
                "name the approver keys that root names, as many as it asks",
            ),
        };
        Self::new(exit, what, next)
    }
}
