//! How a command ends badly: what happened, what to do next, and the exit code.

use std::fmt::Display;

/// The exit codes of both programs (PEOPLE section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something went wrong here.
    Failure,
    /// A check found problems.
    CheckFailed,
    /// Not joined, or not authorised.
    NotAuthorised,
    /// A peer or the registry did not answer.
    Unreachable,
    /// Refused by consent or policy.
    Refused,
    /// Some of the answer is missing.
    Partial,
    /// May work when tried again.
    TryAgain,
    /// The settings are wrong.
    Config,
    /// What is kept of an exchange proves nothing; the command's help lists the codes.
    Evidence(u8),
}

impl Exit {
    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::CheckFailed => 3,
            Self::NotAuthorised => 4,
            Self::Unreachable => 5,
            Self::Refused => 6,
            Self::Partial => 7,
            Self::TryAgain => 75,
            Self::Config => 78,
            Self::Evidence(code) => code,
        }
    }
}

/// Why a command could not do what was asked. Printed as two lines on standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) next: String,
}

impl Failure {
    /// A failure with its exit code, what happened, and what the reader can do about it.
    pub(crate) fn new(exit: Exit, message: impl Display, next: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            next: next.to_string(),
        }
    }

    /// The file system refused.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            Exit::Failure,
            format!("{}: {error}", path.display()),
            "check that the path exists and that this user may read and write it",
        )
    }
}

/// For errors that need no better advice than their own text.
pub(crate) trait OrFailure<T> {
    /// Turns an error into a failure with this exit code and advice.
    fn or_failure(self, exit: Exit, next: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> OrFailure<T> for Result<T, E> {
    fn or_failure(self, exit: Exit, next: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error, next))
    }
}
