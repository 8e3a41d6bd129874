//! Telling hospitals that links have ended at home. Tokens are another matter, see `delivery`: they
//! cannot wait. A hospital that does not answer is tried again after a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::Actor;
use federation_protocol::time::Timestamp;
use federation_protocol::unlinking::LinkEnd;
use federation_service::clock::SharedClock;

use super::exchange::{Ask, Exchanges};
use crate::database::{Database, DatabaseError};
use crate::linkage::{self, Linkage, UntoldEnd};

/// The path.
pub(super) const LINKS_PATH: &str = "/federation/v1/links";
/// How long one hospital may take.
const DEADLINE: Duration = Duration::from_secs(8);
/// After a failure a hospital is left alone for so long.
const PAUSE_SECONDS: i64 = 60;

/// How often the database is asked for ended links.
const GLANCE: Duration = Duration::from_secs(5);

/// Tells hospitals of ended links.
pub struct Unlinking {
    me: MemberId,
    clock: SharedClock,
    database: Database,
    linkage: Linkage,
    exchanges: Exchanges,
    resting: Mutex<HashMap<MemberId, Timestamp>>,
    lane: tokio::sync::Mutex<()>,
}

impl Unlinking {
    pub(super) fn new(
        me: MemberId,
        clock: SharedClock,
        database: Database,
        exchanges: Exchanges,
    ) -> Self {
        let linkage = Linkage::new(database.clone(), Arc::clone(&clock), me.clone());
        Self {
            me,
            clock,
            database,
            linkage,
            exchanges,
            resting: Mutex::default(),
            lane: tokio::sync::Mutex::default(),
        }
    }

    /// Tells as long as the node runs.
    pub(super) async fn keep_telling(&self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::error!("ended links cannot be read: {error}");
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Tells every hospital that is not resting of the links that ended. One round at a time.
    ///
    /// # Errors
    /// They could not be read, or what was told not noted.
    pub async fn round(&self) -> Result<(), DatabaseError> {
        let _one_at_a_time = self.lane.lock().await;
        let now = self.clock.now();
        for end in self.linkage.untold_ends().await? {
            if self.rests(&end.responder, now) {
                continue;
            }
            if self.tell(&end, now).await? {
                self.linkage.end_is_told(&end).await?;
            } else {
                let until = now.plus_seconds(PAUSE_SECONDS);
                self.resting().insert(end.responder, until);
            }
        }
        Ok(())
    }

    async fn tell(&self, end: &UntoldEnd, now: Timestamp) -> Result<bool, DatabaseError> {
        if end.responder == self.me {
            let (me, handle) = (self.me.clone(), end.handle.clone());
            self.database
                .transact(move |connection| {
                    let line = linkage::own_line(&me, now);
                    linkage::end_by_home(connection, &me, &handle, line, now)
                })
                .await?;
            return Ok(true);
        }
        let body = LinkEnd {
            end: end.handle.clone(),
        };
        let Ok(body) = serde_json::to_vec(&body) else {
            return Ok(false);
        };
        let ask = Ask {
            path: LINKS_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            body,
        };
        let asked = self.exchanges.ask(&end.responder, &ask, DEADLINE).await;
        Ok(asked.result.is_ok_and(|answer| answer.status == 200))
    }

    fn rests(&self, responder: &MemberId, now: Timestamp) -> bool {
        let mut resting = self.resting();
        resting.retain(|_, until| now < *until);
        resting.contains_key(responder)
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<MemberId, Timestamp>> {
        // A pause more or less is all that a panic in here could leave.
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
