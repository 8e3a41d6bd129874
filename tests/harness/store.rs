//! Where the nodes of a town keep their databases.

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
