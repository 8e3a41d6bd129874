//! `musubi-node keys …`

use std::time::Duration;

use federation_protocol::directory::{ChainKey, KeyChain, KeyStatement, Membership};
use federation_protocol::keys::KeyUse;
use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::cli::Output;
use super::cli::keys::{KeysCommand, KeysListArgs, KeysRevokeArgs, KeysRotateArgs, RotatedUse};
use super::failure::{Exit, Failure, OrFailure as _};
use super::join::{counter, join_failure, key_file, now};
use super::output::{json as print_json, line, note};
use super::{keys_encrypt, rooms, run};
use crate::app::Rooms;
use crate::audit::{Kind, Line};
use crate::federation::directory::MemberDirectory;
use crate::joining::{JoinError, RekeyError, Rekeyer, Rekeying};

/// How often `--wait` looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often the directory is fetched that lists what was said, and the pause between.
const FETCHES: u32 = 20;
const BETWEEN_FETCHES: Duration = Duration::from_millis(100);
/// A new key is used so long after it began, seconds: as the running node does.
const SETTLING_SECONDS: i64 = 60;

/// `musubi-node keys …`
pub(super) fn keys(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::List(args) => list(args),
        KeysCommand::Rotate(args) => rotate(args),
        KeysCommand::Revoke(args) => revoke(args),
        KeysCommand::Encrypt(args) => keys_encrypt::encrypt(args),
    }
}

fn list(args: &KeysListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let directory = directory(&rooms)?;
    let membership = directory.membership().ok_or_else(not_listed)?;
    let chain = membership.directory().chain(&rooms.me);
    let chain = chain.ok_or_else(not_listed)?;
    let shown = shown(&rooms, &membership, chain);
    match args.output.output {
        Output::Json => print_json(&Value::Array(shown.iter().map(Shown::as_json).collect())),
        Output::Table => {
            for key in &shown {
                line(&key.as_line());
            }
            Ok(())
        }
    }
}

fn rotate(args: &KeysRotateArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let key_use = match args.key_use {
        RotatedUse::Sign => KeyUse::Sign,
        RotatedUse::Consent => KeyUse::Consent,
        RotatedUse::Log => KeyUse::Log,
    };
    let made = hand_in(&rooms, "rotate-key", |rekeyer| rekeyer.rotation(key_use))?;
    print(&made, args.output.output)?;
    let Some(begins) = made.new.first().map(|key| key.not_before) else {
        return Ok(());
    };
    if !args.wait {
        note("next: musubi-node keys list (the running node follows by itself)");
        return Ok(());
    }
    while now() < begins.plus_seconds(SETTLING_SECONDS) {
        std::thread::sleep(LOOK_AGAIN);
    }
    note(&format!("the new {key_use} key signs"));
    Ok(())
}

fn revoke(args: &KeysRevokeArgs) -> Result<(), Failure> {
    let kids: Vec<_> = std::iter::once(&args.kid)
        .chain(&args.also)
        .cloned()
        .collect();
    let rooms = rooms(&args.node)?;
    let recovery = key_file(&args.recovery_key, &rooms.config)?;
    let made = hand_in(&rooms, "revoke-key", |rekeyer| {
        rekeyer.revocation(&kids, &recovery, args.replace)
    })?;
    print(&made, args.output.output)?;
    if made.new.is_empty() {
        note(&format!(
            "next: musubi-node keys list; a use without a key needs one: musubi-node keys revoke … \
             --replace signed by {}, or a new description",
            recovery.kid()
        ));
    }
    Ok(())
}

/// Fetches what is listed now, makes the statement, hands it in, writes it down, fetches again.
fn hand_in(
    rooms: &Rooms,
    act: &'static str,
    make: impl FnOnce(&Rekeyer<'_>) -> Result<Rekeying, RekeyError>,
) -> Result<Rekeying, Failure> {
    let runtime = run::small_runtime()?;
    let directory = directory(rooms)?;
    let unreachable = "check that this machine reaches the registry, and try again";
    let polled = runtime.block_on(directory.poll());
    polled.or_failure(Exit::Unreachable, unreachable)?;
    let membership = directory.membership().ok_or_else(not_listed)?;
    let rekeyer = Rekeyer {
        keys: &rooms.keys,
        membership: &membership,
        me: &rooms.me,
        now: now(),
    };
    let made = make(&rekeyer).map_err(|error| rekey_failure(&error))?;
    let handed = counter(rooms)?;
    let taken = runtime.block_on(handed.change_keys(&rooms.me, &made.said));
    let listed = taken.map_err(|error| refused(&error))?;
    runtime
        .block_on(rooms.audit.append(written(act, &made)))
        .or_failure(Exit::Failure, "it counts all the same; check the database")?;
    match listed {
        Some(seq) => runtime.block_on(fetched(&directory, seq))?,
        None => note(
            "the registry's directory cannot be remade: its status alone says it, and no new key came",
        ),
    }
    Ok(made)
}

/// Waits until this node's copy is the directory `seq`: the registry serves it within a moment.
async fn fetched(directory: &MemberDirectory, seq: u64) -> Result<(), Failure> {
    for _ in 0..FETCHES {
        let polled = directory.poll().await;
        polled.or_failure(
            Exit::Unreachable,
            "it counts all the same; nodes fetch it soon",
        )?;
        if directory.position().seq >= seq {
            break;
        }
        tokio::time::sleep(BETWEEN_FETCHES).await;
    }
    Ok(())
}

fn directory(rooms: &Rooms) -> Result<MemberDirectory, Failure> {
    let next = "remove the directory folder in the state directory; it is fetched again";
    rooms.directory().or_failure(Exit::Failure, next)
}

fn not_listed() -> Failure {
    Failure::new(
        Exit::Failure,
        "the directory does not list this node",
        "see `musubi-node join status`",
    )
}

fn written(act: &'static str, made: &Rekeying) -> Line {
    let kids = |kids: Vec<&str>| kids.join(" ");
    let old = made.old.iter().map(|key| key.kid.as_str()).collect();
    let new = made.new.iter().map(|key| key.kid.as_str()).collect();
    Line::new(Kind::Configuration, now(), "system")
        .detail("act", act)
        .detail("old", kids(old))
        .detail("new", kids(new))
}

fn print(made: &Rekeying, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => print_json(&json!({
            "old": made.old.iter().map(|key| json!({
                "kid": key.kid, "not_after": key.not_after.to_string(),
            })).collect::<Value>(),
            "new": made.new.iter().map(as_json).collect::<Value>(),
        })),
        Output::Table => {
            for old in &made.old {
                line(&format!("old  {} until {}", old.kid, old.not_after));
            }
            for new in &made.new {
                let (kid, from) = (&new.kid, new.not_before);
                line(&format!("new  {kid} for {} from {from}", new.key_use));
            }
            Ok(())
        }
    }
}

fn as_json(key: &KeyStatement) -> Value {
    json!({
        "use": key.key_use,
        "kid": key.kid,
        "not_before": key.not_before.to_string(),
        "not_after": key.not_after.to_string(),
    })
}

/// One key as `list` shows it.
struct Shown<'a> {
    key: &'a ChainKey,
    standing: &'static str,
    here: bool,
}

fn shown<'c>(rooms: &Rooms, membership: &Membership, chain: &'c KeyChain) -> Vec<Shown<'c>> {
    let at = now();
    let signs = |key: &KeyStatement| {
        let signer = rooms.keys.signer(key.key_use);
        signer.is_some_and(|signer| *signer.kid() == key.kid)
    };
    let shown = |key: &'c ChainKey| {
        let said = &key.statement;
        let revoked = membership.key(&said.kid).is_some_and(|key| key.revoked);
        Shown {
            key,
            standing: match () {
                () if revoked || key.revoked_at.is_some() => "revoked",
                () if said.not_after < at => "ended",
                () if said.not_before > at => "to come",
                () if key.gave_way => "giving way",
                () if signs(said) => "signs",
                () => "counts",
            },
            here: rooms.keys.holds(said.key_use, &said.kid),
        }
    };
    chain.keys().iter().map(shown).collect()
}

impl Shown<'_> {
    fn until(&self) -> Timestamp {
        self.key.revoked_at.unwrap_or(self.key.statement.not_after)
    }

    fn as_line(&self) -> String {
        let (said, until) = (&self.key.statement, self.until());
        let place = if self.here { "here" } else { "-" };
        format!(
            "{:<9} {}  {:<10} {place:<5} {} .. {until}",
            said.key_use.as_str(),
            said.kid,
            self.standing,
            said.not_before
        )
    }

    fn as_json(&self) -> Value {
        let mut value = as_json(&self.key.statement);
        if let Some(object) = value.as_object_mut() {
            object.insert("standing".to_owned(), self.standing.into());
            object.insert("here".to_owned(), self.here.into());
            let revoked_at = self.key.revoked_at.map(|at| at.to_string());
            object.insert("revoked_at".to_owned(), revoked_at.into());
        }
        value
    }
}

fn rekey_failure(error: &RekeyError) -> Failure {
    let (exit, next) = match error {
        RekeyError::NotListed => (Exit::Failure, "see `musubi-node join status`"),
        RekeyError::UnderWay { .. } => (Exit::TryAgain, "wait until then, and try again"),
        RekeyError::NoOldKey(_) => (
            Exit::Failure,
            "musubi-node keys revoke KID --recovery-key FILE --replace",
        ),
        RekeyError::NoSuchKey(_) => (Exit::Failure, "look at `musubi-node keys list`"),
        RekeyError::NotRecovery => (
            Exit::NotAuthorised,
            "bring the recovery.pem that was made with this node, or call the registry's operators",
        ),
        RekeyError::Keys(_) => (Exit::Config, "check the folder of the keys and its modes"),
    };
    Failure::new(exit, error, next)
}

fn refused(error: &JoinError) -> Failure {
    match error {
        JoinError::NothingHere => Failure::new(
            Exit::NotAuthorised,
            "the registry did not take this key's word",
            "compare `musubi-node keys list` with what the registry's operators see",
        ),
        JoinError::KeysRefused(_) => Failure::new(
            Exit::CheckFailed,
            error,
            "check this machine's clock, then type it again: `musubi-node doctor`",
        ),
        other => join_failure(other),
    }
}
