//! Whether a token still stands, as a responder knows it: status lists of other home nodes, kept
//! until their `ttl`, used until their `exp`, never longer.
//!
//! Fetching is the caller's: this store says when, and takes the verified list.
//!
//! Source: PROTOCOL section 6.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use federation_protocol::Verified;
use federation_protocol::member::MemberId;
use federation_protocol::status_list::StatusListToken;
use federation_protocol::time::Timestamp;

/// After a failed fetch the next one waits so long: a home node that is cut off must not be asked
/// again by every question.
const RETRY_SECONDS: i64 = 5;

/// No federation has so many lists; beyond it those past use are forgotten.
const MOST_LISTS: usize = 4096;

/// What is known about one token.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// The list is missing or older than its `ttl`: fetch it, [`StatusLists::put`] it or say
    /// [`StatusLists::failed`], and ask again.
    NeedsFetch,
    /// The list is older than its `exp` and could not be had: refuse.
    Unavailable,
}

/// The status lists that this node has seen. Cheap to clone; all clones are one store.
#[derive(Clone, Default)]
pub struct StatusLists {
    lists: Arc<Mutex<HashMap<(MemberId, String), Slot>>>,
}

#[derive(Default)]
struct Slot {
    list: Option<Arc<Verified<StatusListToken>>>,
    fetched_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    lane: Arc<tokio::sync::Mutex<()>>,
}

impl StatusLists {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known at `now` about the token whose status is bit `idx` of the list at `uri`,
    /// issued by `issuer`.
    #[must_use]
    pub fn standing(&self, issuer: &MemberId, uri: &str, idx: u64, now: Timestamp) -> Standing {
        match self.lock().get(&(issuer.clone(), uri.to_owned())) {
            Some(slot) => slot.standing(idx, now),
            None => Standing::NeedsFetch,
        }
    }

    /// Keeps a freshly fetched, verified list.
    pub fn put(
        &self,
        issuer: &MemberId,
        uri: &str,
        list: Verified<StatusListToken>,
        now: Timestamp,
    ) {
        let mut lists = self.lock();
        let slot = slot(&mut lists, issuer, uri, now);
        // Two fetches may overtake each other: the list that was made later stays.
        let newer = slot
            .list
            .as_ref()
            .is_none_or(|kept| kept.issued_at <= list.issued_at);
        if newer {
            slot.list = Some(Arc::new(list));
            slot.fetched_at = Some(now);
        }
        slot.failed_at = None;
    }

    /// Notes that the list could not be fetched: until the next try is due, the kept one answers
    /// up to its `exp`, and then nothing does.
    pub fn failed(&self, issuer: &MemberId, uri: &str, now: Timestamp) {
        let mut lists = self.lock();
        slot(&mut lists, issuer, uri, now).failed_at = Some(now);
    }

    /// The lane of this list: hold it while fetching, and ask [`StatusLists::standing`] again once
    /// it is held, so that many questions at once make one fetch.
    #[must_use]
    pub fn lane(
        &self,
        issuer: &MemberId,
        uri: &str,
        now: Timestamp,
    ) -> Arc<tokio::sync::Mutex<()>> {
        let mut lists = self.lock();
        Arc::clone(&slot(&mut lists, issuer, uri, now).lane)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(MemberId, String), Slot>> {
        // Nothing is left half-done by a panic in here: the map is as it was.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot<'a>(
    lists: &'a mut HashMap<(MemberId, String), Slot>,
    issuer: &MemberId,
    uri: &str,
    now: Timestamp,
) -> &'a mut Slot {
    if lists.len() >= MOST_LISTS {
        lists.retain(|_of, slot| slot.is_usable(now));
    }
    lists.entry((issuer.clone(), uri.to_owned())).or_default()
}

impl Slot {
    fn is_usable(&self, now: Timestamp) -> bool {
        self.list.as_ref().is_some_and(|list| now < list.expires_at)
    }

    fn standing(&self, idx: u64, now: Timestamp) -> Standing {
        let known = match &self.list {
            // A list without this bit says nothing good about it.
            Some(list) if now < list.expires_at => match list.bit(idx) {
                Some(false) => Standing::Good,
                Some(true) | None => Standing::Revoked,
            },
            _none_or_expired => Standing::Unavailable,
        };
        // Revoked is for good: nothing fresher can undo it while the token lives.
        if known == Standing::Revoked || (known == Standing::Good && self.is_fresh(now)) {
            return known;
        }
        let just_failed = self
            .failed_at
            .is_some_and(|failed| (0..RETRY_SECONDS).contains(&now.seconds_since(failed)));
        if just_failed {
            known
        } else {
            Standing::NeedsFetch
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        let (Some(list), Some(fetched)) = (&self.list, self.fetched_at) else {
            return false;
        };
        (0..list.ttl_seconds).contains(&now.seconds_since(fetched))
    }
}
