//! The registry's one SQLite file: opened, brought to the newest schema, written in whole
//! transactions that are on the disk before anyone hears of them.
//!
//! Owns the connection's settings; knows no table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource as _};
use diesel::sqlite::Sqlite;
use diesel::{Connection as _, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// What a `store.rs` is handed.
pub(crate) type Connection = SqliteConnection;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// How long a writer waits for another process's transaction to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// There is no such file; a registry is made by `init`, never by opening.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// The file cannot be opened, or is no SQLite database.
    #[error("the database cannot be opened: {0}")]
    Open(#[from] diesel::ConnectionError),
    /// The schema cannot be brought up to date.
    #[error("the database cannot be migrated: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
    /// A statement failed; its transaction has left no trace.
    #[error("the database refused: {0}")]
    Statement(#[from] diesel::result::Error),
    /// The system gave no random bytes, so nothing new could be named.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// A row holds what this program never writes.
    #[error("the database holds a {what} that cannot be read: {value}")]
    Corrupt {
        /// Which kind of value.
        what: &'static str,
        /// As found.
        value: String,
    },
}

/// One connection, for one thread.
pub struct Database {
    connection: SqliteConnection,
}

#[derive(diesel::QueryableByName)]
struct DataVersion {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    data_version: i64,
}

impl Database {
    /// Makes a new database at `path`, where nothing may be yet.
    ///
    /// # Errors
    /// `Open`, also when the file exists; `Migration`.
    pub(crate) fn create(path: &Path) -> Result<Self, DatabaseError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|error| {
            DatabaseError::Open(diesel::ConnectionError::BadConnection(error.to_string()))
        })?;
        Self::open(path)
    }

    /// Opens the database at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// `Missing`, `Open`, `Migration`.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        if !path.is_file() {
            return Err(DatabaseError::Missing(path.to_owned()));
        }
        let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
        // The busy timeout first: every later statement may meet another process.
        // synchronous=FULL: a commit is on the disk when it returns, so that nothing is served
        // which a power cut could make the registry forget.
        connection
            .batch_execute(&format!(
                "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
                BUSY_TIMEOUT.as_millis()
            ))
            .map_err(|error| {
                DatabaseError::Open(diesel::ConnectionError::BadConnection(error.to_string()))
            })?;
        if connection
            .has_pending_migration(MIGRATIONS)
            .map_err(DatabaseError::Migration)?
        {
            connection
                .immediate_transaction(|connection| {
                    connection
                        .run_pending_migrations(MIGRATIONS)
                        .map_err(MigrationFailure)?;
                    Ok(())
                })
                .map_err(|failure: MigrationFailure| DatabaseError::Migration(failure.0))?;
        }
        Ok(Self { connection })
    }

    /// Opens the database at `path` for a look from beside: nothing is written, brought up to date or
    /// locked, and no file is made. With it, how its tables stand to this program.
    ///
    /// # Errors
    /// `Missing`, `Open`, `Migration`.
    pub(crate) fn look(path: &Path) -> Result<(Self, Schema), DatabaseError> {
        if !path.is_file() {
            return Err(DatabaseError::Missing(path.to_owned()));
        }
        // Without a log nobody has it open: a lock would need files beside it.
        let closed = !PathBuf::from(format!("{}-wal", path.display())).exists();
        let mut uri = String::from("file:");
        for byte in path.to_string_lossy().bytes() {
            match byte {
                b'%' | b'?' | b'#' => uri.push_str(&format!("%{byte:02X}")),
                b' '..=b'~' => uri.push(char::from(byte)),
                _ => uri.push_str(&format!("%{byte:02X}")),
            }
        }
        uri.push_str(if closed {
            "?mode=ro&immutable=1"
        } else {
            "?mode=ro"
        });
        let mut connection = SqliteConnection::establish(&uri)?;
        connection.batch_execute(&format!(
            "PRAGMA busy_timeout = {}; PRAGMA query_only = ON;",
            BUSY_TIMEOUT.as_millis()
        ))?;
        let schema = schema(&mut connection)?;
        Ok((Self { connection }, schema))
    }

    /// What the database finds wrong with itself; nothing when it is sound.
    ///
    /// # Errors
    /// `Statement`.
    pub(crate) fn complaints(&mut self) -> Result<Vec<String>, DatabaseError> {
        let rows: Vec<QuickCheck> =
            diesel::sql_query("PRAGMA quick_check(5)").load(&mut self.connection)?;
        let lines = rows.into_iter().map(|row| row.quick_check);
        Ok(lines.filter(|line| line != "ok").collect())
    }

    /// Reads; what `work` sees may change between two statements of it.
    ///
    /// # Errors
    /// What `work` returns.
    pub(crate) fn read<T, E>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        work(&mut self.connection)
    }

    /// Runs `work` in one transaction that no other writer overlaps. When this returns `Ok`, it
    /// is on the disk; when it returns `Err`, the caller must assume nothing and read again.
    ///
    /// # Errors
    /// What `work` returns, or a failure to begin or commit.
    pub(crate) fn transact<T, E: From<DatabaseError>>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut refusal = None;
        let outcome = self.connection.immediate_transaction(|connection| {
            work(connection).map_err(|error| {
                refusal = Some(error);
                diesel::result::Error::RollbackTransaction
            })
        });
        match (outcome, refusal) {
            (Ok(value), _) => Ok(value),
            (Err(_), Some(error)) => Err(error),
            (Err(error), None) => Err(E::from(DatabaseError::Statement(error))),
        }
    }

    /// A number that differs from the last one read here when another connection, of this process
    /// or another, has committed since.
    ///
    /// # Errors
    /// `Statement`.
    pub(crate) fn version(&mut self) -> Result<i64, DatabaseError> {
        let row: DataVersion =
            diesel::sql_query("PRAGMA data_version").get_result(&mut self.connection)?;
        Ok(row.data_version)
    }
}

/// How tables stand to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// As this program makes them; the newest migration.
    Current(String),
    /// So many migrations behind.
    Behind(usize),
    /// A newer program has changed them.
    Newer {
        /// The migration that is not known here.
        found: String,
        /// The newest one that is.
        known: String,
    },
}

#[derive(diesel::QueryableByName)]
struct QuickCheck {
    #[diesel(sql_type = diesel::sql_types::Text)]
    quick_check: String,
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

fn schema(connection: &mut SqliteConnection) -> Result<Schema, DatabaseError> {
    let all: Vec<Box<dyn Migration<Sqlite>>> =
        MIGRATIONS.migrations().map_err(DatabaseError::Migration)?;
    let mut known: Vec<String> = all
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    known.sort();
    let applied: Vec<Applied> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version")
            .load(connection)?;
    let applied: Vec<String> = applied.into_iter().map(|row| row.version).collect();
    if let Some(found) = applied.iter().find(|version| !known.contains(version)) {
        return Ok(Schema::Newer {
            found: found.clone(),
            known: known.last().cloned().unwrap_or_default(),
        });
    }
    let behind = known.iter().filter(|one| !applied.contains(one)).count();
    Ok(match behind {
        0 => Schema::Current(applied.last().cloned().unwrap_or_default()),
        behind => Schema::Behind(behind),
    })
}

struct MigrationFailure(Box<dyn std::error::Error + Send + Sync>);

impl From<diesel::result::Error> for MigrationFailure {
    fn from(error: diesel::result::Error) -> Self {
        Self(Box::new(error))
    }
}
