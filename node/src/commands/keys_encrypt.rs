//! `musubi-node keys encrypt`: plain keys sealed, sealed ones sealed anew.

use federation_service::key_file::{Passphrase, Sealed, seal_files};

use super::cli::keys_encrypt::EncryptArgs;
use super::failure::{Exit, Failure, OrFailure as _};
use super::output::{line, note};
use super::{passphrase, settings};

/// `musubi-node keys encrypt`.
pub(super) fn encrypt(args: &EncryptArgs) -> Result<(), Failure> {
    let config = settings(&args.node)?;
    let present = passphrase(&config)?;
    let coming = args.new_passphrase_file.as_deref();
    let coming = coming.map(Passphrase::read).transpose();
    let coming = coming.or_failure(Exit::Config, "mend --new-passphrase-file")?;
    let Some(next) = coming.as_ref().or(present.as_deref()) else {
        return Err(Failure::new(
            Exit::Config,
            "no passphrase is set",
            "openssl rand -base64 32 > FILE, chmod 0600 FILE, and name it in the settings: \
             [keys] passphrase_file = \"FILE\"",
        ));
    };
    let folder = config.state_dir.join("keys");
    let tls = &config.federation.tls;
    let others = [tls.key.clone(), tls.next().key];
    let others: Vec<_> = others.into_iter().filter(|key| key.exists()).collect();
    let done = seal_files(&folder, &others, present.as_deref(), next).or_failure(
        Exit::Failure,
        "mend it and type the same command once more: what is done stays done",
    )?;
    for (path, what) in done {
        let word = match what {
            Sealed::Newly => "sealed",
            Sealed::Anew => "sealed anew",
            Sealed::Already => "as it was",
        };
        line(&format!("{word:<12} {}", path.display()));
    }
    if coming.is_some() {
        note(
            "next: put the new passphrase where the settings look for it, before the node starts \
             again; keep a copy in the safe: without it no key opens",
        );
    }
    Ok(())
}
