//! `musubi-registry keys encrypt`

use std::path::PathBuf;

use clap::Args;
use federation_service::key_file::{Passphrase, Sealed, seal_files};

use super::failure::{Exit, Failure};
use super::output::print;
use super::{ConfigFile, progress};

/// Seals the online keys and the TLS key with the passphrase that the settings name, or changes it.
///
/// Killed at any moment it loses no key: the same command once more finishes the work.
#[derive(Args)]
#[command(after_help = "\
Examples:
  musubi-registry keys encrypt
  musubi-registry keys encrypt --new-passphrase-file /root/passphrase.new")]
pub(super) struct Encrypt {
    /// File with the passphrase that is to hold from now on, mode 0600.
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

impl Encrypt {
    pub(super) fn run(self) -> Result<(), Failure> {
        let fail = |error: &dyn std::fmt::Display, next: &str| {
            Failure::new(Exit::Config, error.to_string(), next)
        };
        let config = self.config.load()?;
        let keys = config.key_folder();
        let present = keys
            .passphrase()
            .map_err(|error| fail(&error, "mend keys.passphrase_file"))?;
        let coming = self.new_passphrase_file.as_deref();
        let coming = coming.map(Passphrase::read).transpose();
        let coming = coming.map_err(|error| fail(&error, "mend --new-passphrase-file"))?;
        let Some(next) = coming.as_ref().or(present.as_deref()) else {
            let next = "openssl rand -base64 32 > FILE, chmod 0600 FILE, and name it in the \
                        settings: [keys] passphrase_file = \"FILE\"";
            return Err(fail(&"no passphrase is set", next));
        };
        let tls = [config.http.tls_key_file.clone()];
        let done = seal_files(&keys.file("keys"), &tls, present.as_deref(), next);
        let done = done.map_err(|error| {
            let next = "mend it and type the same once more: what is done stays done";
            Failure::new(Exit::Failure, error.to_string(), next)
        })?;
        for (path, what) in done {
            let word = match what {
                Sealed::Newly => "sealed",
                Sealed::Anew => "sealed anew",
                Sealed::Already => "as it was",
            };
            print(&format!("{word:<12} {}\n", path.display()))?;
        }
        if coming.is_some() {
            progress(format_args!(
                "next: put the new passphrase where the settings look for it, before the registry \
                 starts again; keep a copy in the safe"
            ));
        }
        Ok(())
    }
}
