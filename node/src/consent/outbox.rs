//! Telling hospitals that tokens have ended: what is owed to whom, and what has arrived.
//!
//! A message is written in the transaction of the change itself, so neither exists without the
//! other. Who carries it is not this room's business: it says what is due and is told what came of
//! it. Nothing is removed, so every message can be sent again.
//!
//! Source: PROTOCOL section 6.

use federation_protocol::member::MemberId;
use federation_protocol::revocation::MOST_REVOKED;
use federation_protocol::time::Timestamp;

use super::mint::{MintedRecord, SLOT_MARGIN_SECONDS};
use super::{Consents, DirectiveId, store};
use crate::audit::{self, Kind, Line};
use crate::database::{DatabaseError, HospitalConnection};
use crate::identity::PersonId;

/// How long after a failed try the next one comes, seconds; the last one from then on.
const RETRY_SECONDS: [i64; 4] = [1, 5, 30, 60];

/// One message to one hospital: these tokens have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The hospital that the tokens are for.
    pub audience: MemberId,
    /// Its number among the messages to that hospital, from 1, without a gap.
    pub sequence: i64,
    /// The `jti` of each token.
    pub jtis: Vec<String>,
    /// Whose tokens they are. Not told.
    pub person: PersonId,
    /// The directive that ended them; `None` where a link ended. Not told.
    pub directive: Option<DirectiveId>,
    /// When they ended.
    pub ended_at: Timestamp,
    /// When the last of them expires.
    pub expires_at: Timestamp,
    /// When the hospital acknowledged it.
    pub delivered_at: Option<Timestamp>,
}

/// A hospital that is owed a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The hospital.
    pub audience: MemberId,
    /// How often it was tried in vain.
    pub tries: i64,
    /// When it is to be tried next.
    pub next_try_at: Timestamp,
}

/// What a hospital answered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It has this message and all before it.
    Unbroken,
    /// It has this message and lacks earlier ones: they go out again.
    Gap,
}

impl Consents {
    /// The hospitals that are owed a message, due or not: every one about a token that could still
    /// be used.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn undelivered(&self) -> Result<Vec<Due>, DatabaseError> {
        // A token is accepted for a while after it expired: clocks differ.
        let expired_before = self.clock.now().plus_seconds(-SLOT_MARGIN_SECONDS);
        self.database
            .read(move |connection| store::outbox::owed(connection, expired_before))
            .await
    }

    /// The oldest message that `audience` has not acknowledged.
    ///
    /// # Errors
    /// The database could not be read.
    pub async fn next_message(
        &self,
        audience: &MemberId,
    ) -> Result<Option<Message>, DatabaseError> {
        let audience = audience.clone();
        self.database
            .read(move |connection| store::outbox::next(connection, &audience))
            .await
    }

    /// Notes that the audience of `message` has it, and every one up to `acknowledged`. Each
    /// message is believed to have arrived by its own answer alone: after a restore from a backup,
    /// here or there, a number says nothing about others.
    ///
    /// # Errors
    /// The database did not do it: the message will be sent again.
    pub async fn arrived(
        &self,
        message: Message,
        acknowledged: i64,
        exchange: String,
    ) -> Result<Acknowledged, DatabaseError> {
        let now = self.clock.now();
        self.database
            .transact(move |connection| note(connection, &message, acknowledged, &exchange, now))
            .await
    }

    /// Notes that `due` was tried in vain, and when it is tried next: after 1, 5, 30 s, then every
    /// minute.
    ///
    /// # Errors
    /// The database did not do it: it is tried again at once.
    pub async fn not_arrived(&self, due: &Due) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        let due = due.clone();
        self.database
            .transact(move |connection| {
                let at = usize::try_from(due.tries).unwrap_or(usize::MAX);
                let [.., longest] = RETRY_SECONDS;
                let pause = RETRY_SECONDS.get(at).copied().unwrap_or(longest);
                let (tries, next) = (due.tries.saturating_add(1), now.plus_seconds(pause));
                store::outbox::wait(connection, &due.audience, tries, next)
            })
            .await
    }

    /// Returns when a change of this process may have left something to tell.
    pub async fn something_to_tell(&self) {
        self.to_tell.notified().await;
    }

    /// A change is committed: the next asker gets a fresh status list, and whoever carries messages
    /// looks at once.
    pub fn changed(&self) {
        self.published.forget();
        self.to_tell.notify_one();
    }
}

fn note(
    connection: &mut HospitalConnection,
    message: &Message,
    acknowledged: i64,
    exchange: &str,
    now: Timestamp,
) -> Result<Acknowledged, DatabaseError> {
    let audience = &message.audience;
    store::outbox::delivered(connection, audience, message.sequence, now)?;
    let line = Line::new(Kind::Revocation, now, "system")
        .exchange(&exchange)
        .peer(audience)
        .person(message.person.as_str())
        .outcome("revocation_delivered")
        .detail("sequence", message.sequence)
        .detail("tokens", message.jtis.len())
        .detail("acknowledged", acknowledged);
    audit::append(connection, &line)?;
    let missing = acknowledged.saturating_add(1);
    let gap =
        missing <= message.sequence && store::outbox::is_known(connection, audience, missing)?;
    if gap {
        store::outbox::again_after(connection, audience, acknowledged)?;
        return Ok(Acknowledged::Gap);
    }
    store::outbox::go_on_behind(connection, audience, acknowledged)?;
    store::outbox::wait(connection, audience, 0, now)?;
    Ok(Acknowledged::Unbroken)
}

/// Writes the messages about `ended` tokens of `person`, in the caller's transaction.
pub(super) fn tell(
    connection: &mut HospitalConnection,
    person: &PersonId,
    directive: Option<&DirectiveId>,
    ended: &[MintedRecord],
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let mut by_audience: Vec<&MintedRecord> = ended.iter().collect();
    by_audience.sort_by(|a, b| (&a.audience, &a.jti).cmp(&(&b.audience, &b.jti)));
    for of_one in by_audience.chunk_by(|a, b| a.audience == b.audience) {
        for tokens in of_one.chunks(MOST_REVOKED) {
            let Some(first) = tokens.first() else {
                continue;
            };
            let last_expiry = tokens.iter().map(|token| token.expires_at).max();
            let message = Message {
                audience: first.audience.clone(),
                sequence: 0,
                jtis: tokens.iter().map(|token| token.jti.clone()).collect(),
                person: person.clone(),
                directive: directive.cloned(),
                ended_at: now,
                expires_at: last_expiry.unwrap_or(now),
                delivered_at: None,
            };
            store::outbox::enqueue(connection, &message)?;
        }
    }
    Ok(())
}
