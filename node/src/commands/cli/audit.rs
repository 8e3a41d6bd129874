//! `musubi-node audit …` and `musubi-node evidence …`

use clap::{Args, Subcommand};
use federation_protocol::member::MemberId;

use super::{ConfigArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// The newest lines, or those that match
    List(AuditListArgs),
    /// All lines as FHIR AuditEvents (IHE BALP), one JSON object a line
    Export(AuditExportArgs),
    /// Recompute every line, the tree and every signature; name the first bad entry
    #[command(
        after_help = "Exit codes: 0 everything fits, 3 something was changed, 5 the registry \
        did not answer (--online)."
    )]
    Verify(AuditVerifyArgs),
    /// Look at the tables: triggers, numbers, order, stored nodes
    #[command(after_help = "Exit codes: 0 in order, 3 something must be looked at.")]
    Fsck(AuditFsckArgs),
    /// Prove that one line stands in the log, for somebody without access to it
    Prove(AuditProveArgs),
    /// Compare the exchanges of a day with another member's, and name what one side lacks
    #[command(
        after_help = "Exit codes: 0 the same at both ends, 3 something is missing or \
        another, 5 the member did not answer, 6 it refused."
    )]
    Reconcile(AuditReconcileArgs),
    /// The logs of other members that this node has cosigned
    #[command(subcommand)]
    Witnessed(WitnessedCommand),
    /// Erase what lines before a day say; their places in the tree stay
    Erase(AuditEraseArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum WitnessedCommand {
    /// How far each was when it was cosigned last
    List(WitnessedListArgs),
    /// Let the log of a member begin anew, after its node was restored from a backup
    #[command(after_help = "\
Example:
  musubi-node audit witnessed forget urn:musubi:member:0110000002 --by it-7 --reason 'disk lost'")]
    Forget(WitnessedForgetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WitnessedListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WitnessedForgetArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Whose log
    #[arg(value_name = "MEMBER")]
    pub(crate) member: MemberId,
    /// Why, as the audit will say; never a patient's name
    #[arg(long)]
    pub(crate) reason: String,
    /// Who decides it, as the audit will name them
    #[arg(long, value_name = "ID")]
    pub(crate) by: String,
}

#[derive(Debug, Args)]
pub(crate) struct AuditListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// At most this many, newest first
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    /// Only the lines of one exchange
    #[arg(long, value_name = "ID")]
    pub(crate) exchange: Option<String>,
    /// Only lines after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditExportArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Only lines after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Also ask the registry what it has seen of this log: an older copy of the whole fits itself
    #[arg(long)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditFsckArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditProveArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Number of the line, as `audit list` shows it
    #[arg(value_name = "SEQ")]
    pub(crate) seq: i64,
}

#[derive(Debug, Args)]
pub(crate) struct AuditReconcileArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The other member: its number, or its id
    #[arg(value_name = "MEMBER")]
    pub(crate) member: String,
    /// The day (UTC); without it, the last that is over
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) day: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditEraseArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Lines and proofs of exchanges before this day (UTC) are erased, as far as audit.retention
    /// allows
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) before: String,
    /// Erase; without it, only say how many it would be
    #[arg(long)]
    pub(crate) yes: bool,
    /// Who erases, as the audit will name it
    #[arg(long, value_name = "ID")]
    pub(crate) by: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Verify what was kept of an exchange, offline, with the directory of that day
    #[command(after_help = "\
Exit codes, the first that applies:
  0   everything that was kept fits
  20  nothing is kept of this exchange, or what was is erased
  21  what is kept cannot be read
  22  the directory of that day is not in this node's archive, or is not acceptable
  23  the request's key was not the sender's signing key then
  24  the request's signature does not fit
  25  no answer is kept
  26  the answer's key was not the responder's signing key then
  27  the answer is bound to another request
  28  the answer's signature does not fit
  29  the file given with --body is neither the request's body nor the answer's")]
    Verify(EvidenceVerifyArgs),
    /// Verify what a person downloaded of who looked (`who-looked.json`), offline
    Accesses(EvidenceAccessesArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node evidence accesses who-looked.json\n\n\
    Exit code 3: something in it is not proved."
)]
pub(crate) struct EvidenceAccessesArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The file, as the person downloaded it
    #[arg(value_name = "FILE")]
    pub(crate) file: std::path::PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EvidenceVerifyArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the exchange, as the audit of both sides names it
    #[arg(value_name = "EXCHANGE")]
    pub(crate) exchange: String,
    /// A body that somebody still has: is it one of the two that were signed?
    #[arg(long, value_name = "FILE")]
    pub(crate) body: Option<std::path::PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
