//! What an operator, a clerk or a script types: each command parses, calls the rooms, prints.

mod access;
mod ask;
mod audit;
mod backup;
mod certificate;
mod check_config;
mod cli;
mod code;
mod consent;
mod database;
mod deciding;
mod describe;
mod desk;
mod doctor;
mod emergency;
mod evidence;
mod failure;
mod import;
mod init;
mod join;
mod keys;
mod keys_encrypt;
mod link;
mod load;
mod looked;
mod output;
mod person;
mod profiles;
mod reconcile;
mod run;
mod staff;
#[cfg(test)]
mod tests;
mod verifying;
mod witnessed;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use federation_protocol::category::{Category, Scope};
use federation_protocol::directory::Membership;
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_service::clock::SystemClock;
use federation_service::key_file::Passphrase;

use self::cli::{Cli, Command, ConfigArgs};
use self::failure::{Exit, Failure, OrFailure as _};
use crate::app::{Rooms, StartError};
use crate::config::Config;
use crate::database::{DatabaseError, Rid};
use crate::identity::PersonId;
use crate::records::Address;

/// Runs one command line, `arguments` beginning with the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(usage) => {
            let _closed_pipe = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    match obey(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&format!(
                "error: {}\nnext: {}",
                failure.message, failure.next
            ));
            ExitCode::from(failure.exit.code())
        }
    }
}

fn obey(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::init(args, &SystemClock),
        Command::Run(args) => run::run(args),
        Command::CheckConfig(args) => check_config::check_config(args),
        Command::Describe(args) => describe::describe(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Certificate(command) => certificate::certificate(command),
        Command::Join(args) => join::join(args),
        Command::Leave(args) => join::leave(args),
        Command::Keys(command) => keys::keys(command),

        Command::Load(args) => load::load(args),
        Command::Import(args) => import::import(args),
        Command::Person(command) => person::person(command),
        Command::Link(command) => link::link(command),
        Command::Consent(command) => consent::consent(command),
        Command::Code(args) => code::code(args),
        Command::Ask(args) => ask::ask(args),
        Command::Emergency(command) => emergency::emergency(command),
        Command::Audit(command) => audit::audit(command),
        Command::Evidence(command) => evidence::evidence(command),
        Command::Access(command) => access::access(command),
        Command::Staff(command) => staff::staff(command),
        Command::Backup(command) => backup::backup(command),
        Command::Database(command) => database::database(command),
        Command::Profiles(command) => profiles::profiles(command),
    }
}

/// The settings that a command is about.
fn settings(args: &ConfigArgs) -> Result<Config, Failure> {
    Config::load(&args.config).or_failure(
        Exit::Config,
        "mend the settings, or name another file with --config; `musubi-node init` makes one",
    )
}

/// What the node's keys are sealed with, if the settings say so.
fn passphrase(config: &Config) -> Result<Option<Arc<Passphrase>>, Failure> {
    config.passphrase.passphrase().or_failure(
        Exit::Config,
        "mend keys.passphrase_file, or start as the user who may read it",
    )
}

/// The rooms of the node, for one command.
fn rooms(args: &ConfigArgs) -> Result<Rooms, Failure> {
    Rooms::open(settings(args)?, SystemClock::shared()).map_err(|error| start_failure(&error))
}

fn start_failure(error: &StartError) -> Failure {
    let (exit, next) = match error {
        StartError::Member(_) => (Exit::Config, "mend organization.code in the settings"),
        StartError::Keys(_) => (
            Exit::Config,
            "run `musubi-node init` first, or mend what is said about the key files",
        ),
        StartError::Database(error) => return database_failure(error),
        StartError::Export(_) | StartError::Health(_) => {
            (Exit::TryAgain, "check the database, then start again")
        }
        StartError::Federation(_) => (
            Exit::Failure,
            "remove the directory folder in the state directory; it is fetched again",
        ),
        StartError::Profiles(_) => (Exit::Config, PROFILES),
        StartError::SignIn(_) => (
            Exit::Config,
            "mend auth.oidc.issuer, auth.oidc.ca_file or auth.oidc.allow_cidrs",
        ),
        StartError::Tls(_) => (Exit::Config, "check the certificate and key files"),
        StartError::Words(_) => (Exit::Failure, "install the program again"),
        StartError::Listen { .. } => (
            Exit::Failure,
            "stop the program that uses this address, or change the bind setting",
        ),
    };
    Failure::new(exit, error, next)
}

/// What to do about a package that cannot be used.
const PROFILES: &str = "take the file away, or put a sound one there: musubi-node profiles add";

/// 78 where starting again would not mend it, so that the service manager leaves it alone.
fn database_failure(error: &DatabaseError) -> Failure {
    let (exit, next) = match error {
        DatabaseError::Newer { .. } => (
            Exit::Config,
            "install that musubi-node again, or restore the backup that was made before the change \
             (musubi-node backup restore)",
        ),
        DatabaseError::HalfRestored => (
            Exit::Config,
            "run `musubi-node backup restore FILE --force` again; what was there before is in a \
             schema musubi_before_…",
        ),
        DatabaseError::NoBackup(_) => (
            Exit::Config,
            "make room in backup.dir, or install what is missing; backup.keep_before_change = 0 \
             does without",
        ),
        DatabaseError::InUse => (
            Exit::TryAgain,
            "a restore, a vacuum or a reindex works alone on the database, or is to: let one end",
        ),
        _ => (
            Exit::TryAgain,
            "check database.url: the server must run, the file must be writable",
        ),
    };
    Failure::new(exit, error, next)
}

/// Waits for one room's work.
fn wait<T>(work: impl Future<Output = T>) -> T {
    run::block_on(work)
}

/// Who belongs, from this node's copy; fetched once where there is none yet.
fn membership(rooms: &Rooms) -> Result<Arc<Membership>, Failure> {
    let directory = rooms.directory().or_failure(
        Exit::Failure,
        "remove the directory folder in the state directory; it is fetched again",
    )?;
    if let Some(membership) = directory.membership() {
        return Ok(membership);
    }
    let polled = run::small_runtime()?.block_on(directory.poll());
    polled.or_failure(
        Exit::Unreachable,
        "check registry.url and registry.root_sha256, and that the registry runs",
    )?;
    directory.membership().ok_or_else(|| {
        Failure::new(
            Exit::NotAuthorised,
            "the registry has no directory yet",
            "give this node's description to the registry's operator",
        )
    })
}

/// The chart here with this logical id.
fn chart(rooms: &Rooms, patient: &str) -> Result<Rid, Failure> {
    let address = Address::parse(&format!("Patient/{patient}"));
    let found = match address {
        Some(address) => {
            wait(rooms.records.chart_of(&address)).or_failure(Exit::TryAgain, "try again")?
        }
        None => None,
    };
    found.ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            "no Patient with this id is here",
            "search the hospital's own records: GET /fhir/Patient?identifier=…",
        )
    })
}

/// A member id, or the number or label it ends with.
fn member(text: &str) -> Result<MemberId, Failure> {
    let full = match text.starts_with("urn:") {
        true => text.to_owned(),
        false => format!("urn:musubi:member:{text}"),
    };
    full.parse().or_failure(
        Exit::Failure,
        "give the ten-digit institution number, such as 0110000001",
    )
}

/// The name that people know a member by: its own id where the directory does not know it.
fn member_name(rooms: &Rooms) -> impl Fn(&MemberId) -> String + use<> {
    let membership = rooms
        .directory()
        .ok()
        .and_then(|directory| directory.membership());
    move |id| {
        let known = membership.as_ref().and_then(|all| all.member(id));
        known.map_or_else(|| id.to_string(), |member| member.names.ja.clone())
    }
}

fn person_id(text: &str) -> Result<PersonId, Failure> {
    text.parse()
        .or_failure(Exit::Failure, "see `musubi-node person list`")
}

fn purpose(text: &str) -> Result<Purpose, Failure> {
    text.parse().or_failure(
        Exit::Failure,
        "give TREAT, ETREAT, PATRQT, HRESCH or PUBHLTH",
    )
}

fn scope(words: &[String]) -> Result<Scope, Failure> {
    let categories = words.iter().map(|word| word.trim().parse::<Category>());
    categories.collect::<Result<Scope, _>>().or_failure(
        Exit::Failure,
        "kinds of data: lab rx vital allergy condition procedure imaging document genomic",
    )
}
