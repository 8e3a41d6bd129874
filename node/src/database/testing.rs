//! A fresh database for each test, on both kinds.
//!
//! PostgreSQL is used when `MUSUBI_TEST_POSTGRES` names a server where databases may be made;
//! otherwise each test says that it skipped that half.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use super::Database;

/// A database that is removed with this value.
pub struct Scratch {
    /// The open database.
    pub database: Database,
    /// Its URL, to open it a second time.
    pub url: String,
    leftover: Leftover,
}

#[expect(dead_code, reason = "the folder is kept until it is dropped")]
enum Leftover {
    Folder(tempfile::TempDir),
    Server { admin_url: String, name: String },
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Leftover::Server { admin_url, name } = &self.leftover
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
#[expect(clippy::expect_used, reason = "tests fail by panicking")]
pub fn sqlite() -> Scratch {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}", folder.path().join("test.sqlite").display());
    let database = Database::open(&url).expect("a new SQLite database");
    Scratch {
        database,
        url,
        leftover: Leftover::Folder(folder),
    }
}

/// A new database on the test server, or `None` (said on stderr) when there is no test server.
///
/// # Panics
/// When there is a server but it does not serve.
#[must_use]
#[expect(clippy::expect_used, reason = "tests fail by panicking")]
#[expect(
    clippy::print_stderr,
    reason = "a skipped test says so where people look"
)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test setting, not one of the node"
)]
pub fn postgres() -> Option<Scratch> {
    let Ok(admin_url) = std::env::var("MUSUBI_TEST_POSTGRES") else {
        eprintln!("SKIPPED (PostgreSQL): set MUSUBI_TEST_POSTGRES or run ./tests/run");
        return None;
    };
    let name = format!("musubi_test_{}", uuid::Uuid::new_v4().simple());
    let mut admin = PgConnection::establish(&admin_url).expect("the PostgreSQL test server");
    admin
        .batch_execute(&format!("CREATE DATABASE \"{name}\""))
        .expect("a new database");
    let url = with_database(&admin_url, &name);
    let database = Database::open(&url).expect("a new PostgreSQL database");
    Some(Scratch {
        database,
        url,
        leftover: Leftover::Server { admin_url, name },
    })
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
