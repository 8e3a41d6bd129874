//! What stands beside a backup: whose it is, when and by what it was made, and how to tell that it
//! is whole.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use federation_protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::owner::belongs_to_its_folder;
use super::super::{Counts, Kind};
use super::BackupError;

/// The form of the manifest itself.
const FORMAT: u32 = 1;

/// A backup's manifest. Names tables and numbers; no row, no person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The member id.
    pub member: String,
    /// Of which kind of database.
    pub kind: Kind,
    /// When, UTC.
    pub made_at: Timestamp,
    /// The program, with its version.
    pub made_by: String,
    /// The migrations that its tables have seen, oldest first.
    pub schema: Vec<String>,
    /// The file's length.
    pub bytes: u64,
    /// The file's SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    /// Rows by table.
    pub tables: Counts,
}

#[derive(Deserialize)]
struct Written {
    format: u32,
    member: String,
    database: String,
    made_at: String,
    made_by: String,
    schema: Vec<String>,
    bytes: u64,
    sha256: String,
    tables: Counts,
}

/// Where the manifest of the backup `file` stands.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

impl Manifest {
    /// The manifest as it is written, and as commands print it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "format": FORMAT,
            "member": self.member,
            "database": self.kind.as_str(),
            "made_at": self.made_at.to_string(),
            "made_by": self.made_by,
            "schema": self.schema,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "tables": self.tables,
        })
    }

    /// Reads the manifest that stands beside `file`.
    ///
    /// # Errors
    /// `Manifest`.
    pub fn read_beside(file: &Path) -> Result<Self, BackupError> {
        let path = beside(file);
        let unusable = |reason: String| BackupError::Manifest {
            path: path.clone(),
            reason,
        };
        let text = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
        let written: Written =
            serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if written.format != FORMAT {
            let reason = format!("format {} is not known here", written.format);
            return Err(unusable(reason));
        }
        let kind = Kind::of(&written.database);
        let kind = kind.ok_or_else(|| unusable(format!("no database {}", written.database)))?;
        let made_at = Timestamp::parse_rfc3339(&written.made_at);
        Ok(Self {
            member: written.member,
            kind,
            made_at: made_at.map_err(|error| unusable(error.to_string()))?,
            made_by: written.made_by,
            schema: written.schema,
            bytes: written.bytes,
            sha256: written.sha256,
            tables: written.tables,
        })
    }

    pub(super) fn write_beside(&self, file: &Path) -> Result<(), BackupError> {
        let path = beside(file);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        made.and_then(|mut manifest| {
            writeln!(manifest, "{:#}", self.to_json())?;
            manifest.sync_all()
        })
        .map_err(|error| BackupError::file(&path, error))?;
        belongs_to_its_folder(&path);
        Ok(())
    }
}
