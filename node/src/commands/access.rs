//! `musubi-node access`: bearer tokens for the hospital and patient listeners.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use federation_protocol::time::Timestamp;
use serde_json::json;

use super::cli::access::{AccessCommand, AccessCreateArgs, AccessRevokeArgs};
use super::cli::{ListArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{rooms, wait};
use crate::app::Rooms;
use crate::identity::{PersonId, PlainToken, Role};

/// What helps when a token is not made.
const ADVICE: &str = "give --role, --id and --days as `musubi-node access create --help` says";
const SECONDS_PER_DAY: i64 = 86_400;

pub(super) fn access(command: &AccessCommand) -> Result<(), Failure> {
    match command {
        AccessCommand::Create(args) => create(args),
        AccessCommand::List(args) => list(args),
        AccessCommand::Revoke(args) => revoke(args),
    }
}

fn create(args: &AccessCreateArgs) -> Result<(), Failure> {
    if args.second_factor && args.role.as_deref() != Some(Role::Physician.as_str()) {
        return Err(Failure::new(
            Exit::Failure,
            "a second factor is a physician's",
            "give --role physician and --id with --second-factor",
        ));
    }
    // Before anything is made that nobody would be shown.
    if let Some(path) = args.out.as_deref().filter(|path| path.exists()) {
        let there = path.display();
        return Err(Failure::new(
            Exit::Failure,
            format!("{there} is there already, and is not overwritten"),
            "name a new file with --out",
        ));
    }
    let rooms = rooms(&args.node)?;
    let days = i64::from(args.days) * SECONDS_PER_DAY;
    let expires_at = rooms.clock.now().plus_seconds(days);
    let (id, token) = made(args, &rooms, expires_at)?;
    let factor = second_factor(args, &rooms)?;
    if let Some(path) = &args.out {
        write_private(path, token.reveal())?;
    }
    let shown = args.out.is_none().then(|| token.reveal());
    match args.output.output {
        Output::Json => output::json(&json!({
            "id": id,
            "token": shown,
            "expires_at": expires_at.to_string(),
            "second_factor": factor,
        })),
        Output::Table => {
            if let Some(token) = shown {
                line(token);
                note("keep it: it is not shown again");
            }
            note(&format!("{id}, until {expires_at}"));
            if let Some(uri) = factor {
                note("for the authenticator app, shown once (a QR code of it can be scanned):");
                note(&uri);
            }
            Ok(())
        }
    }
}

/// A new token, a person's or a member of staff's, and its number.
fn made(
    args: &AccessCreateArgs,
    rooms: &Rooms,
    expires_at: Timestamp,
) -> Result<(String, PlainToken), Failure> {
    let Some(person) = &args.person else {
        let role = args.role.as_deref().unwrap_or_default();
        let role: Role = role
            .parse()
            .or_failure(Exit::Failure, "give one of these as --role")?;
        let made = rooms.identity.create(role, args.id.clone(), expires_at);
        return wait(made).or_failure(Exit::Failure, ADVICE);
    };
    let unknown = "see `musubi-node person list`";
    let person: PersonId = person.parse().or_failure(Exit::Failure, unknown)?;
    let enrolled = wait(rooms.linkage.person(&person)).or_failure(Exit::Failure, unknown)?;
    let made = rooms
        .identity
        .create_for_person(person, enrolled.patient, expires_at);
    wait(made).or_failure(Exit::Failure, ADVICE)
}

/// The `otpauth://` URI of a new second factor, if one is wanted.
fn second_factor(args: &AccessCreateArgs, rooms: &Rooms) -> Result<Option<String>, Failure> {
    if !args.second_factor {
        return Ok(None);
    }
    let issuer = rooms.config.organization.name.as_str();
    let physician = args.id.as_deref().unwrap_or_default();
    let enrolled = wait(rooms.emergency.enrol(physician, issuer));
    enrolled
        .map(Some)
        .or_failure(Exit::TryAgain, "try again: the token stays as it is")
}

fn write_private(path: &Path, token: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| writeln!(file, "{token}"))
        .map_err(|error| Failure::file(path, &error))
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let now = rooms.clock.now();
    let mut listing = Listing::new(&["id", "role", "holder", "created", "expires", "state"]);
    for token in wait(rooms.identity.list()).or_failure(Exit::TryAgain, "try again")? {
        let state = match token.revoked_at {
            Some(_) => "revoked",
            None if token.expires_at <= now => "expired",
            None => "live",
        };
        listing.row([
            token.id,
            token.caller.role().to_string(),
            token.caller.id().unwrap_or("-").to_owned(),
            token.created_at.to_string(),
            token.expires_at.to_string(),
            state.to_owned(),
        ]);
    }
    listing.print(args.output.output)
}

fn revoke(args: &AccessRevokeArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    wait(rooms.identity.revoke(&args.token))
        .or_failure(Exit::Failure, "see `musubi-node access list`")?;
    note("revoked: the next request with it is refused");
    Ok(())
}
