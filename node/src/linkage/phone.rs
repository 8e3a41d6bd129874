//! A phone as a file, for commands, demonstrations and tests: its device keys, one per link. A real phone
//! derives its keys in the browser (`pages/assets/device.js`).
//!
//! The node never keeps these keys. At a responder's counter the phone makes a key for that link and
//! takes the signed assertion home; at home it hands the assertion over and signs decisions. The
//! file is JSON, readable by its owner alone:
//!
//! `{"version":1,"person":UUID,"home":MEMBER,"keys":[{"responder":MEMBER,"seed":BASE64URL,
//! "handle"?:HANDLE,"assertion"?:JWS}]}`

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use federation_protocol::keys::{PublicKey, SecretKey};
use federation_protocol::link::PatientHandle;
use federation_protocol::member::MemberId;
use zeroize::Zeroizing;

use crate::identity::PersonId;

mod file;

use file::{KeyEntry, PhoneFile};

const VERSION: u32 = 1;

/// A phone file of a thousand links is smaller.
const LONGEST_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Why the phone file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Others than the owner can read or write it.
    #[error("{} can be reached by others (mode {mode:04o}); next: chmod 0600 {}", path.display(), path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits now.
        mode: u32,
    },
    /// It could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not a phone file of this version.
    #[error("not a phone file: {0}")]
    Malformed(&'static str),
    /// It has no key for this hospital: the link has not been made with this phone.
    #[error("this phone has no link with {0}")]
    NoLink(MemberId),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

/// An opened phone. No `Debug`: it holds secret keys.
pub struct Phone {
    person: PersonId,
    home: MemberId,
    keys: Vec<DeviceKey>,
}

struct DeviceKey {
    responder: MemberId,
    seed: Zeroizing<[u8; 32]>,
    link: Option<(PatientHandle, String)>,
}

/// A link assertion on its way from the counter to the home node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The hospital that signed it.
    pub responder: MemberId,
    /// The public half of this phone's key for the link.
    pub device_key: PublicKey,
    /// The signed assertion.
    pub assertion: String,
}

impl Phone {
    /// A new phone for `person`, whose home is `home`; without links.
    #[must_use]
    pub fn new(person: PersonId, home: MemberId) -> Self {
        Self {
            person,
            home,
            keys: Vec::new(),
        }
    }

    /// Whose phone this is.
    #[must_use]
    pub fn person(&self) -> &PersonId {
        &self.person
    }

    /// The home node's member id.
    #[must_use]
    pub fn home(&self) -> &MemberId {
        &self.home
    }

    /// Makes a fresh device key for a link with `responder` and returns its public half. A key
    /// whose link was never made is replaced; that of a made link stays until the new one is.
    ///
    /// # Errors
    /// `Entropy`.
    pub fn make_key(&mut self, responder: &MemberId) -> Result<PublicKey, PhoneError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_none| PhoneError::Entropy)?;
        let public = public_of(&seed);
        self.keys
            .retain(|key| key.responder != *responder || key.link.is_some());
        self.keys.push(DeviceKey {
            responder: responder.clone(),
            seed,
            link: None,
        });
        Ok(public)
    }

    /// The public half of a key for a link with `responder` that is still to be made: that of a try
    /// that was broken off, or a fresh one.
    ///
    /// # Errors
    /// `Entropy`.
    pub fn pending_key(&mut self, responder: &MemberId) -> Result<PublicKey, PhoneError> {
        let mut pending = self.keys.iter().filter(|key| key.link.is_none());
        match pending.find(|key| key.responder == *responder) {
            Some(key) => Ok(public_of(&key.seed)),
            None => self.make_key(responder),
        }
    }

    /// Keeps the assertion that `responder` signed over the key just made; an older link's key with
    /// the same hospital is forgotten.
    ///
    /// # Errors
    /// `NoLink` if no key was made for it.
    pub fn keep_assertion(
        &mut self,
        responder: &MemberId,
        handle: PatientHandle,
        assertion: String,
    ) -> Result<(), PhoneError> {
        let fresh = |key: &DeviceKey| key.responder == *responder && key.link.is_none();
        let Some(at) = self.keys.iter().position(fresh) else {
            return Err(PhoneError::NoLink(responder.clone()));
        };
        let mut key = self.keys.swap_remove(at);
        key.link = Some((handle, assertion));
        self.keys.retain(|other| other.responder != *responder);
        self.keys.push(key);
        self.keys.sort_by(|a, b| a.responder.cmp(&b.responder));
        Ok(())
    }

    /// Every assertion that this phone carries.
    #[must_use]
    pub fn carried(&self) -> Vec<Carried> {
        let carried = |key: &DeviceKey| {
            let (_handle, assertion) = key.link.as_ref()?;
            Some(Carried {
                responder: key.responder.clone(),
                device_key: public_of(&key.seed),
                assertion: assertion.clone(),
            })
        };
        self.keys.iter().filter_map(carried).collect()
    }

    /// The person's signature over `message`, by the device key of the link with `responder`.
    ///
    /// # Errors
    /// `NoLink`.
    pub fn sign(&self, responder: &MemberId, message: &[u8]) -> Result<[u8; 64], PhoneError> {
        let linked = |key: &&DeviceKey| key.responder == *responder && key.link.is_some();
        let key = self.keys.iter().find(linked);
        let key = key.ok_or_else(|| PhoneError::NoLink(responder.clone()))?;
        Ok(SecretKey::from_seed(*key.seed).sign(message))
    }

    /// Opens a phone file.
    ///
    /// # Errors
    /// `Mode`, `File`, `Malformed`.
    pub fn open(path: &Path) -> Result<Phone, PhoneError> {
        let failed = |source| PhoneError::File {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & !0o600 != 0 {
            return Err(PhoneError::Mode {
                path: path.to_path_buf(),
                mode,
            });
        }
        let mut text = Zeroizing::new(String::with_capacity(4096));
        let longest = u64::try_from(LONGEST_FILE_BYTES).unwrap_or(u64::MAX);
        file.take(longest)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Phone::parse(&text)
    }

    /// Reads the text of a phone file.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Phone, PhoneError> {
        let file: PhoneFile =
            serde_json::from_str(text).map_err(|_refused| PhoneError::Malformed("its fields"))?;
        if file.version != VERSION {
            return Err(PhoneError::Malformed("its version"));
        }
        let person = file
            .person
            .parse()
            .map_err(|_not| PhoneError::Malformed("person"))?;
        let keys: Result<Vec<DeviceKey>, PhoneError> =
            file.keys.into_iter().map(KeyEntry::opened).collect();
        Ok(Phone {
            person,
            home: file.home,
            keys: keys?,
        })
    }

    /// Writes the file (mode 0600), replacing what stood there only when all of it is on the disk.
    ///
    /// # Errors
    /// `File`, `Malformed`.
    pub fn save(&self, path: &Path) -> Result<(), PhoneError> {
        let failed = |source| PhoneError::File {
            path: path.to_path_buf(),
            source,
        };
        let text = self.to_text()?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.new", uuid::Uuid::new_v4()));
        let beside = PathBuf::from(beside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }

    fn to_text(&self) -> Result<Zeroizing<String>, PhoneError> {
        let file = PhoneFile {
            version: VERSION,
            person: self.person.to_string(),
            home: self.home.clone(),
            keys: self.keys.iter().map(KeyEntry::closed).collect(),
        };
        let text = serde_json::to_string_pretty(&file);
        Ok(Zeroizing::new(
            text.map_err(|_refused| PhoneError::Malformed("its fields"))?,
        ))
    }
}

fn public_of(seed: &Zeroizing<[u8; 32]>) -> PublicKey {
    SecretKey::from_seed(**seed).public()
}

#[cfg(test)]
mod tests;
