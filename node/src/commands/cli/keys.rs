//! `musubi-node keys …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use federation_protocol::keys::KeyId;

use super::keys_encrypt::EncryptArgs;
use super::{ConfigArgs, OutputArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Every key of this member: which signs, which is giving way, which was revoked, which is here
    List(KeysListArgs),
    /// Put a new key in the place of one, without a failed request and without a restart
    Rotate(KeysRotateArgs),
    /// End keys at once with the recovery key: for a key that may be stolen
    Revoke(KeysRevokeArgs),
    /// Seal the private keys with the passphrase of the settings, or change that passphrase
    Encrypt(EncryptArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node keys list --config /var/lib/musubi-node/node.toml")]
pub(crate) struct KeysListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The uses whose keys rotate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RotatedUse {
    /// Requests, answers, link assertions
    Sign,
    /// Consent tokens, status lists
    Consent,
    /// Checkpoints of the audit log
    Log,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node keys rotate --use sign\n  musubi-node keys rotate --use \
    consent --wait\n\nThe new key begins 10 min later, when every connected node has heard of it; the \
    old one ends 7 days later. The running node follows by itself."
)]
pub(crate) struct KeysRotateArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// Which key
    #[arg(long = "use", value_enum)]
    pub(crate) key_use: RotatedUse,
    /// Wait until the new key signs: about 11 min
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  musubi-node keys revoke KID --recovery-key /media/usb/recovery.pem \
    --replace\n  musubi-node keys revoke KID --also KID --recovery-key /media/usb/recovery.pem\n\nEvery \
    connected node refuses the key within 60 s. What it signed before stays provable."
)]
pub(crate) struct KeysRevokeArgs {
    /// The key, as `keys list` shows it
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    pub(crate) kid: KeyId,
    /// Another key, in the same statement; once for each
    #[arg(long, value_name = "KID", allow_hyphen_values = true)]
    pub(crate) also: Vec<KeyId>,
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The recovery key, from where it is kept
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_key: PathBuf,
    /// Make a new key for each use of these, which counts at once
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
