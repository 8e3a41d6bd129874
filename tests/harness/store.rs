//! Where the nodes of a town keep their databases.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use musubi_node::database::testing::{self, Scratch};

/// The kind of database that every node of a town uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A file in the node's own directory.
    Sqlite,
    /// A database on the test server.
    Postgres,
}

impl Store {
    /// Both kinds; PostgreSQL only where `MUSUBI_TEST_POSTGRES` names a server, said on stderr
    /// where not.
    #[must_use]
    pub fn each() -> Vec<Store> {
        if std::env::var_os("MUSUBI_TEST_POSTGRES").is_some() {
            return vec![Store::Sqlite, Store::Postgres];
        }
        eprintln!("SKIPPED (PostgreSQL): set MUSUBI_TEST_POSTGRES or run ./tests/run");
        vec![Store::Sqlite]
    }

    /// A database for one node, removed with the value; `None` leaves it to the node's default.
    #[must_use]
    pub fn make(self) -> Option<Scratch> {
        match self {
            Store::Sqlite => None,
            Store::Postgres => Some(testing::postgres().expect("the PostgreSQL test server")),
        }
    }
}

/// A connection to a node's database that the node knows nothing of.
pub enum OtherConnection {
    /// To the file.
    Sqlite(SqliteConnection),
    /// To the server.
    Postgres(PgConnection),
}

impl OtherConnection {
    pub(crate) fn open(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(path) => Self::Sqlite(SqliteConnection::establish(path).unwrap()),
            None => Self::Postgres(PgConnection::establish(url).unwrap()),
        }
    }

    /// Runs statements.
    pub fn run(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
            Self::Postgres(connection) => connection.batch_execute(sql).unwrap(),
        }
    }

    /// From now on the database takes no audit line.
    pub fn break_audit(&mut self) {
        self.run(match self {
            Self::Sqlite(_) => {
                "CREATE TRIGGER broken BEFORE INSERT ON audit_line \
                 BEGIN SELECT RAISE(ABORT, 'broken'); END"
            }
            Self::Postgres(_) => {
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'broken'; END $$; \
                 CREATE TRIGGER broken BEFORE INSERT ON audit_line \
                 FOR EACH ROW EXECUTE FUNCTION broken()"
            }
        });
    }

    /// Undoes [`Self::break_audit`].
    pub fn mend_audit(&mut self) {
        self.run(match self {
            Self::Sqlite(_) => "DROP TRIGGER broken",
            Self::Postgres(_) => "DROP TRIGGER broken ON audit_line",
        });
    }
}
