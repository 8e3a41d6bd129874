//! `musubi-node audit reconcile`: which exchanges of a day does one of two members lack.

use federation_protocol::receipts::{Day, Differences};
use serde_json::{Value, json};

use super::cli::Output;
use super::cli::audit::AuditReconcileArgs;
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, line};
use super::{member, membership, rooms, run, start_failure};
use crate::federation::receipts::DayError;
use crate::federation::reconciling::{ReconcileError, sorts};

pub(super) fn reconcile(args: &AuditReconcileArgs) -> Result<(), Failure> {
    let day = args.day.as_deref().map(str::parse::<Day>);
    let day = day
        .transpose()
        .or_failure(Exit::Failure, "give --day as 2026-11-23")?;
    let rooms = rooms(&args.node)?;
    let peer = member(&args.member)?;
    if peer == rooms.me {
        let next = "name another member; see `musubi-node doctor`";
        return Err(Failure::new(Exit::Failure, "that is this node", next));
    }
    membership(&rooms)?;
    let reconciling = rooms.reconciling().map_err(|error| start_failure(&error))?;
    let day = day.unwrap_or_else(|| reconciling.last_day());
    let compared = run::small_runtime()?.block_on(reconciling.reconcile(&peer, day));
    let found = compared.map_err(|error| failed(&error))?;
    show(args, day, &found)?;
    if found.is_equal() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::CheckFailed,
        format!("the exchanges of {day} with {peer} are not the same at both ends"),
        "keep both databases as they are; `musubi-node evidence verify EXCHANGE` where it is held, \
         `musubi-node audit verify --online` where it is not",
    ))
}

fn failed(error: &ReconcileError) -> Failure {
    let (exit, next) = match error {
        ReconcileError::Day(DayError::NotOver(_)) => (
            Exit::Failure,
            "days are compared from five minutes after their end (UTC)",
        ),
        ReconcileError::Silent(_) | ReconcileError::Unusable => (
            Exit::Unreachable,
            "musubi-node doctor says what is wrong on the way; try again",
        ),
        ReconcileError::Refused(_) => (Exit::Refused, "ask the other member's operator"),
        _ => (Exit::TryAgain, "try again"),
    };
    Failure::new(exit, error, next)
}

fn show(args: &AuditReconcileArgs, day: Day, found: &Differences) -> Result<(), Failure> {
    if let Output::Json = args.output.output {
        let mut shown = json!({
            "day": day.to_string(), "equal": found.is_equal(), "here": found.here,
            "there": found.there, "unanswered": found.unanswered, "more": found.more,
        });
        for (name, exchanges) in sorts(found) {
            let names: Vec<Value> = exchanges.iter().map(|id| id.to_string().into()).collect();
            if let Some(members) = shown.as_object_mut() {
                members.insert(name.to_owned(), names.into());
            }
        }
        return output::json(&shown);
    }
    line(&format!(
        "{day}: {} exchanges here, {} there",
        found.here, found.there
    ));
    for (name, exchanges) in sorts(found) {
        for exchange in exchanges {
            line(&format!("{exchange}  {}", name.replace('_', " ")));
        }
    }
    if found.unanswered > 0 {
        line(&format!(
            "{} were answered, and the answer did not arrive",
            found.unanswered
        ));
    }
    if found.more {
        line("there may be more: there was too much to ask about");
    }
    Ok(())
}
