//! `musubi-node staff`: accounts that sign in on pages, and the systems that may bring them there.

use serde_json::json;

use super::cli::staff::{
    LifeArgs, SetupLinkArgs, StaffAddArgs, StaffArgs, StaffCommand, SystemKeyAddArgs,
    SystemKeyCommand, SystemKeyEndArgs,
};
use super::cli::{ListArgs, Output, OutputArgs};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line, note};
use super::{rooms, wait};
use crate::app::Rooms;
use crate::identity::staff::By;
use crate::identity::{Owner, Role};

/// What helps when an account is not found.
const ACCOUNTS: &str = "see `musubi-node staff list`";

pub(super) fn staff(command: &StaffCommand) -> Result<(), Failure> {
    match command {
        StaffCommand::Add(args) => add(args),
        StaffCommand::List(args) => list(args),
        StaffCommand::SetupLink(args) => setup_link(args),
        StaffCommand::Disable(args) => disable(args),
        StaffCommand::EndSessions(args) => end_sessions(args),
        StaffCommand::SystemKey(SystemKeyCommand::Add(args)) => add_key(args),
        StaffCommand::SystemKey(SystemKeyCommand::List(args)) => list_keys(args),
        StaffCommand::SystemKey(SystemKeyCommand::End(args)) => end_key(args),
    }
}

fn add(args: &StaffAddArgs) -> Result<(), Failure> {
    let role: Role = args.role.parse().or_failure(
        Exit::Failure,
        "give physician, registrar, auditor, admin, security or observer as --role",
    )?;
    let rooms = rooms(&args.node)?;
    // Before an account is made whose link nobody could be shown.
    origin(&rooms)?;
    let added = rooms
        .identity
        .add_staff(role, &args.id, &args.name, By::operator());
    wait(added).or_failure(
        Exit::Failure,
        "give --role, --id and --name as `musubi-node staff add --help` says",
    )?;
    show_link(&rooms, &args.id, args.life, &args.output)
}

fn setup_link(args: &SetupLinkArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    show_link(&rooms, &args.id, args.life, &args.output)
}

/// Makes a setup link and shows it, this once.
fn show_link(rooms: &Rooms, id: &str, life: LifeArgs, output: &OutputArgs) -> Result<(), Failure> {
    let origin = origin(rooms)?;
    let link = wait(rooms.identity.setup_link(id, life.ttl, By::operator())).or_failure(
        Exit::Failure,
        "give --ttl from 15m to 24h, and an account that `musubi-node staff list` shows",
    )?;
    let url = link.url(&origin);
    match output.output {
        Output::Json => output::json(&json!({
            "id": id,
            "url": url,
            "expires_at": link.expires_at.to_string(),
        })),
        Output::Table => {
            line(&url);
            output::qr(&url);
            note(&format!(
                "next: open it in {id}'s browser before {}: it makes a passkey and signs in; it works \
                 once and is not shown again",
                link.expires_at
            ));
            Ok(())
        }
    }
}

/// Under which address staff's browsers reach this node.
fn origin(rooms: &Rooms) -> Result<reqwest::Url, Failure> {
    let hospital = &rooms.config.hospital;
    hospital.public_origin(hospital.bind.port()).ok_or_else(|| {
        Failure::new(
            Exit::Config,
            "the settings do not say under which address browsers reach the hospital listener",
            "set hospital.public_url, such as https://musubi.example.jp",
        )
    })
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let mut listing = Listing::new(&["id", "role", "name", "passkeys", "sessions", "state"]);
    for staff in wait(rooms.identity.all_staff()).or_failure(Exit::TryAgain, "try again")? {
        let owner = Owner::Staff(staff.id.clone());
        let passkeys = wait(rooms.identity.passkeys_of(&owner));
        let sessions = wait(rooms.identity.sessions_of(&owner));
        let state = match staff.disabled_at {
            Some(_) => "disabled",
            None => "open",
        };
        listing.row([
            staff.id,
            staff.role.to_string(),
            staff.name,
            passkeys
                .or_failure(Exit::TryAgain, "try again")?
                .len()
                .to_string(),
            sessions
                .or_failure(Exit::TryAgain, "try again")?
                .len()
                .to_string(),
            state.to_owned(),
        ]);
    }
    listing.print(args.output.output)
}

fn disable(args: &StaffArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    wait(rooms.identity.disable_staff(&args.id, By::operator()))
        .or_failure(Exit::Failure, ACCOUNTS)?;
    note("disabled: its sessions are over; `musubi-node staff add` lets it in again");
    Ok(())
}

fn end_sessions(args: &StaffArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let known = wait(rooms.identity.staff(&args.id)).or_failure(Exit::TryAgain, "try again")?;
    if known.is_none() {
        return Err(Failure::new(
            Exit::Failure,
            "no account with this id",
            ACCOUNTS,
        ));
    }
    let ended = wait(rooms.identity.end_all_of(&Owner::Staff(args.id.clone())));
    let ended = ended.or_failure(Exit::TryAgain, "try again")?;
    note(&format!("{ended} sessions ended"));
    Ok(())
}

fn add_key(args: &SystemKeyAddArgs) -> Result<(), Failure> {
    let pem = std::fs::read(&args.key).map_err(|error| Failure::file(&args.key, &error))?;
    let rooms = rooms(&args.node)?;
    let added = rooms
        .identity
        .add_system_key(&args.system, &pem, By::operator());
    let kid = wait(added).or_failure(
        Exit::Failure,
        "give --system an id of visible letters, and --key a PEM public key (Ed25519 or P-256)",
    )?;
    match args.output.output {
        Output::Json => output::json(&json!({ "kid": kid, "system": args.system })),
        Output::Table => {
            line(&kid);
            note(&format!(
                "next: {} signs its links with this kid; docs/REST.md says how",
                args.system
            ));
            Ok(())
        }
    }
}

fn list_keys(args: &ListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let mut listing = Listing::new(&["kid", "system", "algorithm", "created", "state"]);
    let keys = wait(rooms.identity.system_keys()).or_failure(Exit::TryAgain, "try again")?;
    for key in keys {
        let state = key.ended_at.map_or("trusted", |_| "ended");
        listing.row([
            key.id,
            key.system,
            key.algorithm.as_str().to_owned(),
            key.created_at.to_string(),
            state.to_owned(),
        ]);
    }
    listing.print(args.output.output)
}

fn end_key(args: &SystemKeyEndArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    wait(rooms.identity.end_system_key(&args.kid, By::operator()))
        .or_failure(Exit::Failure, "see `musubi-node staff system-key list`")?;
    note("ended: links that it signs open nothing from now on");
    Ok(())
}
