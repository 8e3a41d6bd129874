//! The embedded file: copied by itself, `VACUUM INTO`, while the node writes on.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

use super::super::{DatabaseError, HospitalConnection, counts, migrations, spawn, sqlite};
use super::{BackupError, Copied, Progress, Told, folder_of, want_space};

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// Copies the database at `path` into the empty file `to`.
///
/// Source: <https://www.sqlite.org/lang_vacuum.html#vacuuminto>: one snapshot, without free pages,
/// into a file that must be empty; durable only once it is synced.
pub(super) fn copy(path: &str, to: &Path, told: Told<'_>) -> Result<Copied, BackupError> {
    let length = fs::metadata(path)
        .map_err(|error| BackupError::file(Path::new(path), error))?
        .len();
    want_space(folder_of(to), length)?;
    let mut source = sqlite::connect(path)?;
    let target = text_of(to)?.to_owned();
    let (done, wait) = sync_channel(1);
    let copying = spawn("database-backup".to_owned(), move || {
        let copied = diesel::sql_query("VACUUM INTO ?1")
            .bind::<Text, _>(target)
            .execute(&mut source);
        drop(done.send(copied));
    })?;
    let copied = loop {
        match wait.recv_timeout(TOLD_EVERY) {
            Ok(copied) => break copied,
            Err(RecvTimeoutError::Timeout) => told(Progress {
                done: fs::metadata(to).map_or(0, |file| file.len()),
                of: Some(length),
            }),
            Err(RecvTimeoutError::Disconnected) => return Err(DatabaseError::Closed.into()),
        }
    };
    // It has answered, so it has ended.
    drop(copying.join());
    copied?;
    contents(to)
}

/// What a copy holds. Writes nothing, not even beside it.
pub(super) fn contents(file: &Path) -> Result<Copied, BackupError> {
    let mut copy = HospitalConnection::Sqlite(open_copy(file)?);
    Ok(Copied {
        schema: migrations::applied(&mut copy)?,
        tables: counts::count(&mut copy)?,
    })
}

/// What the database itself finds wrong with a copy; nothing when it is sound.
pub(super) fn complaints(file: &Path) -> Result<Vec<String>, BackupError> {
    Ok(sqlite::complaints(&mut open_copy(file)?)?)
}

/// A copy that nobody writes: read without locks, log or shared memory.
fn open_copy(file: &Path) -> Result<SqliteConnection, BackupError> {
    let path = text_of(file)?;
    let escaped = path
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    let url = format!("file:{escaped}?mode=ro&immutable=1");
    let mut copy = SqliteConnection::establish(&url)
        .map_err(|error| DatabaseError::Open(error.to_string()))?;
    copy.batch_execute("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF")?;
    Ok(copy)
}

fn text_of(path: &Path) -> Result<&str, BackupError> {
    path.to_str().ok_or_else(|| {
        let error = std::io::Error::other("the path is not UTF-8");
        BackupError::file(path, error)
    })
}
