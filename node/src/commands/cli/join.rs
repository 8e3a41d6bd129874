//! What can be typed to join the federation, and to leave it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, HouseArgs, OutputArgs};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "The registry tries the node at its endpoint before anybody approves: start it right \
    after this,\nin another terminal or as a service.\n\nExamples:\n  \
    musubi-node join TOKEN --dir /var/lib/musubi-node --name 小樽みなと病院 \\\n      \
    --endpoint https://otaru.example.jp:9443 --phone 0134-00-0000\n  \
    musubi-node run --config /var/lib/musubi-node/node.toml\n  \
    musubi-node join status --config /var/lib/musubi-node/node.toml --wait"
)]
pub(crate) struct JoinArgs {
    #[command(subcommand)]
    pub(crate) step: Option<JoinStep>,
    #[command(flatten)]
    pub(crate) apply: ApplyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The join token, as the registry's operator handed it over; - reads standard input
    #[arg(value_name = "TOKEN", required = true)]
    pub(crate) token: Option<String>,
    /// The node's directory; made with keys, certificate, database and settings if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The organisation's name in Japanese, for a new node
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The address at which peers reach this node, for a new node
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    #[command(flatten)]
    pub(crate) house: HouseArgs,
    /// Who answers for this node
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) contact: String,
    /// Where the registry's operators can call them
    #[arg(long, value_name = "NUMBER", default_value = "")]
    pub(crate) phone: String,
    /// Where mail reaches them
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub(crate) email: String,
    /// Wait until the operators have decided
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JoinStep {
    /// How the application stands, and what the registry's probe found
    Status(JoinStatusArgs),
    /// Hand the application in again, with the settings as they are now and the same token
    Resubmit(JoinStatusArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JoinStatusArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Wait until the operators have decided
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node leave --yes --recovery-key /media/usb/recovery.pem"
)]
pub(crate) struct LeaveArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The recovery key, if it was moved away from the node, as it should be
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_key: Option<PathBuf>,
    /// Yes, leave: nobody returns under the same member id
    #[arg(long)]
    pub(crate) yes: bool,
}
