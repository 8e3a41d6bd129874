//! What can be typed about bearer tokens.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ListArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum AccessCommand {
    /// Make a bearer token; it is shown once and stored hashed
    Create(AccessCreateArgs),
    /// The tokens there are, without their secrets
    List(ListArgs),
    /// End a token
    Revoke(AccessRevokeArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node access create --role physician --id dr-0042 --days 30\n  \
    musubi-node access create --role system --id ehr\n  \
    musubi-node access create --person ID\n  \
    musubi-node access create --role physician --id dr-0042 --second-factor"
)]
pub(crate) struct AccessCreateArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// physician, registrar, system, auditor, admin, security or observer
    #[arg(
        long,
        required_unless_present = "person",
        conflicts_with = "person",
        requires = "id"
    )]
    pub(crate) role: Option<String>,
    /// Staff or system id, as the audit will name it
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A person whose home this is: a token for the patient listener
    #[arg(long, value_name = "ID")]
    pub(crate) person: Option<String>,
    /// Enrol a second factor (TOTP) for this physician, in the place of the one they had: what it
    /// prints is for their authenticator app, and is not shown again
    #[arg(long, conflicts_with = "person")]
    pub(crate) second_factor: bool,
    /// Days until it ends
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u16,
    /// Write the token to this file (0600) instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AccessRevokeArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Id of the token, as `access list` shows it
    #[arg(value_name = "ID")]
    pub(crate) token: String,
}
