//! What this node holds of a day's exchanges with one member, and the answer to a member that asks
//! which they are: `POST /federation/v1/receipts`.
//!
//! A member is told of its own exchanges alone: ids and digests, which it knows or has lost. Only
//! questions that may concern a person are compared, and only days that are over: until then one end
//! may have written down what the other is just about to.

use std::sync::Arc;
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_protocol::receipts::{
    Day, MOST_RECEIPTS, Prefix, ReceiptSet, ReceiptsQuestion, ReceiptsReply,
};
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::kept::{path_of, status_of};
use federation_protocol::signature::{EMERGENCY_PATH, ExchangeId, carries_consent};
use federation_protocol::time::Timestamp;
use federation_service::clock::SharedClock;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::inbound::GRANTS_PATH;
use super::store::evidence::{Kept, between};
use crate::database::{Database, DatabaseError, HospitalConnection};

/// A day is over so many seconds after its end: a signature's life, and clocks apart.
const AFTERWARDS: i64 = 300;
/// Rows that are read at once.
const PAGE: i64 = 500;
/// Days that are held between a question and the narrower ones after it, and how long.
const HELD: u64 = 4;
const HELD_FOR: Duration = Duration::from_secs(60);

/// Why a day cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DayError {
    /// It is not over yet.
    #[error("{0} (UTC) is not over yet")]
    NotOver(Day),
    /// More happened than is compared.
    #[error("{0} has more than {MOST_RECEIPTS} exchanges with that member")]
    TooMany(Day),
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Reads days, one at a time: however many questions come, they take one reader. Cheap to clone.
#[derive(Clone)]
pub(super) struct Receipts {
    clock: SharedClock,
    database: Database,
    held: Cache<(MemberId, Day), Arc<ReceiptSet>>,
    reading: Arc<Semaphore>,
}

impl Receipts {
    pub(super) fn new(clock: SharedClock, database: Database) -> Self {
        let held = Cache::builder().max_capacity(HELD).time_to_live(HELD_FOR);
        Self {
            clock,
            database,
            held: held.build(),
            reading: Arc::new(Semaphore::new(1)),
        }
    }

    /// The reply to `from`.
    ///
    /// # Errors
    /// What `from` is told.
    pub(super) async fn reply(
        &self,
        from: &MemberId,
        body: &[u8],
    ) -> Result<(ReceiptsQuestion, ReceiptsReply), Refusal> {
        let question = ReceiptsQuestion::parse(body).or(Err(Refusal::QueryNotAllowed))?;
        let key = (from.clone(), question.day);
        // The first question of a walk reads anew, so that an earlier one is not repeated.
        let held = match question.prefix == Prefix::default() {
            true => None,
            false => self.held.get(&key),
        };
        let set = match held {
            Some(set) => set,
            None => self.day(from, question.day).await.map_err(told)?,
        };
        self.held.insert(key, Arc::clone(&set));
        let replying = tokio::task::spawn_blocking(move || {
            let reply = set.reply(&question);
            (question, reply)
        });
        replying.await.or(Err(Refusal::AuditUnavailable))
    }

    /// What is held of a day that is over.
    ///
    /// # Errors
    /// [`DayError`].
    pub(super) async fn day(&self, peer: &MemberId, day: Day) -> Result<Arc<ReceiptSet>, DayError> {
        if !self.is_over(day) {
            return Err(DayError::NotOver(day));
        }
        // Never closed.
        let _one_at_a_time = self.reading.acquire().await;
        let peer = peer.to_string();
        let set = self
            .database
            .read(move |connection| read(connection, &peer, day))
            .await?;
        Ok(Arc::new(set))
    }

    /// Whether both ends have written down what happened on it.
    pub(super) fn is_over(&self, day: Day) -> bool {
        day.ends().plus_seconds(AFTERWARDS) <= self.clock.now()
    }
}

fn told(error: DayError) -> Refusal {
    match error {
        DayError::NotOver(_) => Refusal::QueryNotAllowed,
        DayError::TooMany(_) => Refusal::QueryTooWide,
        DayError::Database(error) => {
            tracing::error!("receipts: {error}");
            Refusal::AuditUnavailable
        }
    }
}

fn read(connection: &mut HospitalConnection, peer: &str, day: Day) -> Result<ReceiptSet, DayError> {
    let mut set = ReceiptSet::new(day);
    let first = |moment: Timestamp| ExchangeId::new(moment, [0; 10]).to_string();
    let (mut from, until) = (first(day.begins()), first(day.ends()));
    loop {
        let rows = between(connection, peer, (&from, &until), PAGE)?;
        rows.iter().for_each(|row| add(&mut set, row));
        if set.len() > MOST_RECEIPTS {
            return Err(DayError::TooMany(day));
        }
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= PAGE);
        let Some(last) = rows.into_iter().last().filter(|_| is_full) else {
            return Ok(set);
        };
        // A page of one exchange alone: on behind it.
        from = match last.exchange == from {
            true => last.exchange + "0",
            false => last.exchange,
        };
    }
}

fn add(set: &mut ReceiptSet, row: &Kept) {
    let concerns = path_of(&row.request_base)
        .is_none_or(|path| carries_consent(path) || path == GRANTS_PATH || path == EMERGENCY_PATH);
    let Ok(exchange) = row.exchange.parse::<ExchangeId>() else {
        return;
    };
    if concerns {
        let status = row.answer_base.as_deref().and_then(status_of);
        set.add(exchange, &row.request_digest, !is_settled(status));
    }
}

/// Whether the answerer keeps its answer, so that both ends have it: a request that does not verify
/// or was seen before (401), and what cannot be written down (5xx), is kept by the asker alone.
fn is_settled(status: Option<u16>) -> bool {
    status.is_some_and(|status| status != 401 && status < 500)
}
