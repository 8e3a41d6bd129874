//! The replay window: each signed request passes once.
//!
//! Two layers. The one in memory reserves a (key, nonce) pair at once, so of many simultaneous
//! copies exactly one goes on. The one in the database is written in the transaction of the audit
//! line, before the answer leaves, so that it survives a crash and is shared with any other process
//! on the same database. Pairs come here only after the signature: strangers cannot fill it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use federation_protocol::keys::KeyId;
use federation_protocol::time::Timestamp;

/// How long a pair is kept after the request's `expires`: skew of both clocks.
pub const KEPT_SECONDS: i64 = 120;
/// How many outdated pairs one reservation clears away.
const CLEARED_AT_ONCE: usize = 8;

/// A (key, nonce) pair and the time until which it stays in the window.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SeenNonce {
    /// The thumbprint of the key that signed.
    pub keyid: KeyId,
    /// The nonce, 22 base64url characters.
    pub nonce: String,
    /// The request's `expires` plus [`KEPT_SECONDS`].
    pub keep_until: Timestamp,
}

impl SeenNonce {
    /// The pair of a request that expires at `expires`.
    #[must_use]
    pub fn new(keyid: KeyId, nonce: String, expires: Timestamp) -> Self {
        Self {
            keyid,
            nonce,
            keep_until: expires.plus_seconds(KEPT_SECONDS),
        }
    }
}

/// The time after a restore from a backup in which this node cannot know what it has seen: the
/// pairs that were stored between the backup and the restore are lost.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Amnesia {
    end: Timestamp,
}

/// How long the longest-lived request that was accepted just before the restore passes the check of
/// its time: signed ahead by 60 s of skew, 60 s of life, 60 s of skew behind.
const AMNESIA_SECONDS: i64 = 180;

impl Amnesia {
    /// After a restore at `restored_at`, before which the node had stopped.
    ///
    /// Source: PROTOCOL section 4, check 10.
    #[must_use]
    pub fn since(restored_at: Timestamp) -> Self {
        Self {
            end: restored_at.plus_seconds(AMNESIA_SECONDS),
        }
    }

    /// When it is over.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Whether a request that comes at `now` may have been seen before.
    #[must_use]
    pub fn lasts_at(self, now: Timestamp) -> bool {
        now <= self.end
    }
}

/// The request was seen before.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this (key, nonce) pair was seen before")]
pub struct Replayed;

/// The pairs in memory.
#[derive(Default)]
pub struct ReplayWindow {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    pairs: HashMap<(String, String), Timestamp>,
    by_time: BTreeSet<(Timestamp, String, String)>,
}

impl ReplayWindow {
    /// A window that holds `stored`: what the database kept over the restart.
    #[must_use]
    pub fn load(stored: impl IntoIterator<Item = SeenNonce>) -> Self {
        let window = Self::default();
        {
            let mut seen = window.lock();
            for pair in stored {
                seen.insert(&pair);
            }
        }
        window
    }

    /// Reserves the pair, for ever as far as this request is concerned: a request that fails later
    /// is repeated under a new nonce.
    ///
    /// # Errors
    /// [`Replayed`] when it was reserved before and its time is not over.
    pub fn reserve(&self, pair: &SeenNonce, now: Timestamp) -> Result<(), Replayed> {
        let mut seen = self.lock();
        seen.clear_outdated(now);
        if seen.insert(pair) {
            Ok(())
        } else {
            Err(Replayed)
        }
    }

    /// How many pairs are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().pairs.len()
    }

    /// Whether no pair is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // A thread that panicked left whole entries behind: nothing in here can be half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn insert(&mut self, pair: &SeenNonce) -> bool {
        let key = (pair.keyid.to_string(), pair.nonce.clone());
        if self.pairs.contains_key(&key) {
            return false;
        }
        self.by_time
            .insert((pair.keep_until, key.0.clone(), key.1.clone()));
        self.pairs.insert(key, pair.keep_until);
        true
    }

    fn clear_outdated(&mut self, now: Timestamp) {
        for _ in 0..CLEARED_AT_ONCE {
            if self
                .by_time
                .first()
                .is_none_or(|(keep_until, ..)| *keep_until >= now)
            {
                return;
            }
            if let Some((_, keyid, nonce)) = self.by_time.pop_first() {
                self.pairs.remove(&(keyid, nonce));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::as_conversions,
        reason = "tests fail by panicking"
    )]
    use std::sync::Arc;
    use std::sync::Barrier;

    use federation_protocol::keys::SecretKey;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000 + seconds)
    }

    fn pair(nonce: &str, expires: i64) -> SeenNonce {
        let key = SecretKey::from_seed([7; 32]);
        SeenNonce::new(key.kid().clone(), nonce.to_owned(), at(expires))
    }

    #[test]
    fn of_sixty_four_at_once_exactly_one_passes() {
        let window = Arc::new(ReplayWindow::default());
        let start = Arc::new(Barrier::new(64));
        let threads: Vec<_> = (0..64)
            .map(|_| {
                let (window, start) = (Arc::clone(&window), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    window
                        .reserve(&pair("AAAAAAAAAAAAAAAAAAAAAA", 60), at(0))
                        .is_ok()
                })
            })
            .collect();
        let passed = threads.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(passed.filter(|passed| *passed).count(), 1);
    }

    #[test]
    fn a_pair_is_kept_until_its_time_is_over_and_not_longer() {
        let window = ReplayWindow::default();
        window.reserve(&pair("one", 60), at(0)).unwrap();
        assert_eq!(
            window.reserve(&pair("one", 60), at(60 + KEPT_SECONDS)),
            Err(Replayed)
        );
        window
            .reserve(&pair("two", 400), at(61 + KEPT_SECONDS))
            .unwrap();
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn another_key_has_nonces_of_its_own() {
        let window = ReplayWindow::default();
        let other = SecretKey::from_seed([8; 32]);
        window.reserve(&pair("one", 60), at(0)).unwrap();
        window
            .reserve(
                &SeenNonce::new(other.kid().clone(), "one".into(), at(60)),
                at(0),
            )
            .unwrap();
    }

    #[test]
    fn what_the_database_kept_is_seen_after_a_restart() {
        let window = ReplayWindow::load([pair("one", 60)]);
        assert_eq!(window.reserve(&pair("one", 60), at(1)), Err(Replayed));
    }
}
