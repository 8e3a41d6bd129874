//! What a node judges by: root, directory and status together, indexed.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use crate::keys::{Fingerprint, KeyId, KeyUse, PublicKey, SealPublicKey};
use crate::member::{MemberId, MemberState};
use crate::purpose::Purpose;
use crate::signature::FedDirectory;
use crate::time::Timestamp;

use super::AcceptError;
use super::document::Directory;
use super::profile::{KeyStatement, Profile};
use super::root::{DocumentKind, Root};
use super::status::Status;

/// A member as its entry says, with the keys that it has now; the state is asked of [`Membership::state`].
#[derive(Clone, Debug)]
pub struct Member {
    profile: Profile,
    listed_state: MemberState,
    version: u64,
}

impl Member {
    /// Where it is reached: `https://host:port`.
    #[must_use]
    pub fn federation_endpoint(&self) -> &str {
        &self.profile.endpoints.federation
    }

    /// The version of its entry.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl Deref for Member {
    type Target = Profile;

    fn deref(&self) -> &Profile {
        &self.profile
    }
}

/// An Ed25519 key of some member, listed or archived.
#[derive(Copy, Clone, Debug)]
pub struct KeyEntry<'a> {
    /// Its thumbprint.
    pub kid: &'a KeyId,
    /// Whose.
    pub member: &'a MemberId,
    /// What for.
    pub key_use: KeyUse,
    /// From when it counts.
    pub not_before: Timestamp,
    /// Until when, itself included.
    pub not_after: Timestamp,
    /// It stands in the archive alone: it proves what it signed then
    /// ([`Directory::signer_at`]), and signs nothing new.
    pub retired: bool,
    /// It counts no more, whatever its times say.
    pub revoked: bool,
    /// The key.
    pub public: &'a PublicKey,
}

impl KeyEntry<'_> {
    /// Whether the key is listed for this use, counted at this moment, and was not revoked.
    ///
    /// `at` may be what the signer says: so a revoked key counts at no moment, or a thief would say
    /// that it was yesterday.
    #[must_use]
    pub fn may(&self, key_use: KeyUse, at: Timestamp) -> bool {
        let counts = !self.retired && !self.revoked;
        self.key_use == key_use && counts && self.not_before <= at && at <= self.not_after
    }
}

/// How much a node may still do, by the age of the newest accepted status.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// At most 10 min: everything.
    Current,
    /// At most 24 h: treatment, emergency treatment and break-glass; audit lines say `stale`.
    Stale,
    /// At most 72 h: break-glass only.
    EmergencyOnly,
    /// Nothing.
    Expired,
}

impl Freshness {
    /// Whether a request of this purpose may still be made or answered.
    #[must_use]
    pub const fn allows(self, purpose: Purpose) -> bool {
        match self {
            Self::Current => true,
            Self::Stale => matches!(purpose, Purpose::Treat | Purpose::Etreat | Purpose::Btg),
            Self::EmergencyOnly => matches!(purpose, Purpose::Btg),
            Self::Expired => false,
        }
    }
}

struct IndexedKey {
    member: MemberId,
    key_use: KeyUse,
    not_before: Timestamp,
    not_after: Timestamp,
    retired: bool,
    revoked: bool,
    public: PublicKey,
}

/// The directory with what is looked up in it, made once for each accepted directory.
struct Index {
    directory: Directory,
    members: HashMap<MemberId, Member>,
    keys: HashMap<KeyId, IndexedKey>,
    certificates: HashMap<Fingerprint, Vec<MemberId>>,
}

impl Index {
    fn of(directory: Directory) -> Self {
        let mut members = HashMap::new();
        let mut keys = HashMap::new();
        let mut certificates: HashMap<Fingerprint, Vec<MemberId>> = HashMap::new();
        let revoked = directory.document().revoked();
        for archived in &directory.document().archive {
            if let Ok(public) = PublicKey::from_x(&archived.x)
                && archived.key_use != KeyUse::Seal
                && public.kid() == archived.kid
            {
                let key = IndexedKey {
                    member: archived.member.clone(),
                    key_use: archived.key_use,
                    not_before: archived.not_before,
                    not_after: archived.not_after,
                    // Only the registry vouches for the archive: no key of it opens a door again.
                    retired: true,
                    revoked: archived.revoked_at.is_some(),
                    public,
                };
                keys.insert(archived.kid.clone(), key);
            }
        }
        // Listed keys after archived ones: what approvers and the member signed has the last word.
        for (id, accepted) in directory.entries() {
            let profile = Profile {
                keys: accepted.chain.unrevoked().cloned().collect(),
                ..accepted.entry.member.clone()
            };
            for key in accepted.chain.keys() {
                let said = &key.statement;
                if let Some(public) = said.public_key() {
                    let key_entry = IndexedKey {
                        member: id.clone(),
                        key_use: said.key_use,
                        not_before: said.not_before,
                        not_after: said.not_after,
                        retired: false,
                        revoked: key.revoked_at.is_some() || revoked.contains_key(&said.kid),
                        public,
                    };
                    keys.insert(said.kid.clone(), key_entry);
                }
            }
            for certificate in &profile.certificates {
                certificates
                    .entry(certificate.fingerprint())
                    .or_default()
                    .push(id.clone());
            }
            let (listed_state, version) = (accepted.state, accepted.entry.version);
            members.insert(
                id.clone(),
                Member {
                    profile,
                    listed_state,
                    version,
                },
            );
        }
        Self {
            directory,
            members,
            keys,
            certificates,
        }
    }
}

/// The status with what is looked up in it, made once for each accepted status.
struct Standing {
    status: Status,
    suspended: HashSet<MemberId>,
    revoked: HashSet<KeyId>,
}

impl Standing {
    fn of(status: Status) -> Self {
        let document = status.document();
        let suspended = document.suspended.iter().cloned().collect();
        let revoked = document.revoked.iter().cloned().collect();
        Self {
            status,
            suspended,
            revoked,
        }
    }
}

/// What a node judges by. Cheap to remake for a new status: the directory's index is shared.
#[derive(Clone)]
pub struct Membership {
    root: Arc<Root>,
    index: Arc<Index>,
    standing: Arc<Standing>,
}

impl Membership {
    /// Puts accepted documents of one registry together.
    ///
    /// # Errors
    /// [`AcceptError::SplitView`] when the status names this very `seq` of the directory with
    /// another hash.
    pub fn new(root: Root, directory: Directory, status: Status) -> Result<Self, AcceptError> {
        let membership = Self {
            root: Arc::new(root),
            index: Arc::new(Index::of(directory)),
            standing: Arc::new(Standing::of(status)),
        };
        membership.checked()
    }

    /// The same with a newer status.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_status(&self, status: Status) -> Result<Self, AcceptError> {
        Self {
            standing: Arc::new(Standing::of(status)),
            ..self.clone()
        }
        .checked()
    }

    fn checked(self) -> Result<Self, AcceptError> {
        let (named, own) = (self.status().document().directory, &self.index.directory);
        // Documents of an online key that root took away are replaced next, and bind nobody.
        let both_stand = own.stands_under(&self.root) && self.status().stands_under(&self.root);
        if both_stand && named.seq == own.document().seq && named.hash != own.hash() {
            return Err(AcceptError::SplitView { seq: named.seq });
        }
        Ok(self)
    }

    /// The accepted root.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The accepted directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.index.directory
    }

    /// The accepted status.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.standing.status
    }

    /// The registry's id.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.root.registry()
    }

    /// What an answer names as its ground.
    #[must_use]
    pub fn position(&self) -> FedDirectory {
        let seq = self.index.directory.document().seq;
        FedDirectory {
            seq,
            status: self.status().document().seq,
        }
    }

    /// Whether the status names a newer directory than this one: fetch.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.status().document().directory.seq > self.index.directory.document().seq
    }

    /// Whether a peer's position is ahead of this one: fetch at once.
    #[must_use]
    pub fn is_behind_peer(&self, peer: FedDirectory) -> bool {
        let own = self.position();
        peer.seq > own.seq || peer.status > own.status
    }

    /// The member of this id, whatever its state.
    #[must_use]
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.index.members.get(id)
    }

    /// Every member, whatever its state, in no order.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.index.members.values()
    }

    /// Where a member stands now; the status has the last word.
    #[must_use]
    pub fn state(&self, id: &MemberId, now: Timestamp) -> Option<MemberState> {
        let listed = self.member(id)?.listed_state;
        if matches!(listed, MemberState::Revoked | MemberState::Withdrawn) {
            return Some(listed);
        }
        if self.standing.suspended.contains(id) {
            return Some(MemberState::Suspended);
        }
        let windows = &self.status().document().maintenance;
        let away = windows
            .iter()
            .any(|window| window.member == *id && window.from <= now && now < window.until);
        let away = away && listed == MemberState::Active;
        Some(if away {
            MemberState::Maintenance
        } else {
            listed
        })
    }

    /// The Ed25519 key of this thumbprint, listed or archived. A `&KeyId` reads as `&str`.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<KeyEntry<'_>> {
        let (kid, key) = self.index.keys.get_key_value(kid)?;
        Some(self.entry(kid, key))
    }

    /// Every Ed25519 key that this member has or had, in no order.
    pub fn every_key_of(&self, id: &MemberId) -> impl Iterator<Item = KeyEntry<'_>> {
        let own = self.index.keys.iter();
        own.filter(move |(_, key)| key.member == *id)
            .map(|(kid, key)| self.entry(kid, key))
    }

    fn entry<'a>(&'a self, kid: &'a KeyId, key: &'a IndexedKey) -> KeyEntry<'a> {
        KeyEntry {
            kid,
            member: &key.member,
            key_use: key.key_use,
            not_before: key.not_before,
            not_after: key.not_after,
            retired: key.retired,
            revoked: key.revoked || self.standing.revoked.contains(kid),
            public: &key.public,
        }
    }

    /// The keys of a member that count now for one use: of its entry and its rotations, without the
    /// revoked ones.
    pub fn keys_of(
        &self,
        id: &MemberId,
        key_use: KeyUse,
        now: Timestamp,
    ) -> impl Iterator<Item = &KeyStatement> {
        let member = self.member(id).into_iter();
        member
            .flat_map(move |member| member.keys_for(key_use, now))
            .filter(|key| !self.standing.revoked.contains(&key.kid))
    }

    /// The key to which something is sealed for this member now: of several that count and are not
    /// revoked, the one that began last.
    #[must_use]
    pub fn seal_key(&self, id: &MemberId, now: Timestamp) -> Option<(KeyId, SealPublicKey)> {
        self.keys_of(id, KeyUse::Seal, now)
            .max_by_key(|key| key.not_before)
            .and_then(|key| Some((key.kid.clone(), key.seal_key()?)))
    }

    /// The members whose node presents this TLS certificate; empty when it is nobody's.
    #[must_use]
    pub fn certificate_members(&self, print: &Fingerprint) -> &[MemberId] {
        self.index
            .certificates
            .get(print)
            .map_or(&[], Vec::as_slice)
    }

    /// The registry's key of this thumbprint that may ask for an echo, and nothing else.
    #[must_use]
    pub fn probe_key(&self, kid: &str) -> Option<&PublicKey> {
        let online = &self.root.document().online;
        let key = online.iter().find(|key| key.kid.as_str() == kid)?;
        let revoked = self.standing.revoked.contains(&key.kid);
        (key.may.contains(&DocumentKind::Probe) && !revoked).then_some(&key.x)
    }

    /// Whether the registry itself presents this TLS certificate: root says so.
    #[must_use]
    pub fn is_registry_certificate(&self, print: &Fingerprint) -> bool {
        let named = &self.root.document().registry.certificates;
        named.iter().any(|one| one.fingerprint() == *print)
    }

    /// What may still be done, by the status document's age.
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        match now.seconds_since(self.status().document().iat) {
            ..=600 => Freshness::Current,
            601..=86_400 => Freshness::Stale,
            86_401..=259_200 => Freshness::EmergencyOnly,
            _ => Freshness::Expired,
        }
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Membership({} at {})", self.registry(), self.position())
    }
}
