//! This member's own word about its keys: a rotation, a revocation, handed in at the registry.
//!
//! Makes the statements; who signs with what from then on, the directory says.

use federation_protocol::directory::{
    ChainKey, EndingKey, KeyChain, KeyRevocation, KeyStatement, Membership, ROTATED_USES,
    ROTATION_LEAD_SECONDS, ROTATION_OVERLAP_SECONDS, Rotation,
};
use federation_protocol::jws::General;
use federation_protocol::keys::{KeyId, KeyUse, SecretKey, Sign};
use federation_protocol::member::MemberId;
use federation_protocol::time::Timestamp;
use serde::Deserialize;

use super::{Counter, DEADLINE, JoinError};
use crate::keys::{Keys, KeysError};

/// How long a key that came by rotation lives, in days, as one that came by a description.
const KEY_DAYS: i64 = 825;
const SECONDS_PER_DAY: i64 = 86_400;
const DOCUMENT_VERSION: u32 = 1;

/// Why nothing was made to hand in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The directory does not list this node.
    #[error("the directory does not list this node")]
    NotListed,
    /// Another rotation of this use has not begun yet.
    #[error(
        "the {key_use} key {kid} begins at {begins}: it must have begun before the next rotation"
    )]
    UnderWay {
        /// Of which use.
        key_use: KeyUse,
        /// The key to come.
        kid: KeyId,
        /// When it begins.
        begins: Timestamp,
    },
    /// The old key ends before a new one could begin, or is not here, or was revoked.
    #[error("no {0} key that counts long enough is here: only the recovery key can replace it now")]
    NoOldKey(KeyUse),
    /// This member has no such key, or it was revoked before.
    #[error("{0} is no key of this member that can be revoked")]
    NoSuchKey(KeyId),
    /// The key that was brought is not this member's recovery key.
    #[error("the key that was brought is not the recovery key that the directory lists")]
    NotRecovery,
    /// The new key could not be made.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// A statement to hand in, and what it brings.
pub struct Rekeying {
    /// As signed.
    pub said: General,
    /// The keys that come.
    pub new: Vec<KeyStatement>,
    /// The keys that go, each with its last moment.
    pub old: Vec<EndingKey>,
}

/// Who rotates, on what ground.
pub struct Rekeyer<'a> {
    /// The private keys.
    pub keys: &'a Keys,
    /// What is listed now; fetch it anew before.
    pub membership: &'a Membership,
    /// This member.
    pub me: &'a MemberId,
    /// What time it is, UTC.
    pub now: Timestamp,
}

impl Rekeyer<'_> {
    /// Rotates one use: makes the next key on the disk, and the statement that both keys sign.
    ///
    /// # Errors
    /// `NotListed`, `UnderWay`, `NoOldKey`, `Keys`.
    ///
    /// Source: PROTOCOL section 3, "Rotation".
    pub fn rotation(&self, key_use: KeyUse) -> Result<Rekeying, RekeyError> {
        if !ROTATED_USES.contains(&key_use) {
            return Err(KeysError::Use(key_use).into());
        }
        let (chain, iat) = (self.chain()?, self.iat());
        let old = self.giving_way(chain, key_use)?;
        let key = self.private(key_use, &old.statement.kid);
        let key = key.ok_or(RekeyError::NoOldKey(key_use))?;
        let begins = iat.plus_seconds(ROTATION_LEAD_SECONDS);
        let ends = iat.plus_seconds(ROTATION_OVERLAP_SECONDS);
        let ending = EndingKey {
            kid: old.statement.kid.clone(),
            not_after: ends.min(old.statement.not_after),
        };
        if ending.not_after < begins {
            return Err(RekeyError::NoOldKey(key_use));
        }
        let new = self.keys.next(key_use, &|kid| self.is_known(kid))?;
        let statement = self.statement(key_use, &new, begins);
        let rotation = Rotation {
            ver: DOCUMENT_VERSION,
            iss: self.membership.registry().to_owned(),
            member: self.me.clone(),
            entry: chain.entry(),
            number: chain.next_number(),
            iat,
            old: ending.clone(),
            new: statement.clone(),
        };
        Ok(Rekeying {
            said: rotation.sign(&*key, &new),
            new: vec![statement],
            old: vec![ending],
        })
    }

    /// Revokes keys with the recovery key; with `replace`, makes a new key for each of their uses
    /// that rotates, which counts at once.
    ///
    /// # Errors
    /// `NotListed`, `NotRecovery`, `NoSuchKey`, `Keys`.
    pub fn revocation(
        &self,
        kids: &[KeyId],
        recovery: &dyn Sign,
        replace: bool,
    ) -> Result<Rekeying, RekeyError> {
        let (chain, iat) = (self.chain()?, self.iat());
        let mut own = chain.counting(KeyUse::Recovery, iat);
        if !own.any(|key| key.kid == *recovery.kid()) {
            return Err(RekeyError::NotRecovery);
        }
        let mut uses = Vec::new();
        for kid in kids {
            let key = chain.find(kid);
            let key = key.ok_or_else(|| RekeyError::NoSuchKey(kid.clone()))?;
            uses.push(key.statement.key_use);
        }
        let replaced = ROTATED_USES
            .into_iter()
            .filter(|key_use| replace && uses.contains(key_use));
        let new = replaced
            .map(|key_use| Ok((key_use, self.keys.next(key_use, &|kid| self.is_known(kid))?)))
            .collect::<Result<Vec<_>, KeysError>>()?;
        let statements: Vec<_> = new
            .iter()
            .map(|(key_use, key)| self.statement(*key_use, key, iat))
            .collect();
        let revocation = KeyRevocation {
            ver: DOCUMENT_VERSION,
            iss: self.membership.registry().to_owned(),
            member: self.me.clone(),
            entry: chain.entry(),
            number: chain.next_number(),
            iat,
            revoked: kids.to_vec(),
            replaced_by: statements.clone(),
        };
        let replacing: Vec<&dyn Sign> = new.iter().map(|(_, key)| -> &dyn Sign { key }).collect();
        let ended = |kid: &KeyId| EndingKey {
            kid: kid.clone(),
            not_after: iat,
        };
        Ok(Rekeying {
            said: revocation.sign(recovery, &replacing),
            new: statements,
            old: kids.iter().map(ended).collect(),
        })
    }

    fn chain(&self) -> Result<&KeyChain, RekeyError> {
        let chain = self.membership.directory().chain(self.me);
        chain.ok_or(RekeyError::NotListed)
    }

    /// Statements say whole seconds.
    const fn iat(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.now.unix_seconds())
    }

    /// The newest key of this use, which must count now.
    fn giving_way<'c>(
        &self,
        chain: &'c KeyChain,
        key_use: KeyUse,
    ) -> Result<&'c ChainKey, RekeyError> {
        let unrevoked = |key: &&ChainKey| {
            let listed = self.membership.key(&key.statement.kid);
            key.statement.key_use == key_use && listed.is_some_and(|key| !key.revoked)
        };
        let newest = chain.keys().iter().filter(unrevoked);
        let newest = newest.filter(|key| !key.gave_way);
        let newest = newest
            .max_by_key(|key| key.statement.not_before)
            .ok_or(RekeyError::NoOldKey(key_use))?;
        if newest.statement.not_before > self.iat() {
            return Err(RekeyError::UnderWay {
                key_use,
                kid: newest.statement.kid.clone(),
                begins: newest.statement.not_before,
            });
        }
        if newest.counts_at(self.iat()) {
            Ok(newest)
        } else {
            Err(RekeyError::NoOldKey(key_use))
        }
    }

    fn private(&self, key_use: KeyUse, kid: &KeyId) -> Option<std::sync::Arc<SecretKey>> {
        self.keys.get(key_use, kid)
    }

    fn is_known(&self, kid: &KeyId) -> bool {
        self.membership.key(kid).is_some()
    }

    fn statement(&self, key_use: KeyUse, key: &SecretKey, begins: Timestamp) -> KeyStatement {
        let ends = self.iat().plus_seconds(KEY_DAYS * SECONDS_PER_DAY);
        KeyStatement::of(key_use, &key.public(), begins, ends)
    }
}

/// What the registry answers.
#[derive(Deserialize)]
struct Taken {
    directory: Option<u64>,
}

#[derive(Deserialize)]
struct Told {
    code: String,
    detail: Option<String>,
}

impl Counter {
    /// Hands in a rotation or revocation of `member`'s keys: the `seq` of the directory that lists
    /// it; `None` when only the status says it.
    ///
    /// # Errors
    /// [`JoinError`]; `KeysRefused` when no node would take it, `NothingHere` when no key of the
    /// member signed it.
    pub async fn change_keys(
        &self,
        member: &MemberId,
        said: &General,
    ) -> Result<Option<u64>, JoinError> {
        let statement = said.to_json();
        let reply = self.client.change_keys(member, statement, DEADLINE).await?;
        let told = |told: Told| match told.code.as_str() {
            "key_change_refused" => JoinError::KeysRefused(told.detail.unwrap_or_default()),
            _ => super::refusal(&reply),
        };
        match reply.status {
            200 => {
                let taken: Taken = federation_protocol::json::parse_as(&reply.body)
                    .or(Err(JoinError::Unknown(200)))?;
                Ok(taken.directory)
            }
            _ => Err(federation_protocol::json::parse_as(&reply.body)
                .map_or_else(|_other| super::refusal(&reply), told)),
        }
    }
}
