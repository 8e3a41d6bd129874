//! Putting a backup in the place of the database: whole or not at all, and never over something
//! that nobody has a copy of.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _};

use super::super::owner::belongs_to_its_folder;
use super::super::place::Place;
use super::super::presence::{enter_file, enter_session};
use super::super::{Company, HospitalConnection, counts, migrations, restored, sqlite};
use super::verify::{differences, verify};
use super::{
    BackupError, Manifest, Occasion, Progress, Told, folder_of, postgres, sync_folder_of, tools,
    want_space,
};

/// What becomes of a database that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and the backup is not restored.
    Refuse,
    /// It is put aside: a file, or a schema, of another name.
    PutAside,
}

/// A backup that was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What its manifest says.
    pub manifest: Manifest,
    /// Where the former database is now: a file, or a PostgreSQL schema. It holds health records,
    /// and nothing removes it.
    pub aside: Option<String>,
}

/// Verifies the backup `file` and puts it in the place of the database at `url`, brought up to date
/// and marked as restored at the time of `occasion`.
///
/// # Errors
/// `InUse` (in `Database`) while a node, or a command, has the database open; `OtherMember`,
/// `OtherKind`; `Unsound`; `NotEmpty` unless it may be put aside; `File`, `NoSpace`; on PostgreSQL
/// `NoTool`, `ToolFailed`, `NotPutBack`. The former database is as it was after each of them, but
/// after the last.
pub fn restore(
    url: &str,
    file: &Path,
    occasion: &Occasion,
    overwrite: Overwrite,
    told: Told<'_>,
) -> Result<Restored, BackupError> {
    let place = Place::of(url)?;
    let manifest = Manifest::read_beside(file)?;
    if manifest.kind != place.kind() {
        return Err(BackupError::OtherKind {
            backup: manifest.kind,
            database: place.kind(),
        });
    }
    if manifest.member != occasion.member {
        return Err(BackupError::OtherMember {
            backup: manifest.member,
            node: occasion.member.clone(),
        });
    }
    let verified = verify(file, told)?;
    if !verified.problems.is_empty() {
        return Err(BackupError::Unsound(verified.problems));
    }
    let backup = Backup {
        file,
        manifest: &manifest,
        occasion,
        overwrite,
    };
    let aside = match &place {
        Place::Sqlite(path) => backup.restore_file(path, told)?,
        Place::Postgres(url) => backup.restore_schema(url, told)?,
    };
    Ok(Restored { manifest, aside })
}

/// A backup that was verified, and how it is to be restored.
struct Backup<'a> {
    file: &'a Path,
    manifest: &'a Manifest,
    occasion: &'a Occasion,
    overwrite: Overwrite,
}

impl Backup<'_> {
    /// The copy is finished under another name; one rename then puts it in its place.
    fn restore_file(&self, path: &str, told: Told<'_>) -> Result<Option<String>, BackupError> {
        let _alone = enter_file(path, Company::Alone)?;
        let former = Path::new(path);
        let keep = former.exists() && !holds_nothing(path);
        self.allow(keep)?;
        let copy = format!("{path}.restoring");
        remove_database(&copy)?;
        self.copy_to(Path::new(&copy), told)?;
        self.finish_file(&copy)?;
        let aside = format!("{path}.before-restore-{}", self.occasion.second());
        if keep {
            put_aside(path, &aside)?;
        } else {
            remove_beside(path)?;
        }
        fs::rename(&copy, former).map_err(|error| BackupError::file(former, error))?;
        sync_folder_of(former)?;
        Ok(keep.then_some(aside))
    }

    fn allow(&self, keep: bool) -> Result<(), BackupError> {
        if keep && self.overwrite == Overwrite::Refuse {
            return Err(BackupError::NotEmpty);
        }
        Ok(())
    }

    fn copy_to(&self, copy: &Path, told: Told<'_>) -> Result<(), BackupError> {
        want_space(folder_of(copy), self.manifest.bytes)?;
        let failed = |error| BackupError::file(copy, error);
        let mut from =
            File::open(self.file).map_err(|error| BackupError::file(self.file, error))?;
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(copy);
        let mut to = made.map_err(failed)?;
        belongs_to_its_folder(copy);
        let (mut piece, mut done) = (vec![0; 1 << 20], 0);
        loop {
            let read = from.read(&mut piece).map_err(failed)?;
            if read == 0 {
                return to.sync_all().map_err(failed);
            }
            to.write_all(piece.get(..read).unwrap_or_default())
                .map_err(failed)?;
            done += u64::try_from(read).unwrap_or_default();
            told(Progress {
                done,
                of: Some(self.manifest.bytes),
            });
        }
    }

    /// Up to date, marked, and without a log: the last connection to go removes it.
    fn finish_file(&self, copy: &str) -> Result<(), BackupError> {
        let mut connection = HospitalConnection::Sqlite(sqlite::connect(copy)?);
        migrations::migrate(&mut connection)?;
        let (at, backup) = (self.occasion.at, &self.manifest.sha256);
        restored::mark(&mut connection, at, backup, true)?;
        connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
        drop(connection);
        File::open(copy)
            .and_then(|file| file.sync_all())
            .map_err(|error| BackupError::file(Path::new(copy), error))
    }

    /// The former schema gets another name, `pg_restore` fills a new one of its own name. Until
    /// that is whole a mark says so, and no node opens the database.
    fn restore_schema(&self, url: &str, told: Told<'_>) -> Result<Option<String>, BackupError> {
        tools::tool("pg_restore")?;
        let mut session = super::super::postgres::connect_unhurried(url)?;
        enter_session(&mut session, Company::Alone)?;
        let mut session = HospitalConnection::Postgres(session);
        let keep = !counts::is_empty(&counts::count(&mut session)?);
        self.allow(keep)?;
        let schemas = Schemas::of(&mut session, self.occasion)?;
        session.transaction(|session| {
            session.batch_execute(&schemas.put_aside())?;
            restored::mark(session, self.occasion.at, &self.manifest.sha256, false)?;
            Ok::<_, BackupError>(())
        })?;
        if let Err(error) = self.fill(&mut session, url, told) {
            schemas.put_back(&mut session, &error)?;
            return Err(error);
        }
        if keep {
            return Ok(Some(schemas.aside));
        }
        session.batch_execute(&schemas.remove_aside())?;
        Ok(None)
    }

    fn fill(
        &self,
        session: &mut HospitalConnection,
        url: &str,
        told: Told<'_>,
    ) -> Result<(), BackupError> {
        postgres::load(url, self.file, told)?;
        let problems = differences(&self.manifest.tables, &counts::count(session)?);
        if !problems.is_empty() {
            return Err(BackupError::Unsound(problems));
        }
        migrations::migrate(session)?;
        restored::finish(session)?;
        Ok(())
    }
}

/// The schema of the node's tables, and the name under which a former one is kept; both quoted.
struct Schemas {
    own: String,
    aside: String,
}

impl Schemas {
    fn of(session: &mut HospitalConnection, occasion: &Occasion) -> Result<Self, BackupError> {
        #[derive(diesel::QueryableByName)]
        struct Own {
            #[diesel(sql_type = Text)]
            own: String,
        }
        let Own { own } =
            diesel::sql_query("SELECT quote_ident(COALESCE(current_schema(), 'public')) AS own")
                .get_result(session)?;
        let second = occasion.second().to_ascii_lowercase();
        let aside = format!("{}{second}", postgres::ASIDE);
        Ok(Self { own, aside })
    }

    fn put_aside(&self) -> String {
        let Self { own, aside } = self;
        format!("ALTER SCHEMA {own} RENAME TO {aside}; CREATE SCHEMA {own};")
    }

    fn remove_aside(&self) -> String {
        format!("DROP SCHEMA {} CASCADE", self.aside)
    }

    /// The former tables under their own name again.
    fn put_back(
        &self,
        session: &mut HospitalConnection,
        why: &BackupError,
    ) -> Result<(), BackupError> {
        let Self { own, aside } = self;
        let put_back = format!(
            "BEGIN; DROP SCHEMA {own} CASCADE; ALTER SCHEMA {aside} RENAME TO {own}; COMMIT;"
        );
        session
            .batch_execute(&put_back)
            .map_err(|error| BackupError::NotPutBack {
                why: why.to_string(),
                error: error.to_string(),
                aside: aside.clone(),
            })
    }
}

/// Whether the file is a database in which nothing is stored. One that cannot be read may hold
/// anything. When the connection closes, the log is part of the file.
fn holds_nothing(path: &str) -> bool {
    let counted = sqlite::connect(path).and_then(|connection| {
        let mut connection = HospitalConnection::Sqlite(connection);
        counts::count(&mut connection)
    });
    counted.is_ok_and(|counts| counts::is_empty(&counts))
}

/// The files that `SQLite` keeps beside a database while it is open, or after a crash.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Gives the database a second name, so that at every moment one stands under its own.
fn put_aside(path: &str, aside: &str) -> Result<(), BackupError> {
    for end in BESIDE {
        let (from, to) = (format!("{path}{end}"), format!("{aside}{end}"));
        if Path::new(&from).exists() {
            fs::rename(&from, &to).map_err(|error| BackupError::file(Path::new(&from), error))?;
        }
    }
    // Some file systems know no second names.
    fs::hard_link(path, aside)
        .or_else(|_| fs::copy(path, aside).map(|_| ()))
        .map_err(|error| BackupError::file(Path::new(aside), error))
}

fn remove_beside(path: &str) -> Result<(), BackupError> {
    BESIDE
        .iter()
        .try_for_each(|end| remove_if_there(&PathBuf::from(format!("{path}{end}"))))
}

/// What a restore that broke off left behind.
fn remove_database(path: &str) -> Result<(), BackupError> {
    remove_beside(path)?;
    remove_if_there(Path::new(path))
}

fn remove_if_there(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BackupError::file(path, error))
        }
        _ => Ok(()),
    }
}
