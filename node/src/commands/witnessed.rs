//! `musubi-node audit witnessed`: the logs of other members that this node has cosigned.

use serde_json::{Value, json};

use super::audit::{read_line, reading};
use super::cli::Output;
use super::cli::audit::{WitnessedCommand, WitnessedForgetArgs, WitnessedListArgs};
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{self, Listing, line};
use super::{rooms, wait};
use crate::audit::{Kind, Line};
use crate::federation::cosigning;

pub(super) fn witnessed(command: &WitnessedCommand) -> Result<(), Failure> {
    match command {
        WitnessedCommand::List(args) => list(args),
        WitnessedCommand::Forget(args) => forget(args),
    }
}

fn list(args: &WitnessedListArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let logs =
        wait(cosigning::witnessed(&rooms.database)).or_failure(Exit::TryAgain, "try again")?;
    read_line(&rooms, reading(&rooms, "witnessed").shown(logs.len()))?;
    match args.output.output {
        Output::Json => output::json(&Value::Array(
            logs.iter()
                .map(|log| {
                    json!({
                        "member": log.origin, "size": log.size, "root": log.root.to_string(),
                        "cosigned_at": log.cosigned_at.to_string(),
                    })
                })
                .collect(),
        )),
        Output::Table => {
            let mut listing = Listing::new(&["log", "size", "cosigned", "root"]);
            for log in logs {
                let (size, at) = (log.size.to_string(), log.cosigned_at.to_string());
                listing.row([log.origin, size, at, log.root.to_string()]);
            }
            listing.print(Output::Table)
        }
    }
}

fn forget(args: &WitnessedForgetArgs) -> Result<(), Failure> {
    let rooms = rooms(&args.node)?;
    let how = Line::new(Kind::Witness, rooms.clock.now(), "admin")
        .actor_id(&args.by)
        .detail("reason", args.reason.as_str());
    let was = wait(cosigning::forget(&rooms.database, &args.member, how))
        .or_failure(Exit::TryAgain, "try again")?;
    match was {
        Some(was) => {
            line(&format!(
                "{} was at {} entries; its next checkpoint is the first again",
                args.member, was.size
            ));
            Ok(())
        }
        None => Err(Failure::new(
            Exit::Failure,
            format!("no log of {} was ever cosigned here", args.member),
            "see `musubi-node audit witnessed list`",
        )),
    }
}
