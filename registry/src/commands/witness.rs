//! `musubi-registry witness …`

use clap::{Args, Subcommand};
use federation_protocol::member::MemberId;
use federation_service::clock::{Clock as _, SystemClock};
use serde_json::json;

use super::failure::{Exit, Failure};
use super::output::{Format, Output, print, print_json, table};
use super::{ConfigFile, progress};
use crate::database::Database;
use crate::witness::{self, ResetError};

/// The members' audit logs, as far as this registry has seen them.
#[derive(Subcommand)]
pub(super) enum Witness {
    /// Where each log was when it was cosigned last, and which began anew.
    List(List),
    /// Lets a member's log begin anew: its node was restored from a backup.
    Reset(Reset),
}

/// Where each log was when it was cosigned last.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry witness list
  musubi-registry witness list -o json")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    output: Output,
}

/// Lets a member's log begin anew.
///
/// A node that was restored from a backup has lost what its log said since. Until this is done no
/// checkpoint of it is cosigned. Ask the member what happened first: somebody who wants entries
/// forgotten asks for the same. The reset is kept for ever, with the size that was lost.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry witness reset urn:musubi:member:0110000001 --reason 'disk lost, backup of 3 May'")]
pub(super) struct Reset {
    /// The member's id.
    #[arg(value_name = "MEMBER")]
    id: MemberId,
    /// Why, for everyone who asks later. Never a patient's name.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    config: ConfigFile,
}

impl Witness {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(),
            Self::Reset(reset) => reset.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let (heads, resets) = witness::all(&mut database)?;
        match self.output.format {
            Format::Json => {
                let heads = heads.iter().map(|head| {
                    json!({
                        "origin": head.origin, "size": head.size, "root": head.root.to_string(),
                        "cosigned_at": head.cosigned_at.to_string(), "note": head.note,
                    })
                });
                let resets = resets.iter().map(|reset| {
                    json!({
                        "origin": reset.origin, "size": reset.size, "reason": reset.reason,
                        "at": reset.at.to_string(),
                    })
                });
                let heads: serde_json::Value = heads.collect();
                let resets: serde_json::Value = resets.collect();
                print_json(&json!({ "heads": heads, "resets": resets }))
            }
            Format::Table => {
                let heads = heads.iter().map(|head| {
                    let (size, at) = (head.size.to_string(), head.cosigned_at.to_string());
                    [head.origin.clone(), size, at, head.root.to_string()]
                });
                let resets = resets.iter().map(|reset| {
                    let (size, at) = (reset.size.to_string(), reset.at.to_string());
                    let reason = format!("began anew: {}", reset.reason);
                    [reset.origin.clone(), size, at, reason]
                });
                let rows: Vec<_> = heads.chain(resets).collect();
                print(&table(["LOG", "SIZE", "AT", "ROOT"], &rows))
            }
        }
    }
}

impl Reset {
    fn run(self) -> Result<(), Failure> {
        let mut database = Database::open(&self.config.load()?.database_path()?)?;
        let lost = witness::reset(&mut database, &self.id, &self.reason, SystemClock.now())?;
        progress(format_args!(
            "the log of {} begins anew; it had been cosigned up to {} entries at {}",
            self.id, lost.size, lost.cosigned_at
        ));
        Ok(())
    }
}

impl From<ResetError> for Failure {
    fn from(error: ResetError) -> Self {
        let what = error.to_string();
        match error {
            ResetError::Database(error) => error.into(),
            ResetError::Unknown(_) => {
                let next = "look at `musubi-registry witness list`";
                Self::new(Exit::Failure, what, next)
            }
        }
    }
}
