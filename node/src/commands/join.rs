//! `musubi-node join` and `leave`: from a token to a member, and out again.
//!
//! `join` makes what `init` makes, pins root, hands the application in and ends; `run` serves, so that
//! the registry's probe finds somebody.

use std::path::Path;
use std::time::Duration;

use federation_protocol::directory::{AcceptError, MemberDescription};
use federation_protocol::joining::{
    ApplicationReply, ApplicationState, Contact, JoinRefusal, JoinToken, comparison_number,
};
use federation_protocol::keys::{KeyUse, SecretKey, Sign};
use federation_protocol::time::Timestamp;
use federation_service::clock::{Clock as _, SystemClock};
use federation_service::key_file;
use federation_service::outbound::OutboundRules;
use federation_service::registry_client::{FirstContactError, fetch_roots_from_pin};
use serde_json::json;

use super::cli::join::{ApplyArgs, JoinArgs, JoinStatusArgs, JoinStep, LeaveArgs};
use super::cli::{ConfigArgs, InitArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{json as print_json, line, note};
use super::{describe, init, membership, rooms, run};
use crate::app::Rooms;
use crate::config::Config;
use crate::joining::{Counter, DEADLINE, JoinError, Kept, is_of_registry};

/// How often a waiting command asks.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// `musubi-node join …`
pub(super) fn join(args: &JoinArgs) -> Result<(), Failure> {
    match &args.step {
        None => apply(&args.apply),
        Some(JoinStep::Status(args)) => status(args),
        Some(JoinStep::Resubmit(args)) => resubmit(args),
    }
}

fn apply(args: &ApplyArgs) -> Result<(), Failure> {
    let token = token(args.token.as_deref().unwrap_or_default())?;
    let config = args.dir.join("node.toml");
    let node = ConfigArgs {
        config: config.clone(),
    };
    if !config.exists() {
        check_registry(&token, &args.house.allow_cidrs)?;
        init::make(&init_args(args, &token)?, &SystemClock)?;
    }
    let rooms = rooms(&node)?;
    check_settings(&rooms, &token)?;
    let contact = Contact {
        name: args.contact.clone(),
        phone: args.phone.clone(),
        email: args.email.clone(),
    };
    let mut kept = Kept {
        token,
        contact,
        application: None,
    };
    // Kept first: whatever happens to the answer, `resubmit` can ask again.
    keep(&rooms, &kept)?;
    let reply = hand_in(&rooms, &mut kept)?;
    note(&format!(
        "next: musubi-node run --config {0} (the registry tries this node before anybody approves), \
         then musubi-node join status --config {0}",
        config.display()
    ));
    told(&rooms, &kept, reply, args.wait, args.output.output)
}

fn status(args: &JoinStatusArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let kept = kept(&rooms)?;
    let reply = standing(&rooms, &kept)?;
    told(&rooms, &kept, reply, args.wait, args.output.output)
}

fn resubmit(args: &JoinStatusArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let mut kept = kept(&rooms)?;
    let reply = hand_in(&rooms, &mut kept)?;
    told(&rooms, &kept, reply, args.wait, args.output.output)
}

/// `musubi-node leave`
pub(super) fn leave(args: &LeaveArgs) -> Result<(), Failure> {
    if !args.yes {
        return Err(Failure::new(
            Exit::Failure,
            "leaving is for ever: nobody returns under the same member id",
            "say --yes if that is what you want",
        ));
    }
    let rooms = rooms(&args.node)?;
    let brought = args
        .recovery_key
        .as_deref()
        .map(|path| key_file(path, &rooms.config))
        .transpose()?;
    let own = rooms.keys.signer(KeyUse::Recovery);
    let own = own.unwrap_or_else(|| rooms.keys.sign());
    let key: &dyn Sign = match &brought {
        Some(key) => key,
        None => &*own,
    };
    let counter = counter(&rooms)?;
    let left = run::small_runtime()?.block_on(counter.leave(&rooms.me, key, now()));
    left.map_err(|error| match error {
        JoinError::NothingHere => Failure::new(
            Exit::NotAuthorised,
            "the registry did not take this key's word",
            "bring the recovery key back for this: --recovery-key FILE",
        ),
        other => join_failure(&other),
    })?;
    line(&format!("{} has left the federation", rooms.me));
    Ok(())
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

fn token(text: &str) -> Result<JoinToken, Failure> {
    let mut read = String::new();
    let text = match text {
        "-" => {
            std::io::Read::read_to_string(&mut std::io::stdin(), &mut read)
                .or_failure(Exit::Failure, "give the token on standard input")?;
            read.as_str()
        }
        text => text,
    };
    text.parse().or_failure(
        Exit::Failure,
        "copy the token once more from what the registry's operator sent",
    )
}

/// Before anything is made: the token's registry is there, and is the one that it names.
fn check_registry(token: &JoinToken, allow_cidrs: &[String]) -> Result<(), Failure> {
    let ranges: Result<Vec<_>, _> = allow_cidrs.iter().map(|range| range.parse()).collect();
    let rules = OutboundRules::new(ranges.or_failure(Exit::Config, "mend --allow-cidr")?);
    let (url, pin) = (&token.registry, &token.root);
    let roots = fetch_roots_from_pin(url, pin, &rules, now(), DEADLINE);
    let roots = run::small_runtime()?.block_on(roots);
    roots.map(|_| ()).map_err(|error| match error {
        FirstContactError::Refused(AcceptError::NotPinned) => foreign(url),
        other => Failure::new(
            Exit::Unreachable,
            format!("{url}: {other}"),
            "check that this machine reaches the registry; in a private network, say --allow-cidr",
        ),
    })
}

fn foreign(url: &str) -> Failure {
    Failure::new(
        Exit::NotAuthorised,
        format!("this join token is of another registry than the one at {url}"),
        "ask the registry's operator for a new token, by a way that you trust; do not go on with \
         this one",
    )
}

fn init_args(args: &ApplyArgs, token: &JoinToken) -> Result<InitArgs, Failure> {
    let needed = |value: &Option<String>, option: &str| {
        value.clone().ok_or_else(|| {
            let what = format!(
                "{} holds no node yet, and {option} is missing",
                args.dir.display()
            );
            Failure::new(Exit::Config, what, "see `musubi-node join --help`")
        })
    };
    Ok(InitArgs {
        dir: args.dir.clone(),
        member: token.member.code().to_owned(),
        name: needed(&args.name, "--name")?,
        registry: token.registry.clone(),
        root_sha256: token.root.to_string(),
        endpoint: needed(&args.endpoint, "--endpoint")?,
        house: args.house.clone(),
    })
}

fn check_settings(rooms: &Rooms, token: &JoinToken) -> Result<(), Failure> {
    let registry = &rooms.config.registry;
    if !is_of_registry(token, registry.url.as_str(), &registry.root_sha256) {
        return Err(Failure::new(
            Exit::NotAuthorised,
            format!(
                "this join token is of another registry than the one that this node belongs to, {}",
                registry.url
            ),
            "make a new node in another --dir, or ask for a token of this node's registry",
        ));
    }
    if token.member != rooms.me {
        return Err(Failure::new(
            Exit::NotAuthorised,
            format!(
                "this join token invites {}, this node is {}",
                token.member, rooms.me
            ),
            "ask for a token of this member, or make a new node in another --dir",
        ));
    }
    Ok(())
}

fn kept(rooms: &Rooms) -> Result<Kept, Failure> {
    Kept::load(&rooms.config.state_dir).or_failure(
        Exit::NotAuthorised,
        "hand it in with `musubi-node join TOKEN`",
    )
}

fn keep(rooms: &Rooms, kept: &Kept) -> Result<(), Failure> {
    kept.save(&rooms.config.state_dir)
        .or_failure(Exit::Failure, "check that the state directory is writable")
}

/// The registry as the pinned root describes it; its documents are fetched on the way.
pub(super) fn counter(rooms: &Rooms) -> Result<Counter, Failure> {
    let membership = membership(rooms)?;
    let config = &rooms.config;
    let rules = OutboundRules::new(config.federation.allow_cidrs.iter().copied());
    let url = config.registry.url.origin().ascii_serialization();
    Counter::new(&url, membership.root(), &rules).map_err(|error| join_failure(&error))
}

fn hand_in(rooms: &Rooms, kept: &mut Kept) -> Result<ApplicationReply, Failure> {
    let counter = counter(rooms)?;
    let description = describe::description(&rooms.config, now())?;
    let (contact, sign) = (kept.contact.clone(), rooms.keys.sign());
    let applied = counter.apply(&kept.token, contact, description, &*sign, now());
    let reply = run::small_runtime()?
        .block_on(applied)
        .map_err(|error| join_failure(&error))?;
    kept.application = Some(reply.id);
    keep(rooms, kept)?;
    Ok(reply)
}

fn standing(rooms: &Rooms, kept: &Kept) -> Result<ApplicationReply, Failure> {
    let counter = counter(rooms)?;
    let sign = rooms.keys.sign();
    let asked = counter.standing(kept, &*sign, now());
    let standing = run::small_runtime()?.block_on(asked);
    standing.map_err(|error| join_failure(&error))
}

/// Says how the application stands, waits if that is wanted, and ends with the code that fits.
fn told(
    rooms: &Rooms,
    kept: &Kept,
    mut reply: ApplicationReply,
    wait: bool,
    output: Output,
) -> Result<(), Failure> {
    while wait && (reply.state == ApplicationState::Applied || is_on_probation(rooms, &reply)?) {
        std::thread::sleep(ASK_AGAIN);
        reply = standing(rooms, kept)?;
    }
    match output {
        Output::Json => print_json(&json!({
            "application": reply.id,
            "member": reply.member,
            "state": reply.state,
            "since": reply.since.to_string(),
            "reason": reply.reason,
            "fingerprint": number(rooms)?,
            "probe": reply.probe.as_ref().map(|report| json!({
                "at": report.at.to_string(), "passed": report.passed(), "checks": report.checks,
            })),
        }))?,
        Output::Table => print_text(&reply, &number(rooms)?),
    }
    match reply.state {
        ApplicationState::Applied | ApplicationState::Approved => Ok(()),
        ApplicationState::Returned => Err(Failure::new(
            Exit::CheckFailed,
            format!("the application came back: {}", reply.reason),
            "mend the settings, start the node again, and type `musubi-node join resubmit`",
        )),
        ApplicationState::Rejected => Err(Failure::new(
            Exit::NotAuthorised,
            format!("the application was rejected: {}", reply.reason),
            "call the registry's operators",
        )),
    }
}

/// Approved, but the node has not passed the probe yet: nobody asks it or hears it.
fn is_on_probation(rooms: &Rooms, reply: &ApplicationReply) -> Result<bool, Failure> {
    if reply.state != ApplicationState::Approved {
        return Ok(false);
    }
    let directory = rooms
        .directory()
        .or_failure(Exit::Failure, "see `musubi-node join status`")?;
    let polled = run::small_runtime()?.block_on(directory.poll());
    polled.or_failure(Exit::Unreachable, "ask later: musubi-node join status")?;
    let membership = directory.membership();
    let state = membership.and_then(|all| all.state(&rooms.me, now()));
    Ok(!state.is_some_and(|state| state.takes_part()))
}

fn print_text(reply: &ApplicationReply, number: &str) {
    line(&format!("application  {}", reply.id));
    line(&format!("member       {}", reply.member));
    line(&format!(
        "state        {} since {}",
        reply.state, reply.since
    ));
    if !reply.reason.is_empty() {
        line(&format!("reason       {}", reply.reason));
    }
    line(&format!("fingerprint  {number}"));
    match &reply.probe {
        None => line("probe        not yet"),
        Some(report) => {
            line(&format!("probe        at {}", report.at));
            for check in &report.checks {
                let word = if check.passed { "ok" } else { "FAILED" };
                line(&format!("  {:<16} {word}: {}", check.name, check.found));
            }
        }
    }
    if reply.state == ApplicationState::Applied {
        note("the operators will call you: read the fingerprint out to them");
    }
}

/// The thirty digits of this node's keys and certificate.
fn number(rooms: &Rooms) -> Result<String, Failure> {
    let description = describe::description(&rooms.config, now())?;
    let described = MemberDescription::verify(&description)
        .or_failure(Exit::Failure, "report this as a bug")?;
    Ok(comparison_number(&described.member))
}

/// A signing key that was brought back from its safe, sealed or not.
pub(super) fn key_file(path: &Path, config: &Config) -> Result<SecretKey, Failure> {
    // A medium may know no modes; what lies on it for a minute is its bearer's to guard.
    let held = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let mut pem = zeroize::Zeroizing::new(held);
    if key_file::is_sealed(&pem) {
        let passphrase = super::passphrase(config)?;
        pem = key_file::open(path, &pem, passphrase.as_deref())
            .or_failure(Exit::Config, "set the passphrase that it was sealed with")?;
    }
    let text = std::str::from_utf8(&pem).unwrap_or_default();
    SecretKey::from_pkcs8_pem(text).or_failure(Exit::Config, "name the key's PEM file")
}

pub(super) fn join_failure(error: &JoinError) -> Failure {
    let (exit, next) = match error {
        JoinError::Unreachable(_) | JoinError::Endpoint(_) => (
            Exit::Unreachable,
            "check that this machine reaches the registry, and try again",
        ),
        JoinError::NothingHere => (
            Exit::NotAuthorised,
            "hand it in with `musubi-node join TOKEN`",
        ),
        JoinError::Refused { refusal, .. } => return refused(error, *refusal),
        _ => (Exit::Failure, "compare the versions of registry and node"),
    };
    Failure::new(exit, error, next)
}

fn refused(error: &JoinError, refusal: JoinRefusal) -> Failure {
    let (exit, next) = match refusal {
        JoinRefusal::InvitationUnknown => (
            Exit::NotAuthorised,
            "copy the token once more; if it is whole, ask the registry's operator for a new one",
        ),
        JoinRefusal::InvitationExpired => (
            Exit::NotAuthorised,
            "ask the registry's operator for a new token: this one waited too long",
        ),
        JoinRefusal::InvitationUsed => (
            Exit::NotAuthorised,
            "if nobody of you used it, tell the registry's operator at once; else use the node that \
             used it, or ask for a new token",
        ),
        JoinRefusal::InvitationForeign => (
            Exit::NotAuthorised,
            "ask the operator of this registry for a token of their own",
        ),
        JoinRefusal::NotInOrder => (
            Exit::CheckFailed,
            "mend the settings or this machine's clock, then `musubi-node join resubmit`",
        ),
        JoinRefusal::RateLimited => (Exit::TryAgain, "wait a minute"),
        _ => (Exit::Failure, "compare the versions of registry and node"),
    };
    Failure::new(exit, error, next)
}
