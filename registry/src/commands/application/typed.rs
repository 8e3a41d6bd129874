//! What can be typed: every `musubi-registry application …`, its options and examples.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use federation_protocol::joining::ApplicationId;

use super::super::ConfigFile;
use super::super::output::Output;

/// Who wants to join.
#[derive(Subcommand)]
pub(crate) enum Application {
    /// Every application, newest first.
    List(List),
    /// One application: who, where, which keys, what the probe found, what was done with it.
    Show(Show),
    /// Probes the applicant's node now.
    Probe(Probe),
    /// Signs with an approver's key; with enough of them, the applicant is a member.
    Approve(Approve),
    /// Gives it back with a reason; the hospital mends it and hands it in again.
    Return(Return),
    /// Refuses it for good, with a reason.
    Reject(Reject),
    /// Writes the statement that approvers sign, to be signed on another machine.
    Export(Export),
    /// Signs an exported statement; needs neither the registry nor its folder.
    Sign(Sign_),
}

/// Every application, newest first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry application list
  musubi-registry application list -o json")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// One application.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application show ID")]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Probes the applicant's node now.
///
/// A running registry does this by itself, until the node has passed.
#[derive(Args)]
#[command(after_help = "\
Exit code 3 when the node did not pass.

Example:
  musubi-registry application probe ID")]
pub(crate) struct Probe {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Signs with an approver's key; with enough of them, the applicant is a member.
///
/// Call the hospital at a number that you know from elsewhere and compare the thirty digits: this is
/// the moment that everyone else relies on.
#[derive(Args)]
#[command(after_help = "\
Where root asks for several approvers, each signs in turn: the first one's signature is kept, the
last one makes the member.

Examples:
  musubi-registry application approve ID --approver-key /media/usb/approver.pem
  musubi-registry application approve ID --approver-key a.pem --fingerprint '12345 …'
  musubi-registry application approve ID --statement signed.json --fingerprint '12345 …'")]
pub(crate) struct Approve {
    /// An approver's key, PEM; may be repeated. Keep it away from this machine when not in use.
    #[arg(long, value_name = "FILE", required_unless_present = "statement")]
    pub(crate) approver_key: Vec<PathBuf>,
    /// A statement that was signed on another machine (`application sign`).
    #[arg(long, value_name = "FILE")]
    pub(crate) statement: Option<PathBuf>,
    /// The thirty digits as the hospital read them out; without it you are asked.
    #[arg(long, value_name = "DIGITS")]
    pub(crate) fingerprint: Option<String>,
    /// Approves although the node has not passed the probe: the member is on probation, and takes
    /// part once it passes.
    #[arg(long)]
    pub(crate) on_probation: bool,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Gives it back with a reason.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application return ID --reason 'the name in kana is missing'")]
pub(crate) struct Return {
    #[command(flatten)]
    pub(crate) decision: Decision,
}

/// Refuses it for good, with a reason.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application reject ID --reason 'not the hospital that we invited'")]
pub(crate) struct Reject {
    #[command(flatten)]
    pub(crate) decision: Decision,
}

/// One application, in one registry.
#[derive(Args)]
pub(crate) struct Chosen {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: ApplicationId,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What ends an application for now, or for good.
#[derive(Args)]
pub(crate) struct Decision {
    /// Why. The hospital reads it.
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// Writes the statement that approvers sign.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application export ID --out statement.json")]
pub(crate) struct Export {
    /// The application, as `list` shows it.
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: ApplicationId,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

/// Signs an exported statement.
#[derive(Args)]
#[command(after_help = "\
Example:
  musubi-registry application sign statement.json --approver-key approver.pem --out signed.json")]
pub(crate) struct Sign_ {
    /// What `application export` wrote, or another approver signed.
    #[arg(value_name = "FILE")]
    pub(crate) statement: PathBuf,
    /// An approver's key, PEM.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) approver_key: Vec<PathBuf>,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The thirty digits as the hospital read them out; without it you are asked.
    #[arg(long, value_name = "DIGITS")]
    pub(crate) fingerprint: Option<String>,
}
