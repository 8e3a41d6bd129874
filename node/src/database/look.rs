//! A look at a database from beside: which tables it has, how large it is, whether it is sound.
//! Changes nothing, not even the file of the log; a running node is not kept from anything.

use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection as _;

use super::backup::folder_of;
use super::place::Place;
use super::{DatabaseError, HospitalConnection, Kind};
use super::{migrations, postgres, restored, sqlite, upkeep};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Which of the two.
    pub kind: Kind,
    /// Bytes that it takes, its log included where it is a file.
    pub bytes: u64,
    /// How its tables stand to this program.
    pub schema: Schema,
}

/// How tables stand to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// As this program makes them; the newest migration.
    Current(String),
    /// So many migrations behind: the next start brings them up to date.
    Behind(usize),
    /// A newer program has changed them.
    Newer {
        /// The migration that is not known here.
        found: String,
        /// The newest one that is.
        known: String,
    },
}

/// Looks at the database at `url`.
///
/// # Errors
/// `Url`, `Open`, `Query`; `HalfRestored`.
pub fn look(url: &str) -> Result<Looked, DatabaseError> {
    let place = Place::of(url)?;
    let mut connection = connect(&place)?;
    if let HospitalConnection::Postgres(session) = &mut connection {
        restored::refuse_half_restored(session)?;
    }
    Ok(Looked {
        kind: place.kind(),
        bytes: upkeep::bytes(&place, &mut connection)?,
        schema: schema(place.kind(), &migrations::applied(&mut connection)?)?,
    })
}

/// What is wrong with the database at `url`, a sentence each: `SQLite` looks at every page but not
/// at the indexes' content, PostgreSQL is asked how many pages failed their checksum.
///
/// # Errors
/// `Url`, `Open`, `Query`.
pub fn complaints(url: &str) -> Result<Vec<String>, DatabaseError> {
    let place = Place::of(url)?;
    match connect(&place)? {
        HospitalConnection::Sqlite(mut file) => sqlite::quick_complaints(&mut file),
        HospitalConnection::Postgres(session) => {
            upkeep::failed_checksums(&mut HospitalConnection::Postgres(session))
        }
    }
}

/// The folder of a database that is a file.
#[must_use]
pub fn folder(url: &str) -> Option<std::path::PathBuf> {
    match Place::of(url) {
        Ok(Place::Sqlite(path)) => Some(folder_of(Path::new(&path)).to_owned()),
        _ => None,
    }
}

fn connect(place: &Place) -> Result<HospitalConnection, DatabaseError> {
    match place {
        Place::Sqlite(path) => {
            // Also for its error: the system's own words, not SQLite's.
            let there = fs::File::open(path);
            there.map_err(|error| DatabaseError::Open(format!("{path}: {error}")))?;
            let file = sqlite::connect_read_only(path)?;
            Ok(HospitalConnection::Sqlite(file))
        }
        Place::Postgres(url) => {
            let mut session = postgres::connect_unhurried(url)?;
            session.batch_execute(postgres::READER)?;
            Ok(HospitalConnection::Postgres(session))
        }
    }
}

fn schema(kind: Kind, applied: &[String]) -> Result<Schema, DatabaseError> {
    match migrations::refuse_newer(kind, applied) {
        Err(DatabaseError::Newer { found, known }) => return Ok(Schema::Newer { found, known }),
        other => other?,
    }
    let known = migrations::known(kind)?;
    let behind = known.iter().filter(|one| !applied.contains(one)).count();
    Ok(match behind {
        0 => Schema::Current(applied.last().cloned().unwrap_or_default()),
        behind => Schema::Behind(behind),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::database::Database;
    use crate::database::testing::on_each_empty;

    #[test]
    fn a_look_sees_an_open_database_and_a_closed_one() {
        on_each_empty(|empty| {
            let url = empty.url.as_str();
            let open = Database::open(url).unwrap();
            for _ in 0..2 {
                let looked = look(url).unwrap();
                assert!(matches!(looked.schema, Schema::Current(_)));
                assert!(looked.bytes > 0);
                assert_eq!(complaints(url).unwrap(), Vec::<String>::new());
            }
            drop(open);
            assert!(matches!(look(url).unwrap().schema, Schema::Current(_)));
        });
    }

    #[test]
    fn a_look_leaves_no_trace_beside_a_closed_file() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("node ?#%.db").display());
        drop(Database::open(&url).unwrap());
        let names = || -> Vec<_> {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|one| one.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = names();
        look(&url).unwrap();
        complaints(&url).unwrap();
        assert_eq!(names(), before);
    }

    #[test]
    fn a_look_makes_no_database_where_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.db");
        let url = format!("sqlite:{}", path.display());
        assert!(matches!(look(&url), Err(DatabaseError::Open(_))));
        assert!(!path.exists());
    }
}
