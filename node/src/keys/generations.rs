//! The keys of one use: the first, and those that came after it by rotation.
//!
//! On disk `sign.pem`, then `sign.<kid>.pem`. Which of them signs is not for this node to say: it is
//! the newest that the accepted directory lists, that has begun, and that no peer can fail to know.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use federation_protocol::directory::KeyStatement;
use federation_protocol::keys::{KeyId, KeyUse, SecretKey};
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use federation_service::key_file::KeyFileError;

use super::files::KeyFolder;
use super::{KeysError, random_32};

/// A new key is used so long after it began, in seconds: no clock in the federation may be further
/// behind, and the old key counts that long yet.
const SETTLING_SECONDS: i64 = 60;

/// The keys of one use.
pub(super) struct Generations {
    key_use: KeyUse,
    folder: KeyFolder,
    held: RwLock<Held>,
}

/// What is held, and what of it the directory lists.
struct Held {
    first: Arc<SecretKey>,
    later: Vec<Arc<SecretKey>>,
    listed: Vec<KeyStatement>,
    clock: Option<SharedClock>,
}

impl Generations {
    /// Opens the first key of this use; later ones are opened when the directory names them.
    pub(super) fn open(folder: KeyFolder, key_use: KeyUse) -> Result<Self, KeysError> {
        let first = Arc::new(read(&folder, &format!("{key_use}.pem"))?);
        Ok(Self {
            key_use,
            folder,
            held: RwLock::new(Held {
                first,
                later: Vec::new(),
                listed: Vec::new(),
                clock: None,
            }),
        })
    }

    /// The key that signs now.
    pub(super) fn current(&self) -> Arc<SecretKey> {
        let held = self.held();
        let Some(now) = held.clock.as_ref().map(|clock| clock.now()) else {
            return Arc::clone(&held.first);
        };
        let settled = now.plus_seconds(-SETTLING_SECONDS);
        let newest = |begun_by: Timestamp| {
            let listed = held.listed.iter();
            let begun = listed.filter(|key| key.holds_at(now) && key.not_before <= begun_by);
            let here = begun.filter_map(|key| Some((key.not_before, held.find(&key.kid)?)));
            here.max_by_key(|(begun, _)| *begun).map(|(_, key)| key)
        };
        // One that has only just begun, when there is no other: it replaces a revoked one.
        let chosen = newest(settled).or_else(|| newest(now));
        Arc::clone(chosen.unwrap_or(&held.first))
    }

    /// The key of this thumbprint, while it may still sign: what is bound to an old key is used with
    /// it until it ends.
    pub(super) fn counting(&self, kid: &KeyId) -> Option<Arc<SecretKey>> {
        let held = self.held();
        let counts = match &held.clock {
            None => held.first.kid() == kid,
            Some(clock) => {
                let now = clock.now();
                let mut listed = held.listed.iter();
                listed.any(|key| key.kid == *kid && key.holds_at(now))
            }
        };
        held.find(kid).filter(|_| counts).map(Arc::clone)
    }

    /// Whether the private half is here, listed or not, and was opened.
    pub(super) fn holds(&self, kid: &KeyId) -> bool {
        self.held().find(kid).is_some()
    }

    /// The key of this thumbprint, whatever the directory says of it.
    pub(super) fn get(&self, kid: &KeyId) -> Option<Arc<SecretKey>> {
        self.held().find(kid).map(Arc::clone)
    }

    /// Takes over how the directory lists this use now, and opens the keys that it names.
    ///
    /// A key that is listed and not here, or cannot be opened, is not signed with; the doctor says so.
    pub(super) fn follow(&self, listed: Vec<KeyStatement>, clock: &SharedClock) {
        let missing: Vec<KeyId> = {
            let held = self.held();
            let unknown = listed.iter().filter(|key| held.find(&key.kid).is_none());
            unknown.map(|key| key.kid.clone()).collect()
        };
        let opened: Vec<Arc<SecretKey>> = missing
            .iter()
            .filter_map(|kid| self.open_later(kid))
            .collect();
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.later.extend(opened);
        held.listed = listed;
        held.clock = Some(Arc::clone(clock));
    }

    fn open_later(&self, kid: &KeyId) -> Option<Arc<SecretKey>> {
        let name = self.file_name(kid);
        if !self.folder.file(&name).exists() {
            return None;
        }
        match read(&self.folder, &name) {
            Ok(key) if key.kid() == kid => {
                tracing::info!(key.id = %kid, "{} key {kid} is opened", self.key_use);
                Some(Arc::new(key))
            }
            Ok(_) => {
                tracing::error!(key.id = %kid, "{name} holds another key");
                None
            }
            Err(error) => {
                tracing::error!(key.id = %kid, "the key cannot be opened: {error}");
                None
            }
        }
    }

    /// Makes a key that nobody lists yet, or takes the one that an earlier attempt left:
    /// `is_known` says which kids the federation has seen.
    pub(super) fn next(&self, is_known: &dyn Fn(&KeyId) -> bool) -> Result<SecretKey, KeysError> {
        if let Some(left) = self.left_behind(is_known)? {
            return Ok(left);
        }
        let key = SecretKey::from_seed(random_32()?);
        let name = self.file_name(key.kid());
        let pem = key
            .to_pkcs8_pem()
            .map_err(|_unwritable| KeyFileError::Malformed(self.folder.file(&name)))?;
        self.folder.write(&name, pem.as_bytes())?;
        Ok(key)
    }

    fn left_behind(
        &self,
        is_known: &dyn Fn(&KeyId) -> bool,
    ) -> Result<Option<SecretKey>, KeysError> {
        for kid in self.kids_on_disk()? {
            // Half written by an attempt that was killed: it stays, and is nobody's.
            if !is_known(&kid)
                && let Ok(key) = read(&self.folder, &self.file_name(&kid))
                && *key.kid() == kid
            {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The later keys that lie in the folder, by the names of their files.
    pub(super) fn kids_on_disk(&self) -> Result<Vec<KeyId>, KeysError> {
        let failed = |source| KeyFileError::File {
            path: self.folder.path().to_owned(),
            source,
        };
        let mut kids = Vec::new();
        for file in std::fs::read_dir(self.folder.path()).map_err(failed)? {
            let name = file.map_err(failed)?.file_name();
            let kid = name.to_str().and_then(|name| {
                let rest = name.strip_prefix(self.key_use.as_str())?;
                rest.strip_prefix('.')?.strip_suffix(".pem")?.parse().ok()
            });
            kids.extend(kid);
        }
        kids.sort();
        Ok(kids)
    }

    fn file_name(&self, kid: &KeyId) -> String {
        format!("{}.{kid}.pem", self.key_use)
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn find(&self, kid: &KeyId) -> Option<&Arc<SecretKey>> {
        let mut all = std::iter::once(&self.first).chain(&self.later);
        all.find(|key| key.kid() == kid)
    }
}

fn read(folder: &KeyFolder, name: &str) -> Result<SecretKey, KeysError> {
    let text = folder.read_text(name)?;
    let malformed = |_refused| KeyFileError::Malformed(folder.file(name));
    Ok(SecretKey::from_pkcs8_pem(&text).map_err(malformed)?)
}
