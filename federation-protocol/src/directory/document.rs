//! The directory: every member's entry with its state, assembled and dated by the registry.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::jws::{Compact, General, PayloadHash, sign_compact};
use crate::keys::{Fingerprint, KeyId, KeyUse, PublicKey, Sign};
use crate::member::{MemberId, MemberState};
use crate::time::Timestamp;

use super::entry::Entry;
use super::key_chain::{KeyChain, RevokedElsewhere};
use super::root::{DocumentKind, Root};
use super::{AcceptError, Opened, Reading, SignedDocument, key_succession, payload};

/// `typ` of the directory.
pub const DIRECTORY_TYP: &str = "musubi-directory+jwt";

/// How long an approved replacement that the member did not sign is held, in seconds.
pub const HOLD_SECONDS: i64 = 24 * 3_600;

const LONGEST: usize = 16 * 1_024 * 1_024;
const LONGEST_LIFE_SECONDS: i64 = 31 * 86_400;

/// The directory's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryDocument {
    /// 1.
    pub ver: u32,
    /// The registry's id.
    pub iss: String,
    /// Rises by 1.
    pub seq: u64,
    /// The hash of the payload before; `null` for the first.
    pub prev: Option<PayloadHash>,
    /// When it was made: daily and on each change.
    pub iat: Timestamp,
    /// At most 31 days later.
    pub exp: Timestamp,
    /// Everybody who ever was a member: nobody is taken off, states end a membership.
    pub members: Vec<ListedMember>,
    /// Every key that was ever listed and is no more, for old evidence.
    pub archive: Vec<ArchivedKey>,
    /// Rules for all.
    pub policy: Policy,
}

/// A member in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedMember {
    /// Where it stands.
    pub state: MemberState,
    /// Since when.
    pub since: Timestamp,
    /// The entry in force.
    pub entry: General,
    /// What the member itself said about its keys since this entry: rotations and revocations, in
    /// their order. They fall with the entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_changes: Vec<General>,
    /// An approved replacement that the member did not sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
}

/// A replacement on hold: shown to everybody for 24 h before it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// From when it may be the entry in force: at least 24 h after it was first listed.
    pub in_force_at: Timestamp,
    /// The replacement.
    pub entry: General,
}

/// A key that was listed once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedKey {
    /// Whose.
    pub member: MemberId,
    /// What for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// The thumbprint of `x`.
    pub kid: KeyId,
    /// The public key.
    pub x: String,
    /// From when it counted.
    pub not_before: Timestamp,
    /// Until when it counted.
    pub not_after: Timestamp,
    /// When it was revoked before its time.
    pub revoked_at: Option<Timestamp>,
}

/// Rules for all members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How often a node asks for the status, in seconds.
    pub poll_seconds: u32,
}

impl DirectoryDocument {
    /// When keys were revoked, by the archive.
    pub(super) fn revoked(&self) -> RevokedElsewhere {
        let revoked = |key: &ArchivedKey| Some((key.kid.clone(), key.revoked_at?));
        self.archive.iter().filter_map(revoked).collect()
    }

    /// Signs with the online directory key.
    #[must_use]
    pub fn sign(&self, key: &dyn Sign) -> SignedDocument {
        let payload = payload(self);
        let hash = PayloadHash::of(&payload);
        SignedDocument {
            jws: sign_compact(DIRECTORY_TYP, &payload, key),
            hash,
        }
    }
}

/// An accepted directory: every entry's approvers were checked.
#[derive(Clone, Debug)]
pub struct Directory {
    document: DirectoryDocument,
    hash: PayloadHash,
    /// The online key that signed it.
    kid: KeyId,
    entries: HashMap<MemberId, Accepted>,
}

/// One member's verified statements.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) entry: Entry,
    pub(super) hash: PayloadHash,
    /// Its keys, after its own rotations and revocations.
    pub(super) chain: KeyChain,
    pub(super) state: MemberState,
    /// A replacement on hold: its hash, and from when it may count.
    pub(super) pending: Option<(PayloadHash, Timestamp)>,
}

impl Directory {
    /// What it says.
    #[must_use]
    pub const fn document(&self) -> &DirectoryDocument {
        &self.document
    }

    /// The hash of its payload.
    #[must_use]
    pub const fn hash(&self) -> PayloadHash {
        self.hash
    }

    /// Whether root delegates the online key that signed it, still.
    #[must_use]
    pub fn stands_under(&self, root: &Root) -> bool {
        let delegated = root
            .document()
            .delegated(&self.kid, DocumentKind::Directory);
        delegated.is_some()
    }

    /// Members whose replacement is on hold now: an alarm at every node.
    pub fn held(&self) -> impl Iterator<Item = (&MemberId, Timestamp)> {
        self.entries
            .iter()
            .filter_map(|(id, entry)| Some((id, entry.pending?.1)))
    }

    /// A member's keys as they are, after its own rotations and revocations.
    #[must_use]
    pub fn chain(&self, id: &MemberId) -> Option<&KeyChain> {
        self.entries.get(id).map(|accepted| &accepted.chain)
    }

    /// Whose `sign` key this was at a moment, by this directory alone, archived keys too: for evidence
    /// of that day. A revoked key proves what it signed before it was revoked.
    #[must_use]
    pub fn signer_at(&self, kid: &str, at: Timestamp) -> Option<(MemberId, PublicKey)> {
        let listed = self.entries().filter_map(|(id, accepted)| {
            let mut keys = accepted.chain.counting(KeyUse::Sign, at);
            let key = keys.find(|key| key.kid.as_str() == kid)?;
            Some((id.clone(), key.public_key()?))
        });
        let is_listed = self
            .entries()
            .any(|(_, accepted)| accepted.chain.find(kid).is_some());
        let archived = self.document().archive.iter().filter_map(|key| {
            let held = key.not_before <= at
                && at <= key.not_after
                && key.revoked_at.is_none_or(|revoked| at < revoked);
            let fits = key.kid.as_str() == kid && key.key_use == KeyUse::Sign && held;
            let public = PublicKey::from_x(&key.x).ok()?;
            (fits && public.kid() == key.kid).then(|| (key.member.clone(), public))
        });
        // What approvers and the member signed has the last word.
        listed.chain(archived.filter(|_| !is_listed)).next()
    }

    pub(super) fn accepted(&self, id: &MemberId) -> Option<&Accepted> {
        self.entries.get(id)
    }

    /// Whether the entry in force of a member names this certificate.
    #[must_use]
    pub fn lists_certificate(&self, id: &MemberId, fingerprint: &Fingerprint) -> bool {
        self.entries.get(id).is_some_and(|accepted| {
            let mut named = accepted.entry.member.certificates.iter();
            named.any(|certificate| certificate.fingerprint() == *fingerprint)
        })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&MemberId, &Accepted)> {
        self.entries.iter()
    }

    /// Accepts a directory of this registry: the same as `previous`, or its direct successor, with
    /// each member's entry signed by root's approvers.
    ///
    /// Without `previous` any `seq` will do: what was before is not known. So it is when root has
    /// taken the online key away that signed `previous`: whoever stole it may have used up the
    /// numbers, and ended memberships. What approvers signed stays bound by their rules all the same.
    ///
    /// # Errors
    /// [`AcceptError`] in the order: form, key, signature, issuer, times, `seq`, `prev`, schema,
    /// entries. On [`AcceptError::Gap`] the caller fetches what is missing and accepts it in turn,
    /// [`Reading::Stored`].
    ///
    /// Source: PROTOCOL section 2.
    pub fn accept(
        jws: &str,
        root: &Root,
        previous: Option<&Self>,
        reading: Reading,
        now: Timestamp,
    ) -> Result<Self, AcceptError> {
        let jws = Compact::parse(jws, DIRECTORY_TYP, LONGEST)?;
        let key = root
            .document()
            .delegated(&jws.kid, DocumentKind::Directory)
            .ok_or(AcceptError::KeyNotDelegated)?;
        jws.verify(key).or(Err(AcceptError::Signature))?;
        let opened = Opened::read(&jws.payload)?;
        opened.check_issuer(root.registry())?;
        opened.check_times(LONGEST_LIFE_SECONDS, reading, now)?;
        let chained = previous.filter(|previous| previous.stands_under(root));
        opened.check_seq(chained.map(|previous| (previous.document.seq, previous.hash)))?;
        check_prev(&opened, chained)?;
        let hash = opened.hash;
        let document: DirectoryDocument = opened.schema()?;
        let entries = entries(&document, root)?;
        key_succession::check_archive(&document)?;
        let directory = Self {
            document,
            hash,
            kid: jws.kid,
            entries,
        };
        if let Some(previous) = previous.filter(|previous| previous.hash != hash) {
            directory.check_entries(previous)?;
        }
        if let Some(previous) = chained.filter(|previous| previous.hash != hash) {
            directory.check_states(previous)?;
            key_succession::check(&directory, previous)?;
        }
        Ok(directory)
    }

    /// Nobody returns from a final state.
    fn check_states(&self, previous: &Self) -> Result<(), AcceptError> {
        let ended = |accepted: &Accepted| {
            matches!(
                accepted.state,
                MemberState::Revoked | MemberState::Withdrawn
            )
        };
        for (id, before) in previous.entries.iter().filter(|(_, before)| ended(before)) {
            if self.entries.get(id).map(|after| after.state) != Some(before.state) {
                return Err(AcceptError::MemberLost(id.clone()));
            }
        }
        Ok(())
    }

    /// Nobody disappears, and an entry changes only with the member's signature, after the hold, or
    /// while it is suspended.
    fn check_entries(&self, previous: &Self) -> Result<(), AcceptError> {
        for (id, before) in &previous.entries {
            let gone = || AcceptError::MemberLost(id.clone());
            let after = self.entries.get(id).ok_or_else(gone)?;
            let rightly = after.hash == before.hash
                || (after.entry.version > before.entry.version
                    && self.may_replace(id, before, after));
            if !rightly || !self.holds_rightly(before, after) {
                return Err(AcceptError::NotHeld(id.clone()));
            }
        }
        Ok(())
    }

    fn may_replace(&self, id: &MemberId, before: &Accepted, after: &Accepted) -> bool {
        let listed = self.document.members.iter();
        let signed_by_member = listed
            .filter(|listed| listed.entry.payload_hash() == Some(after.hash))
            .any(|listed| before.chain.vouches_for(&listed.entry, self.document.iat));
        let held = before
            .pending
            .is_some_and(|(hash, at)| hash == after.hash && at <= self.document.iat);
        debug_assert_eq!(
            after.entry.member.id, *id,
            "entries are filed under their member"
        );
        signed_by_member || held || before.state == MemberState::Suspended
    }

    /// A hold, once listed, is not shortened; a new one lasts 24 h from now.
    fn holds_rightly(&self, before: &Accepted, after: &Accepted) -> bool {
        let Some((hash, at)) = after.pending else {
            return true;
        };
        match before.pending {
            Some((known, known_at)) if known == hash => at >= known_at,
            _ => at >= self.document.iat.plus_seconds(HOLD_SECONDS),
        }
    }
}

fn check_prev(opened: &Opened, previous: Option<&Directory>) -> Result<(), AcceptError> {
    let Some(previous) = previous.filter(|previous| previous.hash != opened.hash) else {
        return Ok(());
    };
    let (have, got) = (previous.document.seq, opened.head.seq);
    if got > have.saturating_add(1) {
        return Err(AcceptError::Gap { have, got });
    }
    let prev = opened.value.get("prev").and_then(serde_json::Value::as_str);
    if prev.and_then(|prev| prev.parse().ok()) == Some(previous.hash) {
        Ok(())
    } else {
        Err(AcceptError::PreviousMismatch)
    }
}

/// Every member's entry, checked; each member and each key stands once.
fn entries(
    document: &DirectoryDocument,
    root: &Root,
) -> Result<HashMap<MemberId, Accepted>, AcceptError> {
    let mut entries = HashMap::with_capacity(document.members.len());
    let mut keys = HashSet::new();
    let revoked = document.revoked();
    for (at, listed) in document.members.iter().enumerate() {
        let blame = |error| AcceptError::Entry {
            member: format!("member {at} of the list"),
            error,
        };
        let (entry, hash) = Entry::verify(&listed.entry, root.document()).map_err(blame)?;
        let pending = match &listed.pending {
            None => None,
            Some(pending) => {
                let (replacement, hash) =
                    Entry::verify(&pending.entry, root.document()).map_err(blame)?;
                if replacement.member.id != entry.member.id || replacement.version <= entry.version
                {
                    return Err(AcceptError::NotHeld(entry.member.id));
                }
                Some((hash, pending.in_force_at))
            }
        };
        let id = entry.member.id.clone();
        let chain =
            KeyChain::verify(&entry, hash, &listed.key_changes, &revoked).map_err(|error| {
                AcceptError::KeyChange {
                    member: id.clone(),
                    error,
                }
            })?;
        for key in chain.keys() {
            if !keys.insert(key.statement.kid.clone()) {
                return Err(AcceptError::Twice(key.statement.kid.to_string()));
            }
        }
        let accepted = Accepted {
            entry,
            hash,
            chain,
            state: listed.state,
            pending,
        };
        if entries.insert(id.clone(), accepted).is_some() {
            return Err(AcceptError::Twice(id.to_string()));
        }
    }
    Ok(entries)
}
