//! Looking after a database: its size, its soundness, and the room that removed rows left.

use std::fs;
use std::path::Path;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;

use super::backup::{BackupError, folder_of, free_bytes, want_space};
use super::place::Place;
use super::presence::enter_file;
use super::{Company, Counts, DatabaseError, HospitalConnection, Kind};
use super::{counts, migrations, postgres, sqlite};

/// How large a database is.
#[derive(Clone, Debug)]
pub struct Size {
    /// Which of the two.
    pub kind: Kind,
    /// The migrations that its tables have seen, oldest first.
    pub schema: Vec<String>,
    /// Bytes that it takes on the disk, its log included where it is a file.
    pub bytes: u64,
    /// Bytes of these that hold nothing; what a vacuum gives back. Unknown on a server.
    pub unused: Option<u64>,
    /// Bytes free on the disk under it. Unknown on a server.
    pub free_on_disk: Option<u64>,
    /// Rows by table.
    pub rows: Counts,
}

#[derive(diesel::QueryableByName)]
struct Bytes {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

fn bytes_of(connection: &mut HospitalConnection, select: &str) -> Result<u64, DatabaseError> {
    let Bytes { bytes } = diesel::sql_query(select).get_result(connection)?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Opens without a change to the tables; the node may run meanwhile.
fn connect(place: &Place) -> Result<HospitalConnection, DatabaseError> {
    match place {
        Place::Sqlite(path) if !Path::new(path).exists() => {
            Err(DatabaseError::Open(format!("{path} is not there")))
        }
        Place::Sqlite(path) => Ok(HospitalConnection::Sqlite(sqlite::connect(path)?)),
        Place::Postgres(url) => {
            let connection = postgres::connect_unhurried(url)?;
            Ok(HospitalConnection::Postgres(connection))
        }
    }
}

/// How large the database at `url` is.
///
/// # Errors
/// `Url`, `Open`, `Query`.
pub fn size(url: &str) -> Result<Size, DatabaseError> {
    let place = Place::of(url)?;
    let mut connection = connect(&place)?;
    let (unused, free_on_disk) = match &place {
        Place::Sqlite(path) => {
            let unused = "SELECT freelist_count * page_size AS bytes \
                          FROM pragma_freelist_count(), pragma_page_size()";
            (
                Some(bytes_of(&mut connection, unused)?),
                free_bytes(folder_of(Path::new(path))),
            )
        }
        Place::Postgres(_) => (None, None),
    };
    Ok(Size {
        kind: place.kind(),
        schema: migrations::applied(&mut connection)?,
        bytes: bytes(&place, &mut connection)?,
        unused,
        free_on_disk,
        rows: counts::count(&mut connection)?,
    })
}

/// Bytes that the database takes, its log included where it is a file.
pub(super) fn bytes(
    place: &Place,
    connection: &mut HospitalConnection,
) -> Result<u64, DatabaseError> {
    match place {
        Place::Sqlite(path) => {
            let length = |end| fs::metadata(format!("{path}{end}")).map_or(0, |file| file.len());
            Ok(length("").saturating_add(length("-wal")))
        }
        Place::Postgres(_) => {
            let all = "SELECT pg_database_size(current_database()) AS bytes";
            bytes_of(connection, all)
        }
    }
}

/// Reads the whole database at `url` and gives back what is wrong with it, a sentence each.
///
/// `SQLite` looks at every page, key and index. Of PostgreSQL every row is read, and the server is
/// asked how many pages failed their checksum (where the cluster has checksums).
///
/// # Errors
/// `Url`, `Open`.
pub fn check(url: &str) -> Result<Vec<String>, DatabaseError> {
    let place = Place::of(url)?;
    let looked =
        connect(&place).and_then(|mut connection| look_at_all(&mut connection, place.kind()));
    match looked {
        // So damaged that the looking itself broke off, or made by a newer program.
        Err(found @ (DatabaseError::Query(_) | DatabaseError::Newer { .. })) => {
            Ok(vec![found.to_string()])
        }
        other => other,
    }
}

fn look_at_all(
    connection: &mut HospitalConnection,
    kind: Kind,
) -> Result<Vec<String>, DatabaseError> {
    let problems = if let HospitalConnection::Sqlite(file) = connection {
        sqlite::complaints(file)?
    } else {
        counts::count_reading(connection)?;
        failed_checksums(connection)?
    };
    if problems.is_empty() {
        migrations::refuse_newer(kind, &migrations::applied(connection)?)?;
    }
    Ok(problems)
}

/// What a PostgreSQL server knows of pages that failed their checksum.
pub(super) fn failed_checksums(
    connection: &mut HospitalConnection,
) -> Result<Vec<String>, DatabaseError> {
    let failed = "SELECT COALESCE(checksum_failures, 0) AS bytes FROM pg_stat_database \
                  WHERE datname = current_database()";
    Ok(match bytes_of(connection, failed)? {
        0 => Vec::new(),
        failed => vec![format!("{failed} page(s) failed their checksum")],
    })
}

/// Gives back the room that removed rows left, and has the planner count anew.
///
/// `SQLite` writes the whole file anew, so nobody else may have it open, and the disk must hold it
/// twice more meanwhile: the new pages, and the log that takes them over. A PostgreSQL server does
/// it beside its work.
///
/// # Errors
/// `InUse` (in `Database`), `NoSpace`, `Database`.
pub fn vacuum(url: &str) -> Result<(), BackupError> {
    let place = Place::of(url)?;
    let _alone = match &place {
        Place::Sqlite(path) => Some(enter_file(path, Company::Alone)?),
        Place::Postgres(_) => None,
    };
    let mut connection = connect(&place)?;
    match &place {
        Place::Sqlite(path) => {
            let length = fs::metadata(path).map_or(0, |file| file.len());
            want_space(folder_of(Path::new(path)), length.saturating_mul(2))?;
            // New pages in memory would be bounded by nothing.
            connection.batch_execute(
                "PRAGMA temp_store = FILE; VACUUM; PRAGMA optimize; \
                 PRAGMA wal_checkpoint(TRUNCATE);",
            )?;
        }
        Place::Postgres(_) => connection.batch_execute("VACUUM (ANALYZE)")?,
    }
    Ok(())
}
