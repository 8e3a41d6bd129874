//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// Names the PostgreSQL server on which the harness makes databases.
pub(crate) const TEST_SERVER: &str = "MUSUBI_TEST_POSTGRES";

/// Measures whole signed answers of one node, and the floors under them.
#[derive(Debug, Parser)]
#[command(
    name = "exchange-bench",
    about,
    after_help = "Examples:
  cargo run --release -p scenarios --bin exchange-bench
  … exchange-bench --seconds 10 --concurrency 1,8,32
  … exchange-bench --store sqlite --concurrency 8 --charts 200
  … exchange-bench --database postgres://musubi:secret@127.0.0.1:5432/postgres

PostgreSQL is measured too when --database or MUSUBI_TEST_POSTGRES names a server on this machine
where databases may be made. Nothing is asserted: compare ratios, not microseconds."
)]
pub(crate) struct Arguments {
    /// How long each row is measured, after one second of warming up.
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) seconds: u64,
    /// How many questions are open at once, one row each.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,8,32",
        value_name = "LIST"
    )]
    pub(crate) concurrency: Vec<usize>,
    /// Resources per answer; each chart holds twice as many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) resources: usize,
    /// How many people with a chart and a token are asked about in turn.
    #[arg(long, default_value_t = 24, value_name = "N")]
    pub(crate) charts: usize,
    /// One database only.
    #[arg(long, value_enum)]
    pub(crate) store: Option<StoreChoice>,
    /// A PostgreSQL server where databases may be made.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StoreChoice {
    Sqlite,
    Postgres,
}

/// What this program is when it has started itself again.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The one that measures, and writes its tables at the end of a file.
    #[command(hide = true)]
    Measure { report: PathBuf },
    /// The answering node.
    #[command(hide = true)]
    Node { config: PathBuf },
    /// Says as many bytes as asked for to whoever sends anything, over the same stack.
    #[command(hide = true)]
    Hello {
        config: PathBuf,
        port: u16,
        bytes: usize,
    },
}

impl Arguments {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.max(1))
    }
}
