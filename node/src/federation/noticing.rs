//! Telling people's homes of emergency accesses: within seconds, again until it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::emergency::{EmergencyNotice, NOTICES_PATH};
use federation_protocol::purpose::Purpose;
use federation_protocol::signature::Actor;
use federation_service::clock::SharedClock;
use futures_util::future::join_all;

use super::exchange::{Ask, Exchanges};
use crate::database::DatabaseError;
use crate::emergency::{Emergency, Owed};

/// How long one home may take.
const DEADLINE: Duration = Duration::from_secs(8);
/// How often the database is asked for what is owed.
const GLANCE: Duration = Duration::from_secs(2);
/// How many homes are told at once: a silent one keeps no other waiting.
const AT_ONCE: usize = 16;

/// Tells homes of emergency accesses.
pub struct Noticing {
    clock: SharedClock,
    emergency: Emergency,
    exchanges: Exchanges,
    lane: tokio::sync::Mutex<()>,
}

impl Noticing {
    pub(super) fn new(clock: SharedClock, emergency: Emergency, exchanges: Exchanges) -> Self {
        Self {
            clock,
            emergency,
            exchanges,
            lane: tokio::sync::Mutex::default(),
        }
    }

    /// Tells as long as the node runs.
    pub(super) async fn keep_telling(self: Arc<Self>) {
        loop {
            if let Err(error) = self.round().await {
                tracing::error!("notices of emergency accesses cannot be read: {error}");
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Tells every home what is due. One round at a time.
    ///
    /// # Errors
    /// It could not be read, or what was told not noted.
    pub async fn round(&self) -> Result<(), DatabaseError> {
        let _one_at_a_time = self.lane.lock().await;
        let now = self.clock.now();
        let owed = self.emergency.owed().await?;
        let due: Vec<_> = owed
            .into_iter()
            .filter(|(owed, _)| owed.next_try_at <= now)
            .collect();
        for some in due.chunks(AT_ONCE) {
            let told = join_all(some.iter().map(|(owed, notice)| self.tell(owed, notice))).await;
            for ((owed, _), is_told) in some.iter().zip(told) {
                self.emergency.tried(owed, is_told).await?;
            }
        }
        Ok(())
    }

    async fn tell(&self, owed: &Owed, notice: &EmergencyNotice) -> bool {
        let Ok(body) = serde_json::to_vec(notice) else {
            return false;
        };
        let ask = Ask {
            path: NOTICES_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            body,
        };
        let asked = self.exchanges.insist(&owed.home, &ask, DEADLINE).await;
        asked.result.is_ok_and(|answer| answer.status == 200)
    }
}
