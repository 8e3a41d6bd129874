//! What can be typed to keep the node: backups, the upkeep of the database's tables, profiles.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, OutputArgs};

/// What is not in a backup, for every help text that a person may look into.
const NOT_IN_IT: &str = "\
    Not in a backup: the private keys (the folder keys in the state directory), the certificate's \
    key and the settings. Keep copies of them elsewhere, apart from the backups: whoever has both \
    can speak as this hospital. A backup holds health records, in clear text.";

#[derive(Debug, Subcommand)]
#[command(after_help = NOT_IN_IT)]
pub(crate) enum BackupCommand {
    /// Copy the database, while the node runs, into a file with a manifest beside it
    Create(BackupCreateArgs),
    /// Read a whole backup and say whether it can be restored; needs no settings
    Verify(BackupVerifyArgs),
    /// Put a backup in the place of the database; the node must be stopped
    Restore(BackupRestoreArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  musubi-node backup create\n  \
        musubi-node backup create --out /mnt/nas/musubi/\n\n\
        Without --out the file goes to backup.dir, where the newest backup.keep stay; elsewhere \
        nothing is removed. SQLite is copied by itself, PostgreSQL by pg_dump (Debian package \
        postgresql-client).\n\n\
        Not in a backup: the private keys (the folder keys in the state directory), the \
        certificate's key and the settings. Keep copies of them elsewhere.")]
pub(crate) struct BackupCreateArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// New file, or folder for a file named after the member and the time
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Exit code 3: the backup is damaged, or made by a newer musubi-node.")]
pub(crate) struct BackupVerifyArgs {
    /// The backup; its manifest is FILE.json
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  systemctl stop musubi-node\n  musubi-node backup restore FILE --force\n  \
        systemctl start musubi-node\n\n\
        The backup is verified first. With PostgreSQL the node's user must own the database. Afterwards the node refuses peers for 180 seconds: it cannot \
        know which of their requests it saw before. What people decided after the backup was made \
        is not known any more either."
)]
pub(crate) struct BackupRestoreArgs {
    /// The backup; its manifest is FILE.json
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Also over a database that holds something: it is put aside, not removed
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// How large it is, and how many rows each table has
    Size(DatabaseArgs),
    /// Read all of it and say what is wrong; exit code 3 when something is
    Check(DatabaseArgs),
    /// Give back the room that removed rows left; with SQLite the node must be stopped
    Vacuum(ConfigArgs),
    /// Make the index of the records anew from what is stored; the node must be stopped
    Reindex(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfilesCommand {
    /// Take a FHIR package (.tgz) into records.profiles
    Add(ProfilesAddArgs),
    /// The packages that a node knows when it starts: those that ship, then those that were added
    List(DatabaseArgs),
}

#[derive(Debug, Args)]
#[command(disable_version_flag = true)] // `--version` is the package's
#[command(
    after_help = "Examples:\n  musubi-node profiles add jp-clins-1.5.2.tgz\n  \
        musubi-node profiles add ward.tgz --name minato.ward --version 3\n\n\
        A running node knows the package after it is started again. The same name and version takes \
        the place of what was there; to be rid of one, take its files out of the folder."
)]
pub(crate) struct ProfilesAddArgs {
    /// The package, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Its name [default: as its manifest says]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Its version [default: as its manifest says]
    #[arg(long = "version", id = "package_version", value_name = "VERSION")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
