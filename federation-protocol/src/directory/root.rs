//! Root: the one document that is pinned, and names every key that counts.

use serde::{Deserialize, Serialize};

use crate::jws::{General, PayloadHash};
use crate::keys::{KeyId, PublicKey, Sign};
use crate::time::Timestamp;

use super::profile::Certificate;
use super::{AcceptError, DOCUMENT_VERSION, Opened, Reading, SignedDocument, payload};

/// `typ` of root.
pub const ROOT_TYP: &str = "musubi-root+jwt";

const LONGEST: usize = 128 * 1_024;
const LONGEST_LIFE_SECONDS: i64 = 366 * 86_400;

/// Root's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootDocument {
    /// 1.
    pub ver: u32,
    /// The registry's id, `urn:musubi:registry:<label>`.
    pub iss: String,
    /// Rises by 1.
    pub seq: u64,
    /// The hash of the payload before; `null` for the first.
    pub prev: Option<PayloadHash>,
    /// When it was made.
    pub iat: Timestamp,
    /// At most a year later.
    pub exp: Timestamp,
    /// How the registry is recognised on the network.
    pub registry: RegistryTls,
    /// The keys that sign root.
    pub root: KeyQuorum,
    /// The online keys, each for its kinds of document.
    pub online: Vec<OnlineKey>,
    /// The keys that sign members' entries.
    pub approvers: KeyQuorum,
}

/// The registry's TLS certificates: the only trust of a connection to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryTls {
    /// DER, self-signed.
    pub certificates: Vec<Certificate>,
}

/// Keys of which at least `threshold` must sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyQuorum {
    /// How many, 1 or more.
    pub threshold: u32,
    /// Of these.
    pub keys: Vec<NamedKey>,
}

impl KeyQuorum {
    pub(super) fn keys(&self) -> impl Iterator<Item = (&KeyId, &PublicKey)> {
        self.keys.iter().map(|key| (&key.kid, &key.x))
    }

    pub(super) fn needed(&self) -> usize {
        usize::try_from(self.threshold).unwrap_or(usize::MAX)
    }

    fn is_sound(&self) -> bool {
        let distinct = self.keys.iter().enumerate().all(|(at, key)| {
            key.kid == key.x.kid() && !self.keys.iter().take(at).any(|one| one.kid == key.kid)
        });
        distinct && (1..=self.keys.len()).contains(&self.needed())
    }
}

/// An Ed25519 key with its thumbprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedKey {
    /// The thumbprint of `x`.
    pub kid: KeyId,
    /// The key.
    pub x: PublicKey,
}

impl NamedKey {
    /// A key with its thumbprint.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self {
            kid: key.kid(),
            x: key.clone(),
        }
    }
}

/// A key that the registry keeps online.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineKey {
    /// The thumbprint of `x`.
    pub kid: KeyId,
    /// The key.
    pub x: PublicKey,
    /// What it may sign.
    pub may: Vec<DocumentKind>,
}

/// What an online key may sign.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentKind {
    /// The directory.
    Directory,
    /// The status.
    Status,
    /// An echo to a node, as [`crate::member::MemberId::registry`]: no document, no question about
    /// anybody.
    Probe,
}

impl RootDocument {
    /// Signs with root keys; a successor also with the keys of the root before.
    #[must_use]
    pub fn sign(&self, keys: &[&dyn Sign]) -> SignedDocument {
        let payload = payload(self);
        let jws = keys.iter().fold(General::new(&payload), |jws, key| {
            jws.signed(ROOT_TYP, *key)
        });
        SignedDocument {
            jws: jws.to_json(),
            hash: PayloadHash::of(&payload),
        }
    }

    /// The online key with this thumbprint, when it may sign this kind.
    pub fn delegated(&self, kid: &KeyId, kind: DocumentKind) -> Option<&PublicKey> {
        let key = self.online.iter().find(|key| key.kid == *kid)?;
        key.may.contains(&kind).then_some(&key.x)
    }

    fn check(&self) -> Result<(), AcceptError> {
        let online = self.online.iter().all(|key| key.kid == key.x.kid());
        let registry = self
            .iss
            .strip_prefix("urn:musubi:registry:")
            .is_some_and(|label| !label.is_empty() && label.len() <= 64);
        let sound = online && registry && self.root.is_sound() && self.approvers.is_sound();
        if sound {
            Ok(())
        } else {
            Err(AcceptError::Schema)
        }
    }
}

/// An accepted root.
#[derive(Clone, Debug)]
pub struct Root {
    document: RootDocument,
    hash: PayloadHash,
}

impl Root {
    /// What it says.
    #[must_use]
    pub const fn document(&self) -> &RootDocument {
        &self.document
    }

    /// The hash of its payload: what is pinned at joining.
    #[must_use]
    pub const fn hash(&self) -> PayloadHash {
        self.hash
    }

    /// The registry's id.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.document.iss
    }

    /// The `seq` that a root claims, before anything of it is believed; none when it is no root.
    #[must_use]
    pub fn claimed_seq(jws: &[u8]) -> Option<u64> {
        let general = General::parse(jws, LONGEST).ok()?;
        let opened = Opened::read(&general.open(ROOT_TYP).ok()?.payload).ok()?;
        Some(opened.head.seq)
    }

    /// Accepts the root that was pinned at joining, signed by its own threshold.
    ///
    /// # Errors
    /// [`AcceptError`], the first that fails.
    ///
    /// Source: PROTOCOL section 2.
    pub fn pinned(
        jws: &[u8],
        pin: &PayloadHash,
        reading: Reading,
        now: Timestamp,
    ) -> Result<Self, AcceptError> {
        let (general, root) = read(jws, reading, now)?;
        if root.hash != *pin {
            return Err(AcceptError::NotPinned);
        }
        signed_by(&general, &root.document.root)?;
        Ok(root)
    }

    /// Accepts a later root: the same again, or the next, signed by this one's threshold and its
    /// own.
    ///
    /// # Errors
    /// [`AcceptError`], the first that fails; [`AcceptError::Gap`] when roots in between are
    /// missing.
    pub fn successor(
        &self,
        jws: &[u8],
        reading: Reading,
        now: Timestamp,
    ) -> Result<Self, AcceptError> {
        let (general, next) = read(jws, reading, now)?;
        let (have, got) = (self.document.seq, next.document.seq);
        signed_by(&general, &self.document.root)?;
        signed_by(&general, &next.document.root)?;
        if next.document.iss != self.document.iss {
            return Err(AcceptError::Issuer);
        }
        if got < have {
            return Err(AcceptError::Rollback { have, got });
        }
        if got == have {
            let same = next.hash == self.hash;
            return if same {
                Ok(next)
            } else {
                Err(AcceptError::SplitView { seq: got })
            };
        }
        if got > have.saturating_add(1) {
            return Err(AcceptError::Gap { have, got });
        }
        if next.document.prev != Some(self.hash) {
            return Err(AcceptError::PreviousMismatch);
        }
        Ok(next)
    }
}

fn read(jws: &[u8], reading: Reading, now: Timestamp) -> Result<(General, Root), AcceptError> {
    let general = General::parse(jws, LONGEST)?;
    let opened = Opened::read(&general.open(ROOT_TYP)?.payload)?;
    opened.check_times(LONGEST_LIFE_SECONDS, reading, now)?;
    let hash = opened.hash;
    let document: RootDocument = opened.schema()?;
    document.check()?;
    debug_assert_eq!(document.ver, DOCUMENT_VERSION, "the head was judged");
    Ok((general, Root { document, hash }))
}

fn signed_by(general: &General, keys: &KeyQuorum) -> Result<(), AcceptError> {
    let signed = general
        .open(ROOT_TYP)?
        .count(keys.keys())
        .or(Err(AcceptError::Signature))?;
    if signed >= keys.needed() {
        Ok(())
    } else {
        Err(AcceptError::KeyNotDelegated)
    }
}
