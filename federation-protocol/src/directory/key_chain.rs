//! A member's keys as they are: those of its entry, and what its own rotations and revocations made
//! of them, in their order.

use std::collections::HashMap;

use crate::jws::{General, OpenGeneral, PayloadHash};
use crate::keys::{KeyId, KeyUse, PublicKey};
use crate::member::MemberId;
use crate::time::Timestamp;

use super::entry::{ENTRY_TYP, Entry};
use super::key_change::{
    KeyChange, KeyChangeError, KeyRevocation, LONGEST_KEY_LIFE_SECONDS, ROTATED_USES,
    ROTATION_LEAD_SECONDS, ROTATION_OVERLAP_SECONDS, Rotation, signed_by_exactly,
};
use super::profile::KeyStatement;

/// The most key changes on one entry: years of quarterly rotations.
pub const MOST_KEY_CHANGES: usize = 96;

/// One key of a member, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainKey {
    /// The key with the end that it has now.
    pub statement: KeyStatement,
    /// From when it counts no more, whatever its times say.
    pub revoked_at: Option<Timestamp>,
    /// Another key has come in its place; it only runs out.
    pub gave_way: bool,
}

impl ChainKey {
    /// Whether it counts at this moment.
    #[must_use]
    pub fn counts_at(&self, time: Timestamp) -> bool {
        self.statement.holds_at(time) && self.revoked_at.is_none_or(|revoked| time < revoked)
    }
}

/// A member's keys after every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChain {
    member: MemberId,
    entry: PayloadHash,
    keys: Vec<ChainKey>,
    changes: Vec<TakenChange>,
}

/// A change that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TakenChange {
    /// The hash of its payload.
    pub(super) hash: PayloadHash,
    /// By whose word: the old key, or the recovery key.
    pub(super) by: KeyId,
    /// What it says.
    pub(super) said: KeyChange,
}

/// When keys were revoked by somebody else than the member: the registry's operators.
pub type RevokedElsewhere = HashMap<KeyId, Timestamp>;

impl KeyChain {
    /// Judges every change on this entry, whose payload has the hash `entry_hash`.
    ///
    /// # Errors
    /// [`KeyChangeError`] of the first change that does not count.
    ///
    /// Source: PROTOCOL section 3, "Rotation".
    pub fn verify(
        entry: &Entry,
        entry_hash: PayloadHash,
        changes: &[General],
        revoked: &RevokedElsewhere,
    ) -> Result<Self, KeyChangeError> {
        if changes.len() > MOST_KEY_CHANGES {
            return Err(KeyChangeError::TooMany);
        }
        let keys = entry.member.keys.iter().map(|statement| ChainKey {
            revoked_at: revoked.get(&statement.kid).copied(),
            statement: statement.clone(),
            gave_way: false,
        });
        let mut chain = Self {
            member: entry.member.id.clone(),
            entry: entry_hash,
            keys: keys.collect(),
            changes: Vec::with_capacity(changes.len()),
        };
        for jws in changes {
            chain.take(entry, jws, revoked)?;
        }
        Ok(chain)
    }

    /// The same of an entry as signed, whose approvers are not asked: for whoever made it a member
    /// by them. `None` when the entry cannot be read.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn read(
        entry: &General,
        changes: &[General],
        revoked: &RevokedElsewhere,
    ) -> Result<Option<Self>, KeyChangeError> {
        let Ok(open) = entry.open(ENTRY_TYP) else {
            return Ok(None);
        };
        match serde_json::from_slice::<Entry>(&open.payload) {
            Ok(said) => {
                Self::verify(&said, PayloadHash::of(&open.payload), changes, revoked).map(Some)
            }
            Err(_unreadable) => Ok(None),
        }
    }

    /// Whose keys they are.
    #[must_use]
    pub const fn member(&self) -> &MemberId {
        &self.member
    }

    /// When the last change was signed; `None` when there is none.
    #[must_use]
    pub fn last_change(&self) -> Option<Timestamp> {
        self.changes.last().map(|last| last.said.iat())
    }

    /// The key by whose word the last change came: the old key, or the recovery key.
    #[must_use]
    pub fn last_spoken_by(&self) -> Option<&KeyId> {
        self.changes.last().map(|last| &last.by)
    }

    /// Whether a key of this member that counts at the change's own time rightly signed it: not
    /// whether it may say what it says. For whoever answers strangers.
    #[must_use]
    pub fn knows_signer_of(&self, jws: &General) -> bool {
        let Ok((change, open)) = KeyChange::open(jws) else {
            return false;
        };
        self.keys.iter().any(|key| {
            let public = key
                .statement
                .public_key()
                .filter(|_| key.counts_at(change.iat()));
            public.is_some_and(|public| open.count([(&key.statement.kid, &public)]) == Ok(1))
        })
    }

    /// The payload hash of the entry that it stands on.
    #[must_use]
    pub const fn entry(&self) -> PayloadHash {
        self.entry
    }

    /// Every key, ended and revoked ones too.
    #[must_use]
    pub fn keys(&self) -> &[ChainKey] {
        &self.keys
    }

    /// The keys that nobody revoked, with the ends that they have now.
    pub fn unrevoked(&self) -> impl Iterator<Item = &KeyStatement> {
        let keys = self.keys.iter().filter(|key| key.revoked_at.is_none());
        keys.map(|key| &key.statement)
    }

    /// The keys of one use that count at this moment.
    pub fn counting(&self, key_use: KeyUse, at: Timestamp) -> impl Iterator<Item = &KeyStatement> {
        let counts = move |key: &&ChainKey| key.statement.key_use == key_use && key.counts_at(at);
        self.keys.iter().filter(counts).map(|key| &key.statement)
    }

    /// Whether a `recovery` key of this member that counts at `at` signed `replacement` of its entry
    /// too. No other key will do: a `sign` key lies on the node's machine, and whoever steals it must
    /// not be able to give this member other keys, certificates or another address.
    #[must_use]
    pub fn vouches_for(&self, replacement: &General, at: Timestamp) -> bool {
        let own = self.counting(KeyUse::Recovery, at);
        let own: Vec<_> = own
            .filter_map(|key| Some((&key.kid, key.public_key()?)))
            .collect();
        let own = own.iter().map(|(kid, key)| (*kid, key));
        replacement
            .open(ENTRY_TYP)
            .is_ok_and(|open| open.count(own).is_ok_and(|count| count > 0))
    }

    /// The number that the next change carries.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        u64::try_from(self.changes.len())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    /// The key of this thumbprint.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&ChainKey> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.statement.kid.as_str() == kid)
    }

    /// The changes, in their order.
    pub(super) fn changes(&self) -> &[TakenChange] {
        &self.changes
    }

    fn take(
        &mut self,
        entry: &Entry,
        jws: &General,
        revoked: &RevokedElsewhere,
    ) -> Result<(), KeyChangeError> {
        let (change, open) = KeyChange::open(jws)?;
        self.check_heading(entry, &change)?;
        let by = match &change {
            KeyChange::Rotation(said) => {
                let [old, new] = &self.judge_rotation(said)?;
                let exactly = [(&said.old.kid, old), (&said.new.kid, new)];
                if !signed_by_exactly(jws, &open, &exactly) {
                    return Err(KeyChangeError::Signature);
                }
                self.rotate(said, revoked);
                said.old.kid.clone()
            }
            KeyChange::Revocation(said) => {
                self.judge_revocation(said)?;
                let recovery = self.recovery_key_of(jws, &open, said);
                let recovery = recovery.ok_or(KeyChangeError::Signature)?;
                self.revoke(said, revoked);
                recovery
            }
        };
        self.changes.push(TakenChange {
            hash: PayloadHash::of(&open.payload),
            by,
            said: change,
        });
        Ok(())
    }

    fn check_heading(&self, entry: &Entry, change: &KeyChange) -> Result<(), KeyChangeError> {
        let heading = change.heading();
        if heading.iss != entry.iss {
            return Err(KeyChangeError::Issuer);
        }
        if *heading.member != entry.member.id {
            return Err(KeyChangeError::Member);
        }
        if heading.entry != self.entry {
            return Err(KeyChangeError::Entry);
        }
        let before = self.last_change();
        let in_order = before.is_none_or(|before| before <= change.iat());
        if heading.number == self.next_number() && in_order {
            Ok(())
        } else {
            Err(KeyChangeError::Order)
        }
    }

    /// The old and the new key, when everything but the signatures is right.
    fn judge_rotation(&self, said: &Rotation) -> Result<[PublicKey; 2], KeyChangeError> {
        let old_key = || KeyChangeError::OldKey(said.old.kid.clone());
        let old = self.find(&said.old.kid).ok_or_else(old_key)?;
        let key_use = old.statement.key_use;
        if !ROTATED_USES.contains(&key_use) {
            return Err(KeyChangeError::Use(key_use));
        }
        if old.gave_way || !old.counts_at(said.iat) {
            return Err(old_key());
        }
        let new = self.new_key(&said.new)?;
        if said.new.key_use != key_use {
            return Err(KeyChangeError::NewKey(said.new.kid.clone()));
        }
        let (begins, old_ends) = (said.new.not_before, said.old.not_after);
        let in_bounds = begins >= said.iat.plus_seconds(ROTATION_LEAD_SECONDS)
            && old_ends <= said.iat.plus_seconds(ROTATION_OVERLAP_SECONDS)
            && (begins..=old.statement.not_after).contains(&old_ends)
            // Or the member would be left with neither.
            && said.new.not_after > old_ends
            && said.new.not_after <= said.iat.plus_seconds(LONGEST_KEY_LIFE_SECONDS);
        if !in_bounds {
            return Err(KeyChangeError::Times);
        }
        Ok([old.statement.public_key().ok_or_else(old_key)?, new])
    }

    fn judge_revocation(&self, said: &KeyRevocation) -> Result<(), KeyChangeError> {
        let mut uses = Vec::with_capacity(said.revoked.len());
        for (at, kid) in said.revoked.iter().enumerate() {
            let twice = said.revoked.iter().take(at).any(|earlier| earlier == kid);
            let key = self.find(kid).filter(|_| !twice && !self.has_revoked(kid));
            let key = key.ok_or_else(|| KeyChangeError::OldKey(kid.clone()))?;
            uses.push(key.statement.key_use);
        }
        for (at, new) in said.replaced_by.iter().enumerate() {
            self.new_key(new)?;
            if !ROTATED_USES.contains(&new.key_use) {
                return Err(KeyChangeError::Use(new.key_use));
            }
            let earlier = said.replaced_by.iter().take(at);
            let twice = earlier.clone().any(|one| one.key_use == new.key_use);
            if twice || !uses.contains(&new.key_use) {
                return Err(KeyChangeError::NewKey(new.kid.clone()));
            }
            if new.not_before != said.iat
                || new.not_after > said.iat.plus_seconds(LONGEST_KEY_LIFE_SECONDS)
            {
                return Err(KeyChangeError::Times);
            }
        }
        Ok(())
    }

    /// Whether an earlier revocation of the member's own names this key.
    fn has_revoked(&self, kid: &KeyId) -> bool {
        self.changes.iter().any(|taken| match &taken.said {
            KeyChange::Rotation(_) => false,
            KeyChange::Revocation(said) => said.revoked.contains(kid),
        })
    }

    /// The recovery key that counts and signed, with each key that replaces one and nobody else.
    fn recovery_key_of(
        &self,
        jws: &General,
        open: &OpenGeneral<'_>,
        said: &KeyRevocation,
    ) -> Option<KeyId> {
        let replacing: Vec<_> = said
            .replaced_by
            .iter()
            .filter_map(|key| Some((&key.kid, key.public_key()?)))
            .collect();
        let replacing: Vec<_> = replacing.iter().map(|(kid, key)| (*kid, key)).collect();
        let mut own = self.counting(KeyUse::Recovery, said.iat);
        let signer = own.find(|recovery| {
            recovery.public_key().is_some_and(|public| {
                let mut all = replacing.clone();
                all.push((&recovery.kid, &public));
                signed_by_exactly(jws, open, &all)
            })
        });
        signer.map(|key| key.kid.clone())
    }

    /// The key of a new statement that this member never listed.
    fn new_key(&self, new: &KeyStatement) -> Result<PublicKey, KeyChangeError> {
        let fresh = new.is_sound() && self.find(&new.kid).is_none();
        let public = new.public_key().filter(|_| fresh);
        public.ok_or_else(|| KeyChangeError::NewKey(new.kid.clone()))
    }

    fn rotate(&mut self, said: &Rotation, revoked: &RevokedElsewhere) {
        for key in &mut self.keys {
            if key.statement.kid == said.old.kid {
                key.statement.not_after = said.old.not_after;
                key.gave_way = true;
            }
        }
        self.add(&said.new, revoked);
    }

    fn revoke(&mut self, said: &KeyRevocation, revoked: &RevokedElsewhere) {
        for key in &mut self.keys {
            if said.revoked.contains(&key.statement.kid) {
                // An operator may have been quicker.
                let earlier = key.revoked_at.filter(|at| *at < said.iat);
                key.revoked_at = earlier.or(Some(said.iat));
            }
        }
        for new in &said.replaced_by {
            self.add(new, revoked);
        }
    }

    fn add(&mut self, new: &KeyStatement, revoked: &RevokedElsewhere) {
        self.keys.push(ChainKey {
            statement: new.clone(),
            revoked_at: revoked.get(&new.kid).copied(),
            gave_way: false,
        });
    }
}
