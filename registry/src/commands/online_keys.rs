//! Other online keys for a root that is drafted.

use federation_protocol::directory::{OnlineKey, RootDocument};
use federation_protocol::keys::SecretKey;
use federation_service::key_file::{self, KeyFileError};

use super::failure::{Exit, Failure};
use super::init::{key, pem};
use super::progress;
use crate::config::KeyFolder;
use crate::directory::{OnlineKeys, next_of, read_online_key};

/// Names another key for each kind of document that root lets an online key sign. They lie beside the
/// present ones until the root is issued; a draft that came to nothing left keys that are taken again.
pub(super) fn replace(folder: &KeyFolder, next: &mut RootDocument) -> Result<(), Failure> {
    for (file, kind) in OnlineKeys::FILES {
        let named = next.online.iter().any(|online| online.may.contains(&kind));
        if !named {
            continue;
        }
        for online in &mut next.online {
            online.may.retain(|may| *may != kind);
        }
        let key = left_or_made(folder, &next_of(file))?;
        next.online.push(OnlineKey {
            kid: key.kid().clone(),
            x: key.public(),
            may: vec![kind],
        });
    }
    next.online.retain(|online| !online.may.is_empty());
    progress(format_args!(
        "the next online keys lie beside the present ones, as *.next.pem; `root rotate` puts them in \
         their place"
    ));
    Ok(())
}

fn left_or_made(folder: &KeyFolder, file: &str) -> Result<SecretKey, Failure> {
    match folder.file(file).exists() {
        true => Ok(read_online_key(folder, file)?),
        false => make(folder, file),
    }
}

/// Makes a key in a new file, sealed where a passphrase is set.
pub(super) fn make(folder: &KeyFolder, file: &str) -> Result<SecretKey, Failure> {
    let unusable = |error: KeyFileError| {
        let next = "mend keys.passphrase_file, or take the key's file away first";
        Failure::new(Exit::Config, error.to_string(), next)
    };
    let key = key()?;
    let passphrase = folder.passphrase().map_err(unusable)?;
    let made = key_file::write_new(
        &folder.file(file),
        pem(&key)?.as_bytes(),
        passphrase.as_deref(),
    );
    made.map_err(unusable)?;
    Ok(key)
}
