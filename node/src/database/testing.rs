//! A fresh database for each test, on both kinds.
//!
//! PostgreSQL is used when `MUSUBI_TEST_POSTGRES` names a server where databases may be made;
//! otherwise each test says that it skipped that half.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use super::{Database, Kind};

/// A database that is removed with this value.
pub struct Scratch {
    /// The open database.
    pub database: Database,
    /// Its URL, to open it a second time.
    pub url: String,
    /// After the database: what is open cannot be removed.
    #[expect(dead_code, reason = "kept until it is dropped")]
    leftover: Leftover,
}

/// A place for a database, without tables, that nobody has open. Removed with this value.
pub struct Empty {
    /// Its URL.
    pub url: String,
    leftover: Leftover,
}

enum Leftover {
    Folder(#[expect(dead_code, reason = "kept until it is dropped")] tempfile::TempDir),
    Server { admin_url: String, name: String },
}

impl Drop for Leftover {
    fn drop(&mut self) {
        if let Self::Server { admin_url, name } = self
            && let Ok(mut admin) = PgConnection::establish(admin_url)
        {
            drop(admin.batch_execute(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")));
        }
    }
}

/// A new `SQLite` file in a folder of its own.
///
/// # Panics
/// When it cannot be made: a test without its database has failed.
#[must_use]
pub fn sqlite() -> Scratch {
    opened(empty_sqlite())
}

/// A new database on the test server, or `None` (said on stderr) when there is no test server.
///
/// # Panics
/// When there is a server but it does not serve.
#[must_use]
pub fn postgres() -> Option<Scratch> {
    empty_postgres().map(opened)
}

/// A place of this kind without tables; `None` as [`postgres`].
///
/// # Panics
/// As [`sqlite`] and [`postgres`].
#[must_use]
pub fn empty(kind: Kind) -> Option<Empty> {
    match kind {
        Kind::Sqlite => Some(empty_sqlite()),
        Kind::Postgres => empty_postgres(),
    }
}

/// Runs `test` on a place of each kind without tables.
pub fn on_each_empty(test: impl Fn(&Empty)) {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if let Some(place) = empty(kind) {
            test(&place);
        }
    }
}

#[expect(clippy::expect_used, reason = "tests fail by panicking")]
fn opened(Empty { url, leftover }: Empty) -> Scratch {
    let database = Database::open(&url).expect("a new database");
    Scratch {
        database,
        url,
        leftover,
    }
}

#[expect(clippy::expect_used, reason = "tests fail by panicking")]
fn empty_sqlite() -> Empty {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Empty {
        url: format!("sqlite:{}", folder.path().join("test.sqlite").display()),
        leftover: Leftover::Folder(folder),
    }
}

#[expect(clippy::expect_used, reason = "tests fail by panicking")]
#[expect(
    clippy::print_stderr,
    reason = "a skipped test says so where people look"
)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test setting, not one of the node"
)]
fn empty_postgres() -> Option<Empty> {
    let Ok(admin_url) = std::env::var("MUSUBI_TEST_POSTGRES") else {
        eprintln!("SKIPPED (PostgreSQL): set MUSUBI_TEST_POSTGRES or run ./tests/run");
        return None;
    };
    let name = format!("musubi_test_{}", uuid::Uuid::new_v4().simple());
    let mut admin = PgConnection::establish(&admin_url).expect("the PostgreSQL test server");
    admin
        .batch_execute(&format!("CREATE DATABASE \"{name}\""))
        .expect("a new database");
    Some(Empty {
        url: with_database(&admin_url, &name),
        leftover: Leftover::Server { admin_url, name },
    })
}

/// Random numbers that differ from run to run; `MUSUBI_TEST_SEED` repeats a run.
///
/// # Panics
/// When the seed that is set is no number.
#[cfg(test)]
#[expect(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a failed test says how it is run again, by a setting that is not one of the node"
)]
pub fn runner() -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let seed: u64 = match std::env::var("MUSUBI_TEST_SEED") {
        Ok(seed) => seed.parse().expect("MUSUBI_TEST_SEED is a number"),
        Err(_unset) => uuid::Uuid::new_v4().as_u64_pair().0,
    };
    eprintln!("MUSUBI_TEST_SEED={seed} repeats this run");
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().zip(seed.to_be_bytes()) {
        *place = byte;
    }
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), random)
}

/// The same server's URL for another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = match url.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let server = match address.split_once("://") {
        Some((scheme, rest)) => {
            format!(
                "{scheme}://{}",
                rest.split_once('/').map_or(rest, |(server, _)| server)
            )
        }
        None => address.to_owned(),
    };
    format!("{server}/{name}{parameters}")
}

/// Runs `test` on a fresh database of each kind.
pub fn on_each(test: impl Fn(Database)) {
    for scratch in std::iter::once(sqlite()).chain(postgres()) {
        test(scratch.database.clone());
    }
}

/// Runs an asynchronous `test` on a fresh database of each kind.
pub async fn on_each_async(test: impl AsyncFn(Database)) {
    for scratch in std::iter::once(sqlite()).chain(postgres()) {
        test(scratch.database.clone()).await;
    }
}
