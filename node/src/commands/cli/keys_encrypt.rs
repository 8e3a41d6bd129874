//! `musubi-node keys encrypt`.

use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "Killed at any moment it loses no key: the same command once more finishes \
    the work.\n\nExamples:\n  \
    musubi-node keys encrypt --config /etc/musubi-node/node.toml\n  \
    musubi-node keys encrypt --new-passphrase-file /root/passphrase.new"
)]
pub(crate) struct EncryptArgs {
    #[command(flatten)]
    pub(crate) node: ConfigArgs,
    /// File with the passphrase that is to hold from now on, mode 0600
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
}
