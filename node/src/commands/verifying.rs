//! `musubi-node audit verify`: is the log what it was.

use std::collections::HashMap;

use federation_protocol::directory::Membership;
use serde_json::json;

use super::audit::{checkpoints, failed, reading};
use super::cli::Output;
use super::cli::audit::AuditVerifyArgs;
use super::failure::{Exit, Failure};
use super::output::{self, line, note};
use super::{rooms, run, wait};
use crate::app::Rooms;
use crate::audit::{Problem, Report, Signers};
use crate::federation::witnessing::{
    Witnessing, WitnessingError, log_keys, member_keys, witness_keys,
};

pub(super) fn verify(args: &AuditVerifyArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let membership = rooms.directory().ok().and_then(|copy| copy.membership());
    let signers = signers(&rooms, membership.as_deref());
    let report = wait(rooms.audit.verify(signers)).map_err(|error| failed(&error))?;
    let witnessed = if args.online {
        Some(compare(&rooms)?)
    } else {
        None
    };
    show(args, &report, witnessed.as_ref())?;
    let verdict = verdict(&report, witnessed.as_ref());
    let how = reading(&rooms, "verify").detail("size", report.size);
    let how = match &verdict {
        Ok(()) => how,
        Err(_) => how.outcome("broken"),
    };
    if let Err(error) = wait(rooms.audit.append(how)) {
        note(&format!(
            "that the log was verified could not be written into it: {error}"
        ));
    }
    verdict
}

/// Whose signatures count: those that this node's copy of the directory names.
fn signers(rooms: &Rooms, membership: Option<&Membership>) -> Signers {
    let log = checkpoints(rooms);
    let (keys, witnesses) = match membership {
        Some(membership) => {
            let name = membership.registry().to_owned();
            let mut witnesses = member_keys(membership, &rooms.config.audit.witnesses);
            witnesses.insert(name, witness_keys(membership));
            (log_keys(membership, &log), witnesses)
        }
        None => (vec![log.public()], HashMap::new()),
    };
    Signers {
        origin: rooms.me.to_string(),
        log: keys,
        witnesses,
    }
}

/// What the registry says: the size that it cosigned last, or what is wrong.
enum Seen {
    Never,
    At(u64),
    Otherwise(String),
}

fn compare(rooms: &Rooms) -> Result<Seen, Failure> {
    super::membership(rooms)?;
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Unreachable,
            error,
            "check registry.url and that the registry runs; without --online the rest is verified",
        )
    };
    let directory = rooms.directory().map_err(|error| unusable(&error))?;
    let witnessing = Witnessing::new(checkpoints(rooms), directory, rooms.audit.clone());
    match run::small_runtime()?.block_on(witnessing.compare()) {
        Ok(Some(size)) => Ok(Seen::At(size)),
        Ok(None) => Ok(Seen::Never),
        Err(
            error @ (WitnessingError::Rollback { .. }
            | WitnessingError::Fork { .. }
            | WitnessingError::NoCosignature),
        ) => Ok(Seen::Otherwise(error.to_string())),
        Err(WitnessingError::Audit(error)) => Err(failed(&error)),
        Err(error) => Err(unusable(&error)),
    }
}

fn verdict(report: &Report, witnessed: Option<&Seen>) -> Result<(), Failure> {
    let first = report.problems.first().map(told);
    let witness = match witnessed {
        Some(Seen::Otherwise(text)) => Some(text.clone()),
        _ => None,
    };
    match first
        .map(|first| format!("first bad entry: {first}"))
        .or(witness)
    {
        None => Ok(()),
        Some(text) => Err(Failure::new(
            Exit::CheckFailed,
            text,
            "keep the database as it is, and tell the privacy officer; a backup shows what stood there",
        )),
    }
}

fn told(problem: &Problem) -> String {
    let place = match problem.last {
        last if last == problem.place => format!("place {}", problem.place),
        last => format!("one of the places {} to {last}", problem.place),
    };
    let line = problem.seq.map(|seq| format!(", line {seq}"));
    let at = problem.at.map(|at| format!(", {at}"));
    let (line, at) = (line.unwrap_or_default(), at.unwrap_or_default());
    format!("{place}{line}{at}: {}", problem.fault)
}

fn show(args: &AuditVerifyArgs, report: &Report, seen: Option<&Seen>) -> Result<(), Failure> {
    if let Output::Json = args.output.output {
        let problems = report.problems.iter().map(|problem| {
            json!({
                "place": problem.place, "last": problem.last, "seq": problem.seq,
                "at": problem.at.map(|at| at.to_string()), "fault": problem.fault.to_string(),
            })
        });
        return output::json(&json!({
            "size": report.size, "erased": report.erased, "waiting": report.waiting,
            "checkpoints": report.checkpoints, "cosignatures": report.cosignatures,
            "unknown_cosignatures": report.unknown_cosignatures, "cosigned": report.cosigned,
            "witnessed": match seen { Some(Seen::At(size)) => Some(size), _ => None },
            "problems": problems.collect::<Vec<_>>(),
        }));
    }
    line(&format!(
        "{} entries ({} erased), {} lines wait for the next checkpoint",
        report.size, report.erased, report.waiting
    ));
    line(&format!(
        "{} checkpoints; {} cosignatures, the newest over {} entries; {} of keys unknown here",
        report.checkpoints, report.cosignatures, report.cosigned, report.unknown_cosignatures
    ));
    match seen {
        None => {}
        Some(Seen::Never) => line("the registry has not cosigned this log yet"),
        Some(Seen::At(size)) => line(&format!(
            "the registry has seen the same up to {size} entries"
        )),
        Some(Seen::Otherwise(text)) => line(&format!("BAD  {text}")),
    }
    for problem in &report.problems {
        line(&format!("BAD  {}", told(problem)));
    }
    if report.problems.is_empty() {
        line("ok: every line, the tree and every signature fit");
    }
    Ok(())
}
