//! The node's private keys: made once, kept in files that nobody else can read, used here only.
//!
//! Owns alone: private key bytes. Others get a signer, an opener or public keys, never the bytes;
//! what holds them is zeroized on drop and has no `Debug`, `Clone` or `Serialize`.

mod files;
mod second_factor;

use std::path::{Path, PathBuf};

use federation_protocol::keys::{
    KeyId, KeyUse, PublicKey, SealPublicKey, SealSecretKey, SecretKey, Sign,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

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
    /// A key directory or file is there already: keys are never overwritten.
    #[error("{} is there already: keys are never overwritten", .0.display())]
    Exists(PathBuf),
    /// Others than the owner can read or write it.
    #[error("{} can be reached by others (mode {mode:04o}); next: chmod {wanted:04o} {}", path.display(), path.display())]
    Mode {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits now.
        mode: u32,
        /// The widest permission bits that are accepted.
        wanted: u32,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold the key that its name promises.
    #[error("{} does not hold a key of the right kind", .0.display())]
    Malformed(PathBuf),
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
    sign: SecretKey,
    consent: SecretKey,
    log: SecretKey,
    recovery: Option<SecretKey>,
    seal: SealSecretKey,
    code: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Makes a fresh key of each use in `directory` (made with mode 0700; files 0600), and opens them.
    ///
    /// The recovery key belongs offline: move `recovery.pem` away once the node is described.
    ///
    /// # Errors
    /// `Exists` if any of the files is there; `File`, `Entropy`.
    pub fn create(directory: &Path) -> Result<Keys, KeysError> {
        files::make_directory(directory)?;
        for name in [
            SIGN_FILE,
            CONSENT_FILE,
            LOG_FILE,
            RECOVERY_FILE,
            SEAL_FILE,
            CODE_FILE,
        ] {
            let path = directory.join(name);
            if path.exists() {
                return Err(KeysError::Exists(path));
            }
        }
        for name in [SIGN_FILE, CONSENT_FILE, LOG_FILE, RECOVERY_FILE] {
            let key = SecretKey::from_seed(random_32()?);
            let path = directory.join(name);
            let pem = key
                .to_pkcs8_pem()
                .map_err(|_unwritable| KeysError::Malformed(path.clone()))?;
            files::write_secret(&path, pem.as_bytes())?;
        }
        let seal = SealSecretKey::from_bytes(random_32()?);
        files::write_secret(&directory.join(SEAL_FILE), seal.to_pkcs8_pem().as_bytes())?;
        files::write_secret(&directory.join(CODE_FILE), &random_32()?)?;
        Keys::load(directory)
    }

    /// Opens the keys in `directory`. The recovery key may be missing: it belongs offline.
    ///
    /// # Errors
    /// `Mode` if the directory or a file is open to others; `File`, `Malformed`.
    pub fn load(directory: &Path) -> Result<Keys, KeysError> {
        files::check_mode(directory, 0o700)?;
        let signing = |name: &str| -> Result<SecretKey, KeysError> {
            let path = directory.join(name);
            let text = files::read_secret_text(&path)?;
            SecretKey::from_pkcs8_pem(&text).map_err(|_refused| KeysError::Malformed(path))
        };
        let seal_path = directory.join(SEAL_FILE);
        let seal = SealSecretKey::from_pkcs8_pem(&files::read_secret_text(&seal_path)?)
            .map_err(|_refused| KeysError::Malformed(seal_path))?;
        let code_path = directory.join(CODE_FILE);
        let code = files::read_secret(&code_path)?;
        let code: [u8; 32] = code
            .as_slice()
            .try_into()
            .map_err(|_length| KeysError::Malformed(code_path))?;
        let recovery = match directory.join(RECOVERY_FILE).exists() {
            true => Some(signing(RECOVERY_FILE)?),
            false => None,
        };
        Ok(Keys {
            sign: signing(SIGN_FILE)?,
            consent: signing(CONSENT_FILE)?,
            log: signing(LOG_FILE)?,
            recovery,
            seal,
            code: Zeroizing::new(code),
        })
    }

    /// The key that signs requests, answers and link assertions.
    pub fn sign(&self) -> &dyn Sign {
        &self.sign
    }

    /// The key that signs consent tokens and status lists.
    pub fn consent(&self) -> &dyn Sign {
        &self.consent
    }

    /// The key that signs checkpoints of the audit log.
    pub fn log(&self) -> &dyn Sign {
        &self.log
    }

    /// The signer of one use; none for `Seal`, and none for `Recovery` once that key is offline.
    pub fn signer(&self, key_use: KeyUse) -> Option<&dyn Sign> {
        match key_use {
            KeyUse::Sign => Some(&self.sign),
            KeyUse::Consent => Some(&self.consent),
            KeyUse::Log => Some(&self.log),
            KeyUse::Recovery => self.recovery.as_ref().map(|key| -> &dyn Sign { key }),
            KeyUse::Seal => None,
        }
    }

    /// The key that opens what was sealed to `kid`, if it is this node's.
    pub fn opener(&self, kid: &KeyId) -> Option<&SealSecretKey> {
        (kid == self.seal.kid()).then_some(&self.seal)
    }

    /// Every public key with its use; recovery only while its file is here.
    pub fn public_keys(&self) -> Vec<NodePublicKey> {
        let mut keys = vec![
            NodePublicKey::Signing(KeyUse::Sign, self.sign.public()),
            NodePublicKey::Signing(KeyUse::Consent, self.consent.public()),
            NodePublicKey::Signing(KeyUse::Log, self.log.public()),
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
