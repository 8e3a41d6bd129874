//! Tokens that their issuers said have ended: refused at once, whatever the status list still says.
//!
//! Kept under the issuer that said so, so that nobody ends another's tokens; in memory for the
//! question and in the database for the restart. How long a token that was never seen here would
//! have lived is not known: each is kept for the longest life there is.
//!
//! Source: PROTOCOL section 6.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use federation_protocol::member::MemberId;
use federation_protocol::revocation::RevocationPush;
use federation_protocol::time::Timestamp;
use federation_protocol::token::LONGEST_LIFE_SECONDS;

use super::{Consents, store};
use crate::database::{DatabaseError, HospitalConnection};

/// Ended tokens of one issuer that are kept at most. An honest home node ends far fewer within the
/// life of a token; beyond it the status list goes on telling the truth.
pub const MOST_HELD: usize = 100_000;

/// Beyond the longest life of a token: it may have been minted by a clock that is ahead, and is
/// accepted for a while after it expired.
const KEPT_SECONDS: i64 = LONGEST_LIFE_SECONDS + 300;

/// The ended tokens of one issuer by their `jti`, and until when each is kept.
type Ended = HashMap<Box<str>, Timestamp>;

/// The ended tokens of all issuers. Cheap to clone; all clones are one set.
#[derive(Clone, Default)]
pub struct RevokedTokens {
    by_issuer: Arc<RwLock<HashMap<MemberId, Ended>>>,
}

impl RevokedTokens {
    /// Whether `issuer` said that its token `jti` has ended.
    #[must_use]
    pub fn contains(&self, issuer: &MemberId, jti: &str) -> bool {
        let by_issuer = self.by_issuer.read();
        let by_issuer = by_issuer.unwrap_or_else(PoisonError::into_inner);
        by_issuer
            .get(issuer)
            .is_some_and(|tokens| tokens.contains_key(jti))
    }

    /// Whether so many more tokens of `issuer` would still be kept.
    #[must_use]
    pub fn has_room(&self, issuer: &MemberId, more: usize) -> bool {
        let by_issuer = self.by_issuer.read();
        let by_issuer = by_issuer.unwrap_or_else(PoisonError::into_inner);
        let held = by_issuer.get(issuer).map_or(0, HashMap::len);
        held.saturating_add(more) <= MOST_HELD
    }

    /// Keeps what was just committed.
    pub fn insert(&self, issuer: &MemberId, jtis: &[String], now: Timestamp) {
        let keep_until = now.plus_seconds(KEPT_SECONDS);
        let kept = jtis.iter().map(|jti| (jti.as_str().into(), keep_until));
        self.extend(issuer, kept);
    }

    /// Forgets what need not be kept at `now`.
    pub fn forget_over(&self, now: Timestamp) {
        let by_issuer = self.by_issuer.write();
        let mut by_issuer = by_issuer.unwrap_or_else(PoisonError::into_inner);
        by_issuer.retain(|_issuer, tokens| {
            tokens.retain(|_jti, keep_until| *keep_until > now);
            !tokens.is_empty()
        });
    }

    fn extend(&self, issuer: &MemberId, kept: impl Iterator<Item = (Box<str>, Timestamp)>) {
        let by_issuer = self.by_issuer.write();
        // An entry more or less is all that a panic in here could leave.
        let mut by_issuer = by_issuer.unwrap_or_else(PoisonError::into_inner);
        by_issuer.entry(issuer.clone()).or_default().extend(kept);
    }
}

impl Consents {
    /// The tokens of others that have ended, as the database kept them over the restart.
    ///
    /// # Errors
    /// The database could not be read: nothing may be answered.
    pub async fn revoked_tokens(&self) -> Result<RevokedTokens, DatabaseError> {
        let now = self.clock.now();
        let stored = self
            .database
            .read(move |connection| store::revoked::all(connection, now))
            .await?;
        let revoked = RevokedTokens::default();
        for (issuer, jti, keep_until) in stored {
            revoked.extend(&issuer, std::iter::once((jti.into(), keep_until)));
        }
        Ok(revoked)
    }

    /// Takes in, in the caller's transaction, what `issuer` says of its own tokens; up to which
    /// number every push of it came. Put it into [`RevokedTokens`] once it is committed.
    ///
    /// What is said counts whatever its number: numbers only tell what is missing. A number that
    /// came before may carry something else where the issuer was restored from a backup.
    ///
    /// # Errors
    /// Roll back.
    pub fn take_in(
        connection: &mut HospitalConnection,
        issuer: &MemberId,
        push: &RevocationPush,
        now: Timestamp,
    ) -> Result<u64, DatabaseError> {
        let keep_until = now.plus_seconds(KEPT_SECONDS);
        for jti in &push.jti {
            store::revoked::keep(connection, issuer, jti, keep_until)?;
        }
        let known = store::revoked::unbroken(connection, issuer)?;
        let unbroken = known.and_then(|last| u64::try_from(last).ok()).unwrap_or(0);
        if push.sequence != unbroken.saturating_add(1) {
            return Ok(unbroken);
        }
        let sequence = i64::try_from(push.sequence).unwrap_or(i64::MAX);
        store::revoked::advance(connection, issuer, known, sequence)?;
        Ok(push.sequence)
    }

    /// Removes the ended tokens that need not be kept any longer; how many.
    ///
    /// # Errors
    /// The database did not do it; nothing is lost by that.
    pub async fn prune_revoked(&self, revoked: &RevokedTokens) -> Result<usize, DatabaseError> {
        let now = self.clock.now();
        revoked.forget_over(now);
        self.database
            .transact(move |connection| store::revoked::prune(connection, now))
            .await
    }
}
