//! `musubi-node certificate …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, OutputArgs};

#[derive(Debug, Subcommand)]
#[command(after_help = "The whole change, while the node runs:\n  \
    musubi-node certificate new\n  \
    musubi-node certificate request --recovery-key /media/usb/recovery.pem --out entry.json\n  \
    musubi-registry member replace entry.json --approver-key approver.pem   (at the registry)\n  \
    musubi-node certificate list                    (ten minutes later: shown)\n  \
    musubi-node certificate request --drop-old --recovery-key /media/usb/recovery.pem --out entry.json\n  \
    musubi-registry member replace entry.json --approver-key approver.pem   (at the registry)\n  \
    musubi-node certificate drop")]
pub(crate) enum CertificateCommand {
    /// Make the next key and certificate beside the present ones
    New(CertificateNewArgs),
    /// The certificates that lie here, which one is listed, and which one is shown
    List(CertificateListArgs),
    /// Write what the registry's approvers sign: this member's entry with the certificates and the
    /// address that it has now
    Request(CertificateRequestArgs),
    /// Put the next certificate in the place of the old one, once the directory lists it alone
    Drop(CertificateDropArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  musubi-node certificate new --config /etc/musubi-node/node.toml"
)]
pub(crate) struct CertificateNewArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node certificate list -o json")]
pub(crate) struct CertificateListArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without the recovery key the registry holds the change for 24 hours, and every \
    node is alarmed.\n\nExample:\n  musubi-node certificate request --recovery-key \
    /media/usb/recovery.pem --out entry.json"
)]
pub(crate) struct CertificateRequestArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// The recovery key, brought back from its safe [default: recovery.pem, if it still lies here]
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_key: Option<PathBuf>,
    /// List the next certificate alone: once it is shown
    #[arg(long)]
    pub(crate) drop_old: bool,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  musubi-node certificate drop")]
pub(crate) struct CertificateDropArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
}
