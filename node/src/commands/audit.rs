//! `musubi-node audit`: who looked, who was refused, what was withheld, and whether that is what
//! was written. Ids only. Reading the log is a line in it.

use std::io::Write as _;
use std::sync::Arc;

use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::cli::Output;
use super::cli::audit::{
    AuditCommand, AuditEraseArgs, AuditExportArgs, AuditFsckArgs, AuditListArgs, AuditProveArgs,
};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line};
use super::{reconcile, rooms, verifying, wait, witnessed};
use crate::app::Rooms;
use crate::audit::{AuditError, Filter, Kind, Line, Observer, Recorded, event};
use crate::federation::evidence;

/// Lines that are read at once.
const PAGE: u32 = 1_000;

pub(super) fn audit(command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list(args),
        AuditCommand::Export(args) => export(args),
        AuditCommand::Verify(args) => verifying::verify(args),
        AuditCommand::Fsck(args) => fsck(args),
        AuditCommand::Prove(args) => prove(args),
        AuditCommand::Reconcile(args) => reconcile::reconcile(args),
        AuditCommand::Witnessed(command) => witnessed::witnessed(command),
        AuditCommand::Erase(args) => erase(args),
    }
}

/// Writes down that the log is read, before anything of it is shown.
pub(super) fn read_line(rooms: &Rooms, how: Line) -> Result<(), Failure> {
    wait(rooms.audit.append(how)).map(|_seq| ()).or_failure(
        Exit::TryAgain,
        "the log is shown once that is written; try again",
    )
}

pub(super) fn reading(rooms: &Rooms, act: &str) -> Line {
    Line::new(Kind::AuditRead, rooms.clock.now(), "admin").detail("act", act)
}

pub(super) fn failed(error: &AuditError) -> Failure {
    let (exit, next) = match error {
        AuditError::Tree(_) | AuditError::Checkpoint => (
            Exit::CheckFailed,
            "musubi-node audit verify; musubi-node audit fsck",
        ),
        AuditError::NoLine(_) => (Exit::Failure, "see `musubi-node audit list`"),
        AuditError::Retention => (
            Exit::Refused,
            "nothing is erased that the settings want kept; audit.retention says how long",
        ),
        _ => (Exit::TryAgain, "try again"),
    };
    Failure::new(exit, error, next)
}

fn since(text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    text.map(Timestamp::parse_rfc3339)
        .transpose()
        .or_failure(Exit::Failure, "give --since as 2026-11-23T09:00:00Z")
}

fn list(args: &AuditListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let filter = Filter {
        since: since(args.since.as_deref())?,
        exchange: args.exchange.clone(),
        limit: Some(args.limit),
        newest_first: true,
        ..Filter::default()
    };
    let lines = wait(rooms.audit.list(filter)).or_failure(Exit::TryAgain, "try again")?;
    let mut how = reading(&rooms, "list").shown(lines.len());
    if let Some(exchange) = &args.exchange {
        how = how.detail("of_exchange", exchange.as_str());
    }
    read_line(&rooms, how)?;
    match args.output.output {
        Output::Json => output::json(&Value::Array(lines.iter().map(as_json).collect())),
        Output::Table => {
            let mut listing = Listing::new(&[
                "seq", "at", "kind", "outcome", "peer", "actor", "purpose", "shown", "withheld",
                "exchange",
            ]);
            for recorded in &lines {
                listing.row(cells(recorded));
            }
            listing.print(Output::Table)
        }
    }
}

fn export(args: &AuditExportArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let since = since(args.since.as_deref())?;
    let mut how = reading(&rooms, "export");
    if let Some(since) = since {
        how = how.detail("since", since.to_string());
    }
    read_line(&rooms, how)?;
    let observer = Observer {
        member: rooms.me.to_string(),
        name: rooms.config.organization.name.clone(),
    };
    let mut after_seq = None;
    let mut out = std::io::stdout().lock();
    loop {
        let filter = Filter {
            since,
            after_seq,
            limit: Some(PAGE),
            ..Filter::default()
        };
        let lines = wait(rooms.audit.list(filter)).or_failure(Exit::TryAgain, "try again")?;
        let Some(last) = lines.last() else {
            return Ok(());
        };
        after_seq = Some(last.seq);
        for recorded in &lines {
            // A closed pipe ends the printing.
            if writeln!(out, "{}", event(recorded, &observer)).is_err() {
                return Ok(());
            }
        }
    }
}

fn fsck(args: &AuditFsckArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let found = wait(rooms.audit.fsck()).map_err(|error| failed(&error))?;
    match args.output.output {
        Output::Json => {
            let findings = found.findings.iter();
            let findings = findings.map(|one| json!({ "bad": one.bad, "text": one.text }));
            output::json(&json!({
                "sound": found.is_sound(),
                "findings": findings.collect::<Vec<_>>(),
            }))?;
        }
        Output::Table => {
            for finding in &found.findings {
                line(&format!(
                    "{}  {}",
                    if finding.bad { "BAD " } else { "note" },
                    finding.text
                ));
            }
            if found.is_sound() {
                line("ok: the audit's tables are in order");
            }
        }
    }
    if found.is_sound() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::CheckFailed,
        "the audit's tables are not in order",
        "musubi-node audit verify says whether an entry was changed",
    ))
}

fn prove(args: &AuditProveArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let proved = wait(rooms.audit.prove(args.seq)).map_err(|error| failed(&error))?;
    read_line(&rooms, reading(&rooms, "prove").detail("seq", args.seq))?;
    let mut proof = proved.proof;
    if let Some(proof) = proof.as_object_mut() {
        proof.insert("checkpoint".into(), proved.checkpoint.to_string().into());
    }
    output::json(&proof)
}

fn erase(args: &AuditEraseArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let before = Timestamp::parse_rfc3339(&format!("{}T00:00:00Z", args.before))
        .or_failure(Exit::Failure, "give --before as 2021-04-01")?;
    let keep = rooms.config.audit.retention_seconds();
    if !args.yes {
        let lines =
            wait(rooms.audit.count_erasable(before)).or_failure(Exit::TryAgain, "try again")?;
        let proofs = wait(evidence::count_erasable(&rooms.database, before))
            .or_failure(Exit::TryAgain, "try again")?;
        line(&format!(
            "{lines} lines and the proofs of {proofs} exchanges before {} would be erased; nothing was",
            args.before
        ));
        return Ok(());
    }
    // What is not in the tree is not erased.
    let checkpoints = checkpoints(&rooms);
    wait(checkpoints.seal()).map_err(|error| failed(&error))?;
    let now = rooms.clock.now();
    let erased = wait(rooms.audit.erase(before, keep, now, &args.by)).map_err(|e| failed(&e))?;
    let proofs = wait(evidence::erase(&rooms.database, before)).or_failure(
        Exit::TryAgain,
        "the lines are erased; the same command again erases the other proofs",
    )?;
    line(&format!(
        "{erased} lines and the proofs of {proofs} exchanges before {} were erased",
        args.before
    ));
    Ok(())
}

/// This node's log, to be sealed and signed.
pub(super) fn checkpoints(rooms: &Rooms) -> crate::audit::Checkpoints {
    crate::audit::Checkpoints::new(
        rooms.database.clone(),
        Arc::clone(&rooms.clock),
        Arc::clone(&rooms.keys),
        rooms.me.clone(),
    )
}

fn cells(recorded: &Recorded) -> [String; 10] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let count = |count: Option<i64>| count.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let actor = match &recorded.actor_id {
        Some(id) => format!("{} {id}", recorded.actor_role),
        None => recorded.actor_role.clone(),
    };
    [
        recorded.seq.to_string(),
        recorded.at.to_string(),
        recorded.kind.clone(),
        recorded.outcome.clone(),
        or_dash(&recorded.peer),
        actor,
        or_dash(&recorded.purpose),
        count(recorded.shown),
        count(recorded.withheld),
        or_dash(&recorded.exchange),
    ]
}

fn as_json(recorded: &Recorded) -> Value {
    json!({
        "seq": recorded.seq,
        "at": recorded.at.to_string(),
        "kind": recorded.kind,
        "outcome": recorded.outcome,
        "peer": recorded.peer,
        "actor_role": recorded.actor_role,
        "actor_id": recorded.actor_id,
        "purpose": recorded.purpose,
        "person": recorded.person,
        "shown": recorded.shown,
        "withheld": recorded.withheld,
        "exchange": recorded.exchange,
        "detail": recorded.detail,
    })
}
