//! What went wrong, and what the reader can do about it.

use std::fmt;
use std::path::Path;

/// A failure of the demonstration. Two lines: what happened, and `next:`.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: String,
    next: String,
    pub(crate) exit: u8,
}

impl Trouble {
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
            exit: 1,
        }
    }

    /// The same failure, ending with this exit code.
    pub(crate) fn exiting(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    /// A file or folder that could not be read or written.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(
            format!("{}: {error}", path.display()),
            "check that the folder exists and may be written, or choose another with --state",
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "three-hospitals: {}\nnext: {}", self.what, self.next)
    }
}
