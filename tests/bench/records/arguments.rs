//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// Names the PostgreSQL server on which databases may be made.
pub(crate) const TEST_SERVER: &str = "MUSUBI_TEST_POSTGRES";

/// Measures the records of one hospital of a synthetic town: import, read, search, write.
#[derive(Debug, Parser)]
#[command(
    name = "records-bench",
    about,
    after_help = "Examples:
  cargo run --release -p scenarios --bin records-bench
  … records-bench --resources 1000000 --store sqlite
  … records-bench --import-only --store sqlite
  … records-bench --database postgres://musubi:secret@127.0.0.1:5432/postgres

PostgreSQL is measured too when --database or MUSUBI_TEST_POSTGRES names a server on this machine
where databases may be made. SQLite's file is made in TMPDIR: let that be a disk, not memory.
Nothing is asserted."
)]
pub(crate) struct Arguments {
    /// Resources of the hospital, up to the end of the chart that reaches this number.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) resources: u64,
    /// How long each row is measured, after one second of warming up.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) seconds: u64,
    /// How many questions are open at once, one row each; the mix is always 8.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,8",
        value_name = "LIST"
    )]
    pub(crate) concurrency: Vec<usize>,
    /// Imports, and asks nothing: for a profile of the import.
    #[arg(long)]
    pub(crate) import_only: bool,
    /// Imports with validation alone; else without it first, for the comparison.
    #[arg(long)]
    pub(crate) once: bool,
    /// One database only.
    #[arg(long, value_enum)]
    pub(crate) store: Option<StoreChoice>,
    /// A PostgreSQL server where databases may be made.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreChoice {
    Sqlite,
    Postgres,
}

impl StoreChoice {
    /// As it is typed.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// What this program is when it has started itself again.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The one that measures one database, and prints its tables.
    #[command(hide = true)]
    Measure { store: StoreChoice },
}

impl Arguments {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.max(1))
    }

    /// The one that was chosen; else SQLite, and PostgreSQL where there is a server.
    pub(crate) fn stores(&self) -> Vec<StoreChoice> {
        if let Some(store) = self.store {
            return vec![store];
        }
        let server = self.database.is_some() || std::env::var_os(TEST_SERVER).is_some();
        let postgres = server.then_some(StoreChoice::Postgres);
        std::iter::once(StoreChoice::Sqlite)
            .chain(postgres)
            .collect()
    }
}
