//! The node's private keys: made once, rotated, kept in files that nobody else can read, used here only.
//!
//! Owns alone: private key bytes. Others get a signer, an opener or public keys, never the bytes;
//! what holds them is zeroized on drop and has no `Debug`, `Clone` or `Serialize`.

mod files;
mod generations;
mod second_factor;

use std::path::Path;
use std::sync::Arc;

use federation_protocol::directory::{Membership, ROTATED_USES};
use federation_protocol::keys::{
    KeyId, KeyUse, PublicKey, SealPublicKey, SealSecretKey, SecretKey,
};
use federation_protocol::member::MemberId;
use federation_service::clock::SharedClock;
use federation_service::key_file::{KeyFileError, Passphrase};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use files::KeyFolder;
use generations::Generations;

const SIGN_FILE: &str = "sign.pem";
const CONSENT_FILE: &str = "consent.pem";
const LOG_FILE: &str = "log.pem";
const RECOVERY_FILE: &str = "recovery.pem";
const SEAL_FILE: &str = "seal.pem";
const CODE_FILE: &str = "code.key";

/// Why the keys could not be made or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// A key's file, or the folder, cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Keys of this use do not rotate.
    #[error("a {0} key does not rotate")]
    Use(KeyUse),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Entropy,
}

/// One public key and its use, as it stands in the node's description.
#[derive(Debug, Clone)]
pub enum NodePublicKey {
    /// An Ed25519 key and what it may sign.
    Signing(KeyUse, PublicKey),
    /// The X25519 key that others seal to.
    Seal(SealPublicKey),
}

/// The node's private keys, opened.
pub struct Keys {
    sign: Generations,
    consent: Generations,
    log: Generations,
    recovery: Option<Arc<SecretKey>>,
    seal: SealSecretKey,
    code: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Makes a fresh key of each use in `directory` (made with mode 0700; files 0600), and opens them.
    ///
    /// The recovery key belongs offline: move `recovery.pem` away once the node is described.
    ///
    /// # Errors
    /// As [`Keys::create_sealed`].
    pub fn create(directory: &Path) -> Result<Keys, KeysError> {
        Keys::create_sealed(directory, None)
    }

    /// The same; where there is a passphrase, no file ever holds a key that it does not seal.
    ///
    /// # Errors
    /// `File` also if any of the files is there, `Entropy`.
    pub fn create_sealed(
        directory: &Path,
        passphrase: Option<Arc<Passphrase>>,
    ) -> Result<Keys, KeysError> {
        let folder = KeyFolder::make(directory, passphrase.clone())?;
        for name in [
            SIGN_FILE,
            CONSENT_FILE,
            LOG_FILE,
            RECOVERY_FILE,
            SEAL_FILE,
            CODE_FILE,
        ] {
            let path = folder.file(name);
            if path.exists() {
                return Err(KeyFileError::Exists(path).into());
            }
        }
        for name in [SIGN_FILE, CONSENT_FILE, LOG_FILE, RECOVERY_FILE] {
            let key = SecretKey::from_seed(random_32()?);
            let pem = key
                .to_pkcs8_pem()
                .map_err(|_unwritable| KeyFileError::Malformed(folder.file(name)))?;
            folder.write(name, pem.as_bytes())?;
        }
        let seal = SealSecretKey::from_bytes(random_32()?);
        folder.write(SEAL_FILE, seal.to_pkcs8_pem().as_bytes())?;
        folder.write(CODE_FILE, &random_32()?)?;
        Keys::open(directory, passphrase)
    }

    /// Opens the keys in `directory`, none of which is sealed. The recovery key may be missing: it
    /// belongs offline.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub fn load(directory: &Path) -> Result<Keys, KeysError> {
        Keys::open(directory, None)
    }

    /// Opens the keys in `directory`, those that are sealed with `passphrase`.
    ///
    /// # Errors
    /// `File` if the directory or a file is open to others, or does not hold what its name
    /// promises, or is sealed with another passphrase.
    pub fn open(directory: &Path, passphrase: Option<Arc<Passphrase>>) -> Result<Keys, KeysError> {
        let folder = KeyFolder::open(directory, passphrase)?;
        let malformed = |name: &str| KeyFileError::Malformed(folder.file(name));
        let signing = |name: &str| -> Result<SecretKey, KeysError> {
            let text = folder.read_text(name)?;
            Ok(SecretKey::from_pkcs8_pem(&text).map_err(|_refused| malformed(name))?)
        };
        let seal = SealSecretKey::from_pkcs8_pem(&folder.read_text(SEAL_FILE)?)
            .map_err(|_refused| malformed(SEAL_FILE))?;
        let code: [u8; 32] = folder
            .read(CODE_FILE)?
            .as_slice()
            .try_into()
            .map_err(|_length| malformed(CODE_FILE))?;
        let recovery = match folder.file(RECOVERY_FILE).exists() {
            true => Some(Arc::new(signing(RECOVERY_FILE)?)),
            false => None,
        };
        Ok(Keys {
            sign: Generations::open(folder.clone(), KeyUse::Sign)?,
            consent: Generations::open(folder.clone(), KeyUse::Consent)?,
            log: Generations::open(folder.clone(), KeyUse::Log)?,
            recovery,
            seal,
            code: Zeroizing::new(code),
        })
    }

    /// The key that signs requests, answers and link assertions now.
    pub fn sign(&self) -> Arc<SecretKey> {
        self.sign.current()
    }

    /// The key that signs consent tokens and status lists now.
    pub fn consent(&self) -> Arc<SecretKey> {
        self.consent.current()
    }

    /// The key that signs checkpoints of the audit log now.
    pub fn log(&self) -> Arc<SecretKey> {
        self.log.current()
    }

    /// The `sign` key of this thumbprint, while it counts: a consent token is bound to one.
    pub fn sign_as(&self, kid: &KeyId) -> Option<Arc<SecretKey>> {
        self.sign.counting(kid)
    }

    /// The signer of one use; none for `Seal`, and none for `Recovery` once that key is offline.
    pub fn signer(&self, key_use: KeyUse) -> Option<Arc<SecretKey>> {
        match key_use {
            KeyUse::Recovery => self.recovery.clone(),
            _ => self.generations(key_use).map(Generations::current),
        }
    }

    /// Signs from now on with what `membership` lists of `me`, by this clock: the newest key of each
    /// use that has begun. Opens the files of keys that came by rotation.
    pub fn follow(&self, membership: &Membership, me: &MemberId, clock: &SharedClock) {
        let Some(member) = membership.member(me) else {
            return;
        };
        for key_use in ROTATED_USES {
            let listed = member.keys.iter().filter(|key| key.key_use == key_use);
            let unrevoked = listed.filter(|key| {
                let key = membership.key(&key.kid);
                key.is_some_and(|key| !key.revoked)
            });
            if let Some(generations) = self.generations(key_use) {
                generations.follow(unrevoked.cloned().collect(), clock);
            }
        }
    }

    /// Makes the next key of a use that rotates, on the disk and nowhere else yet; or takes the one
    /// that an earlier attempt left there. `is_known` says which kids the federation has seen.
    ///
    /// # Errors
    /// `Use`, `File`, `Entropy`.
    pub fn next(
        &self,
        key_use: KeyUse,
        is_known: &dyn Fn(&KeyId) -> bool,
    ) -> Result<SecretKey, KeysError> {
        let generations = self.generations(key_use);
        generations.ok_or(KeysError::Use(key_use))?.next(is_known)
    }

    /// The opened key of this use and thumbprint, whatever the directory says of it.
    pub fn get(&self, key_use: KeyUse, kid: &KeyId) -> Option<Arc<SecretKey>> {
        self.generations(key_use)?.get(kid)
    }

    /// Whether the private half of a listed key is here.
    pub fn holds(&self, key_use: KeyUse, kid: &KeyId) -> bool {
        match key_use {
            KeyUse::Seal => self.seal.kid() == kid,
            KeyUse::Recovery => self.recovery.as_ref().is_some_and(|key| key.kid() == kid),
            _ => self
                .generations(key_use)
                .is_some_and(|keys| keys.holds(kid)),
        }
    }

    /// Whether keys lie here that came by rotation: then the directory must be asked which signs.
    ///
    /// # Errors
    /// `File`.
    pub fn have_rotated(&self) -> Result<bool, KeysError> {
        for key_use in ROTATED_USES {
            if let Some(generations) = self.generations(key_use)
                && !generations.kids_on_disk()?.is_empty()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    const fn generations(&self, key_use: KeyUse) -> Option<&Generations> {
        match key_use {
            KeyUse::Sign => Some(&self.sign),
            KeyUse::Consent => Some(&self.consent),
            KeyUse::Log => Some(&self.log),
            KeyUse::Recovery | KeyUse::Seal => None,
        }
    }

    /// The key that opens what was sealed to `kid`, if it is this node's.
    pub fn opener(&self, kid: &KeyId) -> Option<&SealSecretKey> {
        (kid == self.seal.kid()).then_some(&self.seal)
    }

    /// Every public key that is used now, with its use; recovery only while its file is here.
    pub fn public_keys(&self) -> Vec<NodePublicKey> {
        let mut keys = vec![
            NodePublicKey::Signing(KeyUse::Sign, self.sign().public()),
            NodePublicKey::Signing(KeyUse::Consent, self.consent().public()),
            NodePublicKey::Signing(KeyUse::Log, self.log().public()),
        ];
        if let Some(recovery) = &self.recovery {
            keys.push(NodePublicKey::Signing(KeyUse::Recovery, recovery.public()));
        }
        keys.push(NodePublicKey::Seal(*self.seal.public()));
        keys
    }

    /// The keyed digest of a visit code: HMAC-SHA-256 with a secret of this node, so that a copy of
    /// the database alone cannot be searched for 50-bit codes.
    ///
    /// Source: CONSENT section 4.
    pub fn code_digest(&self, normalised: &str) -> [u8; 32] {
        // HMAC takes a key of any length; this one has 32 bytes, so the fallback is never taken.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.code.as_slice()) else {
            return [0; 32];
        };
        mac.chain_update(b"musubi visit code v1\0")
            .chain_update(normalised.as_bytes())
            .finalize()
            .into_bytes()
            .into()
    }
}

fn random_32() -> Result<[u8; 32], KeysError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_none| KeysError::Entropy)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
