//! What an operator types. Results go to standard output, everything else to standard error;
//! each failure ends with what to do next.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod application;
mod directory;
mod doctor;
mod failure;
mod files;
mod init;
mod invite;
mod keys;
mod keys_encrypt;
mod member;
mod online_keys;
mod output;
mod replace;
mod root;
mod run;
mod witness;

use failure::{Exit, Failure};
use federation_protocol::time::Timestamp;

use crate::database::Database;
use crate::directory::Issuer;

/// The registry of a Musubi federation: who belongs, with which keys, at which address.
///
/// It never learns that a patient exists.
#[derive(Parser)]
#[command(name = "musubi-registry", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failure, 2 usage, 3 a check found problems, 5 unreachable,
75 temporary (try again), 78 configuration error.";

#[derive(Subcommand)]
enum Command {
    /// Makes a new registry: keys, certificate, root, database, configuration.
    Init(init::Init),
    /// Serves the signed documents until told to stop.
    Run(run::Run),
    /// Invites a hospital: prints one join token.
    Invite(invite::Invite),
    /// Who wants to join.
    #[command(subcommand)]
    Application(application::Application),
    /// The document that names every key that counts.
    #[command(subcommand)]
    Root(root::Root),
    /// Who belongs.
    #[command(subcommand)]
    Member(member::Member),
    /// The members' keys, and the files of this registry's own.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// What this registry has signed.
    #[command(subcommand)]
    Directory(directory::Directory),
    /// The members' audit logs, as far as this registry has seen them.
    #[command(subcommand)]
    Witness(witness::Witness),
    /// Finds what is wrong: what it keeps and has signed, and the way to each member.
    Doctor(doctor::Doctor),
}

/// Where the registry's configuration is.
#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file that `init` wrote.
    #[arg(long = "config", value_name = "FILE", default_value = "registry.toml")]
    path: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<crate::Config, Failure> {
        Ok(crate::Config::load(&self.path)?)
    }
}

/// Runs the command that `args` (the program's name first) spells out.
///
/// Returns what the process should exit with.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, to standard output, with code 0.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let outcome = match cli.command {
        Command::Init(init) => init.run(),
        Command::Run(run) => run.run(),
        Command::Invite(invite) => invite.run(),
        Command::Application(application) => application.run(),
        Command::Root(root) => root.run(),
        Command::Member(member) => member.run(),
        Command::Keys(keys) => keys.run(),
        Command::Directory(directory) => directory.run(),
        Command::Witness(witness) => witness.run(),
        Command::Doctor(doctor) => doctor.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to be told when standard error is closed.
            let _ = write!(std::io::stderr(), "{failure}");
            failure.exit.into()
        }
    }
}

/// Says how far a command has come.
fn progress(line: std::fmt::Arguments<'_>) {
    // As above.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The database and what signs for it.
fn open(config: &ConfigFile, now: Timestamp) -> Result<(Database, Issuer), Failure> {
    let config = config.load()?;
    let mut database = Database::open(&config.database_path()?)?;
    let issuer = Issuer::load(&mut database, &config.key_folder(), now)?;
    Ok((database, issuer))
}

/// Asks the person at the terminal; only `yes` is a yes.
fn confirm(question: std::fmt::Arguments<'_>) -> Result<bool, Failure> {
    let mut terminal = std::io::stderr();
    let asked = write!(terminal, "{question}").and_then(|()| terminal.flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().read_line(&mut answer));
    read.map_err(|error| {
        let next = "answer at a terminal, or give what is asked as an option";
        Failure::new(Exit::Failure, format!("standard input: {error}"), next)
    })?;
    Ok(answer.trim() == "yes")
}

/// The folder that `path` is in, which is the working directory for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_option_is_one_of_its_kind() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
