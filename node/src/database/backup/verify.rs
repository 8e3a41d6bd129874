//! Whether a backup is whole, told without the node and without its settings.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::super::{DatabaseError, Kind, migrations};
use super::{BackupError, Manifest, Progress, Told, postgres, sqlite};

/// What looking at a backup found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What its manifest says.
    pub manifest: Manifest,
    /// What is wrong with it, a sentence each; nothing when it can be restored.
    pub problems: Vec<String>,
}

/// Reads the whole backup `file`: its digest, whether its schema is known here, and then, of
/// `SQLite`, its integrity and the rows of each table; of PostgreSQL, that `pg_restore` can list it
/// and that no table is missing. Changes nothing.
///
/// # Errors
/// `Manifest`, `File`; on PostgreSQL `NoTool`. What is wrong with the backup itself is no error but
/// a problem.
pub fn verify(file: &Path, told: Told<'_>) -> Result<Verified, BackupError> {
    let manifest = Manifest::read_beside(file)?;
    let (sha256, bytes) = digest(file, told)?;
    let mut problems = Vec::new();
    if bytes != manifest.bytes {
        problems.push(format!("it has {bytes} bytes, not {}", manifest.bytes));
    }
    if sha256 != manifest.sha256 {
        problems.push(format!("its SHA-256 is {sha256}, not {}", manifest.sha256));
    }
    match migrations::refuse_newer(manifest.kind, &manifest.schema) {
        Err(newer @ DatabaseError::Newer { .. }) => problems.push(newer.to_string()),
        other => other?,
    }
    if problems.is_empty() {
        let found = match manifest.kind {
            Kind::Sqlite => complaints_of_copy(file, &manifest),
            Kind::Postgres => postgres::complaints(file, &manifest, told),
        };
        match found {
            Ok(found) => problems.extend(found),
            Err(missing @ BackupError::NoTool(_)) => return Err(missing),
            Err(unreadable) => problems.push(unreadable.to_string()),
        }
    }
    Ok(Verified { manifest, problems })
}

fn complaints_of_copy(file: &Path, manifest: &Manifest) -> Result<Vec<String>, BackupError> {
    let mut problems = sqlite::complaints(file)?;
    let contents = sqlite::contents(file)?;
    if contents.schema != manifest.schema {
        problems.push("its schema is not the one that the manifest names".to_owned());
    }
    problems.extend(differences(&manifest.tables, &contents.tables));
    Ok(problems)
}

/// Which tables do not have the rows that were promised.
pub(super) fn differences(
    promised: &super::super::Counts,
    found: &super::super::Counts,
) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = promised.keys().chain(found.keys()).collect();
    let count = |rows: Option<&i64>| rows.map_or_else(|| "no table".to_owned(), i64::to_string);
    names
        .into_iter()
        .filter(|name| promised.get(*name) != found.get(*name))
        .map(|name| {
            let (found, promised) = (count(found.get(name)), count(promised.get(name)));
            format!("{name}: {found}, the manifest says {promised}")
        })
        .collect()
}

/// SHA-256 (hexadecimal) and length of a file, read in pieces.
pub(super) fn digest(file: &Path, told: Told<'_>) -> Result<(String, u64), BackupError> {
    let failed = |error| BackupError::file(file, error);
    let mut open = File::open(file).map_err(failed)?;
    let of = open.metadata().map_err(failed)?.len();
    let (mut hash, mut done) = (Sha256::new(), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        let read = open.read(&mut piece).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(piece.get(..read).unwrap_or_default());
        done += u64::try_from(read).unwrap_or_default();
        told(Progress { done, of: Some(of) });
    }
    let hexadecimal = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok((hexadecimal, done))
}
