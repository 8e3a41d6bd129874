//! What can be typed to import files.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigArgs, OutputArgs};

/// What the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// One FHIR resource a line
    Ndjson,
    /// One Bundle (transaction, batch, collection, searchset), or one resource, a file
    Bundle,
    /// A tree of SS-MIX2 standardised storage
    SsMix2,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  \
        musubi-node import export.ndjson --format ndjson --errors refused.csv\n  \
        zcat export.ndjson.gz | musubi-node import - --format ndjson\n  \
        musubi-node import export.ndjson --format ndjson --resume     (after it was stopped)\n  \
        musubi-node import bundles/ --format bundle --dry-run\n  \
        musubi-node import /srv/ssmix2 --format ss-mix2 --watch --every 30s\n  \
        musubi-node import quarantine list\n  \
        musubi-node import quarantine clear /srv/export.ndjson\n\n\
        What was counted is stored, whatever stops the import, and running it again repeats \
        nothing: a resource that says nothing new, a bundle that was taken, and an SS-MIX2 file \
        that was read are left. SS-MIX2: files are followed when they are renamed (1, 2, 0); the \
        root is the folder of the first three signs of the patients' numbers.\n\n\
        Exit codes: 0 everything was taken, 3 some lines or files of this source are in the \
        quarantine, or do not belong in a storage tree."
)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ImportCommand>,
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// File, folder or storage tree; - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// What the files hold
    #[arg(long, value_enum, required = true, value_name = "FORMAT")]
    pub(crate) format: Option<ImportFormat>,
    /// Say what would happen; write nothing to the database
    #[arg(long, conflicts_with_all = ["resume", "watch"])]
    pub(crate) dry_run: bool,
    /// Go on where the last import of the same NDJSON file was stopped; the others always do
    #[arg(long)]
    pub(crate) resume: bool,
    /// Write what is not taken to this file, as CSV: source, place, reason, detail
    #[arg(long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,
    /// SS-MIX2: the ten-digit number of the institution [default: organization.code]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) institution: Option<String>,
    /// SS-MIX2: scan again and again, until SIGINT or SIGTERM
    #[arg(long)]
    pub(crate) watch: bool,
    /// How long --watch waits between two scans: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = pause, requires = "watch")]
    pub(crate) every: Duration,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// What was not taken, and why
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// The newest first. Names of SS-MIX2 files contain patients' numbers
    List(QuarantineListArgs),
    /// Forget what was not taken, of one source or of all. It is not imported by this
    Clear(QuarantineClearArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineClearArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// As the list names it: a file, or "ss-mix2 NUMBER" [default: all]
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Option<String>,
}

/// `30s`, `5m`, `1h`: at least a second, at most a day.
fn pause(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is wanted, such as 30s, 5m or 1h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(wrong()),
    };
    let count = text.strip_suffix(unit).and_then(|count| count.parse().ok());
    let count: u64 = count.ok_or_else(wrong)?;
    match count.checked_mul(seconds) {
        Some(pause @ 1..=86_400) => Ok(Duration::from_secs(pause)),
        _ => Err("between 1s and 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_number_and_a_unit_between_a_second_and_a_day() {
        assert_eq!(pause("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(pause("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "30", "s", "0s", "25h", "-1s", "1d", "1.5m", "三秒"] {
            assert!(pause(wrong).is_err(), "{wrong}");
        }
    }
}
