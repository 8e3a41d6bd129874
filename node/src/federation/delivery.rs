//! Telling hospitals that tokens have ended: as soon as it is known, and again until they answer.
//!
//! What is owed stands in the database, so nothing is forgotten over a restart, and a command beside
//! the running node is heard within a second. Messages to one hospital go out in order, one after
//! the other; hospitals do not wait for each other. That a hospital is resting after failures is no
//! reason to leave it untold: the try is what finds out that it is back.
//!
//! Source: PROTOCOL section 6.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::revocation::{RevocationPush, RevocationReply};
use federation_protocol::signature::{Actor, ExchangeId};
use federation_service::clock::SharedClock;
use futures_util::future::join_all;

use super::exchange::{Ask, Exchanges, NoAnswer, random};
use super::metrics::FederationMetrics;
use super::revocations::{REVOCATIONS_PATH, Revocations};
use crate::audit::{Kind, Line};
use crate::consent::{Acknowledged, Consents, Due, Message};
use crate::database::{Database, DatabaseError};

/// How often the database is asked what is owed, when nothing says so earlier.
const GLANCE: Duration = Duration::from_secs(1);
/// How long one hospital may take for one message.
const DEADLINE: Duration = Duration::from_secs(8);
/// Messages to one hospital in one round: those behind them wait for the next.
const MOST_AT_ONCE: usize = 100;

/// What delivering stands on.
pub(super) struct DeliveryParts {
    pub(super) me: MemberId,
    pub(super) clock: SharedClock,
    pub(super) database: Database,
    pub(super) consents: Consents,
    pub(super) exchanges: Exchanges,
    pub(super) revocations: Revocations,
    pub(super) metrics: FederationMetrics,
}

/// Carries the messages.
pub struct Delivery {
    parts: DeliveryParts,
    lane: tokio::sync::Mutex<()>,
}

/// Why a message is tried again later.
#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error("no answer ({0})")]
    Silent(&'static str),
    #[error("refused with status {0}")]
    Refused(u16),
    #[error("the answer cannot be used")]
    Unusable,
    #[error("it goes on missing what was sent again")]
    GoesOnMissing,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Delivery {
    pub(super) fn new(parts: DeliveryParts) -> Self {
        Self {
            parts,
            lane: tokio::sync::Mutex::default(),
        }
    }

    /// Delivers as long as the node runs.
    pub(super) async fn keep_delivering(&self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::error!("what hospitals are to be told cannot be read: {error}");
                tokio::time::sleep(GLANCE).await;
            }
            let told = self.parts.consents.something_to_tell();
            // Told or not, the database is asked: a command may have written to it.
            let _told_or_time = tokio::time::timeout(GLANCE, told).await;
        }
    }

    /// One look at what is owed: every hospital whose time has come is told all it is owed. One
    /// round at a time.
    ///
    /// # Errors
    /// What is owed could not be read.
    pub async fn round(&self) -> Result<(), DatabaseError> {
        let _one_at_a_time = self.lane.lock().await;
        let owed = self.parts.consents.undelivered().await?;
        self.parts.metrics.revocations_owed(owed.len());
        let now = self.parts.clock.now();
        let due = owed.iter().filter(|one| one.next_try_at <= now);
        join_all(due.map(|one| self.tell(one))).await;
        Ok(())
    }

    async fn tell(&self, due: &Due) {
        let audience = &due.audience;
        let Err(error) = self.tell_all(audience).await else {
            return;
        };
        let tries = due.tries;
        tracing::info!(peer.id = %audience, tries, "{audience} is not told of ended tokens: {error}");
        self.parts
            .metrics
            .revocation_told(audience.as_str(), "failed");
        if let Err(error) = self.parts.consents.not_arrived(due).await {
            tracing::error!(peer.id = %audience, "the next try is not noted: {error}");
        }
    }

    /// In order, until nothing is owed. A hospital that lacks earlier messages gets them again; one
    /// that goes on lacking the same is left for later.
    async fn tell_all(&self, audience: &MemberId) -> Result<(), Undelivered> {
        let mut gap_behind = None;
        for _ in 0..MOST_AT_ONCE {
            let Some(message) = self.parts.consents.next_message(audience).await? else {
                return Ok(());
            };
            let (acknowledged, exchange) = self.send(&message).await?;
            self.parts
                .metrics
                .revocation_told(audience.as_str(), "delivered");
            let consents = &self.parts.consents;
            let arrived = consents.arrived(message, acknowledged, exchange).await?;
            if arrived == Acknowledged::Gap {
                if gap_behind.is_some_and(|before| acknowledged <= before) {
                    return Err(Undelivered::GoesOnMissing);
                }
                gap_behind = Some(acknowledged);
            }
        }
        Ok(())
    }

    /// Sends one message; up to which number the hospital has all, and the exchange.
    async fn send(&self, message: &Message) -> Result<(i64, String), Undelivered> {
        let push = RevocationPush {
            sequence: u64::try_from(message.sequence).or(Err(Undelivered::Unusable))?,
            jti: message.jtis.clone(),
        };
        if message.audience == self.parts.me {
            return self.tell_myself(push).await;
        }
        let ask = Ask {
            path: REVOCATIONS_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            body: serde_json::to_vec(&push).or(Err(Undelivered::Unusable))?,
        };
        let exchanges = &self.parts.exchanges;
        let asked = exchanges.insist(&message.audience, &ask, DEADLINE).await;
        let exchange = asked.exchange.map(|id| id.to_string()).unwrap_or_default();
        let answer = match asked.result {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => return Err(Undelivered::Refused(answer.status)),
            Err(NoAnswer::Silent(silence)) => return Err(Undelivered::Silent(silence.code())),
            Err(NoAnswer::Unverified) => return Err(Undelivered::Unusable),
        };
        let reply = RevocationReply::from_json(&answer.body).or(Err(Undelivered::Unusable))?;
        let acknowledged = i64::try_from(reply.acknowledged).or(Err(Undelivered::Unusable))?;
        Ok((acknowledged, exchange))
    }

    /// The same at this node itself, without HTTP: it is one of the hospitals, too.
    async fn tell_myself(&self, push: RevocationPush) -> Result<(i64, String), Undelivered> {
        let now = self.parts.clock.now();
        let random = random().map_err(|_none| Undelivered::Unusable)?;
        let exchange = ExchangeId::new(now, random).to_string();
        let me = self.parts.me.clone();
        let line = Line::new(Kind::Revocation, now, "system")
            .peer(&me)
            .exchange(&exchange);
        let (sender, push) = (me.clone(), Arc::new(push));
        let taken = Arc::clone(&push);
        let acknowledged = self
            .parts
            .database
            .transact(move |connection| {
                Revocations::take_in(connection, &sender, &taken, line.clone(), now)
            })
            .await?;
        self.parts.revocations.committed(&me, &push, now);
        let acknowledged = i64::try_from(acknowledged).or(Err(Undelivered::Unusable))?;
        Ok((acknowledged, exchange))
    }
}
