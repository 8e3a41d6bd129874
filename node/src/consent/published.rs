//! This node's own status lists, as responders fetch them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use federation_protocol::status_list::StatusList;
use federation_protocol::time::Timestamp;
use federation_protocol::token::STATUS_LIST_PATH;

use super::mint::{SLOT_MARGIN_SECONDS, SLOTS};
use super::{ConsentError, Consents, store};

/// Signed lists are served again for so long: many responders ask in the same second.
const KEPT_MICROS: i64 = 1_000_000;

/// The lists signed last.
#[derive(Default)]
pub(super) struct Published(Mutex<HashMap<i32, (Timestamp, Arc<str>)>>);

impl Published {
    /// A token has ended: the next asker gets a fresh list.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn recent(&self, list: i32, now: Timestamp) -> Option<Arc<str>> {
        let kept = self.lock();
        let (signed_at, jwt) = kept.get(&list)?;
        let age = now.micros().saturating_sub(signed_at.micros());
        (0..KEPT_MICROS).contains(&age).then(|| Arc::clone(jwt))
    }

    fn keep(&self, list: i32, now: Timestamp, jwt: &str) {
        self.lock().insert(list, (now, jwt.into()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, (Timestamp, Arc<str>)>> {
        // A cache: whatever a panic left in it is replaced within a second.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consents {
    /// Where peers find this node's status list `n`.
    #[must_use]
    pub fn status_uri(&self, list: i32) -> String {
        format!("{}{STATUS_LIST_PATH}{list}", self.endpoint)
    }

    /// Status list `n`, signed now or within the last second: `ttl` 30 s, `exp` 240 s after `iat`.
    /// `None` if there is no such list.
    ///
    /// # Errors
    /// `Database`, `Signing`: there is no answer, and responders refuse once theirs has expired.
    pub async fn status_list(&self, n: u32) -> Result<Option<String>, ConsentError> {
        let Ok(list) = i32::try_from(n) else {
            return Ok(None);
        };
        let now = self.clock.now();
        if let Some(jwt) = self.published.recent(list, now) {
            return Ok(Some(jwt.to_string()));
        }
        let bits = self
            .database
            .read(move |connection| {
                let last = store::tokens::last_list(connection)?.unwrap_or(0);
                if list > last {
                    return Ok(None);
                }
                let expired_before = now.plus_seconds(-SLOT_MARGIN_SECONDS);
                store::tokens::ended_bits(connection, list, expired_before).map(Some)
            })
            .await
            .map_err(ConsentError::Database)?;
        let Some(bits) = bits else { return Ok(None) };
        let jwt = self.sign_list(list, &bits, now)?;
        self.published.keep(list, now, &jwt);
        Ok(Some(jwt))
    }

    fn sign_list(&self, list: i32, ended: &[i32], now: Timestamp) -> Result<String, ConsentError> {
        let outside = |_outside| ConsentError::Signing("a bit outside the status list");
        let mut bits = StatusList::new(SLOTS).map_err(outside)?;
        for idx in ended {
            bits.set(u64::try_from(*idx).unwrap_or(u64::MAX))
                .map_err(outside)?;
        }
        let now = Timestamp::from_unix_seconds(now.unix_seconds());
        Ok(bits.sign(&self.status_uri(list), &*self.keys.consent(), now))
    }
}
