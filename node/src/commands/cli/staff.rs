//! What can be typed about staff who sign in on pages.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ListArgs, OutputArgs};
use crate::config::duration;

#[derive(Debug, Subcommand)]
pub(crate) enum StaffCommand {
    /// Add an account, or change its role or name; prints the one-time link to its first passkey
    Add(StaffAddArgs),
    /// Every account
    List(ListArgs),
    /// Another one-time link for an account, such as when a phone is lost; the former ones end
    SetupLink(SetupLinkArgs),
    /// Close an account: its sessions end at once
    Disable(StaffArgs),
    /// End every session of an account
    EndSessions(StaffArgs),
    /// Public keys of systems that may bring staff here by a signed link
    #[command(subcommand)]
    SystemKey(SystemKeyCommand),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node staff add --role admin --id admin-1 --name '山田 太郎'\n  \
    musubi-node staff add --role physician --id dr-0042 --name '佐藤 健' --ttl 24h\n\nThe link is shown \
    once, with a QR code on a terminal. Opened in a browser, it makes a passkey and signs in."
)]
pub(crate) struct StaffAddArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// physician, registrar, auditor, admin, security or observer
    #[arg(long)]
    pub(crate) role: String,
    /// Staff id, as the audit and signed questions will name it
    #[arg(long, value_name = "ID")]
    pub(crate) id: String,
    /// What the person is called
    #[arg(long)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) life: LifeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How long a setup link is good.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct LifeArgs {
    /// How long the link is good: 15m to 24h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) ttl: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node staff setup-link --id dr-0042 --ttl 15m")]
pub(crate) struct SetupLinkArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Staff id
    #[arg(long, value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) life: LifeArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  musubi-node staff disable --id dr-0042\n  \
    musubi-node staff end-sessions --id dr-0042")]
pub(crate) struct StaffArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Staff id
    #[arg(long, value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SystemKeyCommand {
    /// Trust a system's public key; prints the `kid` that its links name
    Add(SystemKeyAddArgs),
    /// The keys there are
    List(ListArgs),
    /// Trust a key no longer
    End(SystemKeyEndArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  openssl genpkey -algorithm ed25519 -out ehr.key\n  openssl pkey -in \
    ehr.key -pubout -out ehr.pub\n  musubi-node staff system-key add --system ehr --key ehr.pub"
)]
pub(crate) struct SystemKeyAddArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The system's id, as the audit will name it
    #[arg(long, value_name = "ID")]
    pub(crate) system: String,
    /// Its public key, PEM: Ed25519, or P-256 for ES256
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node staff system-key end KID")]
pub(crate) struct SystemKeyEndArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The key, as `staff system-key list` shows it
    #[arg(value_name = "KID")]
    pub(crate) kid: String,
}
