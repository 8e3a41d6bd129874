//! `[keys]`: where the passphrase comes from that seals the online keys.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use federation_service::key_file::{KeyFileError, Passphrase, PassphraseSource};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Config, ConfigError};

/// The variable that may hold the passphrase: in the file it would lie beside the keys.
const VARIABLE: &str = "MUSUBI_REGISTRY_KEYS__PASSPHRASE";
/// How a path begins that the service manager lends (systemd `LoadCredential=`).
const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY/";

/// `[keys]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// File with the passphrase that seals the online keys; `$CREDENTIALS_DIRECTORY/NAME` is what
    /// the service manager lends.
    passphrase_file: Option<String>,
    passphrase: Option<Hidden>,
    #[serde(skip)]
    source: PassphraseSource,
}

/// A secret setting, wiped on drop; Debug shows nothing of it.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Hidden(Zeroizing<String>);

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

impl Keys {
    /// Settles where the passphrase comes from.
    ///
    /// # Errors
    /// `Passphrase`: two places, a short one, or a lent one that nobody lends.
    pub(super) fn settle(
        &mut self,
        base: &Path,
        credentials: Option<&Path>,
    ) -> Result<(), ConfigError> {
        let refuse = |what: &str| ConfigError::Passphrase(what.to_owned());
        self.source = match (&self.passphrase_file, self.passphrase.take()) {
            (None, None) => PassphraseSource::Absent,
            (Some(_), Some(_)) => {
                return Err(refuse(
                    "keys.passphrase_file is given too: keep one of them",
                ));
            }
            (None, Some(Hidden(held))) => {
                let read = Passphrase::from_variable(&held, VARIABLE);
                let read = read.map_err(|error| refuse(&error.to_string()))?;
                PassphraseSource::Variable(Arc::new(read))
            }
            (Some(file), None) => match (file.strip_prefix(CREDENTIALS), credentials) {
                (None, _) => PassphraseSource::File(base.join(file)),
                (Some(name), Some(folder)) => PassphraseSource::Credential(folder.join(name)),
                (Some(_), None) => {
                    return Err(refuse(
                        "CREDENTIALS_DIRECTORY is not set: start by the service manager, with \
                         LoadCredential= in the unit, or name the file itself",
                    ));
                }
            },
        };
        Ok(())
    }
}

/// The online keys' folder, and what opens them.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    state: PathBuf,
    passphrase: PassphraseSource,
}

impl KeyFolder {
    /// A file below the state folder, such as `keys/status.pem`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// The passphrase, if one is set.
    ///
    /// # Errors
    /// It is set and cannot be read.
    pub(crate) fn passphrase(&self) -> Result<Option<Arc<Passphrase>>, KeyFileError> {
        self.passphrase.passphrase()
    }

    /// Whether a passphrase is set.
    pub(crate) const fn is_sealed(&self) -> bool {
        self.passphrase.is_set()
    }
}

impl Config {
    /// The online keys.
    pub(crate) fn key_folder(&self) -> KeyFolder {
        KeyFolder {
            state: self.state.dir.clone(),
            passphrase: self.keys.source.clone(),
        }
    }
}
