//! The passphrase that opens this machine's keys, and where it comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{KeyFileError, LENT_MODE, check_mode, read_bounded, widest_for};

/// Characters that a passphrase has at least. It is made by a machine and read by a machine, so there
/// is no reason for one that can be guessed.
pub const SHORTEST_PASSPHRASE: usize = 16;

/// A passphrase, wiped on drop. Has no Debug, Clone or Serialize.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The first line of a file that its owner alone can reach.
    ///
    /// # Errors
    /// `Mode`, `File`, `Passphrase`.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        Self::read_within(path, widest_for(path))
    }

    fn read_within(path: &Path, widest: u32) -> Result<Self, KeyFileError> {
        check_mode(path, widest)?;
        let held = read_bounded(path)?;
        let line = held.split(|byte| *byte == b'\n').next();
        Self::of(line.unwrap_or_default(), path)
    }

    /// A passphrase that stands in a variable, called `name`.
    ///
    /// # Errors
    /// `Passphrase`.
    pub fn from_variable(value: &str, name: &str) -> Result<Self, KeyFileError> {
        Self::of(value.as_bytes(), Path::new(name))
    }

    fn of(line: &[u8], path: &Path) -> Result<Self, KeyFileError> {
        let refuse = |what| KeyFileError::Passphrase {
            path: path.to_path_buf(),
            what,
        };
        let line = line.trim_ascii();
        let text = std::str::from_utf8(line).map_err(|_not| refuse("not text"))?;
        match text.chars().count() {
            0 => Err(refuse("it is empty")),
            short if short < SHORTEST_PASSPHRASE => {
                Err(refuse("a passphrase has at least 16 characters"))
            }
            _ => Ok(Self(Zeroizing::new(line.to_vec()))),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where the passphrase comes from: never from the command line, which every process can read.
#[derive(Clone, Default)]
pub enum PassphraseSource {
    /// None is set: keys are kept plain.
    #[default]
    Absent,
    /// A file that its owner alone can reach.
    File(PathBuf),
    /// A file that the service manager lends (`LoadCredential=`).
    Credential(PathBuf),
    /// The environment, read when the settings were.
    Variable(Arc<Passphrase>),
}

impl PassphraseSource {
    /// Reads it.
    ///
    /// # Errors
    /// `Mode`, `File`, `Passphrase`: a passphrase that is set and cannot be read is a wrong setting,
    /// never a reason to go on without.
    pub fn passphrase(&self) -> Result<Option<Arc<Passphrase>>, KeyFileError> {
        Ok(match self {
            Self::Absent => None,
            Self::File(path) => Some(Arc::new(Passphrase::read(path)?)),
            Self::Credential(path) => Some(Arc::new(Passphrase::read_within(path, LENT_MODE)?)),
            Self::Variable(held) => Some(Arc::clone(held)),
        })
    }

    /// Whether one is set.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl fmt::Debug for PassphraseSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("none"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Credential(path) => write!(formatter, "credential {}", path.display()),
            Self::Variable(_) => formatter.write_str("environment"),
        }
    }
}
