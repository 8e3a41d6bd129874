//! The daily comparison of exchanges with each other member: who lacks which.
//!
//! A row that was removed here with the power of the machine's owner is named by the other end, and
//! the other way round. What a member states of a day it has signed: it is kept like any answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::receipts::{
    Day, Differences, Narrowing, ReceiptsError, ReceiptsQuestion, ReceiptsReply,
};
use federation_protocol::refusal::Refusal;
use federation_protocol::signature::{Actor, ExchangeId};
use federation_service::clock::SharedClock;

use super::directory::MemberDirectory;
use super::exchange::{Ask, Exchanges, NoAnswer, random};
use super::inbound::RECEIPTS_PATH;
use super::outcome::Silence;
use super::receipts::{DayError, Receipts};
use super::store;
use crate::audit::{self, Kind, Line};
use crate::database::{Database, DatabaseError};

/// How long one question may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often it is looked for days that were not compared yet.
const LOOK: Duration = Duration::from_secs(3_600);
/// So many exchanges of each sort are named in the audit and in the log; the command names all.
const NAMED: usize = 20;

/// Why a day was not compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// It cannot be.
    #[error(transparent)]
    Day(#[from] DayError),
    /// The member gave no answer.
    #[error("no answer ({})", .0.code())]
    Silent(Silence),
    /// The member refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// What came does not verify, or is no reply to what was asked.
    #[error("what was answered cannot be used")]
    Unusable,
    /// The result could not be written down.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<ReceiptsError> for ReconcileError {
    fn from(_not_a_reply: ReceiptsError) -> Self {
        Self::Unusable
    }
}

/// With whom a day was compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    day: Option<Day>,
    peers: HashSet<MemberId>,
}

/// Compares days. Cheap to clone.
#[derive(Clone)]
pub struct Reconciling {
    me: MemberId,
    clock: SharedClock,
    database: Database,
    directory: MemberDirectory,
    exchanges: Exchanges,
    receipts: Receipts,
}

impl Reconciling {
    /// Compares what `database` holds with what the members that `directory` knows hold.
    #[must_use]
    pub fn new(
        me: MemberId,
        clock: SharedClock,
        database: Database,
        directory: MemberDirectory,
        exchanges: Exchanges,
    ) -> Self {
        let receipts = Receipts::new(Arc::clone(&clock), database.clone());
        Self {
            me,
            clock,
            database,
            directory,
            exchanges,
            receipts,
        }
    }

    pub(super) fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// The last day that both ends have written down.
    #[must_use]
    pub fn last_day(&self) -> Day {
        let yesterday = Day::of(self.clock.now()).before();
        match self.receipts.is_over(yesterday) {
            true => yesterday,
            false => yesterday.before(),
        }
    }

    /// Compares one day with one member. The result is a line of the audit, and a warning where
    /// something is missing.
    ///
    /// # Errors
    /// [`ReconcileError`]: nothing is known.
    pub async fn reconcile(
        &self,
        peer: &MemberId,
        day: Day,
    ) -> Result<Differences, ReconcileError> {
        let mine = self.receipts.day(peer, day).await?;
        let mut narrowing = Narrowing::of(&mine);
        let mut first = None;
        while let Some(question) = narrowing.question() {
            let (exchange, reply) = self.ask(peer, &question).await?;
            first = first.or(exchange);
            narrowing.take(&question, &reply)?;
        }
        let found = narrowing.end();
        self.record(peer, day, first, &found).await?;
        Ok(found)
    }

    async fn ask(
        &self,
        peer: &MemberId,
        question: &ReceiptsQuestion,
    ) -> Result<(Option<ExchangeId>, ReceiptsReply), ReconcileError> {
        let ask = Ask {
            path: RECEIPTS_PATH.to_owned(),
            content_type: "application/json",
            purpose: Purpose::Treat,
            actor: Actor::system(),
            consent: None,
            body: serde_json::to_vec(question).or(Err(ReconcileError::Unusable))?,
        };
        let exchanged = self.exchanges.ask(peer, &ask, DEADLINE).await;
        if let Some(evidence) = exchanged.evidence {
            self.database
                .transact(move |connection| store::evidence::keep(connection, &evidence))
                .await?;
        }
        let answer = exchanged.result.map_err(|none| match none {
            NoAnswer::Silent(silence) => ReconcileError::Silent(silence),
            NoAnswer::Unverified => ReconcileError::Unusable,
        })?;
        if answer.status != 200 {
            let refusal = Refusal::of_body(&answer.body);
            return Err(refusal.map_or(ReconcileError::Unusable, ReconcileError::Refused));
        }
        Ok((exchanged.exchange, ReceiptsReply::parse(&answer.body)?))
    }

    async fn record(
        &self,
        peer: &MemberId,
        day: Day,
        exchange: Option<ExchangeId>,
        found: &Differences,
    ) -> Result<(), DatabaseError> {
        let mut line = Line::new(Kind::Reconciliation, self.clock.now(), "system")
            .peer(peer)
            .detail("day", day.to_string())
            .detail("here", found.here)
            .detail("there", found.there)
            .detail("unanswered", found.unanswered);
        if let Some(exchange) = exchange {
            line = line.exchange(&exchange);
        }
        if !found.is_equal() {
            tracing::warn!(peer.id = %peer, %day, here = found.here, there = found.there,
                missing_here = names(&found.missing_here), missing_there = names(&found.missing_there),
                differing = names(&found.differing), more = found.more,
                "the exchanges of {day} with {peer} are not the same at both ends; \
                 next: musubi-node audit reconcile {peer} --day {day}");
            line = line.outcome("differs").detail("more", found.more);
            for (name, sort) in sorts(found) {
                line = line.detail(name, names(sort));
                line = line.detail(&format!("{name}_count"), count(sort));
            }
        }
        let append = move |connection: &mut _| audit::append(connection, &line).map(|_seq| ());
        self.database.transact(append).await
    }

    /// Compares the day before with every member, once a day, for ever. Begins at a random moment
    /// within an hour, so that a federation does not do it all at once. Who gave no answer is asked
    /// again an hour later. Ends only when it is dropped.
    pub async fn keep_reconciled(&self) {
        let [random] = random::<1>().unwrap_or_default();
        tokio::time::sleep(LOOK * u32::from(random) / 256).await;
        let mut compared = Compared::default();
        loop {
            self.compare_all(&mut compared).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Compares the last day with every member that it was not compared with yet.
    pub(super) async fn compare_all(&self, compared: &mut Compared) {
        let day = self.last_day();
        if compared.day != Some(day) {
            *compared = Compared {
                day: Some(day),
                peers: HashSet::new(),
            };
        }
        for peer in self.peers() {
            if compared.peers.contains(&peer) {
                continue;
            }
            match self.reconcile(&peer, day).await {
                Ok(_) => drop(compared.peers.insert(peer)),
                Err(error) => tracing::info!(peer.id = %peer, %day, "not compared: {error}"),
            }
        }
    }

    /// Who takes part now, but this node.
    fn peers(&self) -> Vec<MemberId> {
        let Some(membership) = self.directory.membership() else {
            return Vec::new();
        };
        let now = self.clock.now();
        let takes_part = |id: &MemberId| {
            let state = membership.state(id, now);
            state.is_some_and(|state| state.takes_part())
        };
        let members = membership.members().map(|member| member.id.clone());
        members
            .filter(|id| *id != self.me && takes_part(id))
            .collect()
    }
}

/// What is missing or another, under the names of the audit and of the command.
#[must_use]
pub fn sorts(found: &Differences) -> [(&'static str, &[ExchangeId]); 3] {
    [
        ("missing_here", &found.missing_here),
        ("missing_there", &found.missing_there),
        ("differing", &found.differing),
    ]
}

fn names(exchanges: &[ExchangeId]) -> String {
    let first: Vec<String> = exchanges
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    first.join(" ")
}

fn count(exchanges: &[ExchangeId]) -> u64 {
    u64::try_from(exchanges.len()).unwrap_or(u64::MAX)
}
