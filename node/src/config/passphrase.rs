//! Where the passphrase of the private keys comes from: a file, or the environment.

use std::sync::Arc;

use federation_service::key_file::{Passphrase, PassphraseSource};

use super::error::ConfigError;
use super::settings::{CREDENTIALS, ENVIRONMENT, Settings};

const KEY: &str = "keys.passphrase";
const FILE_KEY: &str = "keys.passphrase_file";
const VARIABLE: &str = "MUSUBI_NODE_KEYS__PASSPHRASE";

/// `keys.passphrase_file`, or `keys.passphrase` where the environment says it: in the settings file
/// it would lie beside the keys that it seals.
pub(super) fn passphrase(settings: &Settings) -> Result<PassphraseSource, ConfigError> {
    let file = settings.parsed(FILE_KEY, Settings::text)?;
    let Some(held) = settings.parsed(KEY, |text| Ok(text.to_owned()))? else {
        let Some(file) = file else {
            return Ok(PassphraseSource::Absent);
        };
        let path = settings.secret_path(FILE_KEY, &file)?;
        return Ok(match file.starts_with(CREDENTIALS) {
            true => PassphraseSource::Credential(path),
            false => PassphraseSource::File(path),
        });
    };
    if settings.origin_of(KEY) != ENVIRONMENT {
        let problem = format!(
            "a passphrase does not lie beside the keys that it seals: name its file as \
             `{FILE_KEY}`, or set {VARIABLE}"
        );
        return Err(settings.invalid(KEY, problem));
    }
    if file.is_some() {
        return Err(settings.invalid(FILE_KEY, format!("`{KEY}` is given too: keep one of them")));
    }
    let held = zeroize::Zeroizing::new(held);
    let read = Passphrase::from_variable(&held, VARIABLE)
        .map_err(|error| settings.invalid(KEY, error.to_string()))?;
    Ok(PassphraseSource::Variable(Arc::new(read)))
}
