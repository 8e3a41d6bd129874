//! `musubi-node audit`: who looked, who was refused, what was withheld. Ids only.

use federation_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::cli::{AuditCommand, AuditListArgs, Output};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing};
use super::{rooms, wait};
use crate::audit::{Filter, Recorded};

pub(super) fn audit(command: &AuditCommand) -> Result<(), Failure> {
    let AuditCommand::List(args) = command;
    list(args)
}

fn list(args: &AuditListArgs) -> Result<(), Failure> {
    let since = args.since.as_deref().map(Timestamp::parse_rfc3339);
    let since = since
        .transpose()
        .or_failure(Exit::Failure, "give --since as 2026-11-23T09:00:00Z")?;
    let rooms = rooms(&args.node)?;
    let filter = Filter {
        since,
        exchange: args.exchange.clone(),
        limit: Some(args.limit),
        newest_first: true,
        ..Filter::default()
    };
    let lines = wait(rooms.audit.list(filter)).or_failure(Exit::TryAgain, "try again")?;
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
