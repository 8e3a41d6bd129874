//! The import of one file: which file it is, and how far it came.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use federation_protocol::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::database::HospitalConnection;

use super::{ImportError, store};

/// So many bytes tell whether a file is still the same, its size beside them.
const BEGINNING: u64 = 64 * 1024;

/// Whether an import came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobState {
    Running,
    Done,
}

impl JobState {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
        }
    }
}

/// The import of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// The file's or tree's name here.
    pub(super) source: String,
    pub(super) format: &'static str,
    pub(super) identity: Identity,
    pub(super) state: JobState,
    /// How far it came: bytes; of a tree, files met at the last whole scan.
    pub(super) place: u64,
    /// Lines.
    pub(super) line: u64,
    pub(super) turn: i64,
}

/// What tells whether a file is still the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size: u64,
    /// SHA-256 of its first 64 KiB, in hexadecimal.
    pub(super) beginning: String,
}

impl Identity {
    /// Of the file at `path`.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut beginning = Vec::new();
        file.take(BEGINNING).read_to_end(&mut beginning)?;
        Ok(Self {
            size,
            beginning: hexadecimal(&Sha256::digest(&beginning)),
        })
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Job {
    pub(super) fn new(source: String, format: &'static str, identity: Identity) -> Self {
        Self {
            source,
            format,
            identity,
            state: JobState::Running,
            place: 0,
            line: 0,
            turn: 0,
        }
    }

    /// Writes how far it came, in the transaction of what it wrote, and takes the next turn.
    pub(super) fn advance(
        &self,
        connection: &mut HospitalConnection,
        now: Timestamp,
    ) -> Result<(), ImportError> {
        if store::advance_job(connection, self, now)? {
            Ok(())
        } else {
            Err(ImportError::Displaced)
        }
    }
}
